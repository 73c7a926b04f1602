/* value.c - scalar values: text to value and back. */
#include "schema/value.h"

#include "schema/base/utf8.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 40 /* characters of a wrong value that are repeated in a message */
#define DIGEST_HEX 64

/* The value in quotes for a message; it lives as long as the scratch arena. */
#define SHOW(text) utf8_quote(&scratch, (text), SHOWN)

/* ---- texts ---------------------------------------------------------------------------------- */

static int check_line(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	size_t n = strlen(text);

	for (size_t at = utf8_ascii_run(text); at < n;) {
		uint32_t cp;
		size_t len = utf8_decode(text + at, n - at, &cp);

		if (!len || !utf8_is_plain(cp))
			return err_set(e, ERR_SPEC,
				"must be one line without control characters, not %s",
				SHOW(text));
		at += len;
	}
	return 0;
}

static int check_string(const struct field *f, const char *text, struct err *e)
{
	size_t n = strlen(text);

	if (!n && f->min > 0)
		return err_set(e, ERR_SPEC, "an empty text says nothing");
	if ((int64_t)n < f->min)
		return err_set(e, ERR_SPEC, "%zu bytes long; at least %lld are needed", n,
			(long long)f->min);
	if ((int64_t)n > f->max)
		return err_set(e, ERR_SPEC, "%zu bytes long; at most %lld are allowed", n,
			(long long)f->max);
	return check_line(text, e);
}

int value_parse_string(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	if (check_string(f, text, e) < 0)
		return -1;
	*(const char **)at = arena_dup(a, text);
	return 0;
}

const char *value_print_string(struct arena *a, const struct field *f, const void *at)
{
	(void)a, (void)f;
	return *(const char *const *)at;
}

/* One spelling of a path: no "//", no "/./", no slash at the end. ".." stays: what it means depends
 * on symbolic links. */
