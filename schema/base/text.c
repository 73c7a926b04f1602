/* text.c - a text that grows in an arena. */
#include "schema/base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256

static void reserve(struct text *t, size_t more)
{
	size_t need, room = t->cap ? t->cap : FIRST_ROOM;
	char *bigger;

	if (__builtin_add_overflow(t->n, more, &need) || need > SIZE_MAX / 2)
		abort(); /* no document comes near: the arena would have ended the process */
	if (need <= t->cap)
		return;
	while (room < need)
		room *= 2;
	bigger = arena_alloc(t->a, room);
	if (t->n)
		memcpy(bigger, t->v, t->n);
	t->v = bigger;
	t->cap = room;
}

void text_putn(struct text *t, const char *s, size_t n)
{
	if (!n)
		return;
	reserve(t, n);
	memcpy(t->v + t->n, s, n);
	t->n += n;
}

void text_put(struct text *t, const char *s)
{
	text_putn(t, s, strlen(s));
}

void text_fill(struct text *t, char c, size_t n)
{
	if (!n)
		return;
	reserve(t, n);
	memset(t->v + t->n, c, n);
	t->n += n;
}

void text_putf(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n > 0) {
		reserve(t, (size_t)n + 1);
		vsnprintf(t->v + t->n, (size_t)n + 1, fmt, again);
		t->n += (size_t)n;
	}
	va_end(again);
}

const char *text_end(struct text *t)
{
	reserve(t, 1);
	t->v[t->n] = '\0';
	return t->v;
}
