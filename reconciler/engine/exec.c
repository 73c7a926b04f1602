/* exec.c - run a plan; see exec.h for the order that must hold. */
#include "reconciler/engine/executor.h"

#include "reconciler/engine/drive.h"
#include "reconciler/engine/handles.h"
#include "reconciler/engine/many.h"
#include "schema/base/clock.h"
#include "schema/base/json.h"
#include "schema/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COMMIT_BETWEEN = 0, COMMIT_FIRST = 1, COMMIT_LAST = 2 };

/* ---- facts found on the way ------------------------------------------------------------------ */

/* Facts of an object as they are by now; names are the same as in the plan, there may be more. */
static const struct kvs *facts_now(const struct naming *in, enum kind kind, const char *name)
{
	const struct run *r = in->dep_arg;
	const struct view *v = views_find(r->x->plan->views, kind, name);

	return v ? &r->records[v - r->x->plan->views->v].facts : NULL;
}

/* Name the step again, now that what it needs is made: a pulled image has a configuration that
 * nobody knew when the plan was made. */
static int name_again(struct run *r, struct plan_step *s, struct err *e)
{
	const struct view *v = view_of(r, s->view);
	const struct naming in = {
		.host = r->x->host,
		.object = v->object,
		.record = v->record,
		.resolved = &v->resolved,
		.generation = (uint32_t)kvs_u64(&s->step.args, "generation", 0),
		.cid = (uint32_t)kvs_u64(&s->step.args, "cid", 0),
		.leases = &s->step.args,
		.dep = facts_now,
		.dep_arg = r,
	};
	struct kvs args = {0};

	if (driver_look_for(s->step.kind).name_step(&in, &args, e) < 0)
		return -1;
	kvs_merge(r->a, &s->step.args, &args);
	return 0;
}

/* Complete the steps of a level before their intents are written. */
static void complete_args(struct run *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct plan_step *s = &r->steps[i];
		struct step_result *res = &r->x->results[i];
		bool makes = s->step.op == STEP_CREATE || s->step.op == STEP_START;
		struct kvs args;

		if (res->state != STEP_PENDING)
			continue;
		if (s->step.op == STEP_WAIT) { /* the pid of what was started */
			kvs_copy(r->a, &args, &r->records[s->view].facts);
			/* Or of what an earlier pass started, which may be known by its mark alone. */
			if (r->x->plan->deltas[s->view].verdict == VERDICT_LIVE)
				kvs_merge(r->a, &args, &view_of(r, s->view)->observed.facts);
			kvs_merge(r->a, &args, &s->step.args);
			s->step.args = args;
		} else if (makes) {
			name_again(r, s, &res->err); /* run_step fails with it, and undoes */
		}
	}
}

/* ---- commits ------------------------------------------------------------------------------ */

static int write_outcomes(struct run *r, struct err *e)
{
	vec_each(o, &r->outcomes)
		if (store_outcome(r->x->store, o->intent, o->state, o->error, e) < 0)
			return -1;
	r->outcomes.n = 0;
	return 0;
}

static int write_leases(struct run *r, struct err *e)
{
	/* Give all back first: two VMs may be swapping their fixed ids. */
	vec_each(l, &r->x->plan->take)
		if (store_release(r->x->store, l->pool, l->owner, e) < 0)
			return -1;
	vec_each(l, &r->x->plan->take)
		if (store_lease(r->x->store, l, e) < 0)
			return -1;
	return 0;
}

static int write_first(struct run *r, struct err *e)
{
	return r->x->write_first ? r->x->write_first(r->x->write_first_arg, r->x->store, e) : 0;
}

static int write_intents(struct run *r, uint32_t from, uint32_t to, struct err *e)
{
	for (uint32_t i = from; i < to; i++) {
		if (r->x->results[i].state != STEP_PENDING)
			continue;
		if (store_intent(r->x->store, r->x->pass, &step_at(r, i)->step, &r->intents[i], e) < 0)
			return -1;
		rows_mark_intent(r, step_at(r, i));
		history_step(&r->history, view_of(r, step_at(r, i)->view), &step_at(r, i)->step, "began",
			NULL);
	}
	return 0;
}

/* One commit: outcomes so far, then the intents of steps [from, to). */
static int commit(struct run *r, uint32_t from, uint32_t to, unsigned which, struct err *e)
{
	struct store *store = r->x->store;

	if (store_begin(store, e) < 0)
		return -1;
	if ((which & COMMIT_FIRST && (store_close_intents(store, e) < 0 || write_first(r, e) < 0 ||
		write_leases(r, e) < 0)) ||
		write_outcomes(r, e) < 0 || write_intents(r, from, to, e) < 0 ||
		rows_write(r, e) < 0 || history_write(&r->history, store, e) < 0 ||
		(which & COMMIT_LAST && store_drop_unused_leases(store, e) < 0)) {
		store_rollback(store);
		return -1;
	}
	return store_commit(store, e);
}

