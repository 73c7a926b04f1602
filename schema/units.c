/* units.c - sizes with binary units, durations with units.
 *
 * One grammar: a whole number and a unit, nothing between them. What other programs read in two
 * ways (4G, 4gb, 90) is refused, and the hint says how it is written here.
 */
#include "schema/field.h"

#include "schema/base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define KIB 1024ull
#define TEXT_MAX 32
#define SHOWN 40

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: the canonical form takes the first one that divides. */
static const struct unit size_units[] = {
	{"TiB", KIB * KIB * KIB * KIB}, {"GiB", KIB * KIB * KIB}, {"MiB", KIB * KIB}, {"KiB", KIB}};
static const struct unit time_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define N_UNITS 4

/* The digits at *p as a number; false if there are none or they do not fit. *p goes behind them. */
static bool take_number(const char **p, uint64_t *out)
{
	const char *start = *p;
	uint64_t v = 0;
	bool fits = true;

	for (; isdigit((unsigned char)**p); (*p)++) {
		unsigned digit = (unsigned)(**p - '0');

		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, digit, &v))
			fits = false;
	}
	*out = v;
	return fits && *p > start;
}

/* 0; 1: not of this grammar; 2: too large. */
static int parse_exact(const char *text, const struct unit *units, uint64_t *out)
{
	const char *p = text;
	uint64_t number;
	bool fits = take_number(&p, &number);

	if (p == text)
		return 1;
	for (size_t i = 0; i < N_UNITS; i++) {
		if (strcmp(p, units[i].name) != 0)
			continue;
		if (!fits || __builtin_mul_overflow(number, units[i].factor, out) ||
			*out > INT64_MAX)
			return 2;
		return 0;
	}
	return 1;
}

static void print_exact(uint64_t v, const struct unit *units, const char *rest, char out[TEXT_MAX])
{
	for (size_t i = 0; i < N_UNITS; i++) {
		if (!v || v % units[i].factor)
			continue;
		snprintf(out, TEXT_MAX, "%llu%s", (unsigned long long)(v / units[i].factor),
			units[i].name);
		return;
	}
	snprintf(out, TEXT_MAX, "%llu%s", (unsigned long long)v, rest);
}

/* "4.5" as 45 and 10. false if it is no such number. */
static bool take_decimal(const char **p, uint64_t *digits, uint64_t *scale)
{
	uint64_t part;
	const char *start;

	*scale = 1;
	if (!take_number(p, digits) || *digits > 1000000000)
		return false;
	if (**p != '.')
		return true;
	start = ++*p;
	if (!take_number(p, &part) || *p - start > 3)
		return false;
	for (const char *c = start; c < *p; c++)
		*scale *= 10;
	*digits = *digits * *scale + part;
	return true;
}

/* Unit that a sloppy suffix of a size stands for: k, kb, Ki, kib in any case. */
static const struct unit *guess_size_unit(const char *p)
{
	const char *letters = "tgmk";
	const char *which = *p ? strchr(letters, tolower((unsigned char)*p)) : NULL;

	if (!which)
		return NULL;
	p++;
	if (tolower((unsigned char)*p) == 'i')
		p++;
	if (tolower((unsigned char)*p) == 'b')
		p++;
	return *p ? NULL : &size_units[which - letters];
}

static const struct unit *guess_time_unit(const char *p)
{
	static const struct {
		const char *name;
		size_t unit;
	} known[] = {{"sec", 2}, {"secs", 2}, {"second", 2}, {"seconds", 2}, {"", 2}, {"s", 2},
		{"min", 1}, {"mins", 1}, {"minute", 1}, {"minutes", 1}, {"m", 1}, {"hour", 0},
		{"hours", 0}, {"hr", 0}, {"h", 0}, {"msec", 3}, {"ms", 3}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcasecmp(p, known[i].name))
			return &time_units[known[i].unit];
	return NULL;
}

/* The value that was surely meant by a text that is not of our grammar. */
static bool guess(const char *text, const struct unit *(*unit_of)(const char *p), uint64_t *out)
{
	const struct unit *unit;
	uint64_t digits, scale;

	if (!take_decimal(&text, &digits, &scale) || !digits)
		return false;
	text += strspn(text, " \t");
	unit = unit_of(text);
	if (!unit || __builtin_mul_overflow(digits, unit->factor, out) || *out > INT64_MAX)
		return false;
	if (*out % scale)
		return false;
	*out /= scale;
	return true;
}

static int refuse(const char *text, int why, const char *noun, const char *units, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (why == 2)
		return err_set(e, ERR_SPEC, "%s is too large", utf8_quote(&a, text, SHOWN));
	return err_set(e, ERR_SPEC, "%s is not a %s: a whole number and %s",
		utf8_quote(&a, text, SHOWN), noun, units);
}

int size_parse(const char *text, uint64_t *bytes, struct err *e)
{
	int why = parse_exact(text, size_units, bytes);
	char hint[TEXT_MAX];
	uint64_t meant;

	if (!why)
		return 0;
	refuse(text, why, "size", "KiB, MiB, GiB or TiB", e);
	if (guess(text, guess_size_unit, &meant) && meant % KIB == 0) {
		print_exact(meant, size_units, "", hint);
		err_hint(e, "did you mean %s?", hint);
	} else if (*text > '0' && *text <= '9' && strlen(text) < 10 &&
		   !text[strspn(text, "0123456789")]) {
		err_hint(e, "add a unit, such as %sMiB", text);
	}
	return -1;
}

int duration_parse(const char *text, uint64_t *ms, struct err *e)
{
	int why = parse_exact(text, time_units, ms);
	char hint[TEXT_MAX];
	uint64_t meant;

	if (!why)
		return 0;
	refuse(text, why, "duration", "ms, s, m or h", e);
	if (guess(text, guess_time_unit, &meant)) {
		print_exact(meant, time_units, "s", hint);
		err_hint(e, "did you mean %s?", hint);
	}
	return -1;
}

const char *size_print(struct arena *a, uint64_t bytes)
{
	char text[TEXT_MAX];

	print_exact(bytes, size_units, bytes ? "B" : "KiB", text);
	return arena_dup(a, text);
}

const char *duration_print(struct arena *a, uint64_t ms)
{
	char text[TEXT_MAX];

	print_exact(ms, time_units, "s", text);
	return arena_dup(a, text);
}
