/* vec.h - growable arrays that live in an arena.
 *
 *	VEC(struct step) steps = {0};
 *	*vec_push(arena, &steps) = step;
 *	vec_each(s, &steps)
 *		use(s);
 *
 * Growing moves the elements: keep indices, not pointers, while a vector grows.
 */
#pragma once

#include "schema/base/arena.h"

#include <string.h>

#define VEC(T)                                                                                     \
	struct {                                                                                   \
		T *v;                                                                              \
		size_t n, cap;                                                                     \
	}

/* Pointer to a new zeroed last element. */
#define vec_push(a, vec)                                                                           \
	(vec_grow_((a), (void **)&(vec)->v, &(vec)->cap, (vec)->n, sizeof(*(vec)->v)),             \
		&(vec)->v[(vec)->n++])

#define vec_each(p, vec)                                                                           \
	for (__typeof__((vec)->v + 0) p = (vec)->v; p && p < (vec)->v + (vec)->n; p++)

static inline void vec_grow_(struct arena *a, void **v, size_t *cap, size_t n, size_t size)
{
	void *bigger;

	if (n < *cap)
		return;
	*cap = *cap ? *cap * 2 : 8;
	bigger = arena_array(a, *cap, size);
	if (n)
		memcpy(bigger, *v, n * size);
	*v = bigger;
}
