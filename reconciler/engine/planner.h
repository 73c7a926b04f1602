/* planner.h - what the files of the planner share: plan.c (deltas, identities, facts), plan_steps.c
 * (what is to be done) and plan_order.c (in which order). Nobody else includes it. PURE.
 */
#pragma once

#include "reconciler/engine/lease.h"
#include "reconciler/engine/plan.h"

/* What a step does for its object: an object has at most one step of each role. */
enum role { GUEST_STOP, STOP, DELETE, CREATE, UPDATE, START, WAIT, PRUNE, ROLE_N };

#define NO_STEP UINT32_MAX

struct planner {
	struct arena *a;
	const struct host *host;
	const struct views *views;
	struct plan *plan;
	const struct records *records;
	struct lease_book leases; /* taken now, and by this plan so far */
	uint32_t (*at)[ROLE_N]; /* per view: index of the step with that role, or NO_STEP */
	struct kvs **leased; /* per view of a network, its rules or an interface: what was leased for it; NULL: nothing */
	struct map files[KIND_N]; /* who uses a file that is named by content: plan_steps.c */
};

static inline enum kind view_kind(const struct view *v)
{
	return v->object ? v->object->kind : v->record->kind;
}

static inline const char *view_name(const struct view *v)
{
	return v->object ? v->object->name : v->record->name;
}

static inline const struct vm_spec *vm_of(const struct view *v)
{
	return (const struct vm_spec *)(const void *)v->object->spec;
}

/* Index of the view of that object, NO_STEP if there is none. */
uint32_t planner_find(const struct planner *p, enum kind kind, const char *name);

/* Whether the delta ends in a making or starting of the object. */
bool planner_is_made_anew(const struct delta *d);

/* Whether the VM runs as wanted and nobody has heard its agent since it was started. */
bool planner_is_waited_for(const struct view *v);

/* Lease what networks and interfaces are known by; who cannot have it is in conflict. plan_net.c */
void plan_net_leases(struct planner *p);

/* Hold back what would delete a protected VM or throw its disk away, and what that would need. */
void plan_guard(struct planner *p);

/* Fill plan->steps and p->at from deltas and facts. */
void plan_steps(struct planner *p);

/* Fill plan->needs, give each step its level and sort the steps by it. ERR_SPEC for a cycle. */
int plan_order(struct planner *p, struct err *e);
