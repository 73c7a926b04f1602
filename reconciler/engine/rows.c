/* rows.c - what a pass makes of the saved rows; see executor.h. */
#include "reconciler/engine/executor.h"

#include "reconciler/engine/backoff.h"
#include "schema/base/clock.h"
#include "schema/base/json.h"
#include "schema/base/sha256.h"
#include "schema/field.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void rows_apply_spec(struct run *r, uint32_t view)
{
	const struct object *o = view_of(r, view)->object;
	struct record *rec = &r->records[view];

	rec->fields = (struct kvs){0};
	field_values(r->a, o->spec->noun, o->spec, o->kind, &rec->fields);
	rec->where = arena_printf(r->a, "%s:%u:%u", o->spec->pos.file, o->spec->pos.line,
		o->spec->pos.col);
}

/* Facts as they will be, over those of the record. What a VM had in networks is not among them when it is
 * in none any more. */
void rows_take_facts(struct run *r, uint32_t view, const struct kvs *facts)
{
	struct record *rec = &r->records[view];

	if (rec->kind == KIND_VM) {
		kvs_set(r->a, &rec->facts, arena_printf(r->a, "in.nic/%s", rec->name), NULL);
		kvs_set(r->a, &rec->facts, "nics", NULL);
	}
	kvs_merge(r->a, &rec->facts, facts);
}

/* The row has to be written with the next commit. */
void rows_touch(struct run *r, uint32_t view)
{
	if (!r->touched[view] && !r->forget[view])
		*vec_push(r->a, &r->dirty) = view;
	r->touched[view] = true;
}

void rows_forget(struct run *r, uint32_t view)
{
	rows_touch(r, view);
	r->forget[view] = true;
}

/* A held VM is recorded as held; its other fields stay what they are. */
static void apply_hold(struct run *r, uint32_t view)
{
	const struct spec_head *head = view_of(r, view)->object->spec;

	for (size_t i = 0; i < head->noun->n_fields; i++) {
		const struct field *f = &head->noun->fields[i];

		if (f->feeds == view_of(r, view)->object->kind && !strncmp(f->path, "drift.", 6))
			kvs_set(r->a, &r->records[view].fields, f->path, field_print(r->a, f, head));
	}
	rows_touch(r, view);
}

static void set_state(struct run *r, uint32_t view, enum record_state state, const char *reason)
{
	struct record *rec = &r->records[view];

	if (rec->state != state || !rec->changed_at_ms)
		rec->changed_at_ms = clock_real_ms();
	rec->state = state;
	rec->reason = arena_dup(r->a, reason);
	rows_touch(r, view);
}

/* Which revision of an object it is. A VM and its disk are one entry of the document: what is put right
 * for the one may be what the other failed for. */
static const char *revision_of(struct run *r, const struct object *o)
{
	static const enum kind halves[] = {KIND_DISK, KIND_VM};
	const bool whole = o->kind == KIND_DISK || o->kind == KIND_VM;
	struct kvs fields = {0};
	uint8_t digest[SHA256_BYTES];
	uint64_t first;
	const char *text;

	for (size_t i = 0; whole && i < 2; i++)
		field_values(r->a, o->spec->noun, o->spec, halves[i], &fields);
	if (!whole)
		field_values(r->a, o->spec->noun, o->spec, o->kind, &fields);
	text = json_from_kvs(r->a, &fields);
	sha256(text, strlen(text), digest);
	memcpy(&first, digest, sizeof(first));
	return arena_printf(r->a, "%016" PRIx64, first);
}

/* Failures count in a row for one revision only: what was wrong with another says nothing. */
static void forgive_earlier_revision(struct run *r, uint32_t view)
{
	struct record *rec = &r->records[view];
	const char *tried = kvs_get(&rec->facts, "tried");

	if (!tried || !view_of(r, view)->object || !strcmp(tried, revision_of(r, view_of(r, view)->object)))
		return;
	rec->attempts = 0;
	rec->retry_at_ms = 0;
}

void rows_set_failed(struct run *r, uint32_t view, const char *reason)
{
	struct record *rec = &r->records[view];
	const struct object *o = view_of(r, view)->object;

	set_state(r, view, RECORD_FAILED, reason);
	if (o)
		kvs_set(r->a, &rec->facts, "tried", revision_of(r, o));
	if (r->failed[view]) /* several steps of one attempt */
		return;
	r->failed[view] = true;
	rec->attempts++;
	rec->retry_at_ms = clock_real_ms() + backoff_ms(rec->name, rec->attempts);
}

