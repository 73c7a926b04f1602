/* lease.h - choosing identities: the lowest free value of a pool. PURE.
 *
 * The choice is made here; that no two owners get the same is made impossible by the table in
 * the store, whatever is chosen.
 */
#pragma once

#include "reconciler/engine/store.h"

/* Value that owner has in the pool; 0 if none. */
uint64_t lease_of(const struct leases *l, const char *pool, const char *owner);

/* Owner of a value in the pool; NULL if it is free. */
const char *lease_owner(const struct leases *l, const char *pool, uint64_t value);

/* Lowest value in [lo, hi] that nobody has; 0 when there is none. leases in order of pool, value,
 * as store_load returns them and lease_add keeps them. */
uint64_t lease_lowest(const struct leases *l, const char *pool, uint64_t lo, uint64_t hi);

/* Add to the list, keeping its order. */
void lease_add(struct arena *a, struct leases *l, const struct lease *add);
