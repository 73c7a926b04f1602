/* kv.c - an ordered list of key = value strings. */
#include "schema/base/kv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kv *find(const struct kvs *l, const char *key)
{
	kvs_each(p, l)
		if (!strcmp(p->key, key))
			return p;
	return NULL;
}

void kvs_set(struct arena *a, struct kvs *l, const char *key, const char *value)
{
	struct kv *p = find(l, key);

	if (!value) {
		if (p) {
			memmove(p, p + 1, (size_t)(l->v + l->n - p - 1) * sizeof(*p));
			l->n--;
		}
		return;
	}
	if (!p) {
		p = vec_push(a, l);
		p->key = arena_dup(a, key);
	}
	p->value = arena_dup(a, value);
}

void kvs_setf(struct arena *a, struct kvs *l, const char *key, const char *fmt, ...)
{
	va_list ap, again;
	char *text;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text = arena_alloc(a, (size_t)(n < 0 ? 0 : n) + 1);
	vsnprintf(text, (size_t)(n < 0 ? 0 : n) + 1, fmt, again);
	va_end(again);
	kvs_set(a, l, key, text);
}

const char *kvs_get(const struct kvs *l, const char *key)
{
	const struct kv *p = find(l, key);

	return p ? p->value : NULL;
}

uint64_t kvs_u64(const struct kvs *l, const char *key, uint64_t def)
{
	const char *s = kvs_get(l, key);
	unsigned long long v;
	char *end;

	if (!s || *s < '0' || *s > '9')
		return def;
	errno = 0;
	v = strtoull(s, &end, 10);
	return errno || *end ? def : v;
}

bool kvs_equal(const struct kvs *a, const struct kvs *b)
{
	if (a->n != b->n)
		return false;
	kvs_each(p, a) {
		const char *other = kvs_get(b, p->key);

		if (!other || strcmp(other, p->value))
			return false;
	}
	return true;
}

void kvs_copy(struct arena *a, struct kvs *to, const struct kvs *from)
{
	*to = (struct kvs){0};
	kvs_merge(a, to, from);
}

void kvs_merge(struct arena *a, struct kvs *to, const struct kvs *from)
{
	kvs_each(p, from)
		kvs_set(a, to, p->key, p->value);
}
