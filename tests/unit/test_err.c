/* test_err.c - the error value. */
#include "schema/base/err.h"

#include "tests/lib/unit.h"

#include <errno.h>

static void set_fills_all(void **state)
{
	struct err e = {.kind = ERR_SPEC, .errnum = 5, .line = 3, .file = "old", .hint = "old"};

	(void)state;
	assert_int_equal(err_set(&e, ERR_REMOTE, "%s: %d", "registry", 404), -1);
	assert_int_equal(e.kind, ERR_REMOTE);
	assert_int_equal(e.errnum, 0);
	assert_int_equal(e.line, 0);
	assert_string_equal(e.file, "");
	assert_string_equal(e.hint, "");
	assert_string_equal(e.msg, "registry: 404");
}

static void sys_names_the_errno(void **state)
{
	static const struct {
		int errnum;
		enum err_kind kind;
	} cases[] = {{ENOENT, ERR_SYSTEM}, {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED}, {EIO, ERR_SYSTEM}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = ERR_INIT;
		char want[128];

		snprintf(want, sizeof(want), "cannot open x: %s", strerror(cases[i].errnum));
		assert_int_equal(err_sys(&e, cases[i].errnum, "cannot open %s", "x"), -1);
		assert_int_equal(e.kind, cases[i].kind);
		assert_int_equal(e.errnum, cases[i].errnum);
		assert_string_equal(e.msg, want);
	}
}

static void wrap_keeps_what_is_there(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_sys(&e, ENOSPC, "cannot write");
	err_hint(&e, "make room");
	err_at(&e, "vms.yaml", 7, 5);
	assert_int_equal(err_wrap(&e, "vm/%s", "web"), -1);
	assert_string_equal(e.msg, "vm/web: cannot write: No space left on device");
	assert_int_equal(e.errnum, ENOSPC);
	assert_string_equal(e.hint, "make room");
	assert_string_equal(e.file, "vms.yaml");
	assert_int_equal(e.line, 7);
	assert_int_equal(e.col, 5);
}

static void join_keeps_the_root_cause_in_front(void **state)
{
	struct err first = ERR_INIT, more = ERR_INIT, none = ERR_INIT;

	(void)state;
	err_set(&more, ERR_SYSTEM, "second");
	err_join(&first, &none);
	assert_int_equal(first.kind, ERR_NONE);
	err_join(&first, &more); /* an empty one takes over */
	assert_int_equal(first.kind, ERR_SYSTEM);
	err_set(&first, ERR_TIMEOUT, "first");
	err_hint(&first, "wait");
	err_join(&first, &none);
	assert_string_equal(first.msg, "first");
	err_join(&first, &more);
	assert_int_equal(first.kind, ERR_TIMEOUT);
	assert_string_equal(first.msg, "first; then: second");
	assert_string_equal(first.hint, "wait");
	err_join(&first, NULL);
	err_join(NULL, &more);
}

/* Messages of any length stay within the value, end in a NUL and keep their beginning. */
static void long_texts_are_cut(void **state)
{
	static char text[5000];
	struct err e = ERR_INIT, more = ERR_INIT;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	err_set(&e, ERR_FAILED, "begin %s", text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_memory_equal(e.msg, "begin xxx", 9);
	more = e;
	for (int i = 0; i < 10; i++)
		err_join(&e, &more);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	err_wrap(&e, "%s", text);
	assert_memory_equal(e.msg, "xxx", 3);
	assert_non_null(strstr(e.msg, ": begin xxx"));
	err_sys(&e, EIO, "%s", text);
	assert_non_null(strstr(e.msg, ": Input/output error"));
	err_hint(&e, "%s", text);
	assert_int_equal(strlen(e.hint), sizeof(e.hint) - 1);
	err_at(&e, text, 1, 2);
	assert_int_equal(strlen(e.file), sizeof(e.file) - 1);
}

static void nobody_wants_to_know(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_SPEC, "x"), -1);
	assert_int_equal(err_sys(NULL, ENOENT, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	assert_int_equal(err_hint(NULL, "x"), -1);
	assert_int_equal(err_at(NULL, "f", 1, 1), -1);
	err_clear(NULL);
}

static void clear_forgets(void **state)
{
	struct err e = ERR_INIT, empty = ERR_INIT;

	(void)state;
	err_set(&e, ERR_SPEC, "x");
	err_hint(&e, "y");
	err_at(&e, "z", 1, 2);
	err_clear(&e);
	assert_memory_equal(&e, &empty, sizeof(e));
}

/* Names are unique and come back; every failure has an exit code that is not 0. */
static void kinds_are_complete(void **state)
{
	(void)state;
	for (int k = ERR_NONE; k < ERR_KIND_N; k++) {
		const char *name = err_kind_name((enum err_kind)k);

		assert_non_null(name);
		for (int other = ERR_NONE; other < k; other++)
			assert_string_not_equal(name, err_kind_name((enum err_kind)other));
		if (k == ERR_NONE)
			continue;
		assert_int_equal(err_kind_parse(name), k);
		assert_true(err_exit_code((enum err_kind)k) > 0);
		assert_true(err_exit_code((enum err_kind)k) < 128);
	}
	assert_int_equal(err_exit_code(ERR_NONE), 0);
	assert_string_equal(err_kind_name(ERR_KIND_N), "failed");
	assert_int_equal(err_exit_code(ERR_KIND_N), 1);
}

/* A worker that reports an error of kind "none" still reports an error. */
static void a_name_is_never_no_error(void **state)
{
	static const char *const odd[] = {"none", "", "Spec", "spec ", "nonsense", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(err_kind_parse(odd[i]), ERR_FAILED);
}

/* The table of kinds in docs/exit-status.md: a row "| `spec` | 65 | ... |" for each kind, no more, and
 * a row "| 65 | ..." for each code in the table above it. */
static void exit_codes_are_as_documented(void **state)
{
	FILE *doc = fopen("docs/exit-status.md", "re");
	bool kinds[ERR_KIND_N] = {false}, codes[256] = {false};
	char line[1024], name[64];
	int code;

	(void)state;
	assert_non_null(doc);
	while (fgets(line, sizeof(line), doc)) {
		if (sscanf(line, "| %d |", &code) == 1 && code >= 0 && code < 256)
			codes[code] = true;
		if (sscanf(line, "| `%63[a-z-]` | %d |", name, &code) != 2)
			continue;
		assert_string_equal(err_kind_name(err_kind_parse(name)), name);
		assert_int_equal(err_exit_code(err_kind_parse(name)), code);
		assert_true(codes[code]);
		kinds[err_kind_parse(name)] = true;
	}
	fclose(doc);
	for (int k = ERR_FAILED; k < ERR_KIND_N; k++)
		if (!kinds[k])
			fail_msg("docs/exit-status.md has no row for %s", err_kind_name((enum err_kind)k));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_all),
		cmocka_unit_test(sys_names_the_errno),
		cmocka_unit_test(wrap_keeps_what_is_there),
		cmocka_unit_test(join_keeps_the_root_cause_in_front),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(nobody_wants_to_know),
		cmocka_unit_test(clear_forgets),
		cmocka_unit_test(kinds_are_complete),
		cmocka_unit_test(a_name_is_never_no_error),
		cmocka_unit_test(exit_codes_are_as_documented),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
