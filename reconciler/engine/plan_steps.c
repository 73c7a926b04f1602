/* plan_steps.c - what is to be done for each delta. PURE. */
#include "reconciler/engine/planner.h"

#include "drivers/rundir.h"
#include "schema/base/json.h"

#include <string.h>

static struct step *add_step(struct planner *p, uint32_t view, enum role role, enum step_op op,
	enum kind kind)
{
	const struct view *v = &p->views->v[view];
	struct plan_step *s = vec_push(p->a, &p->plan->steps);

	*s = (struct plan_step){
		.view = view,
		.prune = role == PRUNE,
		.step = {.op = op, .kind = kind, .name = view_name(v), .object = v->object},
	};
	p->at[view][role] = (uint32_t)p->plan->steps.n - 1;
	return &s->step;
}

static bool same_file(const struct kvs *a, const struct kvs *b)
{
	const char *x = a ? kvs_get(a, "file") : NULL, *y = b ? kvs_get(b, "file") : NULL;

	return x && y && !strcmp(x, y);
}

/* Content-named files can serve several objects: only the last user removes one. Who uses which is
 * gathered once, or each question would be a walk over all records. */
struct file_user {
	uint32_t view; /* NO_STEP: a record that this plan does not look at */
	struct file_user *next;
};

static void add_user(struct planner *p, enum kind kind, const struct kvs *facts, uint32_t view)
{
	const char *file = facts ? kvs_get(facts, "file") : NULL;
	struct file_user *u, *first;

	if (!file)
		return;
	u = arena_new(p->a, struct file_user);
	u->view = view;
	first = map_add(p->a, &p->files[kind], file, strlen(file), u);
	if (first) {
		u->next = first->next;
		first->next = u;
	}
}

/* Whether this plan looks at that record: two sources may have an object of one name, and then there are
 * views of both, side by side. */
static bool is_viewed(const struct planner *p, const struct record *r)
{
	const struct view *v = views_find(p->views, r->kind, r->name), *end = p->views->v + p->views->n;

	while (v && v > p->views->v && view_kind(v - 1) == r->kind && !strcmp(view_name(v - 1), r->name))
		v--;
	for (; v && v < end && view_kind(v) == r->kind && !strcmp(view_name(v), r->name); v++)
		if (v->record == r)
			return true;
	return false;
}

static void gather_files(struct planner *p)
{
	vec_each(r, p->records)
		if ((r->kind == KIND_IMAGE || r->kind == KIND_KERNEL) && !is_viewed(p, r))
			add_user(p, r->kind, &r->facts, NO_STEP);
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct view *v = &p->views->v[i];
		enum kind kind = view_kind(v);

		if (kind != KIND_IMAGE && kind != KIND_KERNEL)
			continue;
		if (v->object || p->plan->deltas[i].verdict != VERDICT_DELETE)
			add_user(p, kind, v->object ? p->plan->facts[i] : &v->record->facts, i);
	}
}

static bool is_shared(const struct planner *p, uint32_t self, const struct kvs *facts)
{
	const struct view *v = &p->views->v[self];
	const char *file = kvs_get(facts, "file");
	const struct file_user *u = file
		? map_get(&p->files[view_kind(v)], file, strlen(file)) : NULL;

	for (; u; u = u->next)
		if (u->view != self || v->object)
			return true;
	return false;
}

static void delete_args(struct planner *p, uint32_t i, const struct kvs *facts, struct step *s)
{
	kvs_copy(p->a, &s->args, facts);
	if (s->kind == KIND_IMAGE || s->kind == KIND_KERNEL)
		kvs_set(p->a, &s->args, "shared", is_shared(p, i, facts) ? "1" : "0");
}

/* What a replaced image or kernel was before stays until everything that used it has moved. */
static void add_prune(struct planner *p, uint32_t i, const char *old)
{
	struct kvs facts;
	struct step *s;

	if (json_to_kvs(p->a, old, "old facts", &facts, NULL) < 0)
		return;
	s = add_step(p, i, PRUNE, STEP_DELETE, p->plan->deltas[i].kind);
	delete_args(p, i, &facts, s);
}

