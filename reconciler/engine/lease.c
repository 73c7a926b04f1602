/* lease.c - choosing identities. */
#include "reconciler/engine/lease.h"

#include <string.h>

uint64_t lease_of(const struct leases *l, const char *pool, const char *owner)
{
	vec_each(p, l)
		if (!strcmp(p->pool, pool) && !strcmp(p->owner, owner))
			return p->value;
	return 0;
}

const char *lease_owner(const struct leases *l, const char *pool, uint64_t value)
{
	vec_each(p, l)
		if (p->value == value && !strcmp(p->pool, pool))
			return p->owner;
	return NULL;
}

uint64_t lease_lowest(const struct leases *l, const char *pool, uint64_t lo, uint64_t hi)
{
	uint64_t next = lo;

	vec_each(p, l) {
		if (strcmp(p->pool, pool) || p->value < next)
			continue;
		if (p->value > next)
			break;
		next++;
	}
	return next <= hi ? next : 0;
}

void lease_add(struct arena *a, struct leases *l, const struct lease *add)
{
	size_t i;

	vec_push(a, l);
	for (i = l->n - 1; i > 0; i--) {
		const struct lease *before = &l->v[i - 1];
		int order = strcmp(before->pool, add->pool);

		if (order < 0 || (order == 0 && before->value <= add->value))
			break;
		l->v[i] = *before;
	}
	l->v[i] = *add;
}
