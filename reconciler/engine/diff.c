/* diff.c - three views of each object -> what has to change. */
#include "reconciler/engine/diff.h"

#include "reconciler/engine/drift.h"

#include <string.h>

/* In the order of the three loops, so that the index can be computed. REC_DIFFERENT without
 * desire means nothing more than REC_SAME: there is nothing to differ from. */
const struct three_way three_way[THREE_WAY_ROWS] = {
	{false, REC_ABSENT, SEEN_ABSENT, VERDICT_NONE, TIER_SAFE, "nothing anywhere"},
	{false, REC_ABSENT, SEEN_SAME, VERDICT_CONFLICT, TIER_SAFE,
		"carries our mark, nobody asked for it: an orphan, shown and left alone"},
	{false, REC_ABSENT, SEEN_DRIFTED, VERDICT_CONFLICT, TIER_SAFE,
		"a damaged orphan, shown and left alone"},
	{false, REC_ABSENT, SEEN_FOREIGN, VERDICT_NONE, TIER_SAFE, "somebody else's; not our concern"},
	{false, REC_SAME, SEEN_ABSENT, VERDICT_FORGET, TIER_SAFE, "gone already: the row goes too"},
	{false, REC_SAME, SEEN_SAME, VERDICT_DELETE, TIER_YES, "no longer wanted"},
	{false, REC_SAME, SEEN_DRIFTED, VERDICT_DELETE, TIER_YES, "no longer wanted, and damaged"},
	{false, REC_SAME, SEEN_FOREIGN, VERDICT_FORGET, TIER_SAFE,
		"ours is gone, somebody else's stands in its place and is not touched"},
	{false, REC_DIFFERENT, SEEN_ABSENT, VERDICT_FORGET, TIER_SAFE, "gone already: the row goes too"},
	{false, REC_DIFFERENT, SEEN_SAME, VERDICT_DELETE, TIER_YES, "no longer wanted"},
	{false, REC_DIFFERENT, SEEN_DRIFTED, VERDICT_DELETE, TIER_YES, "no longer wanted, and damaged"},
	{false, REC_DIFFERENT, SEEN_FOREIGN, VERDICT_FORGET, TIER_SAFE,
		"ours is gone, somebody else's stands in its place and is not touched"},
	{true, REC_ABSENT, SEEN_ABSENT, VERDICT_CREATE, TIER_SAFE, "new"},
	{true, REC_ABSENT, SEEN_SAME, VERDICT_ADOPT, TIER_SAFE,
		"ours by its mark and as wanted: only the row is missing"},
	{true, REC_ABSENT, SEEN_DRIFTED, VERDICT_REPLACE, TIER_YES,
		"ours by its mark but not as wanted, and nothing tells what it was"},
	{true, REC_ABSENT, SEEN_FOREIGN, VERDICT_CONFLICT, TIER_SAFE,
		"the name is taken by something that is not ours"},
	{true, REC_SAME, SEEN_ABSENT, VERDICT_CREATE, TIER_SAFE, "it is gone: made again"},
	{true, REC_SAME, SEEN_SAME, VERDICT_NONE, TIER_SAFE, "as it should be"},
	{true, REC_SAME, SEEN_DRIFTED, VERDICT_RESTART, TIER_SAFE,
		"changed behind our back: put right at the cost that the driver names"},
	{true, REC_SAME, SEEN_FOREIGN, VERDICT_CONFLICT, TIER_SAFE,
		"ours is gone and somebody else's stands in its place"},
	{true, REC_DIFFERENT, SEEN_ABSENT, VERDICT_CREATE, TIER_SAFE,
		"it is gone and the spec has changed: made by the new spec"},
	{true, REC_DIFFERENT, SEEN_SAME, VERDICT_RESTART, TIER_SAFE,
		"the spec has changed: live, restart or replace as the field says"},
	{true, REC_DIFFERENT, SEEN_DRIFTED, VERDICT_RESTART, TIER_SAFE,
		"changed behind our back and in the spec: the higher cost of both"},
	{true, REC_DIFFERENT, SEEN_FOREIGN, VERDICT_CONFLICT, TIER_SAFE,
		"ours is gone and somebody else's stands in its place"},
};