/* ---- steps -------------------------------------------------------------------------------- */

static void note_outcome(struct run *r, uint32_t i, const char *state, const char *error)
{
	const struct plan_step *s = step_at(r, i);

	history_step(&r->history, view_of(r, s->view), &s->step, state, error);
	*vec_push(r->a, &r->outcomes) = (struct outcome){
		.intent = r->intents[i],
		.state = state,
		.error = arena_dup(r->a, error),
	};
}

static bool is_unmet(enum step_state s)
{
	return s == STEP_FAILED || s == STEP_SKIPPED || s == STEP_UNDONE || s == STEP_NOT_READY;
}

/* A failure before a VM could be started leaves its reason at the VM, where people look for it, with
 * a row that keeps the VM's identity. */
static void blame_vm(struct run *r, const struct plan_step *s, const char *why)
{
	const struct view *vm = views_find(r->x->plan->views, KIND_VM, s->step.name);
	bool before = s->step.kind == KIND_DISK || s->step.kind == KIND_NIC ||
		(s->step.kind == KIND_VM && s->step.op == STEP_START);
	uint32_t i;

	if (!before || !vm || !vm->object)
		return;
	i = (uint32_t)(vm - r->x->plan->views->v);
	if (r->x->plan->deltas[i].verdict == VERDICT_NONE)
		return;
	if (!vm->record && !r->records[i].where)
		rows_apply_spec(r, i);
	if (!r->failed[i]) /* the first reason is the root of the others */
		rows_set_failed(r, i, why);
}

static void skip(struct run *r, uint32_t i, const struct step *on)
{
	struct step_result *res = &r->x->results[i];

	res->state = STEP_SKIPPED;
	r->x->skipped++;
	err_set(&res->err, ERR_FAILED, "skipped: %s %s/%s did not succeed", step_op_name(on->op),
		kind_name(on->kind), on->name);
	history_step(&r->history, view_of(r, step_at(r, i)->view), &step_at(r, i)->step, "skipped",
		res->err.msg);
	blame_vm(r, step_at(r, i), res->err.msg);
}

/* Mark steps of this level that need something that did not come to be. */
static void skip_unmet(struct run *r, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		for (uint32_t k = r->needs.first[i]; k < r->needs.first[i + 1]; k++)
			if (r->x->results[i].state == STEP_PENDING &&
				is_unmet(r->x->results[r->needs.list[k]].state))
				skip(r, i, &step_at(r, r->needs.list[k])->step);
}

/* Rows of a VM, its disk and its interfaces go into its handles.json too, beside the newest facts. */
static int write_handles(struct run *r, const char *vm, struct err *e)
{
	static const enum kind kinds[] = {KIND_VM, KIND_DISK, KIND_NIC};
	struct handles h = {0};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct view *v = views_find(r->x->plan->views, kinds[i], vm);
		const struct record *rec = v ? &r->records[v - r->x->plan->views->v] : NULL;

		if (!rec || !rec->where)
			continue;
		*vec_push(r->a, &h.rows) = *rec;
		if (kinds[i] == KIND_VM)
			h.facts = rec->facts;
	}
	return handles_write(r->x->host->state_fd, r->x->host->instance, vm, &h, e);
}

/* Of a VM that was stopped there is nothing to find again. On a full disk no file is better than one
 * that tells of a process: SQLite has the rows, and stopping is the way to make room. */
static int write_handles_stopped(struct run *r, const char *vm, struct err *e)
{
	struct err why = ERR_INIT;

	if (write_handles(r, vm, &why) == 0)
		return 0;
	if (why.errnum == ENOSPC || why.errnum == EDQUOT)
		return handles_remove(r->x->host->state_fd, vm, e);
	err_join(e, &why);
	return -1;
}

/* After a VM was started or stopped, or its disk grown. Before: there is nothing to find again;
 * after a deletion: there must be nothing left. */
