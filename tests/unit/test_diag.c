/* test_diag.c - diagnostics as people read them: the caret stands right, nothing escapes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/source.h"

#include <stdio.h>
#include <string.h>

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

/* The text of a diagnostic "m" at that place of a source. */
static const char *show(const char *text, uint32_t line, uint32_t col)
{
	struct source src;
	struct diags diags = {0};
	struct pos pos = {NULL, line, col};

	assert_int_equal(source_open(&scratch, &src, "f.yaml", "/", text, strlen(text), &diags), 0);
	return diag_text(&scratch,
		source_diag(&scratch, &src, &diags, SEVERITY_ERROR, pos, "m"));
}

static void test_form(void **state)
{
	(void)state;
	assert_string_equal(show("a: b\nmemroy: 1GiB\n", 2, 1),
		"f.yaml:2:1: error: m\n    2 | memroy: 1GiB\n      | ^~~~~~\n");
	assert_string_equal(show("a: b", 1, 4), "f.yaml:1:4: error: m\n    1 | a: b\n      |    ^\n");
	assert_string_equal(show("a: b", 1, 5), "f.yaml:1:5: error: m\n    1 | a: b\n      |     ^\n");
	assert_string_equal(show("a: b", 7, 1), "f.yaml:7:1: error: m\n");
	assert_string_equal(show("", 1, 1), "f.yaml:1:1: error: m\n");
	assert_string_equal(show("a: b\r\nc: d\r\n", 2, 4),
		"f.yaml:2:4: error: m\n    2 | c: d\n      |    ^\n");
	assert_string_equal(show("a: b\rc: d", 2, 1),
		"f.yaml:2:1: error: m\n    2 | c: d\n      | ^\n");
}

/* What is underlined: the word or words at the place. */
static void test_widths(void **state)
{
	(void)state;
	assert_string_equal(show("a: b c # d", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: b c # d\n      |    ^~~\n");
	assert_string_equal(show("a: \"b c\" # d", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: \"b c\" # d\n      |    ^~~~~\n");
	assert_string_equal(show("a: \"b\\\"c\"", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: \"b\\\"c\"\n      |    ^~~~~~\n");
	assert_string_equal(show("a: [bc, d]", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: [bc, d]\n      |    ^\n");
	assert_string_equal(show("a: [bc, d]", 1, 5),
		"f.yaml:1:5: error: m\n    1 | a: [bc, d]\n      |     ^~\n");
	assert_string_equal(show("a: 22:22  ", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: 22:22  \n      |    ^~~~~\n");
}

static void test_tabs_and_wide(void **state)
{
	(void)state;
	assert_string_equal(show("\ta: b\tc", 1, 5),
		"f.yaml:1:5: error: m\n    1 | \ta: b\tc\n      | \t   ^~~\n");
	assert_string_equal(show("\xc3\xa9\xc3\xa9: b", 1, 5),
		"f.yaml:1:5: error: m\n    1 | \xc3\xa9\xc3\xa9: b\n      |     ^\n");
	/* A Chinese character takes two columns, a combining accent none. */
	assert_string_equal(show("\xe4\xb8\xad: b", 1, 4),
		"f.yaml:1:4: error: m\n    1 | \xe4\xb8\xad: b\n      |     ^\n");
	assert_string_equal(show("e\xcc\x81: b", 1, 5),
		"f.yaml:1:5: error: m\n    1 | e\xcc\x81: b\n      |    ^\n");
	assert_string_equal(show("a: \xe4\xb8\xad\xe4\xb8\xad", 1, 4),
		"f.yaml:1:4: error: m\n    1 | a: \xe4\xb8\xad\xe4\xb8\xad\n      |    ^~~~\n");
}

static void test_long_lines(void **state)
{
	char line[600];
	const char *text;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "a: ", 3);
	memcpy(line + 300, " # ", 3);
	memcpy(line + 400, ": bad", 5);
	line[599] = '\0';
	text = show(line, 1, 403);
	assert_true(strlen(text) < 600);
	assert_non_null(strstr(text, "| ..."));
	assert_non_null(strstr(text, "...\n"));
	assert_non_null(strstr(text, "bad"));
}

static void test_nothing_escapes(void **state)
{
	struct diags diags = {0};
	struct diag *d = diags_add(&scratch, &diags, SEVERITY_WARNING,
		(struct pos){"a\x1b[2J.yaml", 1, 2}, "say \"%s\"", "\x1b]0;x\x07\xff");

	(void)state;
	d->hint = "do \r it";
	d->excerpt = "a\x1b[31m\xff";
	d->other = (struct pos){"b\n.yaml", 3, 4};
	assert_string_equal(diag_text(&scratch, d),
		"a\\x1b[2J.yaml:1:2: warning: say \"\\x1b]0;x\\x07\\xff\"; do \\r it\n"
		"    1 | a\\x1b[31m\\xff\n"
		"      |  ^~~~\n"
		"b\\n.yaml:3:4: note: the other place\n");
}

static void test_without_place(void **state)
{
	struct diags diags = {0};
	struct diag *d = diags_add(&scratch, &diags, SEVERITY_ERROR, (struct pos){0}, "m");

	(void)state;
	assert_string_equal(diag_text(&scratch, d), "error: m\n");
	d = diags_add(&scratch, &diags, SEVERITY_ERROR, (struct pos){"f", 0, 0}, "m");
	assert_string_equal(diag_text(&scratch, d), "f: error: m\n");
}

static void test_bound(void **state)
{
	struct diags diags = {0};

	(void)state;
	for (size_t i = 0; i < SPEC_DIAGS_MAX + 5; i++) {
		assert_int_equal(diags_full(&diags), i > SPEC_DIAGS_MAX);
		assert_non_null(diags_add(&scratch, &diags, SEVERITY_ERROR, (struct pos){0}, "m"));
	}
	assert_int_equal(diags.n, SPEC_DIAGS_MAX + 1);
}

/* Any line of a long text is found. */
static void test_lines(void **state)
{
	char text[64 * 1024];
	size_t n = 0, len;
	struct source src;
	struct diags diags = {0};

	(void)state;
	for (unsigned i = 1; i <= 1000; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "line %u%s", i,
			i % 3 == 0 ? "\n" : i % 3 == 1 ? "\r\n" : "\r");
	assert_int_equal(source_open(&scratch, &src, "f", "/", text, n, &diags), 0);
	assert_int_equal(src.lines, 1001);
	for (unsigned i = 1; i <= 1000; i++) {
		char want[16];
		const char *line = source_line(&src, i, &len);

		snprintf(want, sizeof(want), "line %u", i);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(line, want, len);
	}
	assert_non_null(source_line(&src, 1001, &len));
	assert_int_equal(len, 0);
	assert_null(source_line(&src, 1002, &len));
	assert_null(source_line(&src, 0, &len));
}

#define WITH(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_form),
		WITH(test_widths),
		WITH(test_tabs_and_wide),
		WITH(test_long_lines),
		WITH(test_nothing_escapes),
		WITH(test_without_place),
		WITH(test_bound),
		WITH(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