const struct three_way *three_way_find(bool desired, enum rec rec, enum seen seen)
{
	return &three_way[(desired ? 12 : 0) + rec * 4 + seen];
}

static struct reason *add_reason(struct arena *a, struct delta *c, enum change cost)
{
	struct reason *r = vec_push(a, &c->reasons);

	r->cost = cost;
	if (cost > c->cost)
		c->cost = cost;
	return r;
}

/* ---- fields ------------------------------------------------------------------------------- */

/* Shrinking a disk throws away what does not fit any more. */
static enum change field_cost(const struct field *f, const char *from, const char *to)
{
	uint64_t was, is;

	if (f->feeds != KIND_DISK || f->type != FIELD_SIZE || !from || !to)
		return f->change;
	if (size_parse(from, &was, NULL) < 0 || size_parse(to, &is, NULL) < 0 || is >= was)
		return f->change;
	return CHANGE_DATA_LOSS;
}

/* The recorded value of a field. Rows keep them in the order of the table, so it is nearly always the
 * next one. */
static const char *recorded_value(const struct kvs *fields, const char *path, size_t *next)
{
	if (*next < fields->n && !strcmp(fields->v[*next].key, path))
		return fields->v[(*next)++].value;
	return kvs_get(fields, path);
}

static void compare_fields(struct arena *a, const struct view *v, struct delta *c)
{
	const struct spec_head *head = v->object->spec;
	const struct noun *noun = head->noun;
	size_t next = 0;

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];
		const char *from, *to;
		struct reason *r;

		if (f->feeds != v->object->kind)
			continue;
		from = recorded_value(&v->record->fields, f->path, &next);
		to = field_print(a, f, head);
		if (from == to || (from && to && !strcmp(from, to)))
			continue;
		/* A row from before there was this field means its default. */
		if (!from && to && f->dflt && !strcmp(to, f->dflt))
			continue;
		r = add_reason(a, c, field_cost(f, from, to));
		r->field = f->path;
		r->from = from;
		r->to = to;
		r->pos = head->at[i].line ? head->at[i] : head->pos;
	}
}

/* The object's own content: what resolve found outside against what was recorded. */
static void compare_content(struct arena *a, const struct view *v, struct delta *c)
{
	const char *from = kvs_get(&v->record->facts, "id");
	const char *to = kvs_get(&v->resolved, "id");
	struct reason *r;

	if (!from || !to || !strcmp(from, to))
		return;
	r = add_reason(a, c, CHANGE_REPLACE);
	r->field = "content";
	r->from = from;
	r->to = to;
	r->pos = v->object->spec->pos;
}

/* The content of what it was made from. */
static void compare_inputs(struct arena *a, const struct view *v, struct delta *c,
	const char *(*id_of)(void *arg, enum kind kind, const char *name), void *arg)
{
	vec_each(d, &v->object->deps) {
		const char *key = arena_printf(a, "in.%s/%s", kind_name(d->kind), d->name);
		const char *from = kvs_get(&v->record->facts, key);
		const char *to = id_of(arg, d->kind, d->name);
		struct reason *r;

		if (d->change == CHANGE_NONE || !from || !to || !strcmp(from, to))
			continue;
		r = add_reason(a, c, d->change);
		r->field = arena_printf(a, "%s/%s content", kind_name(d->kind), d->name);
		r->from = from;
		r->to = to;
		r->pos = d->pos;
	}
}

static bool depends_on(const struct object *o, enum kind kind)
{
	vec_each(d, &o->deps)
		if (d->kind == kind)
			return true;
	return false;
}