static void tidy_path(char *path)
{
	char *to = path;

	for (const char *from = path; *from;) {
		size_t n = strcspn(from + 1, "/");

		if (n && !(n == 1 && from[1] == '.')) {
			memmove(to, from, n + 1);
			to += n + 1;
		}
		from += n + 1;
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
}

int value_parse_path(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	char *path;

	if (*text && *text != '/')
		return err_set(e, ERR_SPEC, "the path %s is not absolute", SHOW(text));
	if (check_string(f, text, e) < 0)
		return -1;
	path = arena_dup(a, text);
	tidy_path(path);
	*(const char **)at = path;
	return 0;
}

int value_parse_digest(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *hex = text + strlen("sha256:");

	(void)f;
	if (strncmp(text, "sha256:", strlen("sha256:")) != 0 || strlen(hex) != DIGEST_HEX ||
		strspn(hex, "0123456789abcdef") != DIGEST_HEX)
		return err_set(e, ERR_SPEC, "%s is not sha256: and 64 lower-case hex digits",
			SHOW(text));
	*(const char **)at = arena_dup(a, text);
	return 0;
}

/* ---- bool and enum -------------------------------------------------------------------------- */

int value_parse_bool(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	static const char *const sloppy[2][7] = {
		{"no", "off", "n", "0", "false", "never", NULL},
		{"yes", "on", "y", "1", "true", "always", NULL}};
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	bool is_true = !strcmp(text, "true");

	(void)a, (void)f;
	if (is_true || !strcmp(text, "false")) {
		*(bool *)at = is_true;
		return 0;
	}
	err_set(e, ERR_SPEC, "%s is neither true nor false", SHOW(text));
	for (int b = 0; b < 2; b++)
		for (const char *const *s = sloppy[b]; *s; s++)
			if (!strcasecmp(*s, text))
				err_hint(e, "did you mean %s?", b ? "true" : "false");
	return -1;
}

const char *value_print_bool(struct arena *a, const struct field *f, const void *at)
{
	(void)a, (void)f;
	return *(const bool *)at ? "true" : "false";
}

static int refuse_word(const struct field *f, const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *all = "", *near;
	uint32_t n = 0;

	for (; f->choices[n]; n++)
		all = arena_printf(&scratch, "%s%s%s", all, n ? ", " : "", f->choices[n]);
	err_set(e, ERR_SPEC, "%s is none of %s", SHOW(text), all);
	near = nearest_name(text, f->choices, n);
	return near ? err_hint(e, "did you mean %s?", near) : -1;
}

int value_parse_enum(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	(void)a;
	for (uint32_t n = 0; f->choices[n]; n++) {
		if (strcmp(f->choices[n], text) != 0)
			continue;
		*(uint32_t *)at = n;
		return 0;
	}
	return refuse_word(f, text, e);
}

const char *value_print_enum(struct arena *a, const struct field *f, const void *at)
{
	uint32_t which = *(const uint32_t *)at;

	(void)a;
	for (uint32_t i = 0; f->choices[i]; i++)
		if (i == which)
			return f->choices[i];
	return NULL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* What a number that is not plain decimal was surely meant to be: 0x10, 0o17, 010, 1_000, +5. */
static bool guess_number(const char *text, uint64_t *out)
{
	char digits[24];
	int base = !strncasecmp(text, "0x", 2) ? 16 : !strncasecmp(text, "0o", 2) ? 8 : 10;
	size_t n = 0;
	char *end;

	text += base == 10 ? *text == '+' : 2;
	for (; *text && n < sizeof(digits) - 1; text++)
		if (*text != '_')
			digits[n++] = *text;
	digits[n] = '\0';
	if (*text || !n || !isxdigit((unsigned char)digits[0]))
		return false;
	*out = strtoull(digits, &end, base);
	return !*end && *out <= INT64_MAX;
}

static bool is_decimal(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && !text[n] && (text[0] != '0' || n == 1);
}

/* A negative number: out of range, rather than no number. */
static bool is_negative(const char *text)
{
	return *text == '-' && is_decimal(text + 1);
}

int value_parse_u32(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	uint64_t meant, v = UINT64_MAX;

	(void)a;
	if (!is_decimal(text) && !is_negative(text)) {
		err_set(e, ERR_SPEC, "%s is not a whole number in decimal digits", SHOW(text));
		if (guess_number(text, &meant))
			err_hint(e, "did you mean %llu?", (unsigned long long)meant);
		return -1;
	}
	if (*text != '-' && strlen(text) < 19)
		v = strtoull(text, NULL, 10);
	if (v < (uint64_t)f->min || v > (uint64_t)f->max)
		return err_set(e, ERR_SPEC, "must be from %lld to %lld, not %.40s%s",
			(long long)f->min, (long long)f->max, text, strlen(text) > SHOWN ? "..." : "");
	*(uint32_t *)at = (uint32_t)v;
	return 0;
}

/* A number that may not be 0 and has no default: 0 stands for "not written". */
static bool is_nothing(const struct field *f, uint64_t v)
{
	return !v && !f->dflt && f->min > 0;
}

const char *value_print_u32(struct arena *a, const struct field *f, const void *at)
{
	uint32_t v = *(const uint32_t *)at;

	return is_nothing(f, v) ? NULL : arena_printf(a, "%u", v);
}

typedef const char *print_fn(struct arena *a, uint64_t v);

static int check_bounds(const struct field *f, uint64_t v, print_fn *print, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;

	if (v < (uint64_t)f->min || v > (uint64_t)f->max)
		return err_set(e, ERR_SPEC, "must be from %s to %s, not %s",
			print(&scratch, (uint64_t)f->min), print(&scratch, (uint64_t)f->max),
			print(&scratch, v));
	if (f->step && v % f->step)
		return err_set(e, ERR_SPEC, "%s is not a multiple of %s", print(&scratch, v),
			print(&scratch, f->step));
	return 0;
}

int value_parse_size(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	uint64_t v;

	(void)a;
	if (size_parse(text, &v, e) < 0 || check_bounds(f, v, size_print, e) < 0)
		return -1;
	*(uint64_t *)at = v;
	return 0;
}

const char *value_print_size(struct arena *a, const struct field *f, const void *at)
{
	uint64_t v = *(const uint64_t *)at;

	return is_nothing(f, v) ? NULL : size_print(a, v);
}

int value_parse_duration(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	uint64_t v;

	(void)a;
	if (duration_parse(text, &v, e) < 0 || check_bounds(f, v, duration_print, e) < 0)
		return -1;
	*(uint64_t *)at = v;
	return 0;
}

const char *value_print_duration(struct arena *a, const struct field *f, const void *at)
{
	uint64_t v = *(const uint64_t *)at;

	return is_nothing(f, v) ? NULL : duration_print(a, v);
}