static int save_handles(struct run *r, const struct plan_step *s, struct err *e)
{
	bool of_vm = (s->step.kind == KIND_VM && s->step.op == STEP_START) ||
		(s->step.kind == KIND_GUEST && s->step.op == STEP_WAIT);
	const struct view *vm = views_find(r->x->plan->views, KIND_VM, s->step.name);
	const char *was = kvs_get(&s->step.args, "was");

	if (s->step.kind == KIND_VM && s->step.op == STEP_STOP) {
		if (write_handles_stopped(r, s->step.name, e) < 0)
			return -1;
		return was ? handles_remove(r->x->host->state_fd, was, e) : 0;
	}
	if (of_vm || ((s->step.kind == KIND_DISK || s->step.kind == KIND_NIC) && s->step.op == STEP_UPDATE && vm && vm->record))
		return write_handles(r, s->step.name, e);
	return 0;
}

/* Stopping was all that the spec asked for: the row is as it should be, with the content that it
 * would be started with by now. */
static void stopped_as_asked(struct run *r, uint32_t view)
{
	rows_apply_spec(r, view);
	rows_take_facts(r, view, r->x->plan->facts[view]);
	rows_drop_process(r, view);
	rows_set_made(r, view);
}

/* Also of a VM that runs since an earlier pass, whose wait was all that was left to do. */
static void became_ready(struct run *r, uint32_t view, enum verdict verdict)
{
	if (r->away_since[view]) /* at least 1: 0 is not known */
		kvs_setf(r->a, &r->records[view].facts, EXEC_AWAY, "%" PRId64,
			clock_mono_ms() - r->away_since[view] + 1);
	kvs_set(r->a, &r->records[view].facts, "ready", "yes");
	if (verdict == VERDICT_LIVE) {
		rows_apply_spec(r, view);
		/* It may have been found by its mark alone: a pass that died had started it. */
		kvs_merge(r->a, &r->records[view].facts, &view_of(r, view)->observed.facts);
	}
	rows_set_made(r, view);
}

static void step_succeeded(struct run *r, const struct plan_step *s, const struct kvs *facts)
{
	struct record *rec = &r->records[s->view];
	enum verdict verdict = r->x->plan->deltas[s->view].verdict;

	if (s->prune) {
		kvs_set(r->a, &rec->facts, "old", NULL);
		rows_touch(r, s->view);
		return;
	}
	if (s->step.kind == KIND_GUEST) {
		if (s->step.op == STEP_WAIT)
			became_ready(r, s->view, verdict);
		return;
	}
	if (s->step.op == STEP_STOP)
		rows_drop_process(r, s->view);
	if (s->step.op == STEP_UPDATE) {
		rows_apply_spec(r, s->view);
		kvs_merge(r->a, &rec->facts, &s->step.args);
		rows_at_home(rec, r->a);
	}
	kvs_merge(r->a, &rec->facts, facts);
	if (s->step.op == STEP_DELETE && (verdict == VERDICT_DELETE || verdict == VERDICT_FORGET))
		rows_forget(r, s->view);
	else if (s->step.op == STEP_STOP && view_of(r, s->view)->object &&
		!((const struct vm_spec *)(const void *)view_of(r, s->view)->object->spec)->running)
		stopped_as_asked(r, s->view);
	else if (s->step.op != STEP_STOP && s->step.op != STEP_DELETE)
		rows_set_made(r, s->view);
	else
		rows_touch(r, s->view);
}

static void undo_one(struct run *r, uint32_t i, const char *why)
{
	const struct plan_step *s = step_at(r, i);
	struct step_result *res = &r->x->results[i];
	struct err more = ERR_INIT;
	bool existed = view_of(r, s->view)->record != NULL;

	/* What never began has made nothing; what is there under its names is something else's. */
	if (r->began[i] && drive_undo(r->x->host, &s->step, &more) < 0) {
		log_warn("undo failed", "object=%s/%s error=\"%s\"", kind_name(s->step.kind),
			s->step.name, more.msg);
		note_outcome(r, i, "undo-failed", more.msg);
		rows_set_failed(r, s->view, arena_printf(r->a, "%s; undo: %s", why, more.msg));
		err_join(&res->err, &more);
		return;
	}
	if (s->step.kind == KIND_VM) {
		rows_drop_process(r, s->view);
		if (existed)
			write_handles(r, s->step.name, NULL);
		else
			handles_remove(r->x->host->state_fd, s->step.name, NULL);
	}
	note_outcome(r, i, res->state == STEP_FAILED ? "failed" : "undone", why);
	if (res->state == STEP_DONE) {
		res->state = STEP_UNDONE;
		r->x->done--;
	}
	/* A VM keeps its row, its identity and its reason; what was made for it is gone again. */
	if (s->step.kind == KIND_VM || existed)
		rows_set_failed(r, s->view, why);
	else
		rows_forget(r, s->view);
}

