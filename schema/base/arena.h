/* arena.h - memory of one pass: allocated in pieces, freed whole.
 *
 * An arena never returns NULL. When the system has no memory the process ends with a message:
 * a pass may be killed at any instruction and repaired by the next one, so running out of memory
 * needs no second, never-tested way out (docs/architecture.md, "Out of memory").
 */
#pragma once

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t total; /* bytes handed out, for tests and limits */
};

#define ARENA_INIT {0}

/* n zeroed bytes, aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);

/* Room for n objects of the given size; ends the process on overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);

#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Copies; the result is NUL-terminated. arena_dup(a, NULL) is NULL. */
char *arena_dup(struct arena *a, const char *s);
char *arena_dupn(struct arena *a, const void *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Free everything that came from a; a can be used again. */
void arena_free(struct arena *a);

/* free(3) for _cleanup_(arena_free) struct arena x = ARENA_INIT; */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_arena_ _cleanup_(arena_free)

/* malloc, realloc and calloc that end the process when there is no memory; for what outlives a pass. */
void *xmalloc(size_t n);
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((returns_nonnull));
