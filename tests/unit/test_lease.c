/* test_lease.c - choosing identities. */
#include "reconciler/engine/lease.h"

#include "tests/lib/unit.h"

static void add(struct lease_book *b, const char *pool, uint64_t value, const char *owner)
{
	const struct lease one = {pool, owner, value};

	lease_add(b, &one);
}

static void an_empty_pool(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	assert_int_equal(lease_of(&l, "cid", "vm/web"), 0);
	assert_null(lease_owner(&l, "cid", 3));
	assert_int_equal(lease_lowest(&l, "cid", 3, 9), 3);
	assert_int_equal(lease_lowest(&l, "cid", 9, 9), 9);
	assert_int_equal(lease_lowest(&l, "cid", 9, 8), 0);
}

static void lowest_of_every_gap(void **state)
{
	(void)state;
	/* each subset of the values 3..10, in a list with neighbours in other pools */
	for (unsigned set = 0; set < 256; set++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct lease_book l = {.a = &a};
		uint64_t want = 3;

		add(&l, "bridge", 4, "x");
		add(&l, "tap", 3, "y");
		for (uint64_t v = 11; v-- > 3;) /* in any order */
			if (set >> (v - 3) & 1)
				add(&l, "cid", v, arena_printf(&a, "vm/%u", (unsigned)v));
		add(&l, "cid", 1, "below");
		while (want <= 10 && set >> (want - 3) & 1)
			want++;
		assert_int_equal(lease_lowest(&l, "cid", 3, 10), want <= 10 ? want : 0);
		assert_int_equal(lease_lowest(&l, "cid", 3, 12), want);
		assert_int_equal(lease_lowest(&l, "cid", 1, 10), 2);
		assert_int_equal(lease_lowest(&l, "cid", 3, 12), want);
	}
}

static void owners_and_values(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	add(&l, "cid", 7, "vm/web");
	add(&l, "cid", 3, "vm/db");
	add(&l, "tap", 7, "vm/db");
	assert_int_equal(lease_of(&l, "cid", "vm/web"), 7);
	assert_int_equal(lease_of(&l, "tap", "vm/web"), 0);
	assert_int_equal(lease_of(&l, "tap", "vm/db"), 7);
	assert_string_equal(lease_owner(&l, "cid", 7), "vm/web");
	assert_string_equal(lease_owner(&l, "tap", 7), "vm/db");
	assert_null(lease_owner(&l, "cid", 4));
}

/* The highest context id there is. */
static void up_to_the_end(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	add(&l, "cid", 4294967293u, "vm/a");
	assert_int_equal(lease_lowest(&l, "cid", 4294967293u, 4294967294u), 4294967294u);
	add(&l, "cid", 4294967294u, "vm/b");
	assert_int_equal(lease_lowest(&l, "cid", 4294967293u, 4294967294u), 0);
}

static void many_are_handed_out_in_order(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		uint64_t v = lease_lowest(&l, "cid", 3, UINT32_MAX);

		assert_int_equal(v, 3 + i);
		add(&l, "cid", v, "x");
	}
}

static void a_book_holds_the_whole_list(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease list[] = {{"cid", "vm/db", 3}, {"cid", "vm/web", 4}, {"tap", "vm/web", 3}};
	const struct leases leases = {.v = list, .n = 3};
	struct lease_book l;

	(void)state;
	lease_book_init(&l, &a, &leases);
	assert_int_equal(lease_of(&l, "cid", "vm/web"), 4);
	assert_int_equal(lease_of(&l, "tap", "vm/web"), 3);
	assert_int_equal(lease_lowest(&l, "cid", 3, 9), 5);
	assert_int_equal(lease_lowest(&l, "tap", 3, 9), 4);
}

/* A VM that gets a fixed id runs with its old one until it is restarted: both are taken, and the
 * first is what it has. */
static void an_owner_with_two(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	add(&l, "cid", 9, "vm/web");
	add(&l, "cid", 3, "vm/web");
	assert_int_equal(lease_of(&l, "cid", "vm/web"), 9);
	assert_string_equal(lease_owner(&l, "cid", 3), "vm/web");
	assert_int_equal(lease_lowest(&l, "cid", 3, 9), 4);
}

/* What was dropped is free, the lowest is looked for anew, and its owner may take another. */
static void dropped_ones_are_free(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease_book l = {.a = &a};

	(void)state;
	for (uint64_t v = 3; v < 9; v++)
		add(&l, "cid", v, arena_printf(&a, "vm/%u", (unsigned)v));
	assert_int_equal(lease_lowest(&l, "cid", 3, 99), 9);
	lease_drop(&l, "cid", 4);
	lease_drop(&l, "cid", 4);
	lease_drop(&l, "cid", 50);
	lease_drop(&l, "tap", 3);
	assert_null(lease_owner(&l, "cid", 4));
	assert_int_equal(lease_of(&l, "cid", "vm/4"), 0);
	assert_int_equal(lease_lowest(&l, "cid", 3, 99), 4);
	add(&l, "cid", 4, "vm/new");
	assert_string_equal(lease_owner(&l, "cid", 4), "vm/new");
	assert_int_equal(lease_of(&l, "cid", "vm/new"), 4);
	assert_int_equal(lease_of(&l, "cid", "vm/4"), 0);
	add(&l, "cid", 9, "vm/4");
	assert_int_equal(lease_of(&l, "cid", "vm/4"), 9);
	assert_int_equal(lease_lowest(&l, "cid", 3, 99), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_pool),
		cmocka_unit_test(lowest_of_every_gap),
		cmocka_unit_test(owners_and_values),
		cmocka_unit_test(up_to_the_end),
		cmocka_unit_test(many_are_handed_out_in_order),
		cmocka_unit_test(a_book_holds_the_whole_list),
		cmocka_unit_test(an_owner_with_two),
		cmocka_unit_test(dropped_ones_are_free),
	};

	return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
