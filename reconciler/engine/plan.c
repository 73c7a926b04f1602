/* plan.c - deltas -> ordered steps with exact names.
 *
 * Order of work, from left to right; an arrow is an edge "needs":
 *
 *	guest stop <- vm stop <- vm delete <- disk delete <- image, kernel delete (or prune)
 *	                 ^---------- disk delete, update
 *	image, kernel create <- disk create <- vm start <- guest wait <- start of what depends on it
 */
#include "reconciler/engine/plan.h"

#include "reconciler/engine/lease.h"
#include "schema/base/json.h"

#include <stdlib.h>
#include <string.h>

enum role { GUEST_STOP, STOP, DELETE, CREATE, UPDATE, START, WAIT, PRUNE, ROLE_N };

#define NONE UINT32_MAX

struct planner {
	struct arena *a;
	const struct host *host;
	const struct views *views;
	struct plan *plan;
	const struct records *records;
	struct leases leases;   /* taken now, and by this plan so far */
	uint32_t (*at)[ROLE_N]; /* per view: index of the step with that role, or NONE */
};

/* ---- looking things up -------------------------------------------------------------------- */

struct key {
	enum kind kind;
	const char *name;
};

static enum kind view_kind(const struct view *v)
{
	return v->object ? v->object->kind : v->record->kind;
}

static const char *view_name(const struct view *v)
{
	return v->object ? v->object->name : v->record->name;
}

static int compare_key(const void *key, const void *element)
{
	const struct key *k = key;
	const struct view *v = element;

	if (k->kind != view_kind(v))
		return k->kind < view_kind(v) ? -1 : 1;
	return strcmp(k->name, view_name(v));
}

const struct view *views_find(const struct views *views, enum kind kind, const char *name)
{
	const struct key key = {kind, name};

	if (!views->n)
		return NULL;
	return bsearch(&key, views->v, views->n, sizeof(*views->v), compare_key);
}

static uint32_t find(const struct planner *p, enum kind kind, const char *name)
{
	const struct view *v = views_find(p->views, kind, name);

	return v ? (uint32_t)(v - p->views->v) : NONE;
}

/* What a dependent compares: its use of the object, else the object's content. */
static const char *identity(const struct kvs *facts)
{
	return kvs_get(facts, "use") ? kvs_get(facts, "use") : kvs_get(facts, "id");
}

/* Identity that an object will have after this pass, as far as it is known before. */
static const char *id_of(void *arg, enum kind kind, const char *name)
{
	const struct planner *p = arg;
	const struct view *v = views_find(p->views, kind, name);

	if (!v || !v->object)
		return NULL;
	if (identity(&v->resolved))
		return identity(&v->resolved);
	return v->record ? identity(&v->record->facts) : NULL;
}

static const struct kvs *dep_facts(const struct naming *in, enum kind kind, const char *name)
{
	const struct planner *p = in->dep_arg;
	uint32_t i = find(p, kind, name);

	return i == NONE ? NULL : p->plan->facts[i];
}

/* ---- deltas ------------------------------------------------------------------------------- */

/* A VM whose disk is changed has to be off meanwhile; what needs something that cannot be had
 * cannot be had either. */
static void raise_for_dep(struct planner *p, uint32_t i, const struct dep *d, const struct delta *on)
{
	bool changes = on->verdict == VERDICT_CREATE || on->verdict == VERDICT_RESTART ||
		on->verdict == VERDICT_REPLACE;
	struct delta *self = &p->plan->deltas[i];

	if (on->verdict == VERDICT_CONFLICT)
		diff_block(p->a, self, arena_printf(p->a, "%s/%s is in conflict", kind_name(d->kind),
			d->name), d->pos);
	else if (d->kind == KIND_DISK && changes && (self->view->record || self->view->observed.running))
		diff_raise(p->a, self, d->change, arena_printf(p->a, "%s/%s changes while it is off",
			kind_name(d->kind), d->name), d->pos);
}

