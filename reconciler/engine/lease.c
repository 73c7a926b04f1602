/* lease.c - choosing identities. */
#include "reconciler/engine/lease.h"

#include <string.h>

/* There are few pools. */
static struct lease_pool *find_pool(const struct lease_book *b, const char *name)
{
	vec_each(p, &b->pools)
		if (!strcmp((*p)->name, name))
			return *p;
	return NULL;
}

static struct lease *by_value(const struct lease_pool *p, uint64_t value)
{
	return map_get(&p->values, (const char *)&value, sizeof(value));
}

void lease_book_init(struct lease_book *b, struct arena *a, const struct leases *list)
{
	*b = (struct lease_book){.a = a};
	vec_each(l, list)
		lease_add(b, l);
}

uint64_t lease_of(const struct lease_book *b, const char *pool, const char *owner)
{
	const struct lease_pool *p = find_pool(b, pool);
	const struct lease *l = p ? map_get(&p->owners, owner, strlen(owner)) : NULL;

	return l && !strcmp(l->owner, owner) ? l->value : 0; /* else it was handed over */
}

const char *lease_owner(const struct lease_book *b, const char *pool, uint64_t value)
{
	const struct lease_pool *p = find_pool(b, pool);
	const struct lease *l = p ? by_value(p, value) : NULL;

	return l ? l->owner : NULL;
}

/* Leases are only added, so what was taken at the last search still is. */
uint64_t lease_lowest(struct lease_book *b, const char *pool, uint64_t lo, uint64_t hi)
{
	struct lease_pool *p = find_pool(b, pool);

	if (!p)
		return lo <= hi ? lo : 0;
	if (lo < p->from || lo > p->next)
		p->from = p->next = lo;
	while (by_value(p, p->next))
		p->next++;
	return p->next <= hi ? p->next : 0;
}

void lease_add(struct lease_book *b, const struct lease *add)
{
	struct lease_pool *p = find_pool(b, add->pool);
	struct lease *l = arena_new(b->a, struct lease);

	if (!p) {
		p = arena_new(b->a, struct lease_pool);
		p->name = add->pool;
		*vec_push(b->a, &b->pools) = p;
	}
	*l = *add;
	map_add(b->a, &p->owners, l->owner, strlen(l->owner), l);
	map_add(b->a, &p->values, (const char *)&l->value, sizeof(l->value), l);
}

void lease_hand_over(struct lease_book *b, const char *pool, uint64_t value, const char *owner)
{
	struct lease_pool *p = find_pool(b, pool);
	struct lease *l = p ? by_value(p, value) : NULL;

	if (!l)
		return;
	l->owner = owner;
	map_add(b->a, &p->owners, owner, strlen(owner), l);
}
