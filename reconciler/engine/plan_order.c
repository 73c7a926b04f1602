/* plan_order.c - which step needs which, and the order that follows. PURE. */
#include "reconciler/engine/planner.h"

#include "schema/base/json.h"

#include <string.h>

static void need(struct planner *p, uint32_t view, enum role role, uint32_t on, enum role needed)
{
	uint32_t from = p->at[view][role], to = on == NO_STEP ? NO_STEP : p->at[on][needed];

	if (from != NO_STEP && to != NO_STEP)
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
	uint32_t vm = planner_find(p, KIND_VM, p->plan->deltas[disk].name);

	if (vm == NO_STEP)
		return;
	need(p, disk, DELETE, vm, STOP);
	need(p, disk, DELETE, vm, DELETE);
	need(p, disk, UPDATE, vm, STOP);
	need(p, disk, CREATE, vm, STOP);
	need(p, vm, START, disk, CREATE);
	need(p, vm, START, disk, UPDATE);
}

/* A tap is made while its VM is off and after its bridge. */
static void order_nic(struct planner *p, uint32_t nic)
{
	uint32_t vm = planner_find(p, KIND_VM, p->plan->deltas[nic].name);

	if (vm == NO_STEP)
		return;
	need(p, nic, DELETE, vm, STOP);
	need(p, nic, DELETE, vm, DELETE);
	need(p, nic, CREATE, vm, STOP);
	need(p, vm, START, nic, CREATE);
	need(p, vm, START, nic, UPDATE);
}

static void order_network(struct planner *p, uint32_t nic, uint32_t network)
{
	static const enum role uses[] = {CREATE, UPDATE};

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 2; k++)
			need(p, nic, uses[i], network, uses[k]);
}

/* user works with content: it comes after its making and before its removal. */
static void order_content(struct planner *p, uint32_t user, uint32_t content)
{
	static const enum role uses[] = {CREATE, UPDATE, START, STOP, DELETE};

	need(p, user, CREATE, content, CREATE);
	need(p, user, START, content, CREATE);
	if (p->plan->deltas[content].kind == KIND_NETWORK)
		order_network(p, user, content);
	if (p->plan->deltas[content].kind == KIND_FIREWALL)
		need(p, user, START, content, UPDATE);
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
		uint32_t on = json_is_string(name) ? planner_find(p, KIND_VM, json_string_value(name)) : NO_STEP;

		if (on != NO_STEP)
			order_vms(p, i, on);
	}
}

static void order_deps(struct planner *p, uint32_t i)
{
	const struct view *v = &p->views->v[i];

	if (v->object)
		vec_each(d, &v->object->deps) {
			uint32_t on = planner_find(p, d->kind, d->name);

			if (on == NO_STEP)
				continue;
			if (d->kind == KIND_VM)
				order_vms(p, i, on);
			else if (d->kind != KIND_DISK && d->kind != KIND_NIC)
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
			if (kind_parse(kind) != KIND_NIC &&
				planner_find(p, kind_parse(kind), slash + 1) != NO_STEP)
				order_content(p, i, planner_find(p, kind_parse(kind), slash + 1));
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

/* Counting sort: a chain of VMs has as many levels as it has VMs. */
static void sort_by_level(struct arena *a, size_t n, const uint32_t *level, uint32_t *order)
{
	uint32_t *place = arena_array(a, n + 2, sizeof(*place));

	for (size_t i = 0; i < n; i++) /* a level is less than the number of steps */
		place[level[i] + 1]++;
	for (size_t l = 1; l <= n; l++)
		place[l] += place[l - 1];
	for (uint32_t i = 0; i < n; i++)
		order[place[level[i]]++] = i;
}

int plan_order(struct planner *p, struct err *e)
{
	size_t n = p->plan->steps.n;
	uint32_t *level = arena_array(p->a, n + 1, sizeof(*level));
	uint32_t *order = arena_array(p->a, n + 1, sizeof(*order));
	uint32_t cycle;

	for (uint32_t i = 0; i < p->views->n; i++) {
		order_within(p, i);
		if (p->plan->deltas[i].kind == KIND_DISK)
			order_disk(p, i);
		if (p->plan->deltas[i].kind == KIND_NIC)
			order_nic(p, i);
		order_deps(p, i);
	}
	if (graph_levels(p->a, n, &p->plan->needs, level, &cycle))
		return err_set(e, ERR_SPEC, "%s/%s depends on itself",
			kind_name(p->plan->steps.v[cycle].step.kind), p->plan->steps.v[cycle].step.name);
	for (uint32_t i = 0; i < n; i++)
		p->plan->steps.v[i].step.level = level[i];
	sort_by_level(p->a, n, level, order);
	renumber(p, order);
	return 0;
}
