/* test_inside_json.c - the guest program's JSON reader and writer, and base64. */
#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/jsonout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NODES 64

static struct jsonlite_node nodes[NODES];
static char text[8192];

static size_t parse(const char *s)
{
	snprintf(text, sizeof(text), "%s", s);
	return jsonlite_parse(text, strlen(text), nodes, NODES);
}

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(parse(" {\"a\": -12, \"b\":[true ,false,null],\t\"c\":{\"d\":\"e\"}}\r\n"), 12);
	assert_int_equal(nodes->type, JSONLITE_MAP);
	assert_int_equal(nodes->len, 3);
	assert_int_equal(nodes->span, 12);
	assert_int_equal(jsonlite_int(nodes, "a", 0), -12);
	assert_int_equal(jsonlite_get(nodes, "b")->len, 3);
	assert_int_equal(jsonlite_get(nodes, "b")[1].num, 1);
	assert_int_equal(jsonlite_get(nodes, "b")[3].type, JSONLITE_NULL);
	assert_string_equal(jsonlite_str(jsonlite_get(nodes, "c"), "d", ""), "e");
	assert_null(jsonlite_get(nodes, "d"));
	assert_null(jsonlite_get(NULL, "d"));
	assert_string_equal(jsonlite_str(nodes, "a", "def"), "def");
	assert_int_equal(jsonlite_int(nodes, "c", 7), 7);
	assert_true(jsonlite_flag(nodes, "c", true));
}

static void test_scalars(void **state)
{
	static const struct {
		const char *text;
		enum jsonlite_type type;
		int64_t num;
	} good[] = {
		{"0", JSONLITE_INT, 0}, {"-0", JSONLITE_INT, 0}, {"17", JSONLITE_INT, 17},
		{"9223372036854775807", JSONLITE_INT, INT64_MAX},
		{"-9223372036854775808", JSONLITE_INT, INT64_MIN},
		{"9223372036854775808", JSONLITE_REAL, 0}, {"-9223372036854775809", JSONLITE_REAL, 0},
		{"99999999999999999999999999", JSONLITE_REAL, 0}, {"1.5", JSONLITE_REAL, 0},
		{"1e3", JSONLITE_REAL, 0}, {"1E+3", JSONLITE_REAL, 0}, {"2.0e-1", JSONLITE_REAL, 0},
		{"true", JSONLITE_BOOL, 1}, {"false", JSONLITE_BOOL, 0}, {"null", JSONLITE_NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i].text), 1);
		assert_int_equal(nodes->type, good[i].type);
		assert_true(nodes->num == good[i].num);
	}
}

static void test_strings(void **state)
{
	static const char *const good[][2] = {
		{"\"\"", ""}, {"\"a b\"", "a b"}, {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e4\\u20AC\"", "A\xc3\xa4\xe2\x82\xac"},
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"}, {"\"\xf0\x9f\x98\x80 x\"", "\xf0\x9f\x98\x80 x"},
		{"\"\x7f\"", "\x7f"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i][0]), 1);
		assert_string_equal(nodes->str, good[i][1]);
		assert_int_equal(nodes->len, strlen(good[i][1]));
	}
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
		"{1:2}", "{\"a\":1 \"b\":2}", "[1 2]", "01", "-", "+1", "1.", ".5", "1e", "1e+", "- 1", "0x1",
		"nul", "nulll", "True", "truefalse", "1 2", "{} {}", "[]]", "\"", "\"a", "\"\\", "\"\\x\"",
		"\"\\u12\"", "\"\\u123g\"", "\"\\u0000\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"",
		"\"\n\"", "\"\t\"", "\"\x1f\"", "\"\x80\"", "\"\xc0\xaf\"", "\"\xe0\x80\xaf\"",
		"\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xe2\x82\"",
		"{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "{\"a\":[1],\"\\u0061\":2}", "'a'", "// x\n1",
		"[[[[[[[[[[[[[1]]]]]]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parse(bad[i]))
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(parse("[[[[[[[[[[[[1]]]]]]]]]]]]"), 13);
	/* A NUL is no end of the text. */
	assert_int_equal(jsonlite_parse((char[]){"1\0"}, 2, nodes, NODES), 0);
}

