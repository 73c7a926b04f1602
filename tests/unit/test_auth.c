/* test_auth.c - challenges, and where plain HTTP and redirects may go. */
#include "drivers/image/worker/auth.h"

#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void challenges(void **state)
{
	static const struct {
		const char *header, *realm, *service, *scope;
		int rc; /* 1: Basic */
	} rows[] = {
		{"Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
			"https://a/t", "s", "repository:x:pull,push", 0},
		{"bearer realm=https://a/t", "https://a/t", NULL, NULL, 0},
		{"Bearer  service=s , realm=\"r\"", "r", "s", NULL, 0},
		{"Bearer realm=\"r\",error=\"invalid_token\"", "r", NULL, NULL, 0},
		{"Basic realm=\"x\"", NULL, NULL, NULL, 1},
		{"basic", NULL, NULL, NULL, 1},
		{"Bearer service=\"s\"", NULL, NULL, NULL, -1},
		{"Bearer realm=\"unfinished", NULL, NULL, NULL, -1},
		{"Bearer", NULL, NULL, NULL, -1},
		{"Basically realm=x", NULL, NULL, NULL, -1},
		{"Negotiate", NULL, NULL, NULL, -1},
		{"", NULL, NULL, NULL, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct challenge c;
		int rc = auth_parse(&a, rows[i].header, &c, &e);

		if (rc != (rows[i].rc < 0 ? -1 : 0))
			fail_msg("row %zu: %s", i, e.msg);
		if (rc)
			continue;
		assert_int_equal(c.bearer, rows[i].rc == 0);
		if (rows[i].realm)
			assert_string_equal(c.realm, rows[i].realm);
		if (rows[i].service)
			assert_string_equal(c.service, rows[i].service);
		if (rows[i].scope)
			assert_string_equal(c.scope, rows[i].scope);
	}
}

static void plain_hosts(void **state)
{
	(void)state;
	unsetenv("RECONCILE_PLAIN_HTTP");
	assert_true(http_is_plain("localhost"));
	assert_true(http_is_plain("LOCALHOST:5000"));
	assert_true(http_is_plain("127.0.0.1:5000"));
	assert_true(http_is_plain("[::1]:5000"));
	assert_false(http_is_plain("127.0.0.1.evil.example"));
	assert_false(http_is_plain("localhost.evil.example"));
	assert_false(http_is_plain("reg.example:5000"));
	setenv("RECONCILE_PLAIN_HTTP", "a.example, reg.example:5000", 1);
	assert_true(http_is_plain("a.example"));
	assert_true(http_is_plain("a.example:80"));
	assert_true(http_is_plain("reg.example:5000"));
	assert_false(http_is_plain("reg.example:5001"));
	assert_false(http_is_plain("b.a.example"));
	unsetenv("RECONCILE_PLAIN_HTTP");
}

static void urls(void **state)
{
	static const struct {
		const char *url, *at; /* NULL: refused */
	} rows[] = {
		{"https://a.example/x", "a.example:443"},
		{"https://a.example:8443/x", "a.example:8443"},
		{"http://127.0.0.1:5000/x", "127.0.0.1:5000"},
		{"http://a.example/x", NULL},
		{"http://169.254.169.254/latest", NULL},
		{"https://user:pw@a.example/x", NULL},
		{"https://user@a.example/x", NULL},
		{"ftp://a.example/x", NULL},
		{"file:///etc/passwd", NULL},
		{"/relative", NULL},
		{"", NULL},
		{"https://", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		const char *at = http_check_url(&a, rows[i].url, &e);

		if (!at != !rows[i].at)
			fail_msg("row %zu: %s", i, at ? at : e.msg);
		if (at)
			assert_string_equal(at, rows[i].at);
		else
			assert_int_equal(e.kind, ERR_REMOTE);
	}
}

static void credentials(void **state)
{
	static const char text[] = "{\"auths\":{\"reg.example\":{\"auth\":\"dTpw\"},"
		"\"https://index.docker.io/v1/\":{\"auth\":\"aHViOnB3\"},\"bad.example\":{\"auth\":\"%%%\"},"
		"\"empty.example\":{}}}";
	char dir[] = "/tmp/test_auth.XXXXXX";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct credentials c;
	struct err e = ERR_INIT;
	const char *path;
	_cleanup_fd_ int fd = -1;

	(void)state;
	assert_non_null(mkdtemp(dir));
	setenv("DOCKER_CONFIG", dir, 1);
	assert_int_equal(auth_credentials(&a, NULL, "reg.example", &c, &e), 0);
	assert_null(c.basic);
	path = arena_printf(&a, "%s/config.json", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(auth_credentials(&a, NULL, "reg.example", &c, &e), 0);
	assert_string_equal(c.basic, "dTpw");
	assert_int_equal(auth_credentials(&a, NULL, "docker.io", &c, &e), 0);
	assert_string_equal(c.basic, "aHViOnB3");
	assert_int_equal(auth_credentials(&a, NULL, "other.example", &c, &e), 0);
	assert_null(c.basic);
	assert_int_equal(auth_credentials(&a, NULL, "empty.example", &c, &e), 0);
	assert_null(c.basic);
	assert_int_equal(auth_credentials(&a, NULL, "bad.example", &c, &e), -1);
	assert_null(strstr(e.msg, "%%%"));
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(auth_credentials(&a, NULL, "reg.example", &c, &e), 0);
	assert_null(c.basic);
	assert_string_equal(c.ignored, path);
	/* One that somebody named is not passed over. */
	assert_int_equal(auth_credentials(&a, path, "reg.example", &c, &e), -1);
	assert_int_equal(e.kind, ERR_DENIED);
	assert_non_null(strstr(e.hint, "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	setenv("DOCKER_CONFIG", "/nowhere", 1);
	assert_int_equal(auth_credentials(&a, path, "reg.example", &c, &e), 0);
	assert_string_equal(c.basic, "dTpw");
	assert_int_equal(auth_credentials(&a, "/nowhere/at/all", "reg.example", &c, &e), -1);
	assert_int_equal(e.kind, ERR_NOINPUT);
	unsetenv("DOCKER_CONFIG");
	assert_int_equal(tree_remove(AT_FDCWD, dir, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(plain_hosts),
		cmocka_unit_test(urls),
		cmocka_unit_test(credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
