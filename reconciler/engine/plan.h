/* plan.h - deltas -> ordered steps with exact names. PURE, but for the name_step slots, which are
 * pure themselves.
 *
 * The plan is one value: text, JSON and exit code are printed from it, and exec runs it.
 * The same input gives the same plan, byte for byte.
 */
#pragma once

#include "reconciler/engine/diff.h"
#include "reconciler/engine/graph.h"
#include "reconciler/engine/store.h"

#define PLAN_CID_POOL "cid"
#define PLAN_CID_MIN 3
#define PLAN_CID_MAX 4294967294u /* 2^32 - 2: vsock(7), VMADDR_CID_ANY is 2^32 - 1 */

/* What networks and interfaces have: plan_net.c. */
#define PLAN_IPV4_POOL "ipv4"
#define PLAN_MAC_POOL "mac"
#define PLAN_TAP_POOL "tap"
#define PLAN_BRIDGE_POOL "bridge"

struct plan_step {
	struct step step;
	uint32_t view;      /* index into views and deltas of the object that it works for */
	bool prune;         /* removes what the object was before, not the object */
};

struct views {
	struct view *v;
	size_t n, cap;
};

struct plan {
	const struct views *views;
	struct delta *deltas;        /* one per view */
	const struct kvs **facts;    /* one per view: facts as they will be; NULL without object */
	VEC(struct plan_step) steps; /* in the order in which they can run; step.level says which
	                              * may run together */
	struct edges needs;          /* between indices of steps */
	struct leases take;          /* identities that this plan hands out */
	size_t changes;              /* deltas that are not VERDICT_NONE or a conflict */
	size_t conflicts;            /* without the blocked ones */
	size_t blocked;              /* held back by protect */
	enum tier tier;              /* the highest of all deltas */
};

/* views: in order of kind, then name, each with resolved and observed filled. records, leases: all
 * that there are now, of every source. A VM whose fixed identity is taken is in conflict, and so is
 * what waits for it. Fails with what name_step says, or ERR_LIMIT when a pool is exhausted, ERR_SPEC
 * when dependencies form a cycle. */
int plan_build(struct arena *a, const struct host *host, const struct views *views,
	const struct records *records, const struct leases *leases, const char *source,
	struct plan *out, struct err *e);

/* View of that object, NULL if there is none. */
const struct view *views_find(const struct views *views, enum kind kind, const char *name);
