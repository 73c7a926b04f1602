/* test_qemu_argv.c - QEMU's command line, word by word; marks; addresses. */
#include "drivers/vmm/mac.h"
#include "drivers/vmm/qemu_argv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static const struct qemu_config plain = {
	.qemu = "/usr/bin/qemu-system-x86_64",
	.mark = "reconcile:0badcafe:web",
	.tsc_khz = 2596098,
	.vcpus = 2,
	.memory = 268435456,
	.kernel = "/s/kernels/k/kernel",
	.initrd = "/s/kernels/k/initrd",
	.disk = "/s/vms/web/root.img",
	.boot = "/s/vms/web/boot.img",
};

static const char *const golden[] = {
	"/usr/bin/qemu-system-x86_64",
	"-name", "reconcile:0badcafe:web",
	"-M", "microvm,acpi=on",
	"-accel", "tcg,tb-size=64",
	"-cpu", "max",
	"-smp", "2",
	"-m", "268435456b",
	"-nodefaults",
	"-no-user-config",
	"-display", "none",
	"-no-reboot",
	"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
	"-pidfile", "vmm.pid",
	"-kernel", "/s/kernels/k/kernel",
	"-initrd", "/s/kernels/k/initrd",
	"-append", "console=ttyS0 reboot=k panic=1 quiet loglevel=3 no_timer_check tsc_early_khz=2596098",
	"-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off",
	"-mon", "chardev=qmp,mode=control",
	"-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on",
	"-serial", "chardev:console",
	"-device", "i8042",
	"-device", "pvpanic",
	"-device", "virtio-rng-device",
	"-blockdev", "driver=file,node-name=root-file,filename=/s/vms/web/root.img,discard=unmap",
	"-blockdev", "driver=raw,node-name=root,file=root-file,discard=unmap",
	"-device", "virtio-blk-device,drive=root,serial=root",
	"-blockdev", "driver=file,node-name=boot-file,filename=/s/vms/web/boot.img,read-only=on",
	"-blockdev", "driver=raw,node-name=boot,file=boot-file,read-only=on",
	"-device", "virtio-blk-device,drive=boot,serial=boot",
	"-device", "virtio-serial-device",
	"-chardev", "socket,id=agent0,path=agent0.sock,server=on,wait=off",
	"-device", "virtserialport,chardev=agent0,name=reconcile.agent.0",
	"-chardev", "socket,id=agent1,path=agent1.sock,server=on,wait=off",
	"-device", "virtserialport,chardev=agent1,name=reconcile.agent.1",
	"-chardev", "socket,id=agent2,path=agent2.sock,server=on,wait=off",
	"-device", "virtserialport,chardev=agent2,name=reconcile.agent.2",
	"-chardev", "socket,id=agent3,path=agent3.sock,server=on,wait=off",
	"-device", "virtserialport,chardev=agent3,name=reconcile.agent.3",
	"-chardev", "file,id=report,path=report.jsonl,append=on",
	"-device", "virtserialport,chardev=report,name=reconcile.report",
	"-chardev", "file,id=output,path=output.log,append=on",
	"-device", "virtserialport,chardev=output,name=reconcile.output",
	NULL,
};

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void build(const struct qemu_config *c, struct strv *argv)
{
	struct err e = ERR_INIT;

	if (qemu_argv(&arena, c, argv, &e) < 0)
		fail_msg("%s", e.msg);
	assert_null(argv->v[argv->n]);
}

/* The argument after the n-th option of that name; NULL if there are not so many. */
static const char *option(const struct strv *argv, const char *name, size_t nth)
{
	for (size_t i = 0; i + 1 < argv->n; i++)
		if (!strcmp(argv->v[i], name) && !nth--)
			return argv->v[i + 1];
	return NULL;
}

static bool has_device(const struct strv *argv, const char *device)
{
	const char *value;

	for (size_t i = 0; (value = option(argv, "-device", i)); i++)
		if (!strcmp(value, device))
			return true;
	return false;
}

static void test_golden(void **state)
{
	struct strv argv;
	size_t i;

	(void)state;
	build(&plain, &argv);
	for (i = 0; golden[i] && i < argv.n; i++)
		assert_string_equal(argv.v[i], golden[i]);
	assert_null(golden[i]);
	assert_int_equal(argv.n, i);
}