static void raise_dependents(struct planner *p, uint32_t i)
{
	const struct object *o = p->views->v[i].object;

	if (!o)
		return;
	vec_each(d, &o->deps) {
		uint32_t on = d->kind == KIND_VM ? NONE : find(p, d->kind, d->name);

		if (on != NONE)
			raise_for_dep(p, i, d, &p->plan->deltas[on]);
	}
}

static void make_deltas(struct planner *p, const char *source)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		diff_object(p->a, &p->views->v[i], source, id_of, p, &p->plan->deltas[i]);
		raise_dependents(p, i);
	}
}

static bool is_made_anew(const struct delta *d)
{
	return d->verdict == VERDICT_CREATE || d->verdict == VERDICT_REPLACE ||
		(d->kind == KIND_VM && d->verdict == VERDICT_RESTART) ||
		((d->kind == KIND_IMAGE || d->kind == KIND_KERNEL) && d->verdict == VERDICT_RESTART);
}

/* The first VM that this one has to wait for and that cannot be had; NULL: none. */
static const struct dep *hopeless_dep(const struct planner *p, uint32_t i)
{
	const struct object *o = p->views->v[i].object;

	if (!o || o->kind != KIND_VM || !is_made_anew(&p->plan->deltas[i]))
		return NULL;
	vec_each(d, &o->deps) {
		uint32_t on = d->kind == KIND_VM ? find(p, KIND_VM, d->name) : NONE;

		if (on != NONE && p->plan->deltas[on].verdict == VERDICT_CONFLICT)
			return d;
	}
	return NULL;
}

/* VMs stand in order of name, not of need: go on until nothing changes. */
static void block_waiting(struct planner *p)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = 0; i < p->views->n; i++) {
			const struct dep *d = hopeless_dep(p, i);

			if (!d)
				continue;
			diff_block(p->a, &p->plan->deltas[i], arena_printf(p->a,
				"waits for vm/%s, which is in conflict", d->name), d->pos);
			changed = true;
		}
	}
}

/* A VM that is blocked runs on, so nothing may be done to the disk under it. */
static void block_disks(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *vm = &p->plan->deltas[i];
		uint32_t disk = vm->kind == KIND_VM ? find(p, KIND_DISK, vm->name) : NONE;

		if (disk == NONE || p->plan->deltas[disk].verdict == VERDICT_CONFLICT)
			continue;
		if (vm->verdict == VERDICT_CONFLICT && p->views->v[i].observed.running)
			diff_block(p->a, &p->plan->deltas[disk], arena_printf(p->a,
				"vm/%s runs on it and is in conflict", vm->name), (struct pos){0});
	}
}

static void count_deltas(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *d = &p->plan->deltas[i];

		if (d->verdict == VERDICT_CONFLICT) {
			p->plan->conflicts++;
			continue;
		}
		p->plan->changes += d->verdict != VERDICT_NONE;
		if (d->tier > p->plan->tier)
			p->plan->tier = d->tier;
	}
}

/* ---- identities --------------------------------------------------------------------------- */

static const struct vm_spec *vm_of(const struct view *v)
{
	return (const struct vm_spec *)(const void *)v->object->spec;
}

static void take_cid(struct planner *p, const char *owner, uint64_t cid)
{
	const struct lease l = {PLAN_CID_POOL, owner, cid};

	lease_add(p->a, &p->leases, &l);
	*vec_push(p->a, &p->plan->take) = l;
}

/* A fixed context id that another VM has cannot be had, but the rest of the plan can. */
static void reserve_fixed_cid(struct planner *p, uint32_t i, const char *owner)
{
	const struct vm_spec *vm = vm_of(&p->views->v[i]);
	const char *holder = lease_owner(&p->leases, PLAN_CID_POOL, vm->vsock_cid);

	if (!holder)
		take_cid(p, owner, vm->vsock_cid);
	else if (strcmp(holder, owner))
		diff_block(p->a, &p->plan->deltas[i], arena_printf(p->a, "vsock cid %u is in use by %s; "
			"choose another vsock.cid, or apply again when that one is gone",
			vm->vsock_cid, holder), field_pos(&vm->head, "vsock.cid"));
}

