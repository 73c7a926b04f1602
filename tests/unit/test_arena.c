/* test_arena.c - memory of one pass, and the vectors that live in it. */
#include "schema/base/vec.h"

#include "tests/lib/unit.h"

#include <signal.h>
#include <stdalign.h>

struct numbers {
	uint64_t *v;
	size_t n, cap;
};

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* Sizes around the block size, among them 0: zeroed, aligned, not overlapping. */
static void pieces_are_apart(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, 16384, 16385, 32767, 32768, 32769,
		100000, 1, 7, 32768, 3};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	unsigned char *p[200];
	size_t n = sizeof(sizes) / sizeof(sizes[0]);

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		p[i] = arena_alloc(&a, sizes[i % n]);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
		assert_true(is_zero(p[i], sizes[i % n]));
		memset(p[i], (int)(i + 1), sizes[i % n]);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < sizes[i % n]; k++)
			if (p[i][k] != (unsigned char)(i + 1))
				fail_msg("piece %zu was overwritten at %zu", i, k);
}

/* A large piece must not throw away the room that is left in the block before it. */
static void a_large_piece_wastes_nothing(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *first, *third;

	(void)state;
	first = arena_alloc(&a, 16);
	arena_alloc(&a, 1 << 20);
	third = arena_alloc(&a, 16);
	assert_ptr_equal(third, first + 16);
	assert_true(a.total >= (1 << 20) + 32);
}

static void copies_end_in_a_nul(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static char longest[70000];

	(void)state;
	assert_null(arena_dup(&a, NULL));
	assert_string_equal(arena_dup(&a, ""), "");
	assert_string_equal(arena_dup(&a, "web"), "web");
	assert_string_equal(arena_dupn(&a, "webserver", 3), "web");
	assert_string_equal(arena_dupn(&a, NULL, 0), "");
	assert_memory_equal(arena_dupn(&a, "a\0b", 3), "a\0b", 4);
	memset(longest, 'y', sizeof(longest) - 1);
	assert_string_equal(arena_dup(&a, longest), longest);
	assert_string_equal(arena_printf(&a, "%s", longest), longest);
	assert_string_equal(arena_printf(&a, "%s/%d", "vm", 7), "vm/7");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
}

static void free_can_be_used_again(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	arena_free(&a);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++)
			arena_alloc(&a, 5000);
		arena_free(&a);
		assert_null(a.head);
		assert_int_equal(a.total, 0);
	}
}

static int overflow(void *arg)
{
	struct arena a = ARENA_INIT;

	if (!freopen("/dev/null", "w", stderr))
		return 1;
	signal(SIGABRT, SIG_DFL);
	arena_array(&a, SIZE_MAX / 2, *(const size_t *)arg);
	return 0;
}

/* A size that wraps around must never give a small piece. */
static void overflow_ends_the_process(void **state)
{
	size_t size[] = {3, 4, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(in_child(overflow, &size[i]), 256 + SIGABRT);
}

static void vectors_grow(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct numbers list = {0};
	uint64_t sum = 0;

	(void)state;
	vec_each(p, &list)
		fail_msg("an empty list has an element: %p", (void *)p);
	for (uint64_t i = 0; i < 10000; i++) {
		uint64_t *p = vec_push(&a, &list);

		assert_int_equal(*p, 0);
		*p = i;
	}
	assert_int_equal(list.n, 10000);
	vec_each(p, &list) {
		assert_int_equal(*p, p - list.v);
		sum += *p;
	}
	assert_int_equal(sum, 9999 * 10000 / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_apart),
		cmocka_unit_test(a_large_piece_wastes_nothing),
		cmocka_unit_test(copies_end_in_a_nul),
		cmocka_unit_test(free_can_be_used_again),
		cmocka_unit_test(overflow_ends_the_process),
		cmocka_unit_test(vectors_grow),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
