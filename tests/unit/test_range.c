/* test_range.c - the expression matches the numbers of its range and no others, by regcomp(3). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/range.h"

#include <inttypes.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>

static void compile(regex_t *re, uint64_t lo, uint64_t hi)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct text t = {.a = &a};

	text_put(&t, "^");
	range_put(&t, lo, hi);
	text_put(&t, "$");
	if (regcomp(re, text_end(&t), REG_EXTENDED | REG_NOSUB))
		fail_msg("not an expression: %s", t.v);
}

static bool matches(const regex_t *re, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return !regexec(re, text, 0, NULL, 0);
}

/* Every range within 0..limit against every number. */
static void test_all_small(void **state)
{
	(void)state;
	for (uint64_t lo = 0; lo <= 130; lo += lo < 12 || lo > 95 ? 1 : 7)
		for (uint64_t hi = lo; hi <= 130; hi += hi < 12 || hi > 95 ? 1 : 7) {
			regex_t re;

			compile(&re, lo, hi);
			for (uint64_t v = 0; v <= 140; v++)
				if (matches(&re, v) != (v >= lo && v <= hi))
					fail_msg("%d in %d..%d", (int)v, (int)lo, (int)hi);
			regfree(&re);
		}
}

static void test_edges(void **state)
{
	static const struct {
		uint64_t lo, hi;
	} ranges[] = {{32, 1048576}, {32768, 1073741824}, {1, 1}, {1000, 86400000},
		{999, 1001}, {1, UINT64_MAX - 1}, {UINT64_MAX - 5, UINT64_MAX - 1}, {10, 99}};

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint64_t lo = ranges[i].lo, hi = ranges[i].hi;
		regex_t re;

		compile(&re, lo, hi);
		assert_false(matches(&re, lo - 1));
		assert_true(matches(&re, lo));
		assert_true(matches(&re, lo + (hi - lo) / 3));
		assert_true(matches(&re, hi));
		assert_false(matches(&re, hi + 1));
		regfree(&re);
	}
}

/* No zeros in front, no signs, nothing around. */
static void test_form(void **state)
{
	static const char *const wrong[] = {"", "05", "+5", "-5", "5 ", "5x", "0x5", "5.0"};
	regex_t re;

	(void)state;
	compile(&re, 1, 100);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(regexec(&re, wrong[i], 0, NULL, 0), REG_NOMATCH);
	regfree(&re);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_small),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
