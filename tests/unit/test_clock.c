/* test_clock.c - times and spans as people read them. No duration is asserted. */
#include "schema/base/clock.h"

#include "tests/lib/unit.h"

static void rfc3339(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{1, "1970-01-01T00:00:00.001Z"},
		{999, "1970-01-01T00:00:00.999Z"},
		{1795557179123, "2026-11-24T21:52:59.123Z"},
		{951782400000, "2000-02-29T00:00:00.000Z"},
		{4102444799999, "2099-12-31T23:59:59.999Z"},
		{253402300799999, "9999-12-31T23:59:59.999Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-1000, "1969-12-31T23:59:59.000Z"},
		{-86400001, "1969-12-30T23:59:59.999Z"},
	};

	(void)state;
	setenv("TZ", "America/New_York", 1); /* must not matter */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[CLOCK_TEXT_MAX];

		clock_text(cases[i].ms, got);
		assert_string_equal(got, cases[i].want);
	}
}

static void spans(void **state)
{
	static const struct {
		int64_t ms;
		const char *want;
	} cases[] = {
		{-5, "0s"}, {0, "0s"}, {999, "0s"}, {1000, "1s"}, {59999, "59s"}, {60000, "1m00s"},
		{252000, "4m12s"}, {3599999, "59m59s"}, {3600000, "1h00m"}, {7500000, "2h05m"},
		{86399999, "23h59m"}, {86400000, "1d0h"}, {273600000, "3d4h"},
		{INT64_MAX, "106751991167d7h"}, {INT64_MIN, "0s"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[CLOCK_TEXT_MAX];

		clock_span(cases[i].ms, got);
		assert_string_equal(got, cases[i].want);
	}
}

/* Any number gives a text that fits. */
static void extremes_fit(void **state)
{
	static const int64_t odd[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1,
		-62135596800001, 253402300800000};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		char got[CLOCK_TEXT_MAX];

		memset(got, 'x', sizeof(got));
		clock_text(odd[i], got);
		assert_non_null(memchr(got, '\0', sizeof(got)));
	}
}

static void monotonic_never_goes_back(void **state)
{
	int64_t last = clock_mono_ms();

	(void)state;
	assert_true(last >= 0);
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_mono_ms();

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_real_ms() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc3339),
		cmocka_unit_test(spans),
		cmocka_unit_test(extremes_fit),
		cmocka_unit_test(monotonic_never_goes_back),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