/* Fixed ids first, then those that VMs run with although no lease says so (the database was lost, or
 * this row of it): a VM that gets any must not be given one of them. */
static void reserve_cids(struct planner *p)
{
	for (int fixed = 1; fixed >= 0; fixed--)
		for (uint32_t i = 0; i < p->views->n; i++) {
			const struct view *v = &p->views->v[i];
			const char *owner;
			uint64_t runs_with;

			if (!v->object || v->object->kind != KIND_VM ||
				p->plan->deltas[i].verdict == VERDICT_CONFLICT ||
				(vm_of(v)->vsock_cid != 0) != fixed)
				continue;
			owner = arena_printf(p->a, "vm/%s", v->object->name);
			runs_with = kvs_u64(&v->observed.facts, "cid",
				v->record ? kvs_u64(&v->record->facts, "cid", 0) : 0);
			if (fixed)
				reserve_fixed_cid(p, i, owner);
			if (!runs_with || lease_owner(&p->leases, PLAN_CID_POOL, runs_with))
				continue;
			if (fixed) /* until it is restarted; nobody else may have it in this pass */
				lease_add(p->a, &p->leases, &(struct lease){PLAN_CID_POOL, owner, runs_with});
			else if (!lease_of(&p->leases, PLAN_CID_POOL, owner))
				take_cid(p, owner, runs_with);
		}
}

/* The context id of a VM: the fixed one, else the one it has, else the lowest that is free. */
static int lease_cid(struct planner *p, const struct view *v, uint32_t *cid, struct err *e)
{
	const char *owner = arena_printf(p->a, "vm/%s", v->object->name);
	uint64_t want = vm_of(v)->vsock_cid;

	if (!want)
		want = lease_of(&p->leases, PLAN_CID_POOL, owner);
	if (!want) {
		want = lease_lowest(&p->leases, PLAN_CID_POOL, PLAN_CID_MIN, PLAN_CID_MAX);
		if (!want)
			return err_set(e, ERR_LIMIT, "%s: no vsock cid is free", owner);
		take_cid(p, owner, want);
	}
	*cid = (uint32_t)want;
	return 0;
}

/* ---- facts as they will be ---------------------------------------------------------------- */

static uint32_t generation_of(const struct delta *d)
{
	uint32_t now = d->view->record ? d->view->record->generation : 0;

	return now + (d->verdict == VERDICT_CREATE || d->verdict == VERDICT_REPLACE ? 1 : 0);
}

static int name_object(struct planner *p, uint32_t i, struct kvs *facts, struct err *e)
{
	const struct delta *d = &p->plan->deltas[i];
	const struct view *v = d->view;
	struct naming in = {
		.host = p->host,
		.object = v->object,
		.record = v->record,
		.resolved = &v->resolved,
		.generation = generation_of(d),
		.dep = dep_facts,
		.dep_arg = p,
	};

	if (v->object->kind == KIND_VM && lease_cid(p, v, &in.cid, e) < 0)
		return -1;
	if (driver_for(v->object->kind)->name_step(&in, facts, e) < 0) {
		const struct pos *at = &v->object->spec->pos;

		if (!e->file[0])
			err_at(e, at->file, at->line, at->col);
		return err_wrap(e, "%s/%s", kind_name(d->kind), d->name);
	}
	kvs_setf(p->a, facts, "generation", "%u", in.generation);
	return 0;
}