/* It was started with interfaces that are not wanted any more. */
static void compare_left(struct arena *a, const struct view *v, struct delta *c)
{
	const char *from = v->object->kind == KIND_VM ? kvs_get(&v->record->facts,
		arena_printf(a, "in.nic/%s", v->object->name)) : NULL;
	struct reason *r;

	if (!from || depends_on(v->object, KIND_NIC))
		return;
	r = add_reason(a, c, CHANGE_RESTART);
	r->text = "it is in no network any more";
	r->pos = field_pos(v->object->spec, "network");
}

/* Its files, or its process, are still where they were. */
static void compare_place(struct arena *a, const struct view *v, struct delta *c)
{
	const char *was = kvs_get(&v->record->facts, "was");
	struct reason *r;

	if (!was && !kvs_get(&v->record->facts, "kept"))
		return;
	r = add_reason(a, c, CHANGE_RESTART);
	r->text = was ? arena_printf(a, "renamed from %s/%s: its data and identity stay",
				kind_name(v->record->kind), was)
		      : "kept since it was deleted: comes back with its data";
	r->pos = v->object->spec->pos;
}

/* ---- verdict ------------------------------------------------------------------------------ */

static enum verdict by_cost(enum change cost)
{
	static const enum verdict verdicts[] = {
		[CHANGE_NONE] = VERDICT_LIVE, /* recorded only; nothing to do in the world */
		[CHANGE_LIVE] = VERDICT_LIVE,
		[CHANGE_RESTART] = VERDICT_RESTART,
		[CHANGE_REPLACE] = VERDICT_REPLACE,
		[CHANGE_DATA_LOSS] = VERDICT_REPLACE,
	};

	return verdicts[cost];
}

static enum tier by_tier(enum change cost, enum tier at_least)
{
	enum tier t = cost == CHANGE_DATA_LOSS ? TIER_DATA_LOSS
		: cost == CHANGE_REPLACE	? TIER_YES
						: TIER_SAFE;

	return t > at_least ? t : at_least;
}

/* Only what a user can lose asks for a word: images and kernels are made again from outside. */
static bool is_precious(enum kind kind)
{
	return kind == KIND_DISK || kind == KIND_VM;
}

static void settle(struct arena *a, const struct view *v, enum rec rec, enum seen seen,
	struct delta *c)
{
	const struct three_way *row = three_way_find(v->object != NULL, rec, seen);

	c->verdict = row->verdict;
	c->tier = row->tier;
	if (v->object && rec != REC_ABSENT && (seen == SEEN_SAME || seen == SEEN_DRIFTED) &&
		row->verdict != VERDICT_NONE) {
		c->verdict = by_cost(c->cost);
		c->tier = by_tier(c->cost, row->tier);
	}
	/* What an interrupted pass left as it should be only needs its row put right. */
	if (c->verdict == VERDICT_NONE && v->object && v->record && v->record->state != RECORD_MADE)
		c->verdict = VERDICT_ADOPT;
	/* A disk that was there and is gone took its data with it: say so, and ask. */
	if (c->verdict == VERDICT_CREATE && c->kind == KIND_DISK && v->record &&
		v->record->state == RECORD_MADE) {
		add_reason(a, c, CHANGE_REPLACE)->text =
			"the disk is gone and its data with it; a new one is made from the image";
		c->tier = TIER_YES;
	}
	if (!is_precious(c->kind))
		c->tier = TIER_SAFE;
}

static bool other_source(const struct view *v, const char *source)
{
	return v->object && v->record && strcmp(v->record->source, source);
}

/* ---- drift that is not repaired ------------------------------------------------------------- */

static const char *list(struct arena *a, const char *so_far, const char *more)
{
	return so_far ? arena_printf(a, "%s, %s", so_far, more) : more;
}

