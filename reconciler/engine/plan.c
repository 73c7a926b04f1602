/* plan.c - deltas -> ordered steps with exact names: what has to change and what it will be called.
 *
 * Order of work, from left to right; an arrow is an edge "needs":
 *
 *	guest stop <- vm stop <- vm delete <- disk delete <- image, kernel delete (or prune)
 *	                 ^---------- disk delete, update
 *	image, kernel create <- disk create <- vm start <- guest wait <- start of what depends on it
 *	network create, update <- nic create, update <- vm start
 *	network create, update <- firewall create, update <- vm start
 *	guest stop <- vm stop <- nic delete <- network delete
 */
#include "reconciler/engine/planner.h"

#include "reconciler/engine/drift.h"

#include <stdlib.h>
#include <string.h>

/* ---- looking things up -------------------------------------------------------------------- */

struct key {
	enum kind kind;
	const char *name;
};

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

uint32_t planner_find(const struct planner *p, enum kind kind, const char *name)
{
	const struct view *v = views_find(p->views, kind, name);

	return v ? (uint32_t)(v - p->views->v) : NO_STEP;
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
	uint32_t i = planner_find(p, kind, name);

	return i == NO_STEP ? NULL : p->plan->facts[i];
}

/* ---- deltas ------------------------------------------------------------------------------- */

bool planner_is_made_anew(const struct delta *d)
{
	return d->verdict == VERDICT_CREATE || d->verdict == VERDICT_REPLACE ||
		((d->kind == KIND_VM || d->kind == KIND_NIC) && d->verdict == VERDICT_RESTART) ||
		((d->kind == KIND_IMAGE || d->kind == KIND_KERNEL) && d->verdict == VERDICT_RESTART);
}

static bool wants_to_run(const struct delta *d)
{
	return ((const struct vm_spec *)(const void *)d->view->object->spec)->running;
}

/* A VM whose disk or interfaces are changed has to be off meanwhile; what needs something that cannot be had
 * cannot be had either. */
static void raise_for_dep(struct planner *p, uint32_t i, const struct dep *d, const struct delta *on)
{
	bool changes = on->verdict == VERDICT_CREATE || on->verdict == VERDICT_RESTART ||
		on->verdict == VERDICT_REPLACE;
	struct delta *self = &p->plan->deltas[i];

	if (on->verdict == VERDICT_CONFLICT)
		diff_block(p->a, self, arena_printf(p->a, "%s/%s is in conflict", kind_name(d->kind),
			d->name), d->pos);
	else if (d->kind == KIND_DISK && on->left && planner_is_made_anew(self) && wants_to_run(self))
		diff_block(p->a, self, arena_printf(p->a, "disk/%s: %s, and drift: %s leaves it so",
			d->name, on->left, drift_name(on->drift)), d->pos);
	else if ((d->kind == KIND_DISK || d->kind == KIND_NIC) && changes && (self->view->record || self->view->observed.running))
		diff_raise(p->a, self, d->change, arena_printf(p->a, "%s/%s changes while it is off",
			kind_name(d->kind), d->name), d->pos);
}

static void raise_dependents(struct planner *p, uint32_t i)
{
	const struct object *o = p->views->v[i].object;

	if (!o)
		return;
	vec_each(d, &o->deps) {
		uint32_t on = d->kind == KIND_VM ? NO_STEP : planner_find(p, d->kind, d->name);

		if (on != NO_STEP)
			raise_for_dep(p, i, d, &p->plan->deltas[on]);
	}
}

bool planner_is_waited_for(const struct view *v)
{
	const char *ready = v->record ? kvs_get(&v->record->facts, "ready") : NULL;

	return v->object && v->object->kind == KIND_VM && vm_of(v)->running && v->observed.running &&
		ready && !strcmp(ready, "no");
}

/* A wait that timed out, or was interrupted, is not done. */
static void raise_waits(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct view *v = &p->views->v[i];
		struct delta *d = &p->plan->deltas[i];

		if (planner_is_waited_for(v) && (d->verdict == VERDICT_NONE ||
			d->verdict == VERDICT_LIVE || d->verdict == VERDICT_ADOPT))
			diff_raise(p->a, d, CHANGE_LIVE, "its agent has not answered yet",
				v->object->spec->pos);
	}
}

static void make_deltas(struct planner *p, const char *source)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		diff_object(p->a, &p->views->v[i], source, id_of, p, &p->plan->deltas[i]);
		raise_dependents(p, i);
	}
}

static bool is_held_unmade(const struct delta *d)
{
	return d->drift == DRIFT_HOLD && !d->view->record;
}