/* "in.KIND/NAME" = the content id that this object is made from; compared by the next diff. */
static void add_inputs(struct planner *p, const struct object *object, struct kvs *facts)
{
	vec_each(d, &object->deps) {
		uint32_t on = d->change == CHANGE_NONE ? NONE : find(p, d->kind, d->name);
		const struct kvs *dep = on == NONE ? NULL : p->plan->facts[on];
		const char *id = dep ? identity(dep) : NULL;

		if (id && d->kind != KIND_DISK)
			kvs_set(p->a, facts, arena_printf(p->a, "in.%s/%s", kind_name(d->kind),
				d->name), id);
	}
}

static int predict_facts(struct planner *p, struct err *e)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *d = &p->plan->deltas[i];
		const struct view *v = d->view;
		struct kvs *facts;

		if (!v->object || d->verdict == VERDICT_CONFLICT)
			continue;
		facts = arena_new(p->a, struct kvs);
		if (is_made_anew(d) || !v->record) {
			if (name_object(p, i, facts, e) < 0)
				return -1;
			add_inputs(p, v->object, facts);
		} else {
			kvs_copy(p->a, facts, &v->record->facts);
			kvs_merge(p->a, facts, &v->resolved);
		}
		kvs_merge(p->a, facts, &v->observed.facts);
		p->plan->facts[i] = facts;
	}
	return 0;
}

/* ---- steps -------------------------------------------------------------------------------- */

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

/* Content-named files can serve several objects: only the last user removes one. */
static bool is_shared(const struct planner *p, uint32_t self, const struct kvs *facts)
{
	vec_each(r, p->records) { /* also those that this plan does not look at */
		const struct view *v = r->kind == p->plan->deltas[self].kind
			? views_find(p->views, r->kind, r->name) : NULL;

		if (r->kind == p->plan->deltas[self].kind && (!v || v->record != r) &&
			same_file(facts, &r->facts))
			return true;
	}
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct view *v = &p->views->v[i];

		if (view_kind(v) != p->plan->deltas[self].kind)
			continue;
		if (i == self ? v->object && same_file(facts, p->plan->facts[i])
			      : p->plan->deltas[i].verdict != VERDICT_DELETE &&
					same_file(facts, v->object ? p->plan->facts[i]
								   : &v->record->facts))
			return true;
	}
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
	if (!is_made_anew(d)) {
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
	}
	if (d->verdict == VERDICT_RESTART) {
		s = add_step(p, i, UPDATE, STEP_UPDATE, KIND_DISK);
		kvs_copy(p->a, &s->args, p->plan->facts[i]);
		kvs_setf(p->a, &s->args, "size", "%llu",
			(unsigned long long)vm_of(d->view)->disk_size);
	}
	if (is_made_anew(d)) {
		s = add_step(p, i, CREATE, STEP_CREATE, KIND_DISK);
		kvs_copy(p->a, &s->args, p->plan->facts[i]);
	}
}

/* Facts of the VM that runs now: recorded, and what observe found anew. */
static void running_args(struct planner *p, uint32_t i, struct step *s)
{
	const struct view *v = &p->views->v[i];

	if (v->record)
		kvs_copy(p->a, &s->args, &v->record->facts);
	kvs_merge(p->a, &s->args, &v->observed.facts);
	if (v->object)
		kvs_setf(p->a, &s->args, "stop_timeout_ms", "%llu",
			(unsigned long long)vm_of(v)->stop_timeout_ms);
}

static void plan_vm(struct planner *p, uint32_t i)
{
	const struct delta *d = &p->plan->deltas[i];
	bool remove = d->verdict == VERDICT_DELETE || d->verdict == VERDICT_FORGET;
	struct step *s;

	if (!remove && !is_made_anew(d))
		return;
	if (d->view->observed.running) {
		running_args(p, i, add_step(p, i, GUEST_STOP, STEP_STOP, KIND_GUEST));
		running_args(p, i, add_step(p, i, STOP, STEP_STOP, KIND_VM));
	}
	if (remove) {
		running_args(p, i, add_step(p, i, DELETE, STEP_DELETE, KIND_VM));
		return;
	}
	if (!vm_of(d->view)->running)
		return;
	s = add_step(p, i, START, STEP_START, KIND_VM);
	kvs_copy(p->a, &s->args, p->plan->facts[i]);
	s = add_step(p, i, WAIT, STEP_WAIT, KIND_GUEST);
	kvs_setf(p->a, &s->args, "ready_timeout_ms", "%llu",
		(unsigned long long)vm_of(d->view)->ready_timeout_ms);
}

