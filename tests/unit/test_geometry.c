/* test_geometry.c - sizes of file systems, and which blocks may be handed out. */
#include "drivers/image/worker/geometry.h"

#include "drivers/image/worker/blocks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(const struct geometry_need *need, const struct geometry *g)
{
	uint64_t tables = (uint64_t)g->groups * (2 + g->inodes_per_group / 16);

	assert_int_equal(g->groups, (g->blocks + BLOCKS_GROUP - 1) / BLOCKS_GROUP);
	assert_int_equal(g->inodes_per_group % 16, 0);
	assert_in_range(g->inodes_per_group, 8192, 32768);
	assert_true((uint64_t)g->groups * g->inodes_per_group >= need->inodes);
	assert_true(need->used + tables + g->journal + need->extra <= g->blocks);
	if (need->size)
		assert_int_equal(g->blocks, need->size / BLOCKS_SIZE);
	else /* no last group that libext2fs would cut off */
		assert_true(!(g->blocks % BLOCKS_GROUP) || g->blocks % BLOCKS_GROUP >= 4096);
}

/* Used blocks, inodes and attributes over several orders of magnitude. */
static void what_is_needed(void **state)
{
	static const uint32_t inodes[] = {11, 12, 8000, 8192, 32768, 32769, 100000, 2000000};

	(void)state;
	for (uint64_t used = BLOCKS_HEAD; used < 100000000; used = used * 5 / 3)
		for (size_t i = 0; i < sizeof(inodes) / sizeof(inodes[0]); i++) {
			const struct geometry_need need = {.used = used, .inodes = inodes[i],
				.extra = inodes[i] / 3};
			struct err e = ERR_INIT;
			struct geometry g;

			assert_int_equal(geometry_choose(&need, &g, &e), 0);
			check(&need, &g);
			assert_true(g.blocks < used * 2 + 20000 + (uint64_t)inodes[i] * 6);
		}
}

/* The size that the error names is enough, and one MiB less is not. */
static void what_is_asked_for(void **state)
{
	(void)state;
	for (uint64_t used = 1000; used < 10000000; used = used * 7 / 3) {
		struct geometry_need need = {.size = 1 << 20, .used = used, .inodes = 1000};
		struct err e = ERR_INIT;
		struct geometry g;
		unsigned long long mib;

		assert_int_equal(geometry_choose(&need, &g, &e), -1);
		assert_int_equal(e.kind, ERR_LIMIT);
		assert_int_equal(sscanf(strstr(e.msg, "at least ") + 9, "%llu", &mib), 1);
		need.size = mib << 20;
		assert_int_equal(geometry_choose(&need, &g, &e), 0);
		check(&need, &g);
	}
}

static void too_large(void **state)
{
	const struct geometry_need need = {.size = 2ull << 40, .used = 1000, .inodes = 20};
	struct err e = ERR_INIT;
	struct geometry g;

	(void)state;
	assert_int_equal(geometry_choose(&need, &g, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void groups_with_super(void **state)
{
	static const uint64_t have[] = {0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343, 625, 729,
		2187, 2401};
	size_t k = 0;

	(void)state;
	for (uint64_t g = 0; g <= 2401; g++) {
		const int is = have[k] == g;

		k += (size_t)is;
		if (!blocks_has_super(g) != !is)
			fail_msg("group %llu", (unsigned long long)g);
	}
}

static void runs_keep_clear(void **state)
{
	struct blocks b;
	struct err e = ERR_INIT;
	uint64_t last = 0;

	(void)state;
	blocks_init(&b, -1, 30ull * BLOCKS_GROUP * BLOCKS_SIZE);
	for (uint32_t want = 1; ; want = want * 7 % 5003 + 1) {
		uint32_t at, n;

		if (blocks_take(&b, want, &at, &n, &e) < 0)
			break;
		assert_in_range(n, 1, want);
		assert_true(at >= last);
		last = (uint64_t)at + n;
		for (uint64_t block = at; block < last; block++)
			if (blocks_has_super(block / BLOCKS_GROUP))
				assert_true(block % BLOCKS_GROUP >= BLOCKS_HEAD);
	}
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_in_range(last, 29 * BLOCKS_GROUP, 30 * BLOCKS_GROUP);
	blocks_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_needed),
		cmocka_unit_test(what_is_asked_for),
		cmocka_unit_test(too_large),
		cmocka_unit_test(groups_with_super),
		cmocka_unit_test(runs_keep_clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
