/* test_capture.c - programs that are run for what they print, against real ones. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/sys/capture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define LONG_MS 60000

static int run(struct arena *a, const char *const *argv, size_t max, int timeout_ms, char **text,
	size_t *n, struct err *e)
{
	static const char *const env[] = {"WORD=hello", NULL};
	const struct capture what = {.argv = argv, .envp = env, .folder = "/usr", .max = max,
		.timeout_ms = timeout_ms};

	*text = NULL;
	*n = 0;
	return capture_run(a, &what, text, n, e);
}

/* No child is left behind, whatever came of it. */
static void no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_output(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "read x; printf '%s in %s' \"$WORD\" \"$PWD\"", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(run(&a, argv, 100, LONG_MS, &text, &n, &e), 0);
	assert_string_equal(text, "hello in /usr");
	assert_int_equal(n, strlen(text));
	no_child();
}

static void test_limits(void **state)
{
	const char *argv[] = {"/bin/sh", "-c", "printf 12345", NULL};
	const char *endless[] = {"/bin/sh", "-c", "while :; do echo x; done", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	(void)state;
	assert_int_equal(run(&a, argv, 5, LONG_MS, &text, &n, &e), 0);
	assert_int_equal(n, 5);
	assert_int_equal(run(&a, argv, 4, LONG_MS, &text, &n, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_null(text);
	assert_null(strstr(e.msg, "12345"));
	e = (struct err)ERR_INIT;
	assert_int_equal(run(&a, endless, 1 << 16, LONG_MS, &text, &n, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	no_child();
}

static void expect_failure(const char *const *argv, int timeout_ms, enum err_kind kind,
	const char *says)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	assert_int_equal(run(&a, argv, 100, timeout_ms, &text, &n, &e), -1);
	assert_int_equal(e.kind, kind);
	if (!strstr(e.msg, says))
		fail_msg("\"%s\" has no \"%s\"", e.msg, says);
	no_child();
}

static void test_failures(void **state)
{
	const char *code[] = {"/bin/sh", "-c", "echo hidden; exit 3", NULL};
	const char *killed[] = {"/bin/sh", "-c", "kill -9 $$", NULL};
	const char *missing[] = {"/no/such/program", NULL};
	const char *denied[] = {"/etc/passwd", NULL};
	const char *slow[] = {"/bin/sleep", "1000000", NULL};
	/* It goes on although it has closed its output. */
	const char *silent[] = {"/bin/sh", "-c", "exec >&-; exec /bin/sleep 1000000", NULL};

	(void)state;
	expect_failure(code, LONG_MS, ERR_FAILED, "/bin/sh exited with code 3");
	expect_failure(killed, LONG_MS, ERR_FAILED, "killed by signal 9");
	expect_failure(missing, LONG_MS, ERR_SYSTEM, "/no/such/program");
	expect_failure(denied, LONG_MS, ERR_DENIED, "/etc/passwd");
	expect_failure(slow, 1000, ERR_TIMEOUT, "takes longer than 1 s");
	expect_failure(silent, 1000, ERR_TIMEOUT, "takes longer than 1 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