/* Nothing is changed, but the record learns that it is held: status has no spec to read. */
static void hold(struct arena *a, const struct view *v, struct delta *out)
{
	struct delta all = {.view = v};

	out->drift = DRIFT_HOLD;
	out->left = drift_is(v) ? drift_text(v) : NULL;
	if (!v->record) {
		out->left = "not made";
		return;
	}
	compare_fields(a, v, &all);
	vec_each(r, &all.reasons) {
		if (!strncmp(r->field, "drift.", 6))
			*vec_push(a, &out->reasons) = *r;
		else
			out->left = list(a, out->left, arena_printf(a, "%s stays %s", r->field,
				r->from ? r->from : "unset"));
	}
	if (!out->left && v->object->kind == KIND_VM)
		out->left = "as it is";
	out->verdict = out->reasons.n ? VERDICT_LIVE : VERDICT_NONE;
}

/* A change of the spec needs the disk that drifted: it cannot be had without the repair. */
static void block_change(struct arena *a, const struct view *v, struct delta *out)
{
	if (!v->object)
		return;
	if (v->object->kind == KIND_DISK && out->verdict == VERDICT_RESTART)
		diff_block(a, out, arena_printf(a, "%s, and drift: %s leaves it so", out->left,
			drift_name(out->drift)), v->object->spec->pos);
	/* What makes it anew repairs it by the way. */
	if (out->verdict != VERDICT_NONE && out->verdict != VERDICT_LIVE) {
		out->drift = DRIFT_REPAIR;
		out->left = NULL;
	}
}

void diff_object(struct arena *a, const struct view *v, const char *source,
	const char *(*id_of)(void *arg, enum kind kind, const char *name), void *arg,
	struct delta *out)
{
	enum rec rec = REC_ABSENT;
	enum seen seen = v->observed.seen;

	*out = (struct delta){
		.view = v,
		.kind = v->object ? v->object->kind : v->record->kind,
		.name = v->object ? v->object->name : v->record->name,
	};
	if (other_source(v, source)) {
		out->verdict = VERDICT_CONFLICT;
		add_reason(a, out, CHANGE_NONE)->text = arena_printf(a,
			"belongs to source %s; delete it there first, or give --source", v->record->source);
		return;
	}
	if (v->unresolved) {
		out->verdict = VERDICT_CONFLICT;
		add_reason(a, out, CHANGE_NONE)->text = v->unresolved;
		return;
	}
	if (v->object && v->drift == DRIFT_HOLD) {
		hold(a, v, out);
		return;
	}
	if (v->object && v->record) {
		compare_fields(a, v, out);
		compare_content(a, v, out);
		compare_inputs(a, v, out, id_of, arg);
		compare_left(a, v, out);
		compare_place(a, v, out);
		rec = out->reasons.n ? REC_DIFFERENT : REC_SAME;
	} else if (v->record) {
		rec = REC_SAME;
	}
	if (v->drift != DRIFT_REPAIR && drift_is(v)) {
		out->drift = v->drift;
		out->left = drift_text(v);
		seen = SEEN_SAME;
	} else if (seen == SEEN_DRIFTED || (v->observed.reason && seen != SEEN_SAME)) {
		add_reason(a, out, seen == SEEN_DRIFTED ? v->observed.cost : CHANGE_NONE)->text =
			v->observed.reason ? v->observed.reason : "is not as it should be";
	}
	settle(a, v, rec, seen, out);
	if (out->left)
		block_change(a, v, out);
}

void diff_raise(struct arena *a, struct delta *c, enum change cost, const char *text,
	struct pos pos)
{
	struct reason *r;

	if (c->verdict == VERDICT_CREATE || c->verdict == VERDICT_DELETE ||
		c->verdict == VERDICT_FORGET || c->verdict == VERDICT_CONFLICT)
		return;
	r = add_reason(a, c, cost);
	r->text = text;
	r->pos = pos;
	c->verdict = by_cost(c->cost);
	c->tier = by_tier(c->cost, c->tier);
}

void diff_block(struct arena *a, struct delta *c, const char *text, struct pos pos)
{
	struct reason *r;

	if (c->verdict == VERDICT_NONE || c->drift == DRIFT_HOLD)
		return;
	r = add_reason(a, c, CHANGE_NONE);
	r->text = text;
	r->pos = pos;
	c->verdict = VERDICT_CONFLICT;
	c->tier = TIER_SAFE;
}