/* Undo the failed step and what was made before it in the same change, in reverse. */
static void undo_change(struct run *r, uint32_t failed)
{
	const char *why = r->x->results[failed].err.msg;

	for (uint32_t n = failed + 1; n; n = r->before[n - 1]) {
		const uint32_t i = n - 1;
		const struct plan_step *s = step_at(r, i);
		bool makes = s->step.op == STEP_CREATE || s->step.op == STEP_START;

		if (i != failed && (r->x->results[i].state != STEP_DONE || !makes))
			continue;
		if (makes)
			undo_one(r, i, why);
		else
			note_outcome(r, i, "failed", why);
	}
}

static void step_failed(struct run *r, uint32_t i)
{
	const struct plan_step *s = step_at(r, i);
	struct step_result *res = &r->x->results[i];

	if (s->step.op == STEP_WAIT && res->err.kind == ERR_TIMEOUT) {
		res->state = STEP_NOT_READY; /* a condition, not a failure: the VM runs on */
		r->x->not_ready++;
		note_outcome(r, i, "failed", res->err.msg);
		r->records[s->view].reason = arena_dup(r->a, res->err.msg);
		rows_touch(r, s->view);
		return;
	}
	res->state = STEP_FAILED;
	r->x->failed++;
	if (res->err.kind == ERR_CONFLICT) /* it made nothing; what is there is not its own */
		r->began[i] = false;
	/* Whoever cancels the making of a VM does not want the half of it. */
	if (s->step.op == STEP_CREATE || s->step.op == STEP_START ||
		(s->step.op == STEP_WAIT && res->err.kind == ERR_CANCELLED &&
			!view_of(r, s->view)->record)) {
		undo_change(r, i);
	} else {
		note_outcome(r, i, "failed", res->err.msg);
		if (!s->prune)
			rows_set_failed(r, s->view, res->err.msg);
	}
	blame_vm(r, s, res->err.msg);
}

static bool is_cancelled(const struct run *r)
{
	return r->x->host->cancel && *r->x->host->cancel;
}

static int do_step(struct run *r, uint32_t i, struct host *h, struct kvs *facts, struct err *e)
{
	const struct plan_step *s = step_at(r, i);
	const struct step *step = &s->step;

	/* The driver removes the VM's folder, so our own file in it goes first; SQLite still has
	 * all that is needed to finish after a crash here. */
	if (step->kind == KIND_VM && step->op == STEP_DELETE &&
		handles_remove(h->state_fd, step->name, e) < 0)
		return -1;
	r->began[i] = true;
	return drive_apply(h, step, facts, e);
}

static void begin_step(struct run *r, uint32_t i)
{
	const struct plan_step *s = step_at(r, i);

	/* The guest is told to stop before its VM is. */
	if (s->step.op != STEP_WAIT && (s->step.kind == KIND_VM || s->step.kind == KIND_GUEST) &&
		!r->away_since[s->view])
		r->away_since[s->view] = clock_mono_ms();
	if (r->x->on_step)
		r->x->on_step(r->x->on_step_arg, s, NULL);
	log_debug("step", "op=%s object=%s/%s", step_op_name(s->step.op), kind_name(s->step.kind),
		s->step.name);
}

/* res->err says why when rc is not 0. */
static void end_step(struct run *r, uint32_t i, int rc, const struct kvs *facts, int64_t took_ms)
{
	const struct plan_step *s = step_at(r, i);
	struct step_result *res = &r->x->results[i];

	if (rc == 0) {
		step_succeeded(r, s, facts);
		if (s->step.op != STEP_DELETE)
			rc = save_handles(r, s, &res->err);
	}
	res->took_ms = took_ms;
	if (rc == 0) {
		res->state = STEP_DONE;
		r->x->done++;
		note_outcome(r, i, "done", NULL);
	} else {
		step_failed(r, i);
	}
	if (r->x->on_step)
		r->x->on_step(r->x->on_step_arg, s, res);
}

static void run_step(struct run *r, uint32_t i)
{
	const int64_t begun = clock_mono_ms();
	struct err *e = &r->x->results[i].err;
	struct kvs facts = {0};
	int rc = -1; /* with an error already when it could not be named */

	begin_step(r, i);
	if (e->kind == ERR_NONE && is_cancelled(r))
		err_set(e, ERR_CANCELLED, "cancelled before it began");
	if (e->kind == ERR_NONE)
		rc = do_step(r, i, r->x->host, &facts, e);
	end_step(r, i, rc, &facts, clock_mono_ms() - begun);
}

/* ---- many at once --------------------------------------------------------------------------- */

static const struct step *many_step(void *arg, uint32_t i)
{
	const struct run *r = arg;

	return r->x->results[i].state == STEP_PENDING ? &step_at(r, i)->step : NULL;
}

