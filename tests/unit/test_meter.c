/* test_meter.c - rates and times left, by clocks that the test turns. */
#include "reconciler/meter.h"

#include "tests/lib/unit.h"

#include <stdio.h>

static void a_steady_one(void **state)
{
	struct meters m = {0};
	const struct meter *one = meter_note(&m, "a", "fetching", 0, 1000, 5000);

	(void)state;
	assert_int_equal(meter_rate(one), 0);
	assert_int_equal(meter_left_ms(one), -1);
	assert_false(meter_is_done(one));
	one = meter_note(&m, "a", "fetching", 100, 1000, 5499);
	assert_int_equal(meter_rate(one), 0); /* too early */
	one = meter_note(&m, "a", "fetching", 250, 1000, 6000);
	assert_int_equal(meter_rate(one), 250);
	assert_int_equal(meter_left_ms(one), 3000);
	one = meter_note(&m, "a", "fetching", 1000, 1000, 9000);
	assert_int_equal(meter_rate(one), 250);
	assert_int_equal(meter_left_ms(one), 0);
	assert_true(meter_is_done(one));
}

/* What an earlier run had fetched was not fetched in this time. */
static void what_was_there_is_no_speed(void **state)
{
	struct meters m = {0};
	const struct meter *one;

	(void)state;
	meter_note(&m, "a", "fetching", 800, 1000, 100);
	one = meter_note(&m, "a", "fetching", 900, 1000, 1100);
	assert_int_equal(meter_rate(one), 100);
	assert_int_equal(meter_left_ms(one), 1000);
}

static void it_begins_anew(void **state)
{
	struct meters m = {0};
	const struct meter *one;

	(void)state;
	meter_note(&m, "a", "x", 900, 1000, 0);
	one = meter_note(&m, "a", "x", 0, 1000, 10000);
	assert_int_equal(meter_rate(one), 0);
	one = meter_note(&m, "a", "x", 500, 1000, 11000);
	assert_int_equal(meter_rate(one), 500);
	one = meter_note(&m, "a", "x", 600, 2000, 12000); /* another total */
	assert_int_equal(meter_rate(one), 0);
}

static void no_total_and_no_speed(void **state)
{
	struct meters m = {0};
	const struct meter *one;

	(void)state;
	meter_note(&m, "a", "finishing", 0, 0, 0);
	one = meter_note(&m, "a", "finishing", 10, 0, 1000);
	assert_int_equal(meter_rate(one), 10);
	assert_int_equal(meter_left_ms(one), -1);
	assert_false(meter_is_done(one));
	meter_note(&m, "a", "stalled", 7, 100, 0);
	one = meter_note(&m, "a", "stalled", 7, 100, 60000);
	assert_int_equal(meter_rate(one), 0);
	assert_int_equal(meter_left_ms(one), -1);
	meter_note(&m, "a", "slow", 0, UINT64_MAX, 0);
	one = meter_note(&m, "a", "slow", 1, UINT64_MAX, 1000);
	assert_int_equal(meter_left_ms(one), -1); /* longer than anybody waits */
}

static void wholes_and_parts(void **state)
{
	struct meters m = {0};
	const struct meter *part, *whole;

	(void)state;
	part = meter_note(&m, "a", "fetching layer 1/2", 1, 10, 0);
	assert_null(meter_whole(&m, part));
	meter_note(&m, "b", "fetching", 5, 30, 0); /* of another object */
	meter_note(&m, "a", "fetch", 5, 30, 0);    /* no whole word */
	part = meter_note(&m, "a", "fetching layer 1/2", 2, 10, 1);
	assert_null(meter_whole(&m, part));
	meter_note(&m, "a", "fetching", 5, 20, 1);
	part = meter_note(&m, "a", "fetching layer 1/2", 3, 10, 2);
	whole = meter_whole(&m, part);
	assert_non_null(whole);
	assert_int_equal(whole->total, 20);
	assert_null(meter_whole(&m, whole));
	assert_ptr_equal(meter_part(&m, whole), part);
	part = meter_note(&m, "a", "fetching layer 2/2", 3, 10, 3);
	assert_ptr_equal(meter_part(&m, whole), part);
	meter_note(&m, "a", "fetching layer 2/2", 10, 10, 4);
	assert_string_equal(meter_part(&m, whole)->what, "fetching layer 1/2");
	meter_note(&m, "a", "fetching layer 1/2", 10, 10, 5);
	assert_null(meter_part(&m, whole)); /* all are done */
}

static void the_oldest_goes(void **state)
{
	struct meters m = {0};
	const struct meter *one;
	char what[32];

	(void)state;
	meter_note(&m, "a", "old", 0, 1000, 1);
	meter_note(&m, "a", "kept", 0, 1000, 1);
	for (int i = 0; i < METERS - 2; i++) {
		snprintf(what, sizeof(what), "layer %d", i);
		meter_note(&m, "a", what, 0, 0, 2);
	}
	meter_note(&m, "a", "kept", 100, 1000, 1001);
	meter_note(&m, "a", "one more", 0, 0, 1002);
	one = meter_note(&m, "a", "old", 500, 1000, 2001);
	assert_int_equal(one->begun_ms, 2001); /* was forgotten */
	one = meter_note(&m, "a", "kept", 200, 1000, 2001);
	assert_int_equal(meter_rate(one), 100);
}

static void long_names(void **state)
{
	struct meters m = {0};
	char name[3 * METER_NAME_MAX];
	const struct meter *one, *again;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	one = meter_note(&m, name, name, 0, 10, 0);
	again = meter_note(&m, name, name, 5, 10, 1000);
	assert_ptr_equal(one, again);
	assert_int_equal(meter_rate(again), 5);
}

static void several_things(void **state)
{
	struct meters m = {0};
	const struct meter *v[2];

	(void)state;
	meter_note(&m, "b", "fetching", 1, 10, 1000);
	meter_note(&m, "b", "fetching layer 1/2", 1, 5, 1001);
	meter_note(&m, "a", "fetching", 10, 10, 1002);
	meter_note(&m, "a", "unpacking", 3, 10, 1003);
	assert_int_equal(meter_things(&m, 0, v, 2), 2);
	assert_string_equal(v[0]->of, "a");
	assert_string_equal(v[0]->what, "unpacking"); /* what is done is not under way */
	assert_string_equal(v[1]->what, "fetching"); /* the whole, not a part */
	assert_int_equal(meter_things(&m, 1001, v, 2), 1); /* the other one is silent */
	meter_note(&m, "c", "fetching", 0, 0, 1004);
	assert_int_equal(meter_things(&m, 0, v, 2), 2); /* no more than there is room for */
	meter_note(&m, "b", "fetching", 10, 10, 1005);
	assert_int_equal(meter_things(&m, 0, v, 2), 2);
	assert_string_equal(v[1]->of, "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_things),
		cmocka_unit_test(a_steady_one),
		cmocka_unit_test(what_was_there_is_no_speed),
		cmocka_unit_test(it_begins_anew),
		cmocka_unit_test(no_total_and_no_speed),
		cmocka_unit_test(wholes_and_parts),
		cmocka_unit_test(the_oldest_goes),
		cmocka_unit_test(long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