void rows_set_made(struct run *r, uint32_t view)
{
	set_state(r, view, RECORD_MADE, NULL);
	kvs_set(r->a, &r->records[view].facts, "tried", NULL);
	r->records[view].attempts = 0;
	r->records[view].retry_at_ms = 0;
}

void rows_load(struct run *r)
{
	const struct plan *plan = r->x->plan;

	for (uint32_t i = 0; i < plan->views->n; i++) {
		const struct view *v = view_of(r, i);

		if (v->record) {
			r->records[i] = *v->record;
			kvs_copy(r->a, &r->records[i].fields, &v->record->fields);
			kvs_copy(r->a, &r->records[i].facts, &v->record->facts);
			forgive_earlier_revision(r, i);
		} else {
			r->records[i] = (struct record){
				.kind = v->object->kind,
				.name = v->object->name,
				.source = r->x->source,
			};
		}
	}
}

/* Changes of the record alone: nothing in the world has to be done for them. */
void rows_settle(struct run *r)
{
	const struct plan *plan = r->x->plan;
	bool *has_step = arena_array(r->a, plan->views->n + 1, sizeof(bool));

	vec_each(s, &plan->steps)
		if (!s->prune)
			has_step[s->view] = true;
	for (uint32_t i = 0; i < plan->views->n; i++) {
		enum verdict verdict = plan->deltas[i].verdict;

		if (verdict == VERDICT_NONE || verdict == VERDICT_CONFLICT || has_step[i])
			continue;
		if (verdict == VERDICT_FORGET || verdict == VERDICT_DELETE) {
			rows_forget(r, i);
			continue;
		}
		if (plan->deltas[i].drift == DRIFT_HOLD) {
			apply_hold(r, i);
			continue;
		}
		rows_apply_spec(r, i);
		rows_take_facts(r, i, plan->facts[i]);
		rows_set_made(r, i);
	}
}

static const char *const process_facts[] = {"pid", "start", "boot_id", "nonce", "exit", "accel",
	"was"};

void rows_drop_process(struct run *r, uint32_t view)
{
	for (size_t i = 0; i < sizeof(process_facts) / sizeof(process_facts[0]); i++)
		kvs_set(r->a, &r->records[view].facts, process_facts[i], NULL);
}

/* The disk is where its name says: from before its making on, and after it was moved there. */
void rows_at_home(struct record *disk, struct arena *a)
{
	kvs_set(a, &disk->facts, "kept", NULL);
	kvs_set(a, &disk->facts, "was", NULL);
}

/* What the row says while the step is on its way. New fields and names are written only by the
 * step that makes the object: before it the old ones still describe what is there. */
void rows_mark_intent(struct run *r, const struct plan_step *s)
{
	struct record *rec = &r->records[s->view];

	if (s->step.kind == KIND_GUEST || s->prune)
		return;
	if (s->step.op == STEP_DELETE || s->step.op == STEP_STOP) {
		set_state(r, s->view, RECORD_DELETING, rec->reason);
		return;
	}
	/* A change in place that did not happen leaves the old thing: only its success is recorded. */
	if (s->step.op == STEP_UPDATE) {
		set_state(r, s->view, RECORD_MAKING, rec->reason);
		return;
	}
	if (s->step.op == STEP_START) { /* what an earlier process was is over */
		rows_drop_process(r, s->view);
		kvs_set(r->a, &rec->facts, "ready", "no");
	}
	rows_apply_spec(r, s->view);
	rows_at_home(rec, r->a);
	rows_take_facts(r, s->view, &s->step.args);
	rec->generation = (uint32_t)kvs_u64(&s->step.args, "generation", rec->generation);
	set_state(r, s->view, RECORD_MAKING, rec->reason);
}

static int compare_index(const void *x, const void *y)
{
	const uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static int forget_row(struct run *r, const struct record *rec, struct err *e)
{
	struct store *store = r->x->store;

	if (store_forget(store, rec->kind, rec->name, rec->source, e) < 0)
		return -1;
	return tomb_forget(r->x->tombs, rec, store, r->a, e);
}

int rows_write(struct run *r, struct err *e)
{
	/* In the order of the views, as they are printed: the same pass gives the same history. */
	if (r->dirty.n)
		qsort(r->dirty.v, r->dirty.n, sizeof(*r->dirty.v), compare_index);
	vec_each(at, &r->dirty) {
		const uint32_t i = *at;
		const struct record *rec = &r->records[i];

		history_row(&r->history, view_of(r, i), &r->x->plan->deltas[i], rec, r->forget[i]);
		if (r->forget[i] ? forget_row(r, rec, e) < 0 : store_put(r->x->store, rec, e) < 0)
			return -1;
		r->forget[i] = r->touched[i] = false;
	}
	r->dirty.n = 0;
	return 0;
}