static void test_kvm(void **state)
{
	struct qemu_config c = plain;
	struct strv argv;

	(void)state;
	c.kvm = true;
	build(&c, &argv);
	assert_string_equal(option(&argv, "-accel", 0), "kvm");
	assert_string_equal(option(&argv, "-cpu", 0), "host");
	assert_null(strstr(option(&argv, "-append", 0), "tsc_early_khz"));
}

static void test_network_and_vsock(void **state)
{
	struct qemu_config c = plain;
	struct strv argv;

	(void)state;
	c.cid = 7;
	c.mac = "02:00:00:00:00:01";
	build(&c, &argv);
	assert_true(has_device(&argv, "vhost-vsock-device,guest-cid=7"));
	assert_true(has_device(&argv, "virtio-net-device,netdev=net0,mac=02:00:00:00:00:01"));
	assert_string_equal(option(&argv, "-netdev", 0), "user,id=net0,ipv6=off");
	build(&plain, &argv);
	assert_null(option(&argv, "-netdev", 0));
}

static void test_commas_are_doubled(void **state)
{
	struct qemu_config c = plain;
	struct strv argv;

	(void)state;
	c.disk = "/s,x/a,,b.img";
	build(&c, &argv);
	assert_string_equal(option(&argv, "-blockdev", 0),
		"driver=file,node-name=root-file,filename=/s,,x/a,,,,b.img,discard=unmap");
}

static void test_kernel_args(void **state)
{
	struct qemu_config c = plain;
	struct err e = ERR_INIT;
	struct strv argv;
	char *longest = arena_alloc(&arena, 2100);
	size_t base;

	(void)state;
	c.kernel_args = "mitigations=off x=1,2";
	build(&c, &argv);
	assert_string_equal(option(&argv, "-append", 0), "console=ttyS0 reboot=k panic=1 quiet "
		"loglevel=3 no_timer_check tsc_early_khz=2596098 mitigations=off x=1,2");
	c.kernel_args = "a\nb";
	assert_int_equal(qemu_argv(&arena, &c, &argv, &e), -1);
	assert_int_equal(e.kind, ERR_SPEC);

	build(&plain, &argv);
	base = strlen(option(&argv, "-append", 0)) + 1;
	memset(longest, 'x', 2047 - base);
	c.kernel_args = longest;
	build(&c, &argv);
	assert_int_equal(strlen(option(&argv, "-append", 0)), 2047);
	longest[2047 - base] = 'x';
	assert_int_equal(qemu_argv(&arena, &c, &argv, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

static void test_marks(void **state)
{
	static const char *const foreign[] = {"", "reconcile:", "reconcile:0badcafe",
		"reconcile:0badcafe:", "reconcile:0badcaf:web", "reconcile:0badcafe1:web",
		"xreconcile:0badcafe:web", "guest=reconcile:0badcafe:web"};
	const char *mark = qemu_mark(&arena, "0badcafe", "web"), *vm = NULL;

	(void)state;
	assert_string_equal(mark, "reconcile:0badcafe:web");
	assert_true(qemu_is_mark(mark, "0badcafe", &vm));
	assert_string_equal(vm, "web");
	assert_false(qemu_is_mark(mark, "0badcaff", &vm));
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_false(qemu_is_mark(foreign[i], "0badcafe", &vm));
}

static void test_mac(void **state)
{
	char a[MAC_TEXT_MAX], b[MAC_TEXT_MAX];

	(void)state;
	mac_of("0badcafe", "web", a);
	assert_int_equal(strlen(a), MAC_TEXT_MAX - 1);
	/* Locally administered, not multicast. */
	assert_memory_equal(a, "02:", 3);
	mac_of("0badcafe", "web", b);
	assert_string_equal(a, b);
	mac_of("0badcaff", "web", b);
	assert_string_not_equal(a, b);
	mac_of("0badcafe", "web2", b);
	assert_string_not_equal(a, b);
	mac_of("0badcafew", "eb", b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_kvm),
		cmocka_unit_test(test_network_and_vsock),
		cmocka_unit_test(test_commas_are_doubled),
		cmocka_unit_test(test_kernel_args),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_mac),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
