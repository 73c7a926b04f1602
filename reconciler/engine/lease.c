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

/* NULL also for one that was dropped. */
static struct lease *by_value(const struct lease_pool *p, uint64_t value)
{
	struct lease *l = map_get(&p->values, (const char *)&value, sizeof(value));

	return l && l->owner ? l : NULL;
}

/* The place of a lease that was dropped may be another owner's by now. */
static bool owns(const struct lease *l, const char *owner)
{
	return l->owner && !strcmp(l->owner, owner);
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
	struct lease *const *l = p ? map_get(&p->owners, owner, strlen(owner)) : NULL;

	return l && owns(*l, owner) ? (*l)->value : 0;
}

const char *lease_owner(const struct lease_book *b, const char *pool, uint64_t value)
{
	const struct lease_pool *p = find_pool(b, pool);
	const struct lease *l = p ? by_value(p, value) : NULL;

	return l ? l->owner : NULL;
}

/* What was taken at the last search still is: lease_drop begins a new one. */
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

/* An entry of the map cannot be taken out, only told what it stands for now. */
static void put_owner(struct lease_book *b, struct lease_pool *p, struct lease *l)
{
	struct lease **place = arena_new(b->a, struct lease *), **before;

	*place = l;
	before = map_add(b->a, &p->owners, l->owner, strlen(l->owner), place);
	if (before && !owns(*before, l->owner))
		*before = l;
}

void lease_add(struct lease_book *b, const struct lease *add)
{
	struct lease_pool *p = find_pool(b, add->pool);
	struct lease *l = arena_new(b->a, struct lease), *before;

	if (!p) {
		p = arena_new(b->a, struct lease_pool);
		p->name = add->pool;
		*vec_push(b->a, &b->pools) = p;
	}
	*l = *add;
	before = map_add(b->a, &p->values, (const char *)&l->value, sizeof(l->value), l);
	if (before && !before->owner) /* the place of one that was dropped */
		*before = *add;
	l = before ? before : l;
	if (!strcmp(l->owner, add->owner))
		put_owner(b, p, l);
}

void lease_drop(struct lease_book *b, const char *pool, uint64_t value)
{
	struct lease_pool *p = find_pool(b, pool);
	struct lease *l = p ? by_value(p, value) : NULL;

	if (!l)
		return;
	l->owner = NULL;
	p->next = p->from;
}
