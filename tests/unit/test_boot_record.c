/* test_boot_record.c - the image's configuration and the VM's fields merged, and the block form. */
#include "drivers/guest/proto.h"
#include "drivers/vmm/boot_record.h"
#include "schema/base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct vm_spec web(void)
{
	return (struct vm_spec){.head = {.name = "web"}, .stop_timeout_ms = 10000};
}

static const char *merge(const struct vm_spec *vm, const char *config, const char *mac)
{
	const struct boot_input in = {"1a2b3c4d", "0011223344556677", vm, config, mac, false, NULL};
	struct err e = ERR_INIT;
	const char *text = NULL;

	if (boot_record_text(&arena, &in, &text, &e) < 0)
		fail_msg("%s", e.msg);
	return text;
}

static enum err_kind refuse(const struct vm_spec *vm, const char *config)
{
	const struct boot_input in = {"1a2b3c4d", "0011223344556677", vm, config, NULL, false, NULL};
	struct err e = ERR_INIT;
	const char *text;

	assert_int_equal(boot_record_text(&arena, &in, &text, &e), -1);
	assert_true(e.msg[0] != '\0');
	return e.kind;
}

static void assert_member(const char *record, const char *key, const char *json)
{
	_cleanup_json_ json_t *j = NULL;

	assert_int_equal(json_parse(record, strlen(record), "record", &j, NULL), 0);
	assert_string_equal(json_text(&arena, json_object_get(j, key)), json);
}

#define PATH_ENTRY "\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""

static void test_golden(void **state)
{
	const struct vm_spec vm = web();

	(void)state;
	assert_string_equal(merge(&vm, "{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],"
		"\"Env\":[\"A=1\"],\"WorkingDir\":\"/w\",\"User\":\"7:8\","
		"\"StopSignal\":\"SIGINT\"}", "02:00:00:00:00:01"),
		"{\"v\":1,\"vm\":\"web\",\"instance\":\"1a2b3c4d\",\"nonce\":\"0011223344556677\","
		"\"hostname\":\"web\",\"init\":\"auto\",\"argv\":[\"/e\",\"c\"],"
		"\"env\":[" PATH_ENTRY ",\"A=1\"],\"cwd\":\"/w\",\"user\":\"7:8\","
		"\"stop_signal\":\"SIGINT\",\"stop_grace_ms\":10000,"
		"\"net\":[{\"mac\":\"02:00:00:00:00:01\",\"address\":\"10.0.2.15/24\","
		"\"gateway\":\"10.0.2.2\",\"mtu\":1500,\"dns\":[\"10.0.2.3\"]}],"
		"\"power\":\"off\"}");
}

/* What the image leaves out. */
static void test_empty_config(void **state)
{
	static const char *const configs[] = {NULL, "", "{}", "{\"Cmd\":null,\"Env\":null,"
		"\"User\":null,\"Entrypoint\":null,\"WorkingDir\":\"\",\"Labels\":{\"a\":1}}"};
	const struct vm_spec vm = web();

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		const char *r = merge(&vm, configs[i], NULL);

		assert_member(r, "argv", "[]");
		assert_member(r, "env", "[" PATH_ENTRY "]");
		assert_member(r, "cwd", "\"/\"");
		assert_member(r, "user", "\"\"");
		assert_member(r, "stop_signal", "\"SIGTERM\"");
		assert_member(r, "net", "[]");
	}
}

static void test_spec_wins(void **state)
{
	const char *command[] = {"/bin/sh", "-c", "exit 3", NULL};
	const char *env[] = {"A=2", "B=", "PATH=/x", NULL};
	struct vm_spec vm = web();
	const char *r;

	(void)state;
	vm.command = (struct strv){command, 3};
	vm.env = (struct strv){env, 3};
	vm.user = "nobody";
	vm.workdir = "srv";
	vm.init = INIT_IMAGE;
	r = merge(&vm, "{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],\"Env\":[\"A=1\",\"AA=1\"],"
		"\"WorkingDir\":\"/w\",\"User\":\"root\"}", NULL);
	assert_member(r, "argv", "[\"/bin/sh\",\"-c\",\"exit 3\"]");
	assert_member(r, "env", "[\"PATH=/x\",\"A=2\",\"AA=1\",\"B=\"]");
	assert_member(r, "user", "\"nobody\"");
	assert_member(r, "cwd", "\"/srv\"");
	assert_member(r, "init", "\"image\"");
}

