/* test_log.c - lines on stderr: what is shown, in which form, and that nothing can forge one. */
#include "schema/base/log.h"

#include "schema/base/json.h"
#include "tests/lib/unit.h"

#include <errno.h>

static char scratch[SCRATCH_MAX];

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

/* What talk() logs, with that configuration. */
static char *logged(struct arena *a, const struct log_config *c, void (*talk)(void))
{
	const char *path = arena_printf(a, "%s/err", scratch);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), old = dup(2);
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	assert_true(fd >= 0 && old >= 0);
	fflush(stderr);
	dup2(fd, 2);
	log_setup(c);
	talk();
	dup2(old, 2);
	close(old);
	close(fd);
	if (file_read(a, AT_FDCWD, path, 1 << 20, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

static void one_of_each(void)
{
	log_error("it broke", NULL);
	log_warn("look out", "vm=%s pid=%d", "web", 7);
	log_info("started", "vm=%s", "web");
	log_debug("step", "op=%s", "start");
}

static void levels(void **state)
{
	static const char *const lines[] = {"error: it broke\n", "warn: look out vm=web pid=7\n",
		"info: started vm=web\n", "debug: step op=start op=pass-1\n"};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *want = "";

	(void)state;
	for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
		const struct log_config c = {.level = (enum log_level)level, .op_id = "pass-1"};

		want = arena_printf(&a, "%s%s", want, lines[level]);
		assert_string_equal(logged(&a, &c, one_of_each), want);
	}
}

static void as_json(void **state)
{
	const struct log_config c = {.level = LOG_DEBUG, .json = true, .op_id = "pass-1"};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text = logged(&a, &c, one_of_each), *save = NULL;
	int lines = 0;

	(void)state;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		_cleanup_json_ json_t *j = NULL;
		struct err err = ERR_INIT;

		if (json_parse(line, strlen(line), "line", &j, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(json_str(j, "op", ""), "pass-1");
		assert_int_equal(strlen(json_str(j, "ts", "")), 24);
		if (lines == 1)
			assert_string_equal(json_str(j, "detail", ""), "vm=web pid=7");
		lines++;
	}
	assert_int_equal(lines, 4);
}

static void hostile(void)
{
	log_warn("undo failed", "error=\"%s\"", "boo\033[2J\nerror: all is lost\r\x07\xff\xc2\x9b");
}

/* What a guest or a registry says cannot begin a line of its own, nor reach the terminal. */
static void nothing_is_obeyed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct log_config c = {.level = LOG_WARN};
	_cleanup_json_ json_t *j = NULL;
	struct err err = ERR_INIT;
	char *text = logged(&a, &c, hostile);

	(void)state;
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	for (const char *p = text; p[1]; p++)
		assert_true(*p >= ' ' && *p <= '~');
	assert_non_null(strstr(text, "boo"));
	c.json = true;
	text = logged(&a, &c, hostile);
	assert_int_equal(json_parse(text, strlen(text), "line", &j, &err), 0);
	assert_non_null(strstr(json_str(j, "detail", ""), "all is lost"));
}

static void long_one(void)
{
	static char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	log_error("long", "%s", text);
	errno = EXDEV;
	log_error("errno", NULL);
	assert_int_equal(errno, EXDEV);
}

static void long_lines_are_cut(void **state)
{
	const struct log_config c = {.level = LOG_WARN};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text = logged(&a, &c, long_one);

	(void)state;
	assert_true(strchr(text, '\n') - text < 1000);
	assert_non_null(strstr(text, "\nerror: errno\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(as_json),
		cmocka_unit_test(nothing_is_obeyed),
		cmocka_unit_test(long_lines_are_cut),
	};

	return cmocka_run_group_tests_name("log", tests, set_up, tear_down);
}
