/* jsonout.c - write one JSON object as one line. */
#include "drivers/guest/inside/jsonout.h"

#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/jsonlite.h"

#include <stdio.h>
#include <string.h>

static void put(struct jsonout *w, const char *s, size_t n)
{
	if (w->full || n > w->cap - w->n) {
		w->full = true;
		return;
	}
	memcpy(w->buf + w->n, s, n);
	w->n += n;
}

static void put_char(struct jsonout *w, const char *p, size_t n)
{
	char text[8];

	if (n == 1 && (*p == '"' || *p == '\\')) {
		put(w, "\\", 1);
		put(w, p, 1);
	} else if (n == 1 && ((unsigned char)*p < 0x20 || *p == 0x7f)) {
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)(unsigned char)*p);
		put(w, text, 6);
	} else {
		put(w, p, n);
	}
}

static void put_string(struct jsonout *w, const char *s)
{
	const char *end = s + strlen(s);

	put(w, "\"", 1);
	while (s < end && !w->full) {
		size_t n = jsonlite_utf8(s, end);

		if (n)
			put_char(w, s, n);
		else
			put(w, "\xef\xbf\xbd", 3);
		s += n ? n : 1;
	}
	put(w, "\"", 1);
}

static void put_key(struct jsonout *w, const char *key)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
	put_string(w, key);
	put(w, ":", 1);
}

void jsonout_open(struct jsonout *w, char *buf, size_t cap)
{
	*w = (struct jsonout){.buf = buf, .cap = cap};
	put(w, "{", 1);
}

void jsonout_int(struct jsonout *w, const char *key, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	put_key(w, key);
	put(w, text, (size_t)n);
}

void jsonout_flag(struct jsonout *w, const char *key, bool value)
{
	put_key(w, key);
	put(w, value ? "true" : "false", value ? 4 : 5);
}

void jsonout_str(struct jsonout *w, const char *key, const char *value)
{
	put_key(w, key);
	put_string(w, value);
}

static void put_comma(struct jsonout *w)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
}

void jsonout_list(struct jsonout *w, const char *key)
{
	put_key(w, key);
	put(w, "[", 1);
	w->comma = false;
}

void jsonout_item(struct jsonout *w, const char *value)
{
	put_comma(w);
	put_string(w, value);
}

void jsonout_item_object(struct jsonout *w)
{
	put_comma(w);
	put(w, "{", 1);
	w->comma = false;
}

void jsonout_item_end(struct jsonout *w)
{
	put(w, "}", 1);
	w->comma = true;
}

void jsonout_list_end(struct jsonout *w)
{
	put(w, "]", 1);
	w->comma = true;
}

void jsonout_data(struct jsonout *w, const char *key, const void *data, size_t n)
{
	put_key(w, key);
	put(w, "\"", 1);
	if (w->full || BASE64_LEN(n) > w->cap - w->n) {
		w->full = true;
		return;
	}
	base64_encode(data, n, w->buf + w->n);
	w->n += BASE64_LEN(n);
	put(w, "\"", 1);
}

size_t jsonout_close(struct jsonout *w)
{
	put(w, "}\n", 2);
	return w->full ? 0 : w->n;
}
