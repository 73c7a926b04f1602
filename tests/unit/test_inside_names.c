/* test_inside_names.c - users, environment, signals, addresses, host files, superblocks. */
#include "drivers/guest/inside/child.h"
#include "drivers/guest/inside/grow.h"
#include "drivers/guest/inside/hostfiles.h"
#include "drivers/guest/inside/netaddr.h"
#include "drivers/guest/inside/passwd.h"
#include "drivers/guest/inside/signame.h"
#include "drivers/guest/inside/sysinit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
	"# a comment\n"
	"\n"
	"half:x:9\n"
	"web:x:101:102:Web:/srv/web:/bin/sh\n"
	"33:x:500:500::/named-33:\n"
	"other:x:33:33::/other:\n"
	"bad:x:notanumber:0::/:\n"
	"big:x:4294967295:0::/:\n"
	"last:x:7:8::/last:/bin/sh";
static const char group[] = "root:x:0:\nweb:x:102:\nlog:x:103:other,web\naudio:x:104:web\nnone:x:105:webx,xweb\n"
	"docker:x:106:web,last";

static struct passwd_id look(const char *spec)
{
	struct passwd_id id;
	struct why w;

	if (passwd_lookup(passwd, group, spec, &id, &w) < 0)
		fail_msg("%s: %s", spec, w.msg);
	return id;
}

static void test_users(void **state)
{
	struct passwd_id id = look("web");

	(void)state;
	assert_int_equal(id.uid, 101);
	assert_int_equal(id.gid, 102);
	assert_string_equal(id.home, "/srv/web");
	assert_int_equal(id.n_groups, 3);
	assert_int_equal(id.groups[0], 103);
	assert_int_equal(id.groups[2], 106);
	id = look("101");
	assert_int_equal(id.gid, 102);
	assert_int_equal(id.n_groups, 3);
	id = look("web:audio");
	assert_int_equal(id.gid, 104);
	assert_int_equal(id.n_groups, 0);
	id = look("101:0");
	assert_int_equal(id.gid, 0);
	id = look("");
	assert_int_equal(id.uid, 0);
	assert_string_equal(id.home, "/root");
	id = look("4242");
	assert_int_equal(id.uid, 4242);
	assert_int_equal(id.gid, 0);
	assert_string_equal(id.home, "/");
	id = look("4242:4343");
	assert_int_equal(id.gid, 4343);
	id = look("33"); /* a user of that name comes before the number */
	assert_int_equal(id.uid, 500);
	id = look("last");
	assert_int_equal(id.gid, 8);
	assert_string_equal(id.home, "/last");
}

static void test_users_refused(void **state)
{
	static const char *const bad[] = {"nobody", "web:nogroup", ":", "web:", ":web", "half", "bad", "big",
		"4294967295", "-1", "99999999999", "0:4294967295", "web:log:x", " web"};
	char longer[400];
	struct passwd_id id;
	struct why w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (passwd_lookup(passwd, group, bad[i], &id, &w) == 0)
			fail_msg("accepted: %s", bad[i]);
	memset(longer, '1', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(passwd_lookup(passwd, group, longer, &id, &w), -1);
	assert_int_equal(passwd_lookup("", "", "root", &id, &w), -1);
	assert_int_equal(passwd_lookup("", "", "0", &id, &w), 0);
}

static void test_environment(void **state)
{
	const char *const env[] = {"A=1", "PATH=/x", "no-equal", "=empty", "AA=2", NULL};
	const char *const more[] = {"A=3", "HOME=/h", NULL};
	struct child c = {.env = env, .more_env = more, .hostname = "box"};
	char room[CHILD_ENV_ROOM];
	const char *out[16];

	(void)state;
	assert_int_equal(child_env(&c, "/root", room, out, 16), 6);
	assert_string_equal(out[0], "PATH=/x");
	assert_string_equal(out[1], "TERM=linux");
	assert_string_equal(out[2], "HOME=/h");
	assert_string_equal(out[3], "HOSTNAME=box");
	assert_string_equal(out[4], "A=3");
	assert_string_equal(out[5], "AA=2");
	assert_null(out[6]);
	assert_int_equal(child_env(&c, "/root", room, out, 3), 2);
	assert_null(out[2]);
	c = (struct child){.hostname = ""};
	assert_int_equal(child_env(&c, "/root", room, out, 16), 3);
}

static void test_signals(void **state)
{
	static const struct {
		const char *name;
		int sig, allowed;
	} names[] = {
		{"SIGTERM", SIGTERM, SIGTERM}, {"TERM", SIGTERM, SIGTERM}, {"15", SIGTERM, 0},
		{"SIGUSR2", SIGUSR2, SIGUSR2}, {"SIGWINCH", SIGWINCH, 0}, {"STOP", SIGSTOP, 0},
		{"SIGRTMIN", 34, 0}, {"SIGRTMIN+3", 37, 0}, {"RTMAX", 64, 0}, {"SIGRTMAX-30", 34, 0},
		{"SIGRTMIN+30", 64, 0}, {"SIGRTMIN+31", 0, 0}, {"SIGRTMAX-31", 0, 0}, {"SIGRTMAX+1", 0, 0},
		{"SIGRTMIN-1", 0, 0}, {"SIGRTMIN+", 0, 0}, {"RTMIN+x", 0, 0}, {"64", 64, 0}, {"65", 0, 0},
		{"0", 0, 0}, {"", 0, 0}, {"SIG", 0, 0}, {"sigterm", 0, 0}, {"SIGTERMX", 0, 0}, {"-9", 0, 0},
		{"099", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (signame_parse(names[i].name) != names[i].sig)
			fail_msg("%s is %d", names[i].name, signame_parse(names[i].name));
		assert_int_equal(signame_allowed(names[i].name), names[i].allowed);
	}
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {"", "10.0.2", "10.0.2.256", "10.0.2.1/33", "10.0.2.1/", "10.0.2.1/x",
		"10.0.2.1/-1", "10.0.2.1/0024", "fd00::1/129", "fd00:::1", "x", "1.2.3.4.5", ":", "/24"};
	struct netaddr a, b;
	uint8_t mac[6];

	(void)state;
	assert_int_equal(netaddr_parse("10.0.2.15/20", &a), 0);
	assert_int_equal(a.family, AF_INET);
	assert_int_equal(a.prefix, 20);
	assert_memory_equal(a.bytes, "\x0a\0\x02\x0f", 4);
	assert_int_equal(netaddr_parse("10.0.15.1", &b), 0);
	assert_int_equal(b.prefix, 32);
	assert_true(netaddr_contains(&a, &b));
	assert_int_equal(netaddr_parse("10.0.16.1", &b), 0);
	assert_false(netaddr_contains(&a, &b));
	assert_int_equal(netaddr_parse("fd00::1/64", &b), 0);
	assert_int_equal(b.len, 16);
	assert_false(netaddr_contains(&a, &b));
	assert_int_equal(netaddr_parse("10.1.2.3/0", &a), 0);
	assert_int_equal(netaddr_parse("8.8.8.8", &b), 0);
	assert_true(netaddr_contains(&a, &b));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (netaddr_parse(bad[i], &a) == 0)
			fail_msg("accepted: %s", bad[i]);
	assert_int_equal(netaddr_mac("52:54:00:aB:Cd:ef", mac), 0);
	assert_memory_equal(mac, "\x52\x54\x00\xab\xcd\xef", 6);
	assert_int_equal(netaddr_mac("52-54-00-ab-cd-ef", mac), -1);
	assert_int_equal(netaddr_mac("52:54:00:ab:cd:eg", mac), -1);
	assert_int_equal(netaddr_mac("52:54:00:ab:cd:e", mac), -1);
	assert_int_equal(netaddr_mac("52:54:00:ab:cd:eff", mac), -1);
}

static void test_host_files(void **state)
{
	struct boot b = {.hostname = "web", .n_net = 2};
	char text[HOSTFILES_TEXT_MAX];
	size_t n;

	(void)state;
	b.net[0] = (struct boot_net){.address = "10.0.2.15/24", .dns = {"10.0.2.3", "x\ny"}, .n_dns = 2};
	b.net[1] = (struct boot_net){.dns = {"fd00::3"}, .n_dns = 1};
	n = hostfiles_hosts(&b, text);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
		"10.0.2.15\tweb\n");
	n = hostfiles_resolv(&b, text);
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "nameserver 10.0.2.3\nnameserver fd00::3\n");
	b = (struct boot){.hostname = "web"};
	hostfiles_hosts(&b, text);
	assert_non_null(strstr(text, "127.0.1.1\tweb\n"));
	assert_int_equal(hostfiles_resolv(&b, text), 0);
	b.hostname = "";
	assert_int_equal(hostfiles_hosts(&b, text), 0);
}

