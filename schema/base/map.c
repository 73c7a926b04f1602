/* map.c - open addressing with linear probing, at most three quarters full.
 *
 * The hash starts from a seed that depends on where the map lies in memory. Who writes a spec does
 * not know it, so nobody can choose keys that all fall into one place.
 */
#include "schema/base/map.h"

#include <string.h>

static uint32_t hash_of(const struct map *m, const char *key, size_t len)
{
	uint64_t h = m->seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * 0x100000001b3u;
	h ^= h >> 29;
	h *= 0x9e3779b97f4a7c15u;
	return (uint32_t)(h >> 32);
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct map_slot *slot_of(const struct map *m, const char *key, size_t len, uint32_t hash)
{
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];

		if (!s->value)
			return s;
		if (s->hash == hash && s->len == len && !memcmp(s->key, key, len))
			return s;
	}
}

void *map_get(const struct map *m, const char *key, size_t len)
{
	if (!m->cap)
		return NULL;
	return slot_of(m, key, len, hash_of(m, key, len))->value;
}

static void grow(struct arena *a, struct map *m)
{
	struct map old = *m;

	m->cap = old.cap ? old.cap * 2 : 16;
	m->slots = arena_array(a, m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old.cap; i++) {
		struct map_slot *s = &old.slots[i];

		if (s->value)
			*slot_of(m, s->key, s->len, s->hash) = *s;
	}
}

void *map_add(struct arena *a, struct map *m, const char *key, size_t len, void *value)
{
	struct map_slot *s;
	uint32_t hash;

	if (!m->cap)
		m->seed = (uint32_t)(((uintptr_t)m >> 4) * 0x9e3779b1u) | 1;
	if (m->n >= m->cap - m->cap / 4)
		grow(a, m);
	hash = hash_of(m, key, len);
	s = slot_of(m, key, len, hash);
	if (s->value)
		return s->value;
	*s = (struct map_slot){.key = key, .value = value, .len = (uint32_t)len, .hash = hash};
	m->n++;
	return NULL;
}