/* The guest gets the text of a secret, and nobody else. */
static void test_secrets(void **state)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *env[] = {"A=file:/t#01020304", "AB=1", NULL}, *secrets[] = {"A=word", NULL};
	struct vm_spec vm = web();
	struct boot_input in = {.instance = "1a2b3c4d", .nonce = "n", .vm = &vm};
	const char *text;

	(void)state;
	vm.env = (struct strv){env, 2};
	vm.secrets = (struct strv){secrets, 1};
	assert_int_equal(boot_record_text(&scratch, &in, &text, NULL), 0);
	assert_member(text, "env", "[" PATH_ENTRY ",\"A=file:/t#01020304\",\"AB=1\"]");
	in.secrets = true;
	assert_int_equal(boot_record_text(&scratch, &in, &text, NULL), 0);
	assert_member(text, "env", "[" PATH_ENTRY ",\"A=word\",\"AB=1\"]");
}

static void test_cmd_alone_and_odd_env(void **state)
{
	const struct vm_spec vm = web();
	const char *r = merge(&vm, "{\"Cmd\":[\"only\"],\"Env\":[\"NOVALUE\",\"=x\",\"\",\"A=b=c\","
		"\"A=d\"],\"StopSignal\":\"SIGRTMIN+3\"}", NULL);

	(void)state;
	assert_member(r, "argv", "[\"only\"]");
	assert_member(r, "env", "[" PATH_ENTRY ",\"A=d\"]");
	assert_member(r, "stop_signal", "\"SIGRTMIN+3\"");
}

static void test_hostile_config(void **state)
{
	static const char *const configs[] = {"{", "[]", "\"x\"", "{\"Cmd\":\"sh\"}",
		"{\"Cmd\":[1]}", "{\"Entrypoint\":{}}", "{\"Env\":[null]}", "{\"Env\":\"A=1\"}",
		"{\"User\":0}", "{\"WorkingDir\":[]}", "{\"StopSignal\":15}",
		"{\"StopSignal\":\"SIG TERM\"}", "{\"StopSignal\":\"SIGTERMSIGTERMSIGTERM\"}",
		"{\"User\":\"a\\u0000b\"}", "{\"User\":\"a\",\"User\":\"b\"}"};
	const struct vm_spec vm = web();

	(void)state;
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
		assert_int_equal(refuse(&vm, configs[i]), ERR_CONTENT);
}

static void test_file(void **state)
{
	struct err e = ERR_INIT;
	char *data, *big = arena_alloc(&arena, GUEST_BOOT_MAX + 1);
	size_t n;

	(void)state;
	assert_int_equal(boot_record_file(&arena, "{\"v\":1}", &data, &n, &e), 0);
	assert_int_equal(n, 4096);
	assert_memory_equal(data, "RCBOOT1\n00000007\n{\"v\":1}\0\0", 26);
	for (size_t i = 24; i < n; i++)
		assert_int_equal(data[i], 0);

	/* Exactly full, and one byte more. */
	memset(big, 'x', GUEST_BOOT_MAX - 17);
	assert_int_equal(boot_record_file(&arena, big, &data, &n, &e), 0);
	assert_int_equal(n, GUEST_BOOT_MAX);
	big[GUEST_BOOT_MAX - 17] = 'x';
	assert_int_equal(boot_record_file(&arena, big, &data, &n, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_empty_config),
		cmocka_unit_test(test_spec_wins),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_cmd_alone_and_odd_env),
		cmocka_unit_test(test_hostile_config),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