/* The first VM that this one has to wait for and that cannot be had; NULL: none. */
static const struct dep *hopeless_dep(const struct planner *p, uint32_t i)
{
	const struct object *o = p->views->v[i].object;

	if (!o || o->kind != KIND_VM || !planner_is_made_anew(&p->plan->deltas[i]))
		return NULL;
	vec_each(d, &o->deps) {
		uint32_t on = d->kind == KIND_VM ? planner_find(p, KIND_VM, d->name) : NO_STEP;

		if (on != NO_STEP && (p->plan->deltas[on].verdict == VERDICT_CONFLICT ||
			is_held_unmade(&p->plan->deltas[on])))
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
				"waits for vm/%s, which is %s", d->name,
				is_held_unmade(&p->plan->deltas[planner_find(p, KIND_VM, d->name)])
					? "held and not made" : "in conflict"), d->pos);
			changed = true;
		}
	}
}

/* A VM that is blocked runs on, so nothing may be done to the disk under it. */
static void block_disks(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *vm = &p->plan->deltas[i];
		uint32_t disk = vm->kind == KIND_VM ? planner_find(p, KIND_DISK, vm->name) : NO_STEP;

		if (disk == NO_STEP || p->plan->deltas[disk].verdict == VERDICT_CONFLICT)
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
			p->plan->blocked += d->blocked;
			p->plan->conflicts += !d->blocked;
			continue;
		}
		p->plan->changes += d->verdict != VERDICT_NONE;
		if (d->tier > p->plan->tier)
			p->plan->tier = d->tier;
	}
}

/* ---- identities --------------------------------------------------------------------------- */

static void take_cid(struct planner *p, const char *owner, uint64_t cid)
{
	const struct lease l = {PLAN_CID_POOL, owner, cid};

	lease_add(&p->leases, &l);
	*vec_push(p->a, &p->plan->take) = l;
}

/* A fixed context id that another VM has cannot be had, but the rest of the plan can. */
static void reserve_fixed_cid(struct planner *p, uint32_t i, const char *owner)
{
	const struct vm_spec *vm = vm_of(&p->views->v[i]);
	const char *holder = lease_owner(&p->leases, PLAN_CID_POOL, vm->vsock_cid);

	/* What is remembered for a deleted VM gives way to who asks for it by number. */
	if (holder && !strncmp(holder, "kept/", 5)) {
		lease_drop(&p->leases, PLAN_CID_POOL, vm->vsock_cid);
		holder = NULL;
	}
	if (!holder) {
		take_cid(p, owner, vm->vsock_cid);
	} else if (strcmp(holder, owner)) {
		diff_block(p->a, &p->plan->deltas[i], arena_printf(p->a, "vsock cid %u is in use by %s; "
			"choose another vsock.cid, or apply again when that one is gone",
			vm->vsock_cid, holder), field_pos(&vm->head, "vsock.cid"));
	}
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
				lease_add(&p->leases, &(struct lease){PLAN_CID_POOL, owner, runs_with});
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
		.leases = p->leased[i],
		.dep = dep_facts,
		.dep_arg = p,
	};

	if (v->object->kind == KIND_VM && lease_cid(p, v, &in.cid, e) < 0)
		return -1;
	if (driver_look_for(v->object->kind).name_step(&in, facts, e) < 0) {
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
		uint32_t on = d->change == CHANGE_NONE ? NO_STEP : planner_find(p, d->kind, d->name);
		const struct kvs *dep = on == NO_STEP ? NULL : p->plan->facts[on];
		const char *id = dep ? identity(dep) : NULL;

		if (id && d->kind != KIND_DISK)
			kvs_set(p->a, facts, arena_printf(p->a, "in.%s/%s", kind_name(d->kind),
				d->name), id);
	}
}

/* A network and its interfaces are named whenever something about them is done: names are all that such
 * a step works with. */
static bool is_named_anew(const struct delta *d)
{
	return planner_is_made_anew(d) || !d->view->record ||
		((d->kind == KIND_NETWORK || d->kind == KIND_FIREWALL || d->kind == KIND_NIC) &&
		d->verdict != VERDICT_NONE);
}

/* The usual case in a pass that has nothing to do: no copy is needed. */
static bool is_as_recorded(const struct delta *d)
{
	const struct view *v = d->view;

	if (is_named_anew(d) || v->observed.facts.n)
		return false;
	kvs_each(f, &v->resolved) {
		const char *has = kvs_get(&v->record->facts, f->key);

		if (!has || strcmp(has, f->value))
			return false;
	}
	return true;
}

static int predict_facts(struct planner *p, struct err *e)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *d = &p->plan->deltas[i];
		const struct view *v = d->view;
		struct kvs *facts;

		if (!v->object || d->verdict == VERDICT_CONFLICT)
			continue;
		if (is_as_recorded(d)) {
			p->plan->facts[i] = &v->record->facts;
			continue;
		}
		facts = arena_new(p->a, struct kvs);
		if (is_named_anew(d)) {
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
	p.leased = arena_array(a, views->n + 1, sizeof(*p.leased));
	lease_book_init(&p.leases, a, leases);
	make_deltas(&p, source);
	raise_waits(&p);
	plan_guard(&p);
	reserve_cids(&p);
	plan_net_leases(&p);
	block_waiting(&p);
	block_disks(&p);
	count_deltas(&p);
	if (predict_facts(&p, e) < 0)
		return -1;
	plan_steps(&p);
	return plan_order(&p, e);
}
