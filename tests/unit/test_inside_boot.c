/* test_inside_boot.c - the boot record. */
#include "drivers/guest/inside/boot.h"
#include "drivers/guest/proto.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char record[65536];

static size_t make(const char *json)
{
	return (size_t)snprintf(record, sizeof(record), GUEST_BOOT_MAGIC "%08zx\n%s", strlen(json), json);
}

static int parse(const char *json, struct boot *b, struct why *w)
{
	size_t n = make(json);

	/* The disk goes on with zeros. */
	memset(record + n, 0, 512);
	return boot_parse(record, n + 512, b, w);
}

static void test_full(void **state)
{
	struct boot b;
	struct why w;

	(void)state;
	assert_int_equal(parse("{\"v\":1,\"vm\":\"web\",\"instance\":\"1a2b3c4d\",\"nonce\":\"0123456789abcdef\","
		"\"hostname\":\"web-1.example\",\"init\":\"builtin\",\"argv\":[\"sh\",\"-c\",\"x\"],"
		"\"env\":[\"A=b\"],\"cwd\":\"/srv\",\"user\":\"web:log\",\"stop_signal\":\"SIGRTMIN+3\","
		"\"stop_grace_ms\":1500,\"net\":[{\"mac\":\"52:54:00:12:34:56\",\"address\":\"10.0.2.15/24\","
		"\"gateway\":\"10.0.2.2\",\"mtu\":1400,\"dns\":[\"10.0.2.3\",\"10.0.2.4\"]},"
		"{\"mac\":\"52:54:00:12:34:57\"}],\"power\":\"reboot\",\"later\":{\"any\":[1]}}", &b, &w), 0);
	assert_string_equal(b.vm, "web");
	assert_string_equal(b.nonce, "0123456789abcdef");
	assert_int_equal(b.init, BOOT_INIT_BUILTIN);
	assert_int_equal(b.argc, 3);
	assert_string_equal(b.argv[2], "x");
	assert_null(b.argv[3]);
	assert_string_equal(b.env[0], "A=b");
	assert_null(b.env[1]);
	assert_string_equal(b.user, "web:log");
	assert_int_equal(b.stop_signal, 37);
	assert_int_equal(b.stop_grace_ms, 1500);
	assert_int_equal(b.n_net, 2);
	assert_string_equal(b.net[0].dns[1], "10.0.2.4");
	assert_int_equal(b.net[0].mtu, 1400);
	assert_string_equal(b.net[1].mac, "52:54:00:12:34:57");
	assert_null(b.net[1].address);
	assert_true(b.reboot);
	boot_fini(&b);
}

static void test_defaults(void **state)
{
	struct boot b;
	struct why w;

	(void)state;
	assert_int_equal(parse("{\"v\":1}", &b, &w), 0);
	assert_int_equal(b.init, BOOT_INIT_AUTO);
	assert_int_equal(b.argc, 0);
	assert_null(b.argv[0]);
	assert_string_equal(b.cwd, "/");
	assert_string_equal(b.user, "");
	assert_int_equal(b.stop_signal, SIGTERM);
	assert_int_equal(b.stop_grace_ms, 10000);
	assert_false(b.reboot);
	boot_fini(&b);
	assert_int_equal(parse("{\"v\":1,\"stop_signal\":\"\",\"cwd\":\"\",\"net\":[{\"mac\":\"x\",\"address\":\"\","
		"\"gateway\":\"\"}]}", &b, &w), 0);
	assert_int_equal(b.stop_signal, SIGTERM);
	assert_null(b.net[0].gateway);
	boot_fini(&b);
}

