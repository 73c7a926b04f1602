/* test_repeats.c - the same message for many objects. */
#include "reconciler/repeats.h"

#include "tests/lib/unit.h"

static size_t shown_of(struct arena *a, struct repeats *r, const char *form, size_t n)
{
	size_t shown = 0;

	for (size_t i = 0; i < n; i++)
		shown += repeats_show(a, r, arena_printf(a, "%s-%zu %s", "vm/web", i, form));
	return shown;
}

static void the_first_twenty_are_shown(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct repeats r = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(shown_of(&a, &r, "is gone", 400), REPEATS_SHOWN);
	assert_string_equal(repeats_rest(&a, &r, &at), "... and 380 more like: vm/web-20 is gone");
	assert_null(repeats_rest(&a, &r, &at));
}

static void exactly_twenty_are_all(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct repeats r = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(shown_of(&a, &r, "is gone", REPEATS_SHOWN), REPEATS_SHOWN);
	assert_null(repeats_rest(&a, &r, &at));
}

/* Another message is not counted with them, however many there were. */
static void kinds_are_counted_apart(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct repeats r = {0};
	size_t at = 0;

	(void)state;
	shown_of(&a, &r, "is gone", 30);
	assert_int_equal(shown_of(&a, &r, "cannot be started", 5), 5);
	assert_int_equal(shown_of(&a, &r, "cannot be read", 21), 20);
	assert_string_equal(repeats_rest(&a, &r, &at), "... and 10 more like: vm/web-20 is gone");
	assert_string_equal(repeats_rest(&a, &r, &at), "... and 1 more like: vm/web-20 cannot be read");
	assert_null(repeats_rest(&a, &r, &at));
}

/* What names the object does not tell kinds apart: quoted text, addresses, numbers. */
static void names_do_not_matter(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct repeats r = {0};

	(void)state;
	for (size_t i = 0; i < REPEATS_SHOWN; i++)
		assert_true(repeats_show(&a, &r, arena_printf(&a, "unknown field \"a b\" in vm \"%c\"",
			(int)('a' + i))));
	assert_false(repeats_show(&a, &r, "unknown field \"x\" in vm \"y z\""));
	assert_true(repeats_show(&a, &r, "unknown field \"x in vm"));
	assert_true(repeats_show(&a, &r, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_twenty_are_shown),
		cmocka_unit_test(exactly_twenty_are_all),
		cmocka_unit_test(kinds_are_counted_apart),
		cmocka_unit_test(names_do_not_matter),
	};

	return cmocka_run_group_tests_name("repeats", tests, NULL, NULL);
}