static void make_steps(struct planner *p)
{
	static void (*const plan_kind[KIND_N])(struct planner *, uint32_t) = {
		[KIND_IMAGE] = plan_content,
		[KIND_KERNEL] = plan_content,
		[KIND_DISK] = plan_disk,
		[KIND_VM] = plan_vm,
	};

	for (uint32_t i = 0; i < p->views->n; i++) {
		enum kind kind = p->plan->deltas[i].kind;

		for (int role = 0; role < ROLE_N; role++)
			p->at[i][role] = NONE;
		/* What stands where ours was is not ours: only the row goes. */
		if (p->plan->deltas[i].verdict == VERDICT_FORGET &&
			p->views->v[i].observed.seen == SEEN_FOREIGN)
			continue;
		if (plan_kind[kind] && p->plan->deltas[i].verdict != VERDICT_CONFLICT)
			plan_kind[kind](p, i);
	}
}

/* ---- order -------------------------------------------------------------------------------- */

static void need(struct planner *p, uint32_t view, enum role role, uint32_t on, enum role needed)
{
	uint32_t from = p->at[view][role], to = on == NONE ? NONE : p->at[on][needed];

	if (from != NONE && to != NONE)
		*vec_push(p->a, &p->plan->needs) = (struct edge){from, to};
}

static void order_within(struct planner *p, uint32_t i)
{
	need(p, i, STOP, i, GUEST_STOP);
	need(p, i, DELETE, i, STOP);
	need(p, i, CREATE, i, DELETE);
	need(p, i, START, i, STOP);
	need(p, i, WAIT, i, START);
	need(p, i, PRUNE, i, CREATE);
}

static void order_disk(struct planner *p, uint32_t disk)
{
	uint32_t vm = find(p, KIND_VM, p->plan->deltas[disk].name);

	if (vm == NONE)
		return;
	need(p, disk, DELETE, vm, STOP);
	need(p, disk, DELETE, vm, DELETE);
	need(p, disk, UPDATE, vm, STOP);
	need(p, disk, CREATE, vm, STOP);
	need(p, vm, START, disk, CREATE);
	need(p, vm, START, disk, UPDATE);
}

/* user works with content: it comes after its making and before its removal. */
static void order_content(struct planner *p, uint32_t user, uint32_t content)
{
	static const enum role uses[] = {CREATE, UPDATE, START, STOP, DELETE};

	need(p, user, CREATE, content, CREATE);
	need(p, user, START, content, CREATE);
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		need(p, content, PRUNE, user, uses[i]);
		if (p->plan->deltas[content].verdict == VERDICT_DELETE ||
			p->plan->deltas[content].verdict == VERDICT_FORGET)
			need(p, content, DELETE, user, uses[i]);
	}
}

static void order_vms(struct planner *p, uint32_t later, uint32_t first)
{
	need(p, later, START, first, WAIT);
	need(p, first, GUEST_STOP, later, STOP);
}

/* A VM that is to go still stops before those that it depended on. */
static void order_recorded_vms(struct planner *p, uint32_t i)
{
	const char *text = kvs_get(&p->views->v[i].record->fields, "depends_on");
	_cleanup_json_ json_t *names = NULL;
	json_t *name;
	size_t k;

	if (!text || json_parse(text, strlen(text), "depends_on", &names, NULL) < 0)
		return;
	json_array_foreach(names, k, name) {
		uint32_t on = json_is_string(name) ? find(p, KIND_VM, json_string_value(name)) : NONE;

		if (on != NONE)
			order_vms(p, i, on);
	}
}

