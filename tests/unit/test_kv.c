/* test_kv.c - ordered lists of key = value. */
#include "schema/base/kv.h"

#include "tests/lib/unit.h"

static void set_get_remove(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs l = {0};
	char value[] = "1";

	(void)state;
	assert_null(kvs_get(&l, "pid"));
	kvs_set(&a, &l, "pid", value);
	value[0] = '2'; /* a copy was taken */
	assert_string_equal(kvs_get(&l, "pid"), "1");
	kvs_set(&a, &l, "start", "77");
	kvs_set(&a, &l, "pid", "3");
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0].key, "pid");
	assert_string_equal(kvs_get(&l, "pid"), "3");
	kvs_set(&a, &l, "pid", NULL);
	kvs_set(&a, &l, "nothing", NULL);
	assert_int_equal(l.n, 1);
	assert_null(kvs_get(&l, "pid"));
	assert_string_equal(kvs_get(&l, "start"), "77");
	kvs_set(&a, &l, "start", kvs_get(&l, "start")); /* its own value */
	assert_string_equal(kvs_get(&l, "start"), "77");
	kvs_set(&a, &l, "start", NULL);
	assert_int_equal(l.n, 0);
	kvs_set(&a, &l, "empty", "");
	assert_string_equal(kvs_get(&l, "empty"), "");
}

/* Each place of a list of five is removed once. */
static void remove_anywhere(void **state)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e"};

	(void)state;
	for (size_t gone = 0; gone < 5; gone++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct kvs l = {0};

		for (size_t i = 0; i < 5; i++)
			kvs_setf(&a, &l, keys[i], "%zu", i);
		kvs_set(&a, &l, keys[gone], NULL);
		assert_int_equal(l.n, 4);
		for (size_t i = 0; i < 5; i++)
			assert_int_equal(kvs_u64(&l, keys[i], 99), i == gone ? 99 : i);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t want;
	} cases[] = {
		{"0", 0}, {"7", 7}, {"007", 7}, {"18446744073709551615", UINT64_MAX},
		{"18446744073709551616", 42}, {"-1", 42}, {"+1", 42}, {" 1", 42}, {"1 ", 42}, {"", 42},
		{"0x10", 42}, {"1e3", 42}, {"1.5", 42}, {"1\n", 42}, {"pid", 42},
		{"99999999999999999999999999", 42},
	};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs l = {0};

	(void)state;
	assert_int_equal(kvs_u64(&l, "n", 42), 42);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		kvs_set(&a, &l, "n", cases[i].text);
		if (kvs_u64(&l, "n", 42) != cases[i].want)
			fail_msg("\"%s\" was read as %llu", cases[i].text,
				(unsigned long long)kvs_u64(&l, "n", 42));
	}
}

static void equal_in_any_order(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs x = {0}, y = {0}, none = {0};

	(void)state;
	assert_true(kvs_equal(&x, &y));
	kvs_set(&a, &x, "a", "1");
	kvs_set(&a, &x, "b", "2");
	kvs_set(&a, &y, "b", "2");
	assert_false(kvs_equal(&x, &y));
	kvs_set(&a, &y, "a", "1");
	assert_true(kvs_equal(&x, &y));
	assert_true(kvs_equal(&y, &x));
	kvs_set(&a, &y, "a", "3");
	assert_false(kvs_equal(&x, &y));
	kvs_set(&a, &y, "a", NULL);
	kvs_set(&a, &y, "c", "1");
	assert_false(kvs_equal(&x, &y));
	assert_false(kvs_equal(&x, &none));
	assert_false(kvs_equal(&none, &x));
}

/* A copy lives on when the arena of the first is gone. */
static void copy_is_deep(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct arena b = ARENA_INIT;
	struct kvs from = {0}, to = {0};

	(void)state;
	kvs_set(&a, &to, "old", "x");
	for (int i = 0; i < 100; i++)
		kvs_setf(&b, &from, arena_printf(&b, "k%d", i), "%d", i);
	kvs_copy(&a, &to, &from);
	arena_free(&b);
	assert_int_equal(to.n, 100);
	assert_null(kvs_get(&to, "old"));
	assert_string_equal(kvs_get(&to, "k0"), "0");
	assert_string_equal(kvs_get(&to, "k99"), "99");
}

static void merge_overwrites(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs to = {0}, from = {0};

	(void)state;
	kvs_set(&a, &to, "keep", "1");
	kvs_set(&a, &to, "change", "1");
	kvs_set(&a, &from, "change", "2");
	kvs_set(&a, &from, "add", "3");
	kvs_merge(&a, &to, &from);
	kvs_merge(&a, &to, &to);
	assert_int_equal(to.n, 3);
	assert_string_equal(kvs_get(&to, "keep"), "1");
	assert_string_equal(kvs_get(&to, "change"), "2");
	assert_string_equal(kvs_get(&to, "add"), "3");
}

static void long_values(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static char text[100000];
	struct kvs l = {0};

	(void)state;
	memset(text, 'v', sizeof(text) - 1);
	kvs_setf(&a, &l, "config", "%s", text);
	assert_string_equal(kvs_get(&l, "config"), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_get_remove),
		cmocka_unit_test(remove_anywhere),
		cmocka_unit_test(numbers),
		cmocka_unit_test(equal_in_any_order),
		cmocka_unit_test(copy_is_deep),
		cmocka_unit_test(merge_overwrites),
		cmocka_unit_test(long_values),
	};

	return cmocka_run_group_tests_name("kv", tests, NULL, NULL);
}
