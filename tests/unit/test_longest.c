/* test_longest.c - the longest texts that a spec may have, put together as they really are: socket
 * paths, marks, the kernel's command line, the boot record. What the spec accepts fits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/vmm/boot_record.h"
#include "drivers/vmm/qemu_argv.h"
#include "schema/base/text.h"
#include "schema/later.h"
#include "schema/spec.h"

#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define INSTANCE "0badcafe" /* as engine/home.c makes it: 8 hex digits */
#define FD_MAX "2147483647"

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

static const char *fill(char c, size_t n)
{
	char *s = arena_alloc(&scratch, n + 1);

	memset(s, c, n);
	return s;
}

static size_t max_of(const struct noun *noun, const char *path)
{
	return (size_t)field_find(noun, path)->max;
}

static const struct spec *parse(const char *text)
{
	struct diags diags = {0};
	struct spec *spec = NULL;
	struct err e = ERR_INIT;

	if (spec_parse(&scratch, "t", "/", text, strlen(text), &spec, &diags, &e) < 0)
		fail_msg("%s", diags.n ? diag_text(&scratch, diags.v) : e.msg);
	return spec;
}

/* A spec whose VM has the longest name, the longest command line of the kernel and these fields. */
static const struct spec *longest(const char *fields)
{
	return parse(arena_printf(&scratch, "version: 1\nimages: {%s: {oci: a}}\n"
		"kernels: {%s: {file: /k, args: %s}}\nvms: {%s: {image: %s, kernel: %s%s}}\n",
		fill('i', 63), fill('k', 63), fill('a', max_of(&noun_kernel, "args")), fill('v', 63),
		fill('i', 63), fill('k', 63), fields));
}

/* A name of a file below a folder of a VM, an image or a kernel. */
static void test_names_of_files(void **state)
{
	const struct spec *s = longest("");

	(void)state;
	assert_int_equal(strlen(s->vms.v[0]->head.name), 63);
	assert_true(strlen(s->vms.v[0]->head.name) + strlen(".tmp") + 1 <= NAME_MAX);
	assert_true(63 <= HOST_NAME_MAX); /* the name of the guest */
}

/* Replicas: the longest name that can be written with the longest number. */
static void test_replicas(void **state)
{
	const struct spec *s = parse(arena_printf(&scratch, "version: 1\nimages: {i: {oci: a}}\n"
		"kernels: {k: {file: /k}}\nvms: {%s: {image: i, kernel: k, replicas: %zu}}\n",
		fill('r', 58), max_of(&noun_vm, "replicas")));

	(void)state;
	assert_int_equal(s->vms.n, 1000);
	assert_int_equal(strlen(s->vms.v[999]->head.name), 63);
}

/* Sockets are named by folder and name, so that only the name is bounded: sun_path has 108 bytes with
 * the NUL (unix(7)), wherever the folders of reconcile are. */
static void test_socket_paths(void **state)
{
	static const char *const names[] = {RUN_QMP, RUN_AGENT, RUN_AGENT_LOCK};
	struct sockaddr_un sa;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = arena_printf(&scratch, "/proc/self/fd/" FD_MAX "/%s", names[i]);

		assert_true(strlen(path) < sizeof(sa.sun_path)); /* %d stands for one digit */
	}
}

/* A socket of a vsock port has a name from the spec, in the same folders. */
static void test_vsock_sockets(void **state)
{
	const size_t most = max_of(later_find("vms"), "vsock.ports.*.host");
	struct sockaddr_un sa;

	(void)state;
	assert_true(strlen("/proc/self/fd/" FD_MAX "/") + most < sizeof(sa.sun_path));
}

static void test_interface_names(void **state)
{
	(void)state;
	assert_true(max_of(later_find("networks"), "bridge") < IFNAMSIZ);
	assert_true(max_of(&noun_network, "nat.uplink") < IFNAMSIZ);
}

