/* range.c - a range of numbers as a regular expression.
 *
 * Numbers of different lengths are different branches. Within one length the range is cut at its
 * first digit: 32..1048 is 3[2-9] | [4-9][0-9] | [1-9][0-9]{2} | 10[0-3][0-9] | 104[0-8].
 */
#include "schema/range.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 21 /* UINT64_MAX has 20; one more to step beyond it */

static bool is_all(const char *s, char digit)
{
	return !s[strspn(s, (char[]){digit, '\0'})];
}

static void put_digit(struct text *t, char from, char to)
{
	if (from == to)
		text_putn(t, &from, 1);
	else
		text_putf(t, "[%c-%c]", from, to);
}

/* Any digits, n of them. */
static void put_any(struct text *t, size_t n)
{
	if (n)
		text_put(t, "[0-9]");
	if (n > 1)
		text_putf(t, "{%zu}", n);
}

/* lo and hi have the same length. */
static void put_equal(struct text *t, const char *lo, const char *hi)
{
	char zeros[DIGITS_MAX + 1] = "", nines[DIGITS_MAX + 1] = "", from = *lo, to = *hi;
	size_t rest = *lo ? strlen(lo + 1) : 0;
	const char *bar = "";

	if (!*lo)
		return;
	memset(zeros, '0', rest);
	memset(nines, '9', rest);
	if (from == to) {
		text_putn(t, lo, 1);
		put_equal(t, lo + 1, hi + 1);
		return;
	}
	text_put(t, "(");
	if (!is_all(lo + 1, '0')) {
		text_putn(t, lo, 1);
		put_equal(t, lo + 1, nines);
		bar = "|";
		from++;
	}
	if (!is_all(hi + 1, '9'))
		to--;
	if (from <= to) {
		text_put(t, bar);
		put_digit(t, from, to);
		put_any(t, rest);
		bar = "|";
	}
	if (to != *hi) {
		text_put(t, bar);
		text_putn(t, hi, 1);
		put_equal(t, zeros, hi + 1);
	}
	text_put(t, ")");
}

void range_put(struct text *t, uint64_t lo, uint64_t hi)
{
	char from[DIGITS_MAX + 1], to[DIGITS_MAX + 1], last[DIGITS_MAX + 1];

	snprintf(from, sizeof(from), "%" PRIu64, lo);
	snprintf(last, sizeof(last), "%" PRIu64, hi);
	text_put(t, "(");
	for (size_t n = strlen(from); n <= strlen(last); n++) {
		memset(to, '9', n);
		to[n] = '\0';
		put_equal(t, from, n == strlen(last) ? last : to);
		if (n < strlen(last))
			text_put(t, "|");
		memset(from, '0', sizeof(from));
		from[0] = '1';
		from[n + 1] = '\0';
	}
	text_put(t, ")");
}
