/* test_when.c - when watch mode begins a pass: bursts, storms, what comes during a pass, looks. */
#include "reconciler/watch/when.h"

#include "tests/lib/unit.h"

#define LOOK_MS 60000

static unsigned bit(enum hear hear)
{
	return 1u << hear;
}

/* A pass that begins at now and takes so long. */
static unsigned pass(struct when *w, int64_t now, int64_t ms, int64_t retry_ms)
{
	unsigned why = 0;

	assert_true(when_begin(w, now, &why));
	when_end(w, now + ms, retry_ms);
	return why;
}

static void test_begins_at_once(void **state)
{
	struct when w;

	(void)state;
	when_init(&w, LOOK_MS, 1, 1000);
	assert_int_equal(when_due(&w), 1000);
	assert_int_equal(pass(&w, 1000, 5, -1), bit(HEAR_START));
	assert_true(when_due(&w) >= 1000 + LOOK_MS * 9 / 10);
	assert_true(when_due(&w) <= 1000 + LOOK_MS * 11 / 10);
}

static void test_waits_until_files_are_quiet(void **state)
{
	struct when w;
	unsigned why;
	int64_t now = 10000;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	pass(&w, 0, 5, -1);
	when_hear(&w, HEAR_FILE, now);
	assert_int_equal(when_due(&w), now + 150);
	when_hear(&w, HEAR_FILE, now + 100);
	assert_int_equal(when_due(&w), now + 250);
	assert_false(when_begin(&w, now + 249, &why));
	assert_int_equal(pass(&w, now + 250, 5, -1), bit(HEAR_FILE));
}

static void test_does_not_wait_for_ever(void **state)
{
	struct when w;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	pass(&w, 0, 5, -1);
	for (int64_t t = 10000; t < 20000; t += 100)
		when_hear(&w, HEAR_FILE, t);
	assert_int_equal(when_due(&w), 12000);
}

static void test_a_file_does_not_postpone_a_repair(void **state)
{
	struct when w;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	pass(&w, 0, 5, -1);
	when_hear(&w, HEAR_PROCESS, 10000);
	assert_int_equal(when_due(&w), 10015);
	when_hear(&w, HEAR_FILE, 10010);
	assert_int_equal(when_due(&w), 10015);
	assert_int_equal(pass(&w, 10015, 5, -1), bit(HEAR_PROCESS) | bit(HEAR_FILE));
}

static void test_what_comes_during_a_pass(void **state)
{
	struct when w;
	unsigned why;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	assert_true(when_begin(&w, 0, &why));
	when_hear(&w, HEAR_KERNEL, 10);
	assert_int_equal(when_due(&w), -1);
	assert_false(when_begin(&w, 5000, &why));
	when_end(&w, 100, -1);
	/* It took 100 ms, so that it rests 400. */
	assert_int_equal(when_due(&w), 500);
	assert_int_equal(pass(&w, 500, 1, -1), bit(HEAR_KERNEL));
}

static void test_a_storm_takes_a_fifth_of_the_time(void **state)
{
	struct when w;
	int64_t busy = 0, now;
	unsigned why;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	for (now = 0; now < 100000; now++) {
		when_hear(&w, HEAR_KERNEL, now);
		if (!when_begin(&w, now, &why))
			continue;
		for (int i = 0; i < 50; i++)
			when_hear(&w, HEAR_KERNEL, ++now);
		when_end(&w, now, -1);
		busy += 50;
	}
	assert_true(busy <= 100000 / 5 + 100);
	assert_true(busy >= 100000 / 6);
}

static void test_who_asks_does_not_wait(void **state)
{
	struct when w;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	pass(&w, 0, 5000, -1);
	when_hear(&w, HEAR_PROCESS, 5001);
	assert_int_equal(when_due(&w), 25000);
	when_hear(&w, HEAR_ASKED, 5002);
	assert_int_equal(when_due(&w), 5002);
}

static void test_a_file_during_a_long_pass(void **state)
{
	struct when w;
	unsigned why;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	assert_true(when_begin(&w, 0, &why));
	when_hear(&w, HEAR_FILE, 10000);
	when_end(&w, 20000, -1);
	assert_int_equal(when_due(&w), 10150);
}

static void test_tries_again(void **state)
{
	struct when w;

	(void)state;
	when_init(&w, LOOK_MS, 1, 0);
	pass(&w, 0, 10, 2000);
	assert_int_equal(when_due(&w), 2010);
	assert_int_equal(pass(&w, 2010, 10, -1), bit(HEAR_RETRY));
	assert_true(when_due(&w) > 50000);
}

static void test_looks_now_and_then(void **state)
{
	struct when w;
	int64_t first, second;

	(void)state;
	when_init(&w, LOOK_MS, 7, 0);
	pass(&w, 0, 1, -1);
	first = when_due(&w);
	assert_int_equal(pass(&w, first, 1, -1), bit(HEAR_LOOK));
	second = when_due(&w) - first;
	assert_true(second >= LOOK_MS * 9 / 10 && second <= LOOK_MS * 11 / 10);
	assert_int_not_equal(second, first); /* with jitter: this seed gives two that differ */
}

static void test_reads_files_when_they_may_differ(void **state)
{
	(void)state;
	assert_true(when_reads(bit(HEAR_FILE)));
	assert_true(when_reads(bit(HEAR_LOST) | bit(HEAR_PROCESS)));
	assert_true(when_reads(bit(HEAR_ASKED)));
	assert_false(when_reads(bit(HEAR_PROCESS)));
	assert_false(when_reads(bit(HEAR_RETRY) | bit(HEAR_KERNEL)));
	for (enum hear i = 0; i < HEAR_N; i++)
		assert_non_null(hear_name(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_begins_at_once),
		cmocka_unit_test(test_waits_until_files_are_quiet),
		cmocka_unit_test(test_does_not_wait_for_ever),
		cmocka_unit_test(test_a_file_does_not_postpone_a_repair),
		cmocka_unit_test(test_what_comes_during_a_pass),
		cmocka_unit_test(test_a_storm_takes_a_fifth_of_the_time),
		cmocka_unit_test(test_who_asks_does_not_wait),
		cmocka_unit_test(test_a_file_during_a_long_pass),
		cmocka_unit_test(test_tries_again),
		cmocka_unit_test(test_looks_now_and_then),
		cmocka_unit_test(test_reads_files_when_they_may_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
