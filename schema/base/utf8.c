/* utf8.c - UTF-8 decoding and showing. */
#include "schema/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 12 /* "\u{10ffff}" and a NUL */

/* Length after the first byte, its payload bits and the least code point of that length. */
static int lead(unsigned char c, uint32_t *bits, uint32_t *least)
{
	if (c >= 0xc2 && c <= 0xdf)
		return *bits = c & 0x1f, *least = 0x80, 2;
	if (c >= 0xe0 && c <= 0xef)
		return *bits = c & 0x0f, *least = 0x800, 3;
	if (c >= 0xf0 && c <= 0xf4)
		return *bits = c & 0x07, *least = 0x10000, 4;
	return 0;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *cp)
{
	const unsigned char *s = (const unsigned char *)p;
	uint32_t v, least;
	int len;

	if (!n)
		return 0;
	if (s[0] < 0x80)
		return *cp = s[0], 1;
	len = lead(s[0], &v, &least);
	if (!len || (size_t)len > n)
		return 0;
	for (int i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (s[i] & 0x3f);
	}
	if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return (size_t)len;
}

size_t utf8_ascii_run(const char *s)
{
	size_t n = 0;

	while ((unsigned char)(s[n] - 0x20) < 0x5f)
		n++;
	return n;
}

struct range {
	uint32_t from, to;
};

static bool is_in(const struct range *r, size_t n, uint32_t cp)
{
	for (size_t i = 0; i < n; i++)
		if (cp >= r[i].from && cp <= r[i].to)
			return true;
	return false;
}

#define IS_IN(table, cp) is_in(table, sizeof(table) / sizeof((table)[0]), cp)

bool utf8_is_plain(uint32_t cp)
{
	/* C0, DEL and C1 controls; line and paragraph separator; the marks that embed, override
	 * or isolate a direction (Unicode UAX 9), with which a text reads otherwise than it is;
	 * a byte order mark inside; what is no character. */
	static const struct range not_plain[] = {{0, 0x1f}, {0x7f, 0x9f}, {0x2028, 0x202e},
		{0x2066, 0x2069}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xfffe, 0xffff}};

	if (cp >= 0x20 && cp < 0x7f)
		return true;
	return !IS_IN(not_plain, cp);
}

int utf8_width(uint32_t cp)
{
	/* Coarse, after Unicode UAX 11: enough to set a caret right under what people write. */
	static const struct range none[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd},
		{0x610, 0x61a}, {0x64b, 0x65f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
		{0x200b, 0x200f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
		{0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef}};
	static const struct range wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf},
		{0xa960, 0xa97f}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
		{0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
		{0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd}};

	if (cp < 0x300)
		return 1;
	if (IS_IN(none, cp))
		return 0;
	return IS_IN(wide, cp) ? 2 : 1;
}

/* The escape of a character that cannot be shown as it is. */
static void show_escape(uint32_t cp, bool is_byte, char *out, size_t room)
{
	if (cp == '\n' || cp == '\t' || cp == '\r')
		snprintf(out, room, "\\%c", cp == '\n' ? 'n' : cp == '\t' ? 't' : 'r');
	else if (is_byte || cp < 0x80)
		snprintf(out, room, "\\x%02x", cp);
	else
		snprintf(out, room, "\\u{%x}", cp);
}

size_t utf8_show(const char *s, size_t n, char *out, size_t room, int *shown)
{
	uint32_t cp;
	size_t len = utf8_decode(s, n, &cp);

	if (len && utf8_is_plain(cp)) {
		memcpy(out, s, len);
		out[len] = '\0';
		if (shown)
			*shown = utf8_width(cp);
		return len;
	}
	if (len)
		show_escape(cp, false, out, room);
	else
		show_escape((unsigned char)*s, true, out, room);
	if (shown)
		*shown = (int)strlen(out);
	return len ? len : 1;
}

/* Room for n bytes of text when each is shown, with quotes and dots. */
static char *shown_room(struct arena *a, size_t n)
{
	return arena_alloc(a, n * 4 + SHOWN_MAX + 8);
}

const char *utf8_quote(struct arena *a, const char *s, size_t max)
{
	size_t n = strnlen(s, max * 4 + 1), at = 0, used = 1;
	char *out = shown_room(a, n);

	out[0] = '"';
	for (size_t count = 0; at < n && count < max; count++) {
		at += utf8_show(s + at, n - at, out + used, SHOWN_MAX, NULL);
		used += strlen(out + used);
	}
	memcpy(out + used, at < n ? "...\"" : "\"", at < n ? 5 : 2);
	return out;
}

const char *utf8_escape(struct arena *a, const char *s)
{
	size_t n = strlen(s), used = 0;
	char *out = shown_room(a, n);

	for (size_t at = 0; at < n;) {
		at += utf8_show(s + at, n - at, out + used, SHOWN_MAX, NULL);
		used += strlen(out + used);
	}
	return out;
}
