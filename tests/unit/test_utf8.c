/* test_utf8.c - decoding to the letter of RFC 3629, and showing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/utf8.h"

#include <string.h>

/* Encode without using the code under test. */
static size_t encode(uint32_t cp, char out[4])
{
	if (cp < 0x80)
		return out[0] = (char)cp, 1;
	if (cp < 0x800)
		return out[0] = (char)(0xc0 | cp >> 6), out[1] = (char)(0x80 | (cp & 63)), 2;
	if (cp < 0x10000)
		return out[0] = (char)(0xe0 | cp >> 12), out[1] = (char)(0x80 | (cp >> 6 & 63)),
		       out[2] = (char)(0x80 | (cp & 63)), 3;
	return out[0] = (char)(0xf0 | cp >> 18), out[1] = (char)(0x80 | (cp >> 12 & 63)),
	       out[2] = (char)(0x80 | (cp >> 6 & 63)), out[3] = (char)(0x80 | (cp & 63)), 4;
}

static void test_every_code_point(void **state)
{
	(void)state;
	for (uint32_t cp = 0; cp <= 0x110010; cp++) {
		bool valid = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
		uint32_t got = 0xffffffff;
		char s[4];
		size_t n = encode(cp, s);

		if (utf8_decode(s, n, &got) != (valid ? n : 0) || (valid && got != cp))
			fail_msg("U+%04X", cp);
		if (n > 1 && utf8_decode(s, n - 1, &got))
			fail_msg("U+%04X cut off", cp);
	}
}

static void test_malformed(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf",
		"\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf8\x88\x80\x80\x80",
		"\xfe", "\xff", "\xc3(", "\xe2\x82(", "\xe2(\xa1"};
	uint32_t cp;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(utf8_decode(bad[i], strlen(bad[i]), &cp), 0);
	assert_int_equal(utf8_decode("", 0, &cp), 0);
}

static void test_plain(void **state)
{
	static const uint32_t no[] = {0, 9, 10, 0x1b, 0x7f, 0x85, 0x9f, 0x2028, 0x202e, 0x2066,
		0xfeff, 0xffff};
	static const uint32_t yes[] = {' ', '~', 0xa0, 0xe9, 0x20ac, 0x200d, 0x1f600};

	(void)state;
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(utf8_is_plain(no[i]));
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(utf8_is_plain(yes[i]));
}

static void test_width(void **state)
{
	(void)state;
	assert_int_equal(utf8_width('a'), 1);
	assert_int_equal(utf8_width(0xe9), 1);
	assert_int_equal(utf8_width(0x301), 0);
	assert_int_equal(utf8_width(0x4e2d), 2);
	assert_int_equal(utf8_width(0x1f600), 2);
	assert_int_equal(utf8_width(0x20ac), 1);
}

static void test_showing(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(utf8_escape(&a, "a\n\t\r\x1b[31m\x7f\xff\xc3\xa9"),
		"a\\n\\t\\r\\x1b[31m\\x7f\\xff\xc3\xa9");
	assert_string_equal(utf8_escape(&a, "\xc2\x85\xe2\x80\xae"), "\\u{85}\\u{202e}");
	assert_string_equal(utf8_escape(&a, ""), "");
	assert_string_equal(utf8_quote(&a, "", 3), "\"\"");
	assert_string_equal(utf8_quote(&a, "abc", 3), "\"abc\"");
	assert_string_equal(utf8_quote(&a, "abcd", 3), "\"abc...\"");
	assert_string_equal(utf8_quote(&a, "\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\"\xc3\xa9\xc3\xa9...\"");
	assert_string_equal(utf8_quote(&a, "\xf0\x9f\x98\x80", 1), "\"\xf0\x9f\x98\x80\"");
}

static void test_ascii_run(void **state)
{
	(void)state;
	assert_int_equal(utf8_ascii_run(""), 0);
	assert_int_equal(utf8_ascii_run("ab ~"), 4);
	assert_int_equal(utf8_ascii_run("ab\nc"), 2);
	assert_int_equal(utf8_ascii_run("a\x7f"), 1);
	assert_int_equal(utf8_ascii_run("a\xc3\xa9"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_code_point),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_showing),
		cmocka_unit_test(test_ascii_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
