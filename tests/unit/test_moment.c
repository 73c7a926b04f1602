/* test_moment.c - moments as people write them, good ones and bad ones. */
#include "schema/moment.h"

#include "tests/lib/unit.h"

static void good_ones(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"1970-01-01", 0}, {"2026-12-01", 1796083200000}, {"2024-02-29", 1709164800000},
		{"2026-12-01T00:00Z", 1796083200000}, {"2026-12-01 08:30", 1796113800000},
		{"2026-12-01T08:30:05Z", 1796113805000}, {"2026-12-01t08:30:05z", 1796113805000},
		{"2026-12-01T08:30:05.5Z", 1796113805500}, {"2026-12-01T08:30:05.1239Z", 1796113805123},
		{"2026-12-01T08:30:05+02:00", 1796106605000}, {"2026-12-01T08:30-00:30", 1796115600000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err err = ERR_INIT;
		int64_t ms = -1;

		if (moment_parse(good[i].text, &ms, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.msg);
		if (ms != good[i].ms)
			fail_msg("%s is %lld, not %lld", good[i].text, (long long)ms,
				(long long)good[i].ms);
	}
}

static void bad_ones(void **state)
{
	static const char *const bad[] = {"", " ", "tomorrow", "2026", "2026-12", "2026-13-01",
		"2026-00-01", "2026-02-30", "2025-02-29", "2026-12-32", "1969-12-31", "26-12-01",
		"2026-12-01T", "2026-12-01T24:00", "2026-12-01T08:60", "2026-12-01T08:30:60Z",
		"2026-12-01T08:30:00.", "2026-12-01T08:30:00.Z", "2026-12-01T08:30:00+2",
		"2026-12-01T08:30:00+24:00", "2026-12-01Z", "2026-12-01 ", " 2026-12-01",
		"2026-12-01T08:30:00Zx", "2026/12/01", "+026-12-01", "2026-12-01T8:30"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		int64_t ms = -7;

		if (moment_parse(bad[i], &ms, &err) == 0)
			fail_msg("\"%s\" is taken for %lld", bad[i], (long long)ms);
		assert_int_equal(err.kind, ERR_SPEC);
		assert_string_not_equal(err.hint, "");
		assert_int_equal(ms, -7);
	}
}

static void spans_count_back(void **state)
{
	struct err err = ERR_INIT;
	int64_t ms = 0;

	(void)state;
	assert_int_equal(moment_parse_ago("90s", 1000000, &ms, &err), 0);
	assert_int_equal(ms, 910000);
	assert_int_equal(moment_parse_ago("24h", 1000, &ms, &err), 0);
	assert_int_equal(ms, 0);
	assert_int_equal(moment_parse_ago("2d", 200000000, &ms, &err), 0);
	assert_int_equal(ms, 200000000 - 2 * 86400000);
	assert_int_equal(moment_parse_ago("2dd", 1000, &ms, &err), -1);
	err_clear(&err);
	assert_int_equal(moment_parse_ago("2026-12-01", 1000, &ms, &err), 0);
	assert_int_equal(ms, 1796083200000);
	assert_int_equal(moment_parse_ago("yesterday", 1000, &ms, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test(spans_count_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