static void test_link_targets(void **state)
{
	static const char *const links[][2] = {
		{"../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/stub-resolv.conf"},
		{"/run/resolv.conf", "/run/resolv.conf"}, {"/var/run/x", "/run/x"},
		{"../../../run/./a//b", "/run/a/b"}, {"/run/../etc/passwd", NULL}, {"/run", NULL}, {"/run/", NULL},
		{"/runx/y", NULL}, {"/etc/other", NULL}, {"other", NULL}, {"/dev/vda", NULL},
		{"/run/a/../../proc/x", NULL}, {"/proc/self/root/run/x", NULL}, {"", NULL},
	};
	char out[4096], small[8];

	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		const char *got = hostfiles_run_target(links[i][0], out, sizeof(out));

		if (!links[i][1] && got)
			fail_msg("%s leads to %s", links[i][0], got);
		if (links[i][1])
			assert_string_equal(got, links[i][1]);
	}
	assert_null(hostfiles_run_target("/run/resolv.conf", small, sizeof(small)));
}

static void test_superblock(void **state)
{
	unsigned char super[GROW_SUPER_BYTES] = {0};
	uint32_t block;
	uint64_t blocks;

	(void)state;
	assert_int_equal(grow_super(super, &block, &blocks), -1);
	super[0x38] = 0x53;
	super[0x39] = 0xef;
	super[0x18] = 2;
	super[0x4] = 0x10;
	super[0x5] = 0x27;
	super[0x150] = 1;
	assert_int_equal(grow_super(super, &block, &blocks), 0);
	assert_int_equal(block, 4096);
	assert_int_equal(blocks, 10000);
	super[0x60] = 0x80;
	assert_int_equal(grow_super(super, &block, &blocks), 0);
	assert_true(blocks == 0x100002710);
	super[0x18] = 7;
	assert_int_equal(grow_super(super, &block, &blocks), -1);
}

static void test_inits(void **state)
{
	(void)state;
	assert_true(sysinit_is_init("/sbin/init"));
	assert_true(sysinit_is_init("/init"));
	assert_true(sysinit_is_init("/lib/systemd/systemd"));
	assert_false(sysinit_is_init("systemd"));
	assert_false(sysinit_is_init("/usr/bin/init-app"));
	assert_false(sysinit_is_init("/usr/bin/systemd-nspawn"));
	assert_false(sysinit_is_init("sh"));
	assert_false(sysinit_is_init(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_users), cmocka_unit_test(test_users_refused),
		cmocka_unit_test(test_environment), cmocka_unit_test(test_signals),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_host_files),
		cmocka_unit_test(test_link_targets), cmocka_unit_test(test_superblock),
		cmocka_unit_test(test_inits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