static void order_deps(struct planner *p, uint32_t i)
{
	const struct view *v = &p->views->v[i];

	if (v->object)
		vec_each(d, &v->object->deps) {
			uint32_t on = find(p, d->kind, d->name);

			if (on == NONE)
				continue;
			if (d->kind == KIND_VM)
				order_vms(p, i, on);
			else if (d->kind != KIND_DISK)
				order_content(p, i, on);
		}
	if (!v->object && v->record->kind == KIND_VM)
		order_recorded_vms(p, i);
	if (v->record)
		kvs_each(f, &v->record->facts) {
			char kind[16] = "";
			const char *slash = strchr(f->key, '/');

			if (strncmp(f->key, "in.", 3) || !slash || slash - f->key - 3 >= 15)
				continue;
			memcpy(kind, f->key + 3, (size_t)(slash - f->key) - 3);
			if (find(p, kind_parse(kind), slash + 1) != NONE)
				order_content(p, i, find(p, kind_parse(kind), slash + 1));
		}
}

static void renumber(struct planner *p, const uint32_t *order)
{
	size_t n = p->plan->steps.n;
	struct plan_step *sorted = arena_array(p->a, n, sizeof(*sorted));
	uint32_t *place = arena_array(p->a, n, sizeof(*place));

	for (uint32_t i = 0; i < n; i++) {
		sorted[i] = p->plan->steps.v[order[i]];
		place[order[i]] = i;
	}
	p->plan->steps.v = sorted;
	vec_each(e, &p->plan->needs)
		*e = (struct edge){place[e->from], place[e->to]};
}

static int order_steps(struct planner *p, struct err *e)
{
	size_t n = p->plan->steps.n;
	uint32_t *level = arena_array(p->a, n + 1, sizeof(*level));
	uint32_t *order = arena_array(p->a, n + 1, sizeof(*order));
	uint32_t cycle, highest = 0, next = 0;

	for (uint32_t i = 0; i < p->views->n; i++) {
		order_within(p, i);
		if (p->plan->deltas[i].kind == KIND_DISK)
			order_disk(p, i);
		order_deps(p, i);
	}
	if (graph_levels(p->a, n, &p->plan->needs, level, &cycle))
		return err_set(e, ERR_SPEC, "%s/%s depends on itself",
			kind_name(p->plan->steps.v[cycle].step.kind), p->plan->steps.v[cycle].step.name);
	for (uint32_t i = 0; i < n; i++) {
		p->plan->steps.v[i].step.level = level[i];
		if (level[i] > highest)
			highest = level[i];
	}
	for (uint32_t l = 0; l <= highest; l++)
		for (uint32_t i = 0; i < n; i++)
			if (level[i] == l)
				order[next++] = i;
	renumber(p, order);
	return 0;
}

int plan_build(struct arena *a, const struct host *host, const struct views *views,
	const struct records *records, const struct leases *leases, const char *source,
	struct plan *out, struct err *e)
{
	struct planner p = {.a = a, .host = host, .views = views, .plan = out, .records = records};

	*out = (struct plan){
		.views = views,
		.deltas = arena_array(a, views->n + 1, sizeof(struct delta)),
		.facts = arena_array(a, views->n + 1, sizeof(struct kvs *)),
	};
	p.at = arena_array(a, views->n + 1, sizeof(*p.at));
	vec_each(l, leases)
		*vec_push(a, &p.leases) = *l;
	make_deltas(&p, source);
	reserve_cids(&p);
	block_waiting(&p);
	block_disks(&p);
	count_deltas(&p);
	if (predict_facts(&p, e) < 0)
		return -1;
	make_steps(&p);
	return order_steps(&p, e);
}