static void test_refused(void **state)
{
	static const char *const bad[][2] = {
		{"[]", "version 1"}, {"{}", "version 1"}, {"{\"v\":2}", "version 1"}, {"{\"v\":\"1\"}", "version 1"},
		{"x", "JSON"}, {"{\"v\":1", "JSON"}, {"{\"v\":1}}", "JSON"},
		{"{\"v\":1,\"argv\":\"sh\"}", "argv"}, {"{\"v\":1,\"argv\":[1]}", "argv"},
		{"{\"v\":1,\"env\":{}}", "env"}, {"{\"v\":1,\"hostname\":\"a/b\"}", "hostname"},
		{"{\"v\":1,\"hostname\":\"a b\"}", "hostname"}, {"{\"v\":1,\"hostname\":\"-a\"}", "hostname"},
		{"{\"v\":1,\"hostname\":\"a\\nb\"}", "hostname"}, {"{\"v\":1,\"hostname\":7}", "hostname"},
		{"{\"v\":1,\"init\":\"systemd\"}", "init"}, {"{\"v\":1,\"init\":1}", "init"},
		{"{\"v\":1,\"power\":\"on\"}", "power"}, {"{\"v\":1,\"stop_signal\":\"SIGFOO\"}", "stop_signal"},
		{"{\"v\":1,\"stop_grace_ms\":-1}", "stop_grace_ms"},
		{"{\"v\":1,\"stop_grace_ms\":86400001}", "stop_grace_ms"}, {"{\"v\":1,\"cwd\":\"x\"}", "cwd"},
		{"{\"v\":1,\"net\":{}}", "net"}, {"{\"v\":1,\"net\":[1]}", "net"}, {"{\"v\":1,\"net\":[{}]}", "mac"},
		{"{\"v\":1,\"net\":[{\"mac\":\"x\",\"mtu\":65536}]}", "mtu"},
		{"{\"v\":1,\"net\":[{\"mac\":\"x\",\"dns\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}]}", "dns"},
		{"{\"v\":1,\"net\":[{\"mac\":\"x\",\"dns\":\"1\"}]}", "dns"},
		{"{\"v\":1,\"net\":[{\"mac\":\"x\",\"address\":1}]}", "address"},
	};
	struct boot b;
	struct why w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i][0], &b, &w) == 0)
			fail_msg("accepted: %s", bad[i][0]);
		if (!strstr(w.msg, bad[i][1]))
			fail_msg("%s: \"%s\" does not name %s", bad[i][0], w.msg, bad[i][1]);
	}
}

static void test_headers(void **state)
{
	struct boot b;
	struct why w;
	size_t n;

	(void)state;
	n = make("{\"v\":1}");
	for (size_t i = 0; i < n; i++)
		assert_int_equal(boot_parse(record, i, &b, &w), -1);
	for (size_t i = 0; i < 17; i++) {
		n = make("{\"v\":1}");
		record[i] = '?';
		assert_int_equal(boot_parse(record, n, &b, &w), -1);
	}
	snprintf(record, sizeof(record), GUEST_BOOT_MAGIC "%08x\n{\"v\":1}", GUEST_BOOT_MAX + 1);
	assert_int_equal(boot_parse(record, sizeof(record), &b, &w), -1);
	snprintf(record, sizeof(record), GUEST_BOOT_MAGIC "00000000\n");
	assert_int_equal(boot_parse(record, sizeof(record), &b, &w), -1);
	snprintf(record, sizeof(record), GUEST_BOOT_MAGIC "FFFFFFFF\n");
	assert_int_equal(boot_parse(record, sizeof(record), &b, &w), -1);
}

static void test_file(void **state)
{
	char path[] = "/tmp/boot-test-XXXXXX", copy[64];
	int fd = mkstemp(path);
	struct boot b, again;
	struct why w;
	size_t n = make("{\"v\":1,\"vm\":\"web\"}");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, record, n), n);
	snprintf(copy, sizeof(copy), "%s.copy", path);
	assert_int_equal(boot_read(path, copy, &b, &w), 0);
	assert_string_equal(b.vm, "web");
	boot_fini(&b);
	assert_int_equal(boot_read(copy, NULL, &again, &w), 0);
	assert_string_equal(again.vm, "web");
	boot_fini(&again);
	unlink(copy);
	unlink(path);
	close(fd);
	assert_int_equal(boot_read(path, NULL, &b, &w), -1);
	assert_int_equal(boot_read("/dev/null", NULL, &b, &w), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full), cmocka_unit_test(test_defaults), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
