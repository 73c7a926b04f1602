/* text.h - a text that grows in an arena: what generated documents are written into. */
#pragma once

#include "schema/base/arena.h"

#include <stddef.h>

struct text {
	struct arena *a;
	char *v; /* n bytes, no NUL behind them until text_end */
	size_t n, cap;
};

/* Append a string, n bytes, or one byte n times. */
void text_put(struct text *t, const char *s);
void text_putn(struct text *t, const char *s, size_t n);
void text_fill(struct text *t, char c, size_t n);
void text_putf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole of it with a NUL behind. It may grow on afterwards. */
const char *text_end(struct text *t);
