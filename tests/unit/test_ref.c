/* test_ref.c - image references, digests, platforms, layout paths. */
#include "drivers/image/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void good_references(void **state)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{"alpine", "docker.io/library/alpine:latest"},
		{"alpine:3.19", "docker.io/library/alpine:3.19"},
		{"bitnami/redis", "docker.io/bitnami/redis:latest"},
		{"docker.io/alpine", "docker.io/library/alpine:latest"},
		{"index.docker.io/library/alpine", "docker.io/library/alpine:latest"},
		{"localhost/x", "localhost/x:latest"},
		{"localhost:5000/x:y", "localhost:5000/x:y"},
		{"127.0.0.1:5055/a/b/c:1", "127.0.0.1:5055/a/b/c:1"},
		{"[::1]:5000/x", "[::1]:5000/x:latest"},
		{"ghcr.io/A-is-not-allowed", NULL},
		{"gcr.io/a/b_c__d.e-f--g:T_1.2-x", "gcr.io/a/b_c__d.e-f--g:T_1.2-x"},
		{"a@sha256:" HEX, "docker.io/library/a@sha256:" HEX},
		{"q.io/a:old@sha256:" HEX, "q.io/a@sha256:" HEX},
		{"EXAMPLE.com/x", "EXAMPLE.com/x:latest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct ref r;
		int rc = ref_parse(&a, rows[i].text, &r, &e);

		if (!rows[i].canonical) {
			assert_int_equal(rc, -1);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(ref_text(&a, &r), rows[i].canonical);
	}
}

static void bad_references(void **state)
{
	static const char *const rows[] = {"", " ", ":tag", "@sha256:" HEX, "UPPER/x", "a//b", "a/./b",
		"a/../b", "-a", "a_-b", "a-", "a/", "/a", "a:.x", "a:-x", "a: x", "a:", "a@", "a@sha256:12",
		"a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		"a@sha512:" HEX HEX, "a@md5:" HEX, "a@sha256:../../x", "a@sha256:" HEX "0",
		"user:pw@host.io/x", "::1/x", "host.io:0/x", "host.io:99999/x", "host.io:/x",
		"host..io/x", ".io/x", "host.io./x", "-h.io/x", "http://a/b", "docker://a", "a?b", "a%2e",
		"a\nb", "a\x01", "[::1/x", "[zz]/x", "b\xc3\xbc" "cher", "a b",
		"a:ttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt"
		"tttttttttttttttttttttttttttttttttttttttttt"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct ref r;

		if (ref_parse(&a, rows[i], &r, &e) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(e.kind, ERR_SPEC);
		assert_true(e.msg[0]);
	}
}

static void long_references(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char text[5000];
	struct ref r;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[255] = '\0';
	assert_int_equal(ref_parse(&a, text, &r, &e), 0);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(ref_parse(&a, text, &r, &e), -1);
	text[256] = 'a';
	text[4999] = '\0';
	assert_int_equal(ref_parse(&a, text, &r, &e), -1);
}

static void digests(void **state)
{
	(void)state;
	assert_true(ref_is_digest("sha256:" HEX));
	assert_false(ref_is_digest("sha256:" HEX "0"));
	assert_false(ref_is_digest(HEX));
	assert_false(ref_is_digest(NULL));
	assert_false(ref_is_digest(""));
}

static void platforms(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct platform p;

	(void)state;
	assert_int_equal(ref_platform(&a, "linux/arm/v7", &p, &e), 0);
	assert_string_equal(p.arch, "arm");
	assert_string_equal(p.variant, "v7");
	assert_string_equal(ref_platform_text(&a, &p), "linux/arm/v7");
	assert_int_equal(ref_platform(&a, NULL, &p, &e), 0);
	assert_string_equal(p.os, "linux");
	assert_int_equal(ref_platform(&a, "linux", &p, &e), -1);
	assert_int_equal(ref_platform(&a, "linux/", &p, &e), -1);
	assert_int_equal(ref_platform(&a, "linux/a/b/c", &p, &e), -1);
	assert_int_equal(ref_platform(&a, "Linux/amd64", &p, &e), -1);
}

static void layouts(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	const char *path, *tag;

	(void)state;
	assert_int_equal(ref_layout(&a, "/a/b:c", &path, &tag, &e), 0);
	assert_string_equal(path, "/a/b");
	assert_string_equal(tag, "c");
	assert_int_equal(ref_layout(&a, "/a:b/c", &path, &tag, &e), 0);
	assert_string_equal(path, "/a:b/c");
	assert_null(tag);
	assert_int_equal(ref_layout(&a, "/a/b:", &path, &tag, &e), -1);
	assert_int_equal(ref_layout(&a, ":x", &path, &tag, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_references),
		cmocka_unit_test(bad_references),
		cmocka_unit_test(long_references),
		cmocka_unit_test(digests),
		cmocka_unit_test(platforms),
		cmocka_unit_test(layouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
