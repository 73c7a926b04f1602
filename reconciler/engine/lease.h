/* lease.h - choosing identities: the lowest free value of a pool. PURE.
 *
 * The choice is made here; that no two owners get the same is made impossible by the table in
 * the store, whatever is chosen.
 *
 * Every question is answered by a look-up: a plan for many VMs asks as often as there are VMs.
 */
#pragma once

#include "reconciler/engine/store.h"
#include "schema/base/map.h"

struct lease_pool {
	const char *name;
	struct map owners;    /* owner -> struct lease: the first that was added */
	struct map values;    /* the bytes of a value -> struct lease */
	uint64_t from, next;  /* each value in [from, next) is taken: where the last search ended */
};

struct lease_book {
	struct arena *a;
	VEC(struct lease_pool *) pools;
};

/* A book with all of the list in it. */
void lease_book_init(struct lease_book *b, struct arena *a, const struct leases *list);

/* Value that owner has in the pool; 0 if none. */
uint64_t lease_of(const struct lease_book *b, const char *pool, const char *owner);

/* Owner of a value in the pool; NULL if it is free. */
const char *lease_owner(const struct lease_book *b, const char *pool, uint64_t value);

/* Lowest value in [lo, hi] that nobody has; 0 when there is none. */
uint64_t lease_lowest(struct lease_book *b, const char *pool, uint64_t lo, uint64_t hi);

/* Write it down. The strings stay borrowed. */
void lease_add(struct lease_book *b, const struct lease *add);

/* A value that somebody has is owner's from now on. */
void lease_hand_over(struct lease_book *b, const char *pool, uint64_t value, const char *owner);
