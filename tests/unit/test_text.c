/* test_text.c - a text grows and keeps what it holds. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/text.h"

#include <string.h>

static void test_grow(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct text t = {.a = &a};

	(void)state;
	assert_string_equal(text_end(&t), "");
	for (int i = 0; i < 1000; i++)
		text_putf(&t, "%03d,", i);
	assert_int_equal(t.n, 4000);
	assert_memory_equal(text_end(&t), "000,001,002,", 12);
	assert_string_equal(text_end(&t) + 3996, "999,");
}

static void test_pieces(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct text t = {.a = &a};

	(void)state;
	text_put(&t, "ab");
	text_putn(&t, "cdef", 2);
	text_putn(&t, NULL, 0);
	text_fill(&t, '-', 3);
	text_fill(&t, '-', 0);
	text_putf(&t, "%s", "");
	assert_string_equal(text_end(&t), "abcd---");
	text_put(&t, "!");
	assert_string_equal(text_end(&t), "abcd---!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
