/* source.c - the text that is being read. */
#include "schema/source.h"

#include "schema/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MARK_EVERY 64
#define EXCERPT_MAX ((size_t)64 * 1024)

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* Bytes of the line that starts at p, of which n bytes are there. */
static size_t line_length(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);
	size_t len = nl ? (size_t)(nl - p) : n;
	const char *cr = memchr(p, '\r', len);

	return cr ? (size_t)(cr - p) : len;
}

/* Start of the line after the one that ends at p + len. */
static size_t after_break(const char *text, size_t len, size_t at)
{
	if (at + 1 < len && text[at] == '\r' && text[at + 1] == '\n')
		return at + 2;
	return at + 1;
}

const char *source_line(const struct source *src, uint32_t line, size_t *len)
{
	size_t at;

	if (!line || line > src->lines)
		return NULL;
	at = src->marks.v[(line - 1) / MARK_EVERY];
	for (uint32_t i = 0; i < (line - 1) % MARK_EVERY; i++) {
		at += line_length(src->text + at, src->len - at);
		at = after_break(src->text, src->len, at);
	}
	*len = line_length(src->text + at, src->len - at);
	return src->text + at;
}

/* Byte offset of a column in a line; the end of the line if it is shorter. */
static size_t column_offset(const char *line, size_t len, uint32_t col)
{
	size_t at = 0;

	for (uint32_t c = 1; c < col && at < len; c++) {
		uint32_t cp;
		size_t n = utf8_decode(line + at, len - at, &cp);

		at += n ? n : 1;
	}
	return at;
}

/* Bytes of the quoted scalar at p: to its closing quote, or to the end of the line. */
static size_t quoted_length(const char *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (p[i] == '\\' && *p == '"')
			i++;
		else if (p[i] == *p)
			return i + 1;
	}
	return n;
}

static bool ends_plain(const char *p, size_t n, size_t i)
{
	bool at_space = i + 1 >= n || p[i + 1] == ' ' || p[i + 1] == '\t';

	if (p[i] == ']' || p[i] == '}')
		return true;
	if (p[i] == ':' || p[i] == ',')
		return at_space;
	return p[i] == '#' && i && (p[i - 1] == ' ' || p[i - 1] == '\t');
}

/* Bytes of the plain word or words at p, without blanks at the end. */
static size_t plain_length(const char *p, size_t n)
{
	size_t i = 1;

	if (strchr("[]{},:", *p)) /* a bracket, or a value that is not there */
		return 1;
	while (i < n && !ends_plain(p, n, i))
		i++;
	while (i > 1 && (p[i - 1] == ' ' || p[i - 1] == '\t'))
		i--;
	return i;
}

static uint32_t count_chars(const char *p, size_t n)
{
	uint32_t count = 0;

	for (size_t at = 0; at < n; count++) {
		uint32_t cp;
		size_t len = utf8_decode(p + at, n - at, &cp);

		at += len ? len : 1;
	}
	return count;
}

static uint32_t word_width(const char *line, size_t len, uint32_t col)
{
	size_t at = column_offset(line, len, col), n = len - at;
	const char *p = line + at;
	uint32_t width;

	if (!n)
		return 1;
	n = *p == '"' || *p == '\'' ? quoted_length(p, n) : plain_length(p, n);
	width = count_chars(p, n);
	return width ? width : 1;
}

void source_show(struct arena *a, struct source *src, struct diag *d)
{
	size_t len;
	const char *line = source_line(src, d->pos.line, &len);

	if (!line || len > EXCERPT_MAX)
		return;
	if (src->excerpt_line != d->pos.line) {
		src->excerpt = arena_dupn(a, line, len);
		src->excerpt_line = d->pos.line;
	}
	d->excerpt = src->excerpt;
	d->width = word_width(line, len, d->pos.col);
}

struct diag *source_diag(struct arena *a, struct source *src, struct diags *diags,
	enum severity severity, struct pos pos, const char *fmt, ...)
{
	char msg[1024];
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	pos.file = src->name;
	d = diags_add(a, diags, severity, pos, "%s", msg);
	if (!diags_full(diags))
		source_show(a, src, d);
	return d;
}

/* What is said about a character that may not stand in a spec. */
static void refuse_char(struct arena *a, struct source *src, struct diags *diags, struct pos pos,
	size_t at)
{
	uint32_t cp = 0;
	struct diag *d;

	if (!utf8_decode(src->text + at, src->len - at, &cp)) {
		d = source_diag(a, src, diags, SEVERITY_ERROR, pos,
			"byte 0x%02x is not UTF-8 text (byte %zu of the file)",
			(unsigned char)src->text[at], at + 1);
		diag_hint(a, d, "save the file as UTF-8");
	} else {
		d = source_diag(a, src, diags, SEVERITY_ERROR, pos,
			"the character U+%04X may not stand in a spec (byte %zu of the file)", cp,
			at + 1);
		diag_hint(a, d, at && cp ? "write it as an escape in double quotes if it is meant"
					 : "is this a text file?");
	}
	d->width = 1;
}

/* Walk over the text once: note where lines start, stop at the first bad character. */
static int scan(struct arena *a, struct source *src, struct diags *diags)
{
	const char *p = src->text;
	size_t at = 0, line_start = 0;
	uint32_t cp;

	*vec_push(a, &src->marks) = 0;
	src->lines = 1;
	while (at < src->len) {
		size_t n = 1;

		if ((unsigned char)(p[at] - 0x20) < 0x5f || p[at] == '\t') {
			at++;
			continue;
		}
		if (is_break(p[at])) {
			at = line_start = after_break(p, src->len, at);
			if (src->lines++ % MARK_EVERY == 0)
				*vec_push(a, &src->marks) = (uint32_t)at;
			continue;
		}
		n = utf8_decode(p + at, src->len - at, &cp);
		if (!n || !utf8_is_plain(cp)) {
			uint32_t col = count_chars(p + line_start, at - line_start) + 1;

			refuse_char(a, src, diags, (struct pos){NULL, src->lines, col}, at);
			return -1;
		}
		at += n;
	}
	return 0;
}

static bool is_utf16(const char *text, size_t len)
{
	return len >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2));
}

int source_open(struct arena *a, struct source *src, const char *name, const char *base,
	const char *text, size_t len, struct diags *diags)
{
	struct pos start = {arena_dup(a, name), 1, 1};
	struct diag *d;

	*src = (struct source){.name = start.file, .base = arena_dup(a, base)};
	if (len > SPEC_BYTES_MAX) {
		diags_add(a, diags, SEVERITY_ERROR, start,
			"the file is larger than %u MiB, the most that is read",
			(unsigned)(SPEC_BYTES_MAX >> 20));
		return -1;
	}
	if (is_utf16(text, len)) {
		d = diags_add(a, diags, SEVERITY_ERROR, start, "the file is UTF-16 text");
		diag_hint(a, d, "save the file as UTF-8");
		return -1;
	}
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	src->text = text;
	src->len = len;
	src->has_marks = len && (memchr(text, '$', len) || memchr(text, '\\', len));
	return scan(a, src, diags);
}
