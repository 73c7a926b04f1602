/* test_units.c - sizes and durations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/field.h"

#include <string.h>

#define MIB (1024ull * 1024)

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {{"1KiB", 1024}, {"0MiB", 0}, {"512MiB", 512 * MIB}, {"1GiB", 1024 * MIB},
		{"007MiB", 7 * MIB}, {"8388607TiB", 8388607ull * 1024 * 1024 * MIB}};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(size_parse(good[i].text, &v, &e), 0);
		assert_int_equal(e.kind, ERR_NONE);
		assert_true(v == good[i].bytes);
	}
}

/* What is refused, and what is suggested instead. */
static void refuse(int (*parse)(const char *, uint64_t *, struct err *), const char *text,
	const char *hint)
{
	struct err e = ERR_INIT;
	uint64_t v = 42;

	if (!parse(text, &v, &e))
		fail_msg("\"%s\" was read as %llu", text, (unsigned long long)v);
	assert_int_equal(e.kind, ERR_SPEC);
	assert_true(*e.msg);
	if (strcmp(e.hint, hint))
		fail_msg("\"%s\": hint \"%s\", not \"%s\"", text, e.hint, hint);
}

static void test_bad_sizes(void **state)
{
	static const char *const bad[][2] = {
		{"4G", "did you mean 4GiB?"}, {"4gb", "did you mean 4GiB?"},
		{"4 GiB", "did you mean 4GiB?"}, {"4Gi", "did you mean 4GiB?"},
		{"4gib", "did you mean 4GiB?"}, {"512M", "did you mean 512MiB?"},
		{"1.5GiB", "did you mean 1536MiB?"}, {"4.5G", "did you mean 4608MiB?"},
		{"1024k", "did you mean 1MiB?"}, {"2t", "did you mean 2TiB?"}, {"4096", "add a unit, such as 4096MiB"},
		{"", ""}, {"GiB", ""}, {"-1GiB", ""}, {"+1GiB", ""}, {"0x10MiB", ""}, {"1B", ""},
		{"1e3MiB", ""}, {"1_000MiB", ""}, {"1GiB ", ""}, {" 1GiB", ""},
		{"1.1KiB", ""}, {"20000P", ""}, {"8388608TiB", ""},
		{"99999999999999999999GiB", ""}, {"18014398509481984KiB", ""}, {"1GiBB", ""},
		{"1.GiB", ""}, {".5GiB", ""}, {"1.2.3GiB", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(size_parse, bad[i][0], bad[i][1]);
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {{"1ms", 1}, {"90s", 90000}, {"2m", 120000}, {"24h", 86400000}, {"0s", 0}};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(duration_parse(good[i].text, &v, NULL), 0);
		assert_true(v == good[i].ms);
	}
}

static void test_bad_durations(void **state)
{
	static const char *const bad[][2] = {{"90", "did you mean 90s?"}, {"90 s", "did you mean 90s?"},
		{"90sec", "did you mean 90s?"}, {"5 minutes", "did you mean 5m?"},
		{"1.5h", "did you mean 90m?"}, {"1.5ms", ""}, {"2hours", "did you mean 2h?"}, {"1d", ""},
		{"", ""}, {"s", ""}, {"-1s", ""}, {"1m30s", ""}, {"1S", "did you mean 1s?"},
		{"99999999999999999999s", ""}, {"9223372036854775807h", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refuse(duration_parse, bad[i][0], bad[i][1]);
}

static void test_canonical(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(size_print(&a, 1024 * MIB), "1GiB");
	assert_string_equal(size_print(&a, 1536 * MIB), "1536MiB");
	assert_string_equal(size_print(&a, 1024 * 1024 * MIB), "1TiB");
	assert_string_equal(size_print(&a, 1024), "1KiB");
	assert_string_equal(size_print(&a, 1000), "1000B");
	assert_string_equal(size_print(&a, 0), "0KiB");
	assert_string_equal(duration_print(&a, 90000), "90s");
	assert_string_equal(duration_print(&a, 60000), "1m");
	assert_string_equal(duration_print(&a, 3600000), "1h");
	assert_string_equal(duration_print(&a, 1500), "1500ms");
	assert_string_equal(duration_print(&a, 0), "0s");
}

static void test_round_trip(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	uint64_t v;

	(void)state;
	for (uint64_t n = 0; n < 5000; n++) {
		assert_int_equal(size_parse(size_print(&a, n * 7 * 1024), &v, NULL), 0);
		assert_true(v == n * 7 * 1024);
		assert_int_equal(duration_parse(duration_print(&a, n * 250), &v, NULL), 0);
		assert_true(v == n * 250);
	}
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"memory", "vcpus", "vms", "on_failure", "disk"};
	static const char *const pairs[][2] = {{"memroy", "memory"}, {"Memory", "memory"},
		{"MEMORY", "memory"}, {"vm", "vms"}, {"vcpu", "vcpus"}, {"cpus", "vcpus"},
		{"on-failure", "on_failure"}, {"dsik", "disk"}, {"idsk", "disk"}, {"memo", NULL},
		{"", NULL}, {"x", NULL}, {"banana", NULL}, {"diskdisk", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *got = nearest_name(pairs[i][0], names, 5);

		if (!got != !pairs[i][1] || (got && strcmp(got, pairs[i][1])))
			fail_msg("\"%s\": %s", pairs[i][0], got ? got : "nothing");
	}
	assert_null(nearest_name("memory", names, 0));
}

static void test_nearest_long(void **state)
{
	char word[200];
	const char *const same[] = {word};

	(void)state;
	memset(word, 'a', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	assert_null(nearest_name(word, same, 1));
	word[64] = '\0';
	assert_ptr_equal(nearest_name(word, same, 1), word);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bad_sizes),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_bad_durations),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_nearest_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
