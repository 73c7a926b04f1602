/* rowtext.c - lists of key = value strings as the rows of the store hold them. */
#include "reconciler/engine/rowtext.h"

#include <string.h>

/* The character that stands behind a backslash; '\0': one that has no short form here. */
static char unescape(char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;

	return at ? to[at - from] : '\0';
}

/* Cut the string that begins at the quote *p out of the text, its escapes resolved. Returns where it
 * begins and moves *p behind it; NULL: not one of the simple form. */
static char *cut_string(char **p)
{
	char *start = *p + 1, *in = start, *out = start;

	if (**p != '"')
		return NULL;
	for (; *in != '"'; in++) {
		char c = *in;

		/* UTF-8 and the bytes hidden in it are checked by json_to_kvs */
		if ((unsigned char)c < ' ' || (unsigned char)c > '~')
			return NULL;
		if (c == '\\')
			c = unescape(*++in);
		if (!c)
			return NULL;
		*out++ = c;
	}
	*out = '\0';
	*p = in + 1;
	return start;
}

static bool has_key(const struct kvs *l, const char *key)
{
	kvs_each(kv, l)
		if (kv->key[0] == key[0] && !strcmp(kv->key, key))
			return true;
	return false;
}

static size_t count_quotes(const char *text, size_t n)
{
	size_t quotes = 0;

	for (size_t i = 0; i < n; i++)
		quotes += text[i] == '"';
	return quotes;
}

/* 1: not of the simple form. */
static int cut_pairs(struct arena *a, char *text, size_t n, struct kvs *out)
{
	char *p = text;

	if (n < 2 || *p++ != '{')
		return 1;
	out->cap = count_quotes(text, n) / 4 + 1;
	out->v = arena_array(a, out->cap, sizeof(*out->v));
	for (; *p == '"'; p++) {
		char *key = cut_string(&p), *value;

		if (!key || *p++ != ':')
			return 1;
		value = cut_string(&p);
		if (!value || has_key(out, key))
			return 1;
		out->v[out->n++] = (struct kv){key, value};
		if (*p != ',')
			break;
		if (p[1] != '"')
			return 1;
	}
	return p == text + n - 1 && *p == '}' ? 0 : 1;
}

int rowtext_kvs(struct arena *a, const char *text, size_t n, const char *what, struct kvs *out,
	struct err *e)
{
	*out = (struct kvs){0};
	if (cut_pairs(a, arena_dupn(a, text, n), n, out) == 0)
		return 0;
	return json_to_kvs(a, text, what, out, e);
}