static struct qemu_config config_of(const struct spec *s)
{
	return (struct qemu_config){.qemu = "/usr/bin/qemu-system-x86_64",
		.mark = qemu_mark(&scratch, INSTANCE, s->vms.v[0]->head.name),
		.tsc_khz = UINT64_MAX, .vcpus = 32, .memory = 1ull << 40,
		.kernel = fill('/', PATH_MAX - 1), .initrd = fill('/', PATH_MAX - 1),
		.kernel_args = s->kernels.v[0]->args, .disk = fill(',', PATH_MAX - 1),
		.boot = fill(',', PATH_MAX - 1), .cid = UINT32_MAX - 1, .mac = "02:00:00:00:00:01"};
}

static void test_kernel_command_line(void **state)
{
	const struct spec *s = longest("");
	struct qemu_config c = config_of(s);
	struct err e = ERR_INIT;
	struct strv argv;
	size_t all = 0;

	(void)state;
	if (qemu_argv(&scratch, &c, &argv, &e) < 0)
		fail_msg("%s", e.msg);
	for (size_t i = 0; i < argv.n; i++) {
		all += strlen(argv.v[i]) + 1;
		assert_true(strlen(argv.v[i]) < 128 * 1024); /* MAX_ARG_STRLEN, execve(2) */
	}
	assert_true(all < 128 * 1024); /* as much as proc_scan reads of a command line */
	c.kernel_args = fill('a', 2048); /* and the bound is there */
	assert_int_equal(qemu_argv(&scratch, &c, &argv, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

/* As much of command and env as is accepted, of characters that JSON has to escape; and as much
 * again from the image is not ours to bound. */
static void test_boot_record(void **state)
{
	struct text t = {.a = &scratch};
	struct boot_input in = {.instance = INSTANCE, .nonce = "0123456789abcdef", .secrets = true};
	const char *piece = fill('"', 32 * 1024 - 1), *json;
	struct err e = ERR_INIT;
	char *data;
	size_t n;

	(void)state;
	text_put(&t, ", command: [");
	for (int i = 0; i < 7; i++)
		text_putf(&t, "%s'%s'", i ? ", " : "", piece);
	text_putf(&t, "], env: {A: '%.*s'}", 32 * 1024 - 100, piece);
	in.vm = longest(text_end(&t))->vms.v[0];
	assert_int_equal(boot_record_text(&scratch, &in, &json, &e), 0);
	assert_true(strlen(json) > 2 * 250 * 1024);
	assert_int_equal(boot_record_file(&scratch, json, &data, &n, &e), 0);
	assert_true(n <= GUEST_BOOT_MAX);
}

static int read_long(void *arg, struct arena *a, const char *path, size_t max, char **text,
	size_t *len, struct err *e)
{
	(void)arg, (void)a, (void)path, (void)e;
	*text = (char *)(uintptr_t)fill('s', max);
	*len = max;
	return 0;
}

/* Secrets count with their texts, not with their markers. */
static void test_secrets_count(void **state)
{
	const struct spec_input in = {.read = read_long};
	struct text t = {.a = &scratch};
	struct diags diags = {0};
	struct spec *spec;

	(void)state;
	text_put(&t, "version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: /k}}\n"
		"vms: {v: {image: i, kernel: k, env: {");
	for (int i = 0; i < 9; i++)
		text_putf(&t, "S%d: {file: s}, ", i);
	text_put(&t, "}}}\n");
	text_end(&t);
	assert_int_equal(spec_parse_with(&scratch, &in, "t", "/", t.v, t.n, &spec, &diags, NULL), -1);
	assert_int_equal(diags.n, 1);
	assert_non_null(strstr(diags.v[0].msg, "command and env are"));
}

#define WITH(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_names_of_files),
		WITH(test_replicas),
		WITH(test_socket_paths),
		WITH(test_vsock_sockets),
		WITH(test_interface_names),
		WITH(test_kernel_command_line),
		WITH(test_boot_record),
		WITH(test_secrets_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
