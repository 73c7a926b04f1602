/* test_ociref.c - the grammar of references. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/arena.h"
#include "schema/ociref.h"

#include <string.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_good(void **state)
{
	static const char *const good[] = {"debian", "debian:12", "library/debian:12-slim",
		"docker.io/library/debian", "registry.example.org/a/b/c:1",
		"registry.example.org:5000/a", "localhost/a", "localhost:5000/a:x", "127.0.0.1:5000/a",
		"[::1]:5000/a", "[fe80::1]/a", "a@sha256:" HEX, "a:b@sha256:" HEX,
		"h.example:1/a/b:T_a.g-1@sha256:" HEX, "a__b/c-d/e--f/g.h_i", "a/b/c/d/e", "REG.example/a",
		"0", "a:_", "xn--bcher-kva.example/a", "h:65535/a"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err e = ERR_INIT;

		if (ociref_check(good[i], &e) < 0)
			fail_msg("%s: %s", good[i], e.msg);
		assert_int_equal(e.kind, ERR_NONE);
	}
}

static void test_bad(void **state)
{
	static const char *const bad[] = {"", " ", "a ", ":tag", "@sha256:" HEX, "UPPER/x", "Debian",
		"a//b", "a/./b", "a/../b", "/a", "a/", "-a", "a-", "a_-b", "a..b", "a___b", "a.-b",
		".a", "a:", "a:.b", "a:-b", "a:b:c/d:", "a: b", "a@", "a@sha256:", "a@sha256:abc",
		"a@sha512:" HEX HEX, "a@md5:d41d8cd98f00b204e9800998ecf8427e",
		"a@sha256:../../x", "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"a@sha256:" HEX "0", "user:pw@h.example/a", "h.example:0/a", "h.example:99999/a",
		"h.example:/a", "h.example:05/a", "h.example:x/a", "h.example./a", "-h.example/a",
		"::1/a", "[::1/a", "[]/a", "[::1]x/a", "[g]:1/a", "h..example/a", "a?b", "a#b", "a%2e",
		"a\\b", "a$b", "../a", "./a", "h.example/", "h.example//a", "b\xc3\xbc" "cher.example/a"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = ERR_INIT;

		if (!ociref_check(bad[i], &e))
			fail_msg("\"%s\" was accepted", bad[i]);
		assert_int_equal(e.kind, ERR_SPEC);
		assert_true(*e.msg);
	}
}

static void test_mirrors(void **state)
{
	static const char *const good[] = {"mirror.example", "mirror.example/hub", "localhost", "localhost/a/b",
		"m:5000", "10.0.0.1:5000/hub", "[::1]:5000/x", "[::1]"};
	static const char *const bad[] = {"", "mirror", "mirror/hub", "http://mirror.example",
		"u:p@mirror.example", "mirror.example/Hub", "mirror.example/", "mirror.example/a:tag",
		"mirror.example:0", "mirror.example:70000", "mir ror.example"};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (ociref_check_mirror(good[i], &e) < 0)
			fail_msg("%s: %s", good[i], e.msg);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!ociref_check_mirror(bad[i], &e))
			fail_msg("%s is no mirror", bad[i]);
}

static void test_hints(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ociref_check("docker://a/b:1", &e), -1);
	assert_string_equal(e.hint, "did you mean a/b:1?");
	assert_int_equal(ociref_check("https://h.example/a", &e), -1);
	assert_string_equal(e.hint, "did you mean h.example/a?");
	assert_int_equal(ociref_check("h.example/Aa", &e), -1);
	assert_string_equal(e.hint, "only lower-case letters are allowed");
	assert_int_equal(ociref_check("u:secret@h.example/a", &e), -1);
	assert_null(strstr(e.msg, "secret"));
}

static void test_lengths(void **state)
{
	char ref[600];
	struct err e = ERR_INIT;

	(void)state;
	memset(ref, 'a', sizeof(ref));
	ref[255] = '\0';
	assert_int_equal(ociref_check(ref, &e), 0);
	ref[255] = 'a';
	ref[256] = '\0';
	assert_int_equal(ociref_check(ref, &e), -1);
	memset(ref, 'a', sizeof(ref));
	ref[1] = ':';
	ref[130] = '\0';
	assert_int_equal(ociref_check(ref, &e), 0);
	ref[130] = 'a';
	ref[131] = '\0';
	assert_int_equal(ociref_check(ref, &e), -1);
}

static void test_parts(void **state)
{
	size_t n;

	(void)state;
	assert_null(ociref_digest("a:b"));
	assert_string_equal(ociref_digest("a:b@sha256:" HEX), "sha256:" HEX);
	assert_null(ociref_layout_tag("/a/b", &n));
	assert_int_equal(n, 4);
	assert_string_equal(ociref_layout_tag("/a/b:1.2", &n), "1.2");
	assert_int_equal(n, 4);
	assert_null(ociref_layout_tag("/a:1/b", &n));
	assert_int_equal(n, 6);
	assert_string_equal(ociref_layout_tag("/a:1/b:2", &n), "2");
	assert_int_equal(n, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_hints),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