static void plan_content(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	const struct record *r = d->view->record;
	const char *old = r ? kvs_get(&r->facts, "old") : NULL;
	struct step *s;

	if (d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET) {
		delete_args(p, i, &r->facts, add_step(p, i, DELETE, STEP_DELETE, d->kind));
		if (old)
			add_prune(p, i, old);
		return;
	}
	if (!planner_is_made_anew(d)) {
		if (old)
			add_prune(p, i, old);
		return;
	}
	if (r && d->view->observed.seen == SEEN_DRIFTED && same_file(&r->facts, p->plan->facts[i])) {
		s = add_step(p, i, DELETE, STEP_DELETE, d->kind); /* damaged: out of the way first */
		kvs_copy(p->a, &s->args, &r->facts);
		kvs_set(p->a, &s->args, "shared", "0");
	} else if (r && !old && kvs_get(&r->facts, "file") &&
		!same_file(&r->facts, p->plan->facts[i])) {
		old = json_from_kvs(p->a, &r->facts);
	}
	s = add_step(p, i, CREATE, STEP_CREATE, d->kind);
	kvs_copy(p->a, &s->args, p->plan->facts[i]);
	/* Undoing it must not take away a file that another object has from before. */
	kvs_set(p->a, &s->args, "shared", is_shared(p, i, p->plan->facts[i]) ? "1" : "0");
	if (old) {
		kvs_set(p->a, &s->args, "old", old);
		add_prune(p, i, old);
	}
}

static void plan_disk(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	const struct record *r = d->view->record;
	struct step *s;

	if (d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET ||
		d->verdict == VERDICT_REPLACE) {
		s = add_step(p, i, DELETE, STEP_DELETE, KIND_DISK);
		delete_args(p, i, r ? &r->facts : p->plan->facts[i], s);
		kvs_set(p->a, &s->args, "keep", d->view->keep);
	}
	if (d->verdict == VERDICT_RESTART) {
		s = add_step(p, i, UPDATE, STEP_UPDATE, KIND_DISK);
		kvs_copy(p->a, &s->args, p->plan->facts[i]);
		kvs_setf(p->a, &s->args, "size", "%llu",
			(unsigned long long)vm_of(d->view)->disk_size);
	}
	if (planner_is_made_anew(d)) {
		s = add_step(p, i, CREATE, STEP_CREATE, KIND_DISK);
		kvs_copy(p->a, &s->args, p->plan->facts[i]);
	}
}

/* A bridge and its rules are made once and then changed in place: they are never taken from under running
 * VMs. */
static void plan_network(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	struct step *s;

	if (d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET) {
		delete_args(p, i, &d->view->record->facts, add_step(p, i, DELETE, STEP_DELETE, d->kind));
		return;
	}
	if (d->verdict == VERDICT_NONE || d->verdict == VERDICT_ADOPT ||
		(d->kind == KIND_NETWORK && d->verdict == VERDICT_LIVE && d->view->observed.seen == SEEN_SAME))
		return;
	s = d->verdict == VERDICT_CREATE ? add_step(p, i, CREATE, STEP_CREATE, d->kind)
		: add_step(p, i, UPDATE, STEP_UPDATE, d->kind);
	kvs_copy(p->a, &s->args, p->plan->facts[i]);
}

static void plan_nic(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	bool remove = d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET;
	struct step *s;

	if (d->view->record && (remove || planner_is_made_anew(d)))
		delete_args(p, i, &d->view->record->facts, add_step(p, i, DELETE, STEP_DELETE, KIND_NIC));
	if (remove)
		return;
	if (planner_is_made_anew(d))
		s = add_step(p, i, CREATE, STEP_CREATE, KIND_NIC);
	else if (d->verdict == VERDICT_LIVE && d->view->observed.seen == SEEN_DRIFTED)
		s = add_step(p, i, UPDATE, STEP_UPDATE, KIND_NIC);
	else
		return;
	kvs_copy(p->a, &s->args, p->plan->facts[i]);
}

