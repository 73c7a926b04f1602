/* test_map.c - the map against a plain list of the same entries. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/map.h"

#include <stdio.h>
#include <string.h>

static void test_empty(void **state)
{
	struct map m = MAP_INIT;

	(void)state;
	assert_null(map_get(&m, "a", 1));
	assert_null(map_get(&m, "", 0));
}

static void test_first_one_stays(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct map m = MAP_INIT;
	int one, two;

	(void)state;
	assert_null(map_add(&a, &m, "web", 3, &one));
	assert_ptr_equal(map_add(&a, &m, "web", 3, &two), &one);
	assert_ptr_equal(map_get(&m, "web", 3), &one);
	assert_int_equal(m.n, 1);
}

static void test_keys_are_bytes(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct map m = MAP_INIT;
	int v[3];

	(void)state;
	assert_null(map_add(&a, &m, "", 0, &v[0]));
	assert_null(map_add(&a, &m, "ab", 1, &v[1]));
	assert_null(map_add(&a, &m, "a\0b", 3, &v[2]));
	assert_ptr_equal(map_get(&m, "", 0), &v[0]);
	assert_ptr_equal(map_get(&m, "a", 1), &v[1]);
	assert_ptr_equal(map_get(&m, "a\0b", 3), &v[2]);
	assert_null(map_get(&m, "ab", 2));
}

static void test_many(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static char keys[5000][16];
	struct map m = MAP_INIT;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
		assert_null(map_add(&a, &m, keys[i], strlen(keys[i]), keys[i]));
	}
	assert_int_equal(m.n, 5000);
	for (int i = 0; i < 5000; i++)
		assert_ptr_equal(map_get(&m, keys[i], strlen(keys[i])), keys[i]);
	assert_null(map_get(&m, "k5000", 5));
	assert_true(m.cap - m.n > m.cap / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_first_one_stays),
		cmocka_unit_test(test_keys_are_bytes),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