static void test_too_many(void **state)
{
	(void)state;
	memset(text, ' ', sizeof(text));
	text[0] = '[';
	for (int i = 0; i < NODES - 1; i++)
		memcpy(text + 1 + 2 * i, "1,", 2);
	text[2 * NODES - 2] = ']';
	assert_int_equal(jsonlite_parse(text, sizeof(text), nodes, NODES), NODES);
	assert_int_equal(jsonlite_parse(text, sizeof(text), nodes, NODES - 1), 0);
}

static void test_string_lists(void **state)
{
	const char *v[4];

	(void)state;
	parse("[\"a\",\"b\",\"c\"]");
	assert_int_equal(jsonlite_strings(nodes), 3);
	jsonlite_strv(nodes, v);
	assert_string_equal(v[2], "c");
	assert_null(v[3]);
	assert_int_equal(jsonlite_strings(NULL), 0);
	parse("[\"a\",1]");
	assert_int_equal(jsonlite_strings(nodes), -1);
	parse("[[\"a\"]]");
	assert_int_equal(jsonlite_strings(nodes), -1);
	parse("{}");
	assert_int_equal(jsonlite_strings(nodes), -1);
}

static void test_writer(void **state)
{
	struct jsonout w;
	char buf[256];
	size_t n;

	(void)state;
	jsonout_open(&w, buf, sizeof(buf));
	jsonout_int(&w, "i", INT64_MIN);
	jsonout_flag(&w, "f", false);
	jsonout_str(&w, "s", "a\"\\\n\x01\x7f\xc3\xa4\xff");
	jsonout_data(&w, "d", "\0\1\2\3", 4);
	n = jsonout_close(&w);
	assert_int_equal(n, w.n);
	buf[n] = '\0';
	assert_string_equal(buf, "{\"i\":-9223372036854775808,\"f\":false,\"s\":\"a\\\"\\\\\\u000a\\u0001"
		"\\u007f\xc3\xa4\xef\xbf\xbd\",\"d\":\"AAECAw==\"}\n");
	assert_int_not_equal(parse(buf), 0);
	assert_string_equal(jsonlite_str(nodes, "s", ""), "a\"\\\n\x01\x7f\xc3\xa4\xef\xbf\xbd");
}

/* In every smaller buffer the writer says that it did not fit, and writes nothing behind it. */
static void test_writer_full(void **state)
{
	static const char want[] = "{\"key\":\"value \\\" with\",\"d\":\"YWJj\"}\n";
	const size_t need = sizeof(want) - 1;
	struct jsonout w;
	char buf[64];

	(void)state;
	for (size_t cap = 0; cap < need + 3; cap++) {
		memset(buf, '#', sizeof(buf));
		jsonout_open(&w, buf, cap);
		jsonout_str(&w, "key", "value \" with");
		jsonout_data(&w, "d", "abc", 3);
		assert_int_equal(jsonout_close(&w), cap < need ? 0 : need);
		assert_memory_equal(buf, want, cap < need ? 0 : need);
		assert_int_equal(buf[cap], '#');
	}
}

static void test_base64(void **state)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
		{"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "====", "=Zg=", "Zh==", "Zm9=", "Zg==Zg==",
		"Zm9v\n", "Zm 9v", "Z-9v", "Z_9v", "Zg=g"};
	char buf[64];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		size_t len = strlen(pairs[i][0]);

		base64_encode(pairs[i][0], len, buf);
		assert_memory_equal(buf, pairs[i][1], BASE64_LEN(len));
		assert_int_equal(base64_decode(buf, BASE64_LEN(len), &n), 0);
		assert_int_equal(n, len);
		assert_memory_equal(buf, pairs[i][0], len);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(buf, sizeof(buf), "%s", bad[i]);
		if (base64_decode(buf, strlen(bad[i]), &n) == 0)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void test_base64_all_bytes(void **state)
{
	unsigned char in[256];
	char buf[BASE64_LEN(sizeof(in))];
	size_t n;

	(void)state;
	for (int i = 0; i < 256; i++)
		in[i] = (unsigned char)(i * 7);
	base64_encode(in, sizeof(in), buf);
	assert_int_equal(base64_decode(buf, sizeof(buf), &n), 0);
	assert_int_equal(n, sizeof(in));
	assert_memory_equal(buf, in, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many), cmocka_unit_test(test_string_lists),
		cmocka_unit_test(test_writer), cmocka_unit_test(test_writer_full),
		cmocka_unit_test(test_base64), cmocka_unit_test(test_base64_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
