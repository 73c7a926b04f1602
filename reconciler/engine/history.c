/* history.c - what a pass adds to history; see history.h. */
#include "reconciler/engine/history.h"

#include "reconciler/engine/drift.h"
#include "schema/base/clock.h"
#include "schema/base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void history_init(struct history *h, struct arena *a, const struct plan *plan, const char *pass,
	const char *source)
{
	*h = (struct history){.a = a, .plan = plan, .pass = pass, .source = source,
		.last = arena_array(a, plan->views->n + 1, sizeof(size_t))};
}

const char *history_state(const struct record *row)
{
	const char *running = kvs_get(&row->fields, "running");

	if (row->kind != KIND_VM || row->state != RECORD_MADE)
		return record_state_name(row->state);
	return running && !strcmp(running, "false") ? "stopped" : "running";
}

/* ---- one event ---------------------------------------------------------------------------- */

static const char *place_of(struct arena *a, const struct pos *pos)
{
	if (!pos->line)
		return "";
	return arena_printf(a, "%s:%u:%u", pos->file ? pos->file : "", pos->line, pos->col);
}

static struct event *add(struct history *h, const struct view *v, enum kind kind, const char *name,
	const char *what)
{
	struct event *ev = vec_push(h->a, &h->pending);

	/* The steps of a guest belong to the view of its VM and say nothing of its row. */
	if (v && kind != KIND_GUEST)
		h->last[v - h->plan->views->v] = h->pending.n;
	*ev = (struct event){
		.time_ms = clock_real_ms(),
		.pass = h->pass,
		.kind = kind,
		.name = name,
		.source = v && v->record ? v->record->source : h->source,
		.what = what,
		.detail = "{}",
		.place = v && v->object ? place_of(h->a, &v->object->spec->pos) : "",
		.uid = (uint32_t)getuid(),
	};
	return ev;
}

static void set_detail(struct history *h, struct event *ev, json_t *detail)
{
	ev->detail = detail ? json_text(h->a, detail) : "{}";
	json_decref(detail);
}

/* ---- decisions ------------------------------------------------------------------------------ */

static void add_seen(struct history *h, const struct delta *d)
{
	static const char *const seen[] = {"absent", "same", "drifted", "foreign"};
	struct event *ev = add(h, d->view, d->kind, d->name, "seen");

	set_detail(h, ev, json_pack("{s:s, s:s*}", "seen", seen[d->view->observed.seen], "text",
		d->view->observed.reason));
	if (drift_is(d->view))
		ev->state = "drifted";
}

/* Values of the environment can be secrets and history cannot be taken back: they stay out. */
static json_t *reasons_json(struct arena *a, const struct delta *d)
{
	json_t *list = json_array();

	vec_each(r, &d->reasons) {
		bool secret = r->field && !strcmp(r->field, "env");
		const char *at = place_of(a, &r->pos);

		json_array_append_new(list, json_pack("{s:s*, s:s*, s:s*, s:s*, s:s, s:s*}", "field",
			r->field, "from", secret ? NULL : r->from, "to", secret ? NULL : r->to, "text",
			r->text, "cost", change_name(r->cost), "at", at[0] ? at : NULL));
	}
	return list;
}

static void add_decided(struct history *h, const struct delta *d)
{
	bool conflict = d->verdict == VERDICT_CONFLICT;
	struct event *ev = add(h, d->view, d->kind, d->name, conflict ? "conflict" : "decided");

	vec_each(r, &d->reasons)
		if (r->pos.line) {
			ev->place = place_of(h->a, &r->pos);
			break;
		}
	set_detail(h, ev, json_pack("{s:s, s:s, s:o}", "verdict", verdict_name(d->verdict), "cost",
		change_name(d->cost), "reasons", reasons_json(h->a, d)));
}

