/* test_worker.c - the client of reconcile-worker, with small scripts in its place. */
#include "drivers/sys/worker.h"

#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_worker.XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(AT_FDCWD, dir, NULL);
}

static void script(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "%s/reconcile-worker", dir);
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "#!/bin/sh\n", 10), 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static uint64_t progress_sum;

static void on_progress(void *arg, const char *what, uint64_t done, uint64_t total)
{
	assert_ptr_equal(arg, &progress_sum);
	assert_string_equal(what, "layer 1/2");
	assert_int_equal(total, 100);
	progress_sum += done;
}

static int run(json_t **result, const volatile sig_atomic_t *cancel, struct err *e)
{
	_cleanup_json_ json_t *rq = json_pack("{s:s}", "key", "value");
	const struct worker_task task = {.program_dir = dir, .verb = "some-verb", .request = rq,
		.cancel = cancel, .progress = on_progress, .progress_arg = &progress_sum};

	return worker_run(&task, result, e);
}

static void result_and_progress(void **state)
{
	_cleanup_json_ json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	progress_sum = 0;
	script("read -r rq\n"
		"echo '{\"progress\":{\"what\":\"layer 1/2\",\"done\":1,\"total\":100}}'\n"
		"echo '{\"progress\":{\"what\":\"layer 1/2\",\"done\":41,\"total\":100}}'\n"
		"echo \"{\\\"result\\\":{\\\"verb\\\":\\\"$1\\\",\\\"request\\\":$rq}}\"\n");
	if (run(&result, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(progress_sum, 42);
	assert_string_equal(json_str(result, "verb", ""), "some-verb");
	assert_string_equal(json_str(json_object_get(result, "request"), "key", ""), "value");
}

static void error_comes_back(void **state)
{
	json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	script("echo '{\"error\":{\"kind\":\"remote\",\"msg\":\"no such host\",\"hint\":\"try again\"}}'\n"
		"exit 1\n");
	assert_int_equal(run(&result, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_REMOTE);
	assert_string_equal(e.msg, "no such host");
	assert_string_equal(e.hint, "try again");
	script("echo '{\"error\":{\"kind\":\"none\"}}'\n");
	assert_int_equal(run(&result, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
}

static void nonsense(void **state)
{
	static const struct {
		const char *script, *says;
	} rows[] = {
		{"exit 3\n", "exited with code 3"},
		{"kill -9 $$\n", "killed by signal 9"},
		{"exit 0\n", "without an answer"},
		{"echo hello\n", "not valid JSON"},
		{"echo '[]'\n", "neither a result nor an error"},
		{"echo '{\"result\":7}'\n", "neither a result nor an error"},
		{"printf '{\"result\":{}}'\n", "without an answer"}, /* no newline: cut off */
		{"echo '{\"result\":{}}'; echo '{\"result\":{}}'\n", "after its answer"},
		{"head -c 9000000 /dev/zero | tr '\\0' x\n", "too long"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *result = NULL;
		struct err e = ERR_INIT;

		script(rows[i].script);
		assert_int_equal(run(&result, NULL, &e), -1);
		if (e.kind != ERR_FAILED && e.kind != ERR_CONTENT)
			fail_msg("row %zu: kind %s", i, err_kind_name(e.kind));
		if (!strstr(e.msg, rows[i].says))
			fail_msg("row %zu: %s", i, e.msg);
	}
}

static void missing_program(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	unlink(arena_printf(&a, "%s/reconcile-worker", dir));
	assert_int_equal(run(&result, NULL, &e), -1);
	assert_non_null(strstr(e.msg, "cannot start"));
}

/* A worker that would not end by itself is ended. */
static void cancelled(void **state)
{
	const volatile sig_atomic_t cancel = 1;
	json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	script("while :; do sleep 0.1; done\n");
	assert_int_equal(run(&result, &cancel, &e), -1);
	assert_int_equal(e.kind, ERR_CANCELLED);
}

/* Only named variables reach a worker, and a request of any size does. */
static void environment(void **state)
{
	_cleanup_json_ json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	setenv("SECRET_TOKEN", "s3cret", 1);
	setenv("https_proxy", "http://proxy:1", 1);
	script("echo \"{\\\"result\\\":{\\\"secret\\\":\\\"$SECRET_TOKEN\\\",\\\"proxy\\\":\\\"$https_proxy\\\"}}\"\n");
	if (run(&result, NULL, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(json_str(result, "secret", "?"), "");
	assert_string_equal(json_str(result, "proxy", "?"), "http://proxy:1");
	unsetenv("SECRET_TOKEN");
	unsetenv("https_proxy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(result_and_progress),
		cmocka_unit_test(error_comes_back),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(missing_program),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(environment),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
