/* veil.c - which paths upper layers hide; see veil.h. */
#include "drivers/image/worker/veil.h"

#include "schema/base/arena.h"

#include <stdlib.h>
#include <string.h>

#define ROOT 0xcbf29ce484222325ull
#define BELOW 0x9e3779b97f4a7c15ull /* mixed in: everything in this folder */
#define TABLE_MIN 1024u

void veil_fini(struct veil *v)
{
	free(v->table);
	free(v->waiting);
	*v = (struct veil){0};
}

static uint64_t mix(uint64_t h)
{
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	h ^= h >> 32;
	return h ? h : 1;
}

static uint64_t step(uint64_t h, const char *s, size_t n)
{
	h = (h ^ '/') * 0x100000001b3ull;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	return h;
}

/* The next component that is neither empty nor "."; false at the end. */
static bool component(const char **path, const char **s, size_t *n)
{
	do {
		*path += strspn(*path, "/");
		*s = *path;
		*n = strcspn(*path, "/");
		*path += *n;
	} while (*n == 1 && **s == '.');
	return *n > 0;
}

/* ---- the table -------------------------------------------------------------------------- */

static bool has(const struct veil *v, uint64_t key)
{
	if (!v->cap)
		return false;
	for (size_t i = key % v->cap; v->table[i]; i = (i + 1) % v->cap)
		if (v->table[i] == key)
			return true;
	return false;
}

static void put(struct veil *v, uint64_t key)
{
	size_t i = key % v->cap;

	while (v->table[i] && v->table[i] != key)
		i = (i + 1) % v->cap;
	v->n += !v->table[i];
	v->table[i] = key;
}

static void grow_table(struct veil *v)
{
	struct veil old = *v;

	v->cap = old.cap ? old.cap * 2 : TABLE_MIN;
	v->n = 0;
	v->table = xcalloc(v->cap, sizeof(*v->table));
	for (size_t i = 0; i < old.cap; i++)
		if (old.table[i])
			put(v, old.table[i]);
	free(old.table);
}

static void wait(struct veil *v, uint64_t key)
{
	if (v->n_waiting == v->cap_waiting) {
		v->cap_waiting = v->cap_waiting ? v->cap_waiting * 2 : TABLE_MIN;
		v->waiting = xrealloc(v->waiting, v->cap_waiting * sizeof(*v->waiting));
	}
	v->waiting[v->n_waiting++] = mix(key);
}

void veil_lower(struct veil *v)
{
	for (size_t i = 0; i < v->n_waiting; i++) {
		if (v->n * 4 >= v->cap * 3)
			grow_table(v);
		put(v, v->waiting[i]);
	}
	free(v->waiting);
	v->waiting = NULL;
	v->n_waiting = v->cap_waiting = 0;
}

/* ---- entries ---------------------------------------------------------------------------- */

static void add_whiteout(struct veil *v, uint64_t folder, const char *s, size_t n)
{
	if (n == 8 && !memcmp(s, ".wh..opq", 8)) {
		wait(v, folder ^ BELOW);
	} else if (n && (n < 4 || memcmp(s, ".wh.", 4) != 0)) {
		wait(v, step(folder, s, n));
		wait(v, step(folder, s, n) ^ BELOW);
	}
}

void veil_add(struct veil *v, const struct merge_entry *entry)
{
	const char *path = entry->path, *s, *last = NULL;
	uint64_t h = ROOT, folder = ROOT;
	size_t n, last_n = 0;

	while (component(&path, &s, &n)) {
		folder = h;
		h = step(h, s, n);
		last = s;
		last_n = n;
	}
	if (!last)
		return;
	if (last_n >= 4 && !memcmp(last, ".wh.", 4)) {
		add_whiteout(v, folder, last + 4, last_n - 4);
		return;
	}
	wait(v, h);
	if (entry->type != MERGE_DIR)
		wait(v, h ^ BELOW);
}

bool veil_covers(const struct veil *v, const char *path)
{
	uint64_t h = ROOT;
	const char *s, *last = NULL;
	size_t n;

	while (component(&path, &s, &n)) {
		if (has(v, mix(h ^ BELOW)))
			return true;
		h = step(h, s, n);
		last = s;
	}
	return has(v, mix(h)) || (last && !strncmp(last, ".wh.", 4));
}
