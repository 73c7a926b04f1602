/* fmt_scalar.c - how one value is written. */
#include "schema/fmt.h"

#include "schema/base/utf8.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- quotes --------------------------------------------------------------------------------- */

/* What some reader of YAML, old or new, takes for something else than a text. */
static bool is_word_of_yaml(const char *s)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y",
		"n"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	return false;
}

/* 512MiB, 90s: they begin with a digit and are no number for anybody. */
static bool has_unit(const char *s)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "ms", "s", "m", "h"};
	size_t n = strspn(s, "0123456789");

	for (size_t i = 0; n && i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(s + n, units[i]))
			return true;
	return false;
}

/* Whether a text needs no quotes, anywhere, for any reader. When in doubt it keeps them. */
static bool is_plain_enough(const struct layout_node *n)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_./@%+=:- ";
	const char *s = n->value;

	if (!n->n || n->n != strspn(s, letters))
		return false;
	if (!isalpha((unsigned char)*s) && *s != '/' && !has_unit(s))
		return false;
	if (s[n->n - 1] == ' ' || s[n->n - 1] == ':' || strstr(s, ": "))
		return false;
	return !is_word_of_yaml(s);
}

/* Whether a text can stand between double quotes as it is. */
static bool is_quotable(const struct layout_node *n)
{
	for (size_t at = 0; at < n->n;) {
		uint32_t cp;
		size_t len = utf8_decode(n->value + at, n->n - at, &cp);

		if (!len || cp == '"' || cp == '\\' || !utf8_is_plain(cp))
			return false;
		at += len;
	}
	return true;
}

/* ---- in a line ------------------------------------------------------------------------------ */

static size_t line_length(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] != '\n' && s[i] != '\r')
		i++;
	return i;
}

static size_t break_length(const char *s, size_t n)
{
	if (n > 1 && s[0] == '\r' && s[1] == '\n')
		return 2;
	return n ? 1 : 0;
}

/* Blanks at the ends of the lines of a text mean nothing, unless a backslash holds one. */
static void put_lines(struct text *t, const char *s, size_t n, size_t indent)
{
	for (bool first = true; n; first = false) {
		size_t len = line_length(s, n), start = 0, end = len;

		while (!first && start < len && (s[start] == ' ' || s[start] == '\t'))
			start++;
		while (len < n && end > start && (s[end - 1] == ' ' || s[end - 1] == '\t'))
			end--;
		if (end < len && end > start && s[end - 1] == '\\')
			end++;
		if (!first && end > start)
			text_fill(t, ' ', indent);
		text_putn(t, s + start, end - start);
		if (len < n)
			text_put(t, "\n");
		s += len;
		n -= len;
		len = break_length(s, n);
		s += len;
		n -= len;
	}
}

void fmt_scalar(struct text *t, const struct layout *l, const struct layout_node *n, size_t indent)
{
	const char *raw = l->text + n->start;
	size_t len = n->end - n->start;
	bool is_quoted = n->style == LAYOUT_SINGLE || n->style == LAYOUT_DOUBLE;

	if (line_length(raw, len) < len) {
		put_lines(t, raw, len, indent);
	} else if (is_quoted && is_plain_enough(n)) {
		text_putn(t, n->value, n->n);
	} else if (n->style == LAYOUT_SINGLE && is_quotable(n)) {
		text_put(t, "\"");
		text_putn(t, n->value, n->n);
		text_put(t, "\"");
	} else {
		text_putn(t, raw, len);
	}
}

/* ---- in lines of its own -------------------------------------------------------------------- */

struct header {
	size_t len; /* of its line, with the line end */
	size_t digit; /* indentation that it gives, 0 if none */
	char chomp; /* + - or 0 */
	const char *comment;
	size_t comment_len;
};

static struct header read_header(const char *raw, size_t n)
{
	struct header h = {0};
	size_t line = line_length(raw, n), at = 1;

	for (; at < line && strchr("+-0123456789", raw[at]); at++) {
		if (isdigit((unsigned char)raw[at]))
			h.digit = (size_t)(raw[at] - '0');
		else
			h.chomp = raw[at];
	}
	h.comment = memchr(raw + at, '#', line - at);
	h.comment_len = h.comment ? (size_t)(raw + line - h.comment) : 0;
	while (h.comment_len && strchr(" \t", h.comment[h.comment_len - 1]))
		h.comment_len--;
	h.len = line + break_length(raw + line, n - line);
	return h;
}

/* The indentation of the first line that says something. */
static size_t find_indent(const char *s, size_t n)
{
	while (n) {
		size_t len = line_length(s, n), spaces = 0;

		while (spaces < len && s[spaces] == ' ')
			spaces++;
		if (spaces < len)
			return spaces;
		len += break_length(s + len, n - len);
		s += len;
		n -= len;
	}
	return SIZE_MAX;
}

static void put_content(struct text *t, const char *s, size_t n, size_t from, size_t to, bool keep)
{
	size_t empty = 0; /* lines that are put only when something follows */

	while (n) {
		size_t len = line_length(s, n), spaces = 0;

		while (spaces < len && s[spaces] == ' ')
			spaces++;
		if (spaces < from && spaces < len)
			break; /* not of this scalar */
		if (len > from) {
			text_fill(t, '\n', empty);
			empty = 0;
			text_fill(t, ' ', to);
			text_putn(t, s + from, len - from);
			text_put(t, "\n");
		} else {
			empty++;
		}
		len += break_length(s + len, n - len);
		s += len;
		n -= len;
	}
	if (keep)
		text_fill(t, '\n', empty);
}

void fmt_block_scalar(struct text *t, const struct layout *l, const struct layout_node *n,
	uint32_t parent_col, size_t indent)
{
	const char *raw = l->text + n->start;
	struct header h = read_header(raw, n->end - n->start);
	size_t from = h.digit ? parent_col + h.digit
			      : find_indent(raw + h.len, n->end - n->start - h.len);

	/* Without a line end at the end of the file there is none in the value: one is put there. */
	if (n->n && n->value[n->n - 1] != '\n')
		h.chomp = '-';
	text_put(t, n->style == LAYOUT_LITERAL ? "|" : ">");
	if (h.digit)
		text_put(t, "2");
	text_putn(t, &h.chomp, h.chomp ? 1 : 0);
	if (h.comment_len) {
		text_put(t, " ");
		text_putn(t, h.comment, h.comment_len);
	}
	text_put(t, "\n");
	put_content(t, raw + h.len, n->end - n->start - h.len, from, indent, h.chomp == '+');
}
