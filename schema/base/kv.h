/* kv.h - an ordered list of key = value strings: facts, step arguments, recorded fields.
 *
 * Lists are short (a dozen entries), so look-up is a walk. Keys are unique. Strings are borrowed
 * from the arena that the list was filled with.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct kv {
	const char *key, *value;
};

struct kvs {
	struct kv *v;
	size_t n, cap;
};

#define kvs_each(p, kvs) vec_each(p, kvs)

/* Set key to a copy of value; NULL removes the key. */
void kvs_set(struct arena *a, struct kvs *l, const char *key, const char *value);
void kvs_setf(struct arena *a, struct kvs *l, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Value of key, NULL if it is not there. */
const char *kvs_get(const struct kvs *l, const char *key);

/* Value as a decimal number; def when it is absent or not a number that fits. */
uint64_t kvs_u64(const struct kvs *l, const char *key, uint64_t def);

/* Same keys with the same values, in any order. */
bool kvs_equal(const struct kvs *a, const struct kvs *b);

/* A deep copy into another arena. */
void kvs_copy(struct arena *a, struct kvs *to, const struct kvs *from);

/* Set every entry of from in to. */
void kvs_merge(struct arena *a, struct kvs *to, const struct kvs *from);
