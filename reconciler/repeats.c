/* repeats.c - the same message for many objects. */
#include "reconciler/repeats.h"

#include <ctype.h>
#include <string.h>

/* Bytes of the word at p: up to a blank, or the whole of what is in double quotes. */
static size_t word_length(const char *p)
{
	const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;

	if (end)
		return (size_t)(end - p) + 1;
	return strcspn(p, " ");
}

/* Names are quoted, addresses of objects and files have a slash, and what counts has digits. */
static bool is_name(const char *word, size_t n)
{
	if (*word == '"')
		return true;
	for (size_t i = 0; i < n; i++)
		if (word[i] == '/' || isdigit((unsigned char)word[i]))
			return true;
	return false;
}

static const char *shape_of(struct arena *a, const char *msg)
{
	char *out = arena_dup(a, msg);
	size_t used = 0;

	while (*msg) {
		size_t n = word_length(msg);

		if (!is_name(msg, n)) {
			memcpy(out + used, msg, n);
			used += n;
		}
		msg += n;
		while (*msg == ' ') {
			out[used++] = ' ';
			msg++;
		}
	}
	out[used] = '\0';
	return out;
}

bool repeats_show(struct arena *a, struct repeats *r, const char *msg)
{
	const char *shape = shape_of(a, msg);

	for (size_t i = 0; i < r->v.n; i++) {
		struct repeat *known = &r->v.v[i];

		if (strcmp(known->shape, shape) != 0)
			continue;
		if (++known->n == REPEATS_SHOWN + 1)
			known->first = arena_dup(a, msg);
		return known->n <= REPEATS_SHOWN;
	}
	*vec_push(a, &r->v) = (struct repeat){.shape = shape, .n = 1};
	return true;
}

const char *repeats_rest(struct arena *a, const struct repeats *r, size_t *at)
{
	while (*at < r->v.n) {
		const struct repeat *one = &r->v.v[(*at)++];

		if (one->n > REPEATS_SHOWN)
			return arena_printf(a, "... and %zu more like: %s", one->n - REPEATS_SHOWN,
				one->first);
	}
	return NULL;
}