/* Facts of the VM that runs now: recorded, and what observe found anew. */
static void running_args(struct planner *p, uint32_t i, struct step *s)
{
	const struct view *v = &p->views->v[i];
	const char *text;
	uint64_t ms;

	if (v->record)
		kvs_copy(p->a, &s->args, &v->record->facts);
	kvs_merge(p->a, &s->args, &v->observed.facts);
	text = v->record ? kvs_get(&v->record->fields, "stop_timeout") : NULL;
	if (v->object)
		kvs_setf(p->a, &s->args, "stop_timeout_ms", "%llu",
			(unsigned long long)vm_of(v)->stop_timeout_ms);
	else if (text && duration_parse(text, &ms, NULL) == 0)
		kvs_setf(p->a, &s->args, "stop_timeout_ms", "%llu", (unsigned long long)ms);
}

static void add_wait(struct planner *p, uint32_t i)
{
	struct step *s = add_step(p, i, WAIT, STEP_WAIT, KIND_GUEST);

	kvs_setf(p->a, &s->args, "ready_timeout_ms", "%llu",
		(unsigned long long)rundir_ready_limit(vm_of(&p->views->v[i])));
}

/* Another question is asked than the one that it was found ready by. */
static bool is_asked_anew(const struct delta *d)
{
	const struct view *v = d->view;
	const struct vm_spec *vm = vm_of(v);
	bool changed = false;

	vec_each(r, &d->reasons)
		changed |= r->field && (!strncmp(r->field, "ready.tcp", 9) ||
			!strncmp(r->field, "ready.http", 10) || !strncmp(r->field, "ready.port", 10) ||
			!strncmp(r->field, "ready.exec", 10) || !strncmp(r->field, "ready.console", 13));
	return changed && v->observed.running && vm->running &&
		(vm->ready.tcp || vm->ready.http || vm->ready.exec.n || vm->ready.console);
}

static void plan_vm(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	bool remove = d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET;
	struct step *s;

	if (!remove && !planner_is_made_anew(d)) {
		if (d->verdict == VERDICT_LIVE && (planner_is_waited_for(d->view) || is_asked_anew(d)))
			add_wait(p, i);
		return;
	}
	if (d->view->observed.running)
		running_args(p, i, add_step(p, i, GUEST_STOP, STEP_STOP, KIND_GUEST));
	/* What it left under its old name moves with it, also when it is off. */
	if (d->view->observed.running || (d->view->record && kvs_get(&d->view->record->facts, "was")))
		running_args(p, i, add_step(p, i, STOP, STEP_STOP, KIND_VM));
	if (remove) {
		running_args(p, i, add_step(p, i, DELETE, STEP_DELETE, KIND_VM));
		return;
	}
	if (!vm_of(d->view)->running)
		return;
	s = add_step(p, i, START, STEP_START, KIND_VM);
	kvs_copy(p->a, &s->args, p->plan->facts[i]);
	add_wait(p, i);
}

void plan_steps(struct planner *p)
{
	static void (*const plan_kind[KIND_N])(struct planner *, uint32_t) = {
		[KIND_IMAGE] = plan_content,
		[KIND_KERNEL] = plan_content,
		[KIND_NETWORK] = plan_network,
		[KIND_FIREWALL] = plan_network,
		[KIND_DISK] = plan_disk,
		[KIND_NIC] = plan_nic,
		[KIND_VM] = plan_vm,
	};

	gather_files(p);
	for (uint32_t i = 0; i < p->views->n; i++) {
		enum kind kind = p->plan->deltas[i].kind;

		for (int role = 0; role < ROLE_N; role++)
			p->at[i][role] = NO_STEP;
		/* What stands where ours was is not ours: only the row goes. */
		if (p->plan->deltas[i].verdict == VERDICT_FORGET &&
			p->views->v[i].observed.seen == SEEN_FOREIGN)
			continue;
		if (plan_kind[kind] && p->plan->deltas[i].verdict != VERDICT_CONFLICT)
			plan_kind[kind](p, i);
	}
}