static int many_work(void *arg, uint32_t i, struct host *h, struct kvs *facts, struct err *e)
{
	return do_step(arg, i, h, facts, e);
}

/* What the child does with began is lost with it: from here on it may have made something. */
static void many_began(void *arg, uint32_t i)
{
	struct run *r = arg;

	begin_step(r, i);
	r->began[i] = true;
}

static void many_ended(void *arg, uint32_t i, int rc, const struct kvs *facts, const struct err *e,
	int64_t took_ms)
{
	struct run *r = arg;

	if (rc < 0)
		r->x->results[i].err = *e;
	end_step(r, i, rc, facts, took_ms);
}

static int many_settle(void *arg, struct err *e)
{
	return commit(arg, 0, 0, COMMIT_BETWEEN, e);
}

static size_t count_pending(const struct run *r, uint32_t from, uint32_t to)
{
	size_t n = 0;

	for (uint32_t i = from; i < to; i++)
		n += r->x->results[i].state == STEP_PENDING;
	return n;
}

static int run_level(struct run *r, uint32_t from, uint32_t to, struct err *e)
{
	const struct many m = {.host = r->x->host, .at_once = r->x->parallel, .arg = r,
		.step = many_step, .work = many_work, .began = many_began, .ended = many_ended,
		.settle = many_settle};

	/* What could not be named fails here; one step alone needs no process of its own. */
	for (uint32_t i = from; i < to; i++)
		if (r->x->results[i].state == STEP_PENDING && (r->x->parallel < 2 ||
			r->x->results[i].err.kind != ERR_NONE || count_pending(r, from, to) == 1))
			run_step(r, i);
	return count_pending(r, from, to) ? many_run(&m, from, to, e) : 0;
}

/* ---- the pass ------------------------------------------------------------------------------ */

/* A VM, its disk, its interfaces and its guest are one change; images and kernels each their own. */
static void group_steps(struct run *r)
{
	const size_t n = r->x->plan->steps.n;
	uint32_t *last = arena_array(r->a, r->x->plan->views->n + 1, sizeof(*last));

	r->before = arena_array(r->a, n + 1, sizeof(*r->before));
	for (uint32_t i = 0; i < n; i++) {
		const struct plan_step *s = step_at(r, i);
		const struct view *vm = s->step.kind == KIND_DISK || s->step.kind == KIND_NIC
			? views_find(r->x->plan->views, KIND_VM, s->step.name) : NULL;
		uint32_t change = vm ? (uint32_t)(vm - r->x->plan->views->v) : s->view;

		r->before[i] = last[change];
		last[change] = i + 1;
	}
}

int exec_run(struct exec *x, struct err *e)
{
	struct arena *a = x->host->arena;
	const size_t views = x->plan->views->n + 1, steps = x->plan->steps.n + 1;
	struct run r = {
		.x = x,
		.a = a,
		.records = arena_array(a, views, sizeof(struct record)),
		.touched = arena_array(a, views, sizeof(bool)),
		.forget = arena_array(a, views, sizeof(bool)),
		.failed = arena_array(a, views, sizeof(bool)),
		.intents = arena_array(a, steps, sizeof(int64_t)),
		.began = arena_array(a, steps, sizeof(bool)),
		.away_since = arena_array(a, views, sizeof(int64_t)),
	};
	bool first = true;
	uint32_t from = 0, to;

	x->results = arena_array(a, steps, sizeof(*x->results));
	r.steps = arena_array(a, steps, sizeof(*r.steps));
	for (uint32_t i = 0; i < x->plan->steps.n; i++)
		r.steps[i] = x->plan->steps.v[i];
	history_init(&r.history, a, x->plan, x->pass, x->source);
	history_decisions(&r.history, x->interrupted);
	group_steps(&r);
	graph_needs(a, x->plan->steps.n, &x->plan->needs, &r.needs);
	rows_load(&r);
	rows_settle(&r);
	for (; from < x->plan->steps.n; from = to) {
		const uint32_t level = step_at(&r, from)->step.level;

		for (to = from; to < x->plan->steps.n && step_at(&r, to)->step.level == level;)
			to++;
		skip_unmet(&r, from, to);
		complete_args(&r, from, to);
		if (commit(&r, from, to, first ? COMMIT_FIRST : COMMIT_BETWEEN, e) < 0)
			return -1;
		first = false;
		if (run_level(&r, from, to, e) < 0)
			return -1;
	}
	return commit(&r, 0, 0, first ? COMMIT_FIRST | COMMIT_LAST : COMMIT_LAST, e);
}