void history_decisions(struct history *h, const struct intents *interrupted)
{
	const struct plan *plan = h->plan;

	vec_each(i, interrupted) {
		if (i->op == STEP_OP_N || i->kind == KIND_N)
			continue; /* stays open: told when it is closed */
		set_detail(h, add(h, views_find(plan->views, i->kind, i->name), i->kind, i->name,
			"interrupted"), json_pack("{s:s, s:s}", "op", step_op_name(i->op), "pass",
			i->pass));
	}
	for (size_t i = 0; i < plan->views->n; i++) {
		const struct delta *d = &plan->deltas[i];

		if (d->verdict == VERDICT_NONE || d->verdict == VERDICT_CONFLICT)
			continue;
		add_seen(h, d);
		add_decided(h, d);
	}
}

/* ---- steps and rows ------------------------------------------------------------------------- */

void history_step(struct history *h, const struct view *v, const struct step *step,
	const char *what, const char *error)
{
	struct event *ev = add(h, v, step->kind, step->name, what);

	set_detail(h, ev, json_pack("{s:s, s:s*}", "op", step_op_name(step->op), "error", error));
}

void history_row(struct history *h, const struct view *v, const struct delta *d,
	const struct record *row, bool forget)
{
	size_t last = h->last[v - h->plan->views->v];
	struct event *ev = last ? &h->pending.v[last - 1] : NULL;

	if (forget) {
		add(h, v, row->kind, row->name, "forgotten")->state = "gone";
		return;
	}
	/* A decision alone does not say what came of it. */
	if (!ev || !strcmp(ev->what, "decided") || !strcmp(ev->what, "interrupted")) {
		ev = add(h, v, row->kind, row->name,
			d->verdict == VERDICT_ADOPT ? "adopted" : "recorded");
		set_detail(h, ev, json_pack("{s:s*}", "text", row->reason));
	}
	ev->state = history_state(row);
}

/* ---- write ---------------------------------------------------------------------------------- */

static int64_t events_to_keep(void)
{
	const char *text = getenv("RECONCILE_HISTORY_KEEP");
	char *end;
	long long n;

	if (!text || !text[0])
		return HISTORY_KEEP;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno || *end || n < 1 ? HISTORY_KEEP : n;
}

int history_write(struct history *h, struct store *s, struct err *e)
{
	if (!h->pending.n)
		return 0;
	if (store_event_add(s, &h->pending, e) < 0)
		return -1;
	h->pending.n = 0;
	memset(h->last, 0, h->plan->views->n * sizeof(*h->last));
	return store_event_trim(s, events_to_keep(), e);
}

/* ---- notices -------------------------------------------------------------------------------- */

static void add_left(struct history *h, const struct delta *d)
{
	const struct drift_rule rule = drift_rule_of(d->view->object, NULL, 0);
	bool held = d->drift == DRIFT_HOLD;
	struct event *ev = add(h, d->view, d->kind, d->name, held ? "held" : "drift");

	ev->place = place_of(h->a, &rule.pos);
	set_detail(h, ev, json_pack("{s:s, s:s, s:s*, s:s*}", "policy", drift_name(d->drift), "text",
		d->left, "until", rule.until, "why", rule.why));
	if (drift_is(d->view))
		ev->state = "drifted";
}

/* Whether the last event of the object, by this pass or before, says the same already. */
static int is_news(const struct history *h, struct store *s, const struct event *ev, bool *news,
	struct err *e)
{
	const struct event_query last = {.kind = ev->kind, .name = ev->name, .newest_first = true,
		.limit = 1};
	struct events found = {0};

	if (store_event_list(s, h->a, &last, &found, e) < 0)
		return -1;
	*news = !found.n || strcmp(found.v[0].what, ev->what) || strcmp(found.v[0].detail, ev->detail);
	return 0;
}

int history_notices(struct history *h, struct store *s, struct err *e)
{
	const struct plan *plan = h->plan;

	for (size_t i = 0; i < plan->views->n; i++) {
		const struct delta *d = &plan->deltas[i];
		bool news = true;

		if (d->verdict == VERDICT_CONFLICT)
			add_decided(h, d);
		else if (d->left && d->drift != DRIFT_IGNORE)
			add_left(h, d);
		else
			continue;
		if (is_news(h, s, &h->pending.v[h->pending.n - 1], &news, e) < 0)
			return -1;
		if (!news)
			h->pending.n--;
	}
	return 0;
}
