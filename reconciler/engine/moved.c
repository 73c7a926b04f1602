/* moved.c - VMs that have another name now; see moved.h. */
#include "reconciler/engine/moved.h"

#include "reconciler/engine/plan.h"
#include "schema/base/clock.h"
#include "schema/base/json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct record *find(const struct records *records, enum kind kind, const char *name,
	const char *source)
{
	vec_each(r, records)
		if (r->kind == kind && !strcmp(r->name, name) && (!source || !strcmp(r->source, source)))
			return r;
	return NULL;
}

static int both_there(const struct moved_spec *m, const struct record *there, struct err *e)
{
	err_set(e, ERR_CONFLICT, "moved: there is a record of vm/%s and one of vm/%s (%s/%s of %s, "
		"declared at %s)", m->from, m->to, kind_name(there->kind), there->name, there->source,
		there->where && there->where[0] ? there->where : "an unknown place");
	err_hint(e, "delete the one that is not wanted first: reconcile delete vm/%s", m->to);
	return err_at(e, m->from_pos.file, m->from_pos.line, m->from_pos.col);
}

static void rename_row(struct arena *a, struct record *r, const char *to, struct renames *out)
{
	struct renamed *one = vec_push(a, out);
	struct kvs facts;

	one->from = *r;
	kvs_copy(a, &facts, &r->facts);
	if (!kvs_get(&facts, "was")) /* moved again before the world followed: it is where it was */
		kvs_set(a, &facts, "was", r->name);
	r->facts = facts;
	r->name = arena_dup(a, to);
	one->to = *r;
}

static void rename_leases(struct arena *a, struct leases *leases, const struct moved_spec *m)
{
	const char *owner = arena_printf(a, "vm/%s", m->from);
	const size_t n = strlen(owner);

	/* "vm/web" and what it has in networks, "vm/web@lab". */
	vec_each(l, leases)
		if (!strncmp(l->owner, owner, n) && (!l->owner[n] || l->owner[n] == '@'))
			l->owner = arena_printf(a, "vm/%s%s", m->to, l->owner + n);
}

/* Either half of a VM that is recorded under that name. */
static struct record *find_half(const struct records *records, const char *name, const char *source)
{
	struct record *r = find(records, KIND_VM, name, source);

	return r ? r : find(records, KIND_DISK, name, source);
}

static int move_one(struct arena *a, const struct moved_spec *m, const char *source,
	struct records *records, struct leases *leases, struct renames *out, struct err *e)
{
	static const enum kind kinds[] = {KIND_DISK, KIND_NIC, KIND_VM};
	const struct record *there;

	if (!find_half(records, m->from, source))
		return 0;
	there = find_half(records, m->to, NULL);
	if (there)
		return both_there(m, there, e);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct record *from = find(records, kinds[i], m->from, source);

		if (from)
			rename_row(a, from, m->to, out);
	}
	rename_leases(a, leases, m);
	return 0;
}

static int compare(const void *x, const void *y)
{
	const struct record *a = x, *b = y;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->source, b->source);
}

int moved_apply(struct arena *a, const struct spec *spec, const char *source, struct records *records,
	struct leases *leases, struct renames *out, struct err *e)
{
	vec_each(m, &spec->moved)
		if (move_one(a, *m, source, records, leases, out, e) < 0)
			return -1;
	if (out->n)
		qsort(records->v, records->n, sizeof(*records->v), compare);
	return 0;
}

static const struct record *still_there(const struct records *records, const char *name)
{
	vec_each(r, records) {
		const char *was = r->kind == KIND_VM || r->kind == KIND_DISK
			? kvs_get(&r->facts, "was") : NULL;

		if (was && !strcmp(was, name))
			return r;
	}
	return NULL;
}

void moved_keep_off(struct arena *a, struct views *views, const struct records *records)
{
	bool any = false;

	vec_each(r, records)
		any |= kvs_get(&r->facts, "was") != NULL;
	vec_each(v, views) {
		const struct record *r;

		if (!any || !v->object || v->record)
			continue;
		r = v->object->kind == KIND_VM || v->object->kind == KIND_DISK
			? still_there(records, v->object->name) : NULL;
		if (r)
			v->unresolved = arena_printf(a, "%s/%s, which had this name, has not left it yet; "
				"apply again when it has", kind_name(r->kind), r->name);
	}
}

/* ---- write -------------------------------------------------------------------------------- */

static struct event event_of(struct arena *a, const struct renamed *r, const char *pass, bool gone)
{
	_cleanup_json_ json_t *detail = json_pack("{s:s}", "text", arena_printf(a,
		"%s/%s is %s/%s now", kind_name(r->from.kind), r->from.name, kind_name(r->to.kind),
		r->to.name));

	return (struct event){
		.time_ms = clock_real_ms(), .pass = pass, .kind = r->from.kind,
		.name = gone ? r->from.name : r->to.name, .source = r->to.source, .what = "renamed",
		.state = gone ? "gone" : record_state_name(r->to.state), .detail = json_text(a, detail),
		.place = r->to.where, .uid = (uint32_t)getuid()};
}

static int write_row(struct store *s, const struct renamed *r, struct arena *a, struct err *e)
{
	if (store_forget(s, r->from.kind, r->from.name, r->from.source, e) < 0 ||
		store_put(s, &r->to, e) < 0)
		return -1;
	if (r->from.kind != KIND_VM)
		return 0;
	if (store_lease_rename_nics(s, r->from.name, r->to.name, e) < 0)
		return -1;
	return store_lease_rename(s, PLAN_CID_POOL, arena_printf(a, "vm/%s", r->from.name),
		arena_printf(a, "vm/%s", r->to.name), e);
}

int moved_write(struct store *s, const struct renames *renames, const char *pass, struct arena *a,
	struct err *e)
{
	struct events events = {0};

	vec_each(r, renames) {
		if (write_row(s, r, a, e) < 0)
			return -1;
		*vec_push(a, &events) = event_of(a, r, pass, true);
		*vec_push(a, &events) = event_of(a, r, pass, false);
	}
	return events.n ? store_event_add(s, &events, e) : 0;
}
