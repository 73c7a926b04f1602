/* test_json.c - JSON from outside and from saved state. */
#include "schema/base/json.h"

#include "tests/lib/unit.h"

static int parse(const char *text, size_t n)
{
	_cleanup_json_ json_t *j = NULL;
	struct err err = ERR_INIT;
	int rc = json_parse(text, n, "input", &j, &err);

	if (rc < 0) {
		assert_int_equal(err.kind, ERR_CONTENT);
		assert_memory_equal(err.msg, "input: ", 7);
		assert_null(j);
	} else {
		assert_int_equal(err.kind, ERR_NONE);
		assert_non_null(j);
	}
	return rc;
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} bad[] = {
		{"", 0}, {" ", 1}, {"{", 1}, {"nul", 3}, {"null", 4}, {"\"x\"", 3}, {"12", 2},
		{"{\"a\":1,\"a\":2}", 13}, {"{} x", 4}, {"{}{}", 4}, {"{\"a\":\"\\u0000\"}", 14},
		{"{\"a\\u0000\":1}", 13}, {"{\"a\":\"\xff\"}", 9}, {"{\"a\":\"\xed\xa0\x80\"}", 11},
		{"{\"a\":\"\\ud800\"}", 14}, {"{\"a\":1e999}", 11}, {"{\"a\":99999999999999999999}", 26},
		{"{\"a\":01}", 8}, {"{'a':1}", 7}, {"{\"a\":1,}", 8}, {"{\"a\":NaN}", 9}, {"{}\0", 3},
		{"{\"a\":\"\n\"}", 9}, {"\xef\xbb\xbf{}", 5}, {"[1,2", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i].text, bad[i].n) == 0)
			fail_msg("accepted: %s", bad[i].text);
	assert_int_equal(parse("{}", 2), 0);
	assert_int_equal(parse("[]", 2), 0);
	assert_int_equal(parse(" {\"a\":[1,null,true]} \n", 22), 0);
	assert_int_equal(parse("{}garbage", 2), 0); /* not a byte behind n is read */
}

/* Very deep nesting ends in an error, not in a stack overflow. */
static void depth_is_bounded(void **state)
{
	static char deep[400000];

	(void)state;
	memset(deep, '[', sizeof(deep) / 2);
	memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
	assert_int_equal(parse(deep, sizeof(deep)), -1);
	assert_int_equal(parse(deep + sizeof(deep) / 2 - 100, 200), 0);
}

static void members_have_a_default(void **state)
{
	_cleanup_json_ json_t *j = json_pack("{s:s, s:I, s:b, s:n}", "s", "text", "i",
		(json_int_t)INT64_MIN, "b", 1, "n");

	(void)state;
	assert_string_equal(json_str(j, "s", "d"), "text");
	assert_string_equal(json_str(j, "i", "d"), "d");
	assert_string_equal(json_str(j, "none", "d"), "d");
	assert_null(json_str(NULL, "s", NULL));
	assert_int_equal(json_int(j, "i", 3), INT64_MIN);
	assert_int_equal(json_int(j, "s", 3), 3);
	assert_int_equal(json_int(j, "n", 3), 3);
	assert_int_equal(json_int(NULL, "i", 3), 3);
	assert_true(json_flag(j, "b", false));
	assert_true(json_flag(j, "none", true));
	assert_true(json_flag(j, "i", true));
	assert_false(json_flag(json_null(), "b", false));
}

static void text_is_compact_and_ordered(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_json_ json_t *j = json_pack("{s:i, s:[s,n], s:{}}", "z", 1, "a", "x\n", "m");

	(void)state;
	assert_string_equal(json_text(&a, j), "{\"z\":1,\"a\":[\"x\\n\",null],\"m\":{}}");
	assert_string_equal(json_text(&a, json_null()), "null");
}

static void lists_go_there_and_back(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs from = {0}, to = {0};
	struct err err = ERR_INIT;
	char *text;

	(void)state;
	assert_string_equal(json_from_kvs(&a, &from), "{}");
	kvs_set(&a, &from, "run", "/run/\"quoted\"/back\\slash");
	kvs_set(&a, &from, "config", "{\"Env\":[\"A=\\u00e9\"]}");
	kvs_set(&a, &from, "utf8", "\xc3\x9cgr\xc3\xb6\xc3\x9f. \xf0\x9f\x90\xa7");
	kvs_set(&a, &from, "control", "\x01\t\n\x7f");
	kvs_set(&a, &from, "empty", "");
	text = json_from_kvs(&a, &from);
	assert_int_equal(json_to_kvs(&a, text, "state", &to, &err), 0);
	assert_true(kvs_equal(&from, &to));
	for (size_t i = 0; i < from.n; i++)
		assert_string_equal(from.v[i].key, to.v[i].key);
	assert_string_equal(json_from_kvs(&a, &to), text);
}

/* File names are bytes, not text. A fact that is not UTF-8 must not vanish. */
static void bytes_go_there_and_back(void **state)
{
	static const char *const odd[] = {"/run/\xff", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"a\xe2\x82", "\xc0\xaf", "/mnt/gr\xf6\xdf/k", "\xf4\x8f\xbe\x80",
		"x\xf4\x8f\xbf\xbf\xff", "\xf4\x8f\xbd\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct kvs from = {0}, to = {0};
		struct err err = ERR_INIT;

		kvs_set(&a, &from, "file", odd[i]);
		kvs_set(&a, &from, "other", "x");
		assert_int_equal(json_to_kvs(&a, json_from_kvs(&a, &from), "state", &to, &err), 0);
		if (!kvs_equal(&from, &to))
			fail_msg("case %zu did not come back", i);
	}
}

static void words_for_people(void **state)
{
	static const char *const cases[][2] = {{"plain", "plain"}, {"gr\xc3\xb6\xc3\x9f",
		"gr\xc3\xb6\xc3\x9f"}, {"caf\xe9", "caf\\xe9"}, {"", ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_json_ json_t *j = json_lossy(cases[i][0]);

		assert_string_equal(json_string_value(j), cases[i][1]);
	}
	assert_true(json_is_null(json_lossy(NULL)));
}

static void lists_refuse_the_rest(void **state)
{
	static const char *const bad[] = {"", "[]", "null", "{\"a\":1}", "{\"a\":null}", "{\"a\":[]}",
		"{\"a\":{}}", "{\"a\":true}", "{\"a\":\"x\",\"a\":\"y\"}", "{\"a\":\"x\"", "{\"a\":\"x\"}}"};
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = ERR_INIT;
		struct kvs to = {0};

		if (json_to_kvs(&a, bad[i], "state", &to, &err) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.kind, ERR_CONTENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(members_have_a_default),
		cmocka_unit_test(text_is_compact_and_ordered),
		cmocka_unit_test(lists_go_there_and_back),
		cmocka_unit_test(bytes_go_there_and_back),
		cmocka_unit_test(words_for_people),
		cmocka_unit_test(lists_refuse_the_rest),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
