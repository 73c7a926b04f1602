/* map.h - from text to pointer, in an arena: look-ups that stay fast whatever the spec is.
 *
 * Entries are only added, never removed. Keys are borrowed and need no NUL. The order of the
 * entries means nothing: nothing that people see may depend on it.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdint.h>

struct map_slot {
	const char *key;
	void *value;
	uint32_t len, hash;
};

struct map {
	struct map_slot *slots;
	size_t n, cap; /* cap is 0 or a power of two */
	uint32_t seed;
};

#define MAP_INIT {0}

/* Value of the key, NULL if it is not there. */
void *map_get(const struct map *m, const char *key, size_t len);

/* Add the key if it is not there yet. Returns the value that was there before, NULL when value was
 * added. value is not NULL. */
void *map_add(struct arena *a, struct map *m, const char *key, size_t len, void *value);
