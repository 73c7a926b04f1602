/* test_table.c - columns, wide characters, and what gives way on a narrow terminal. */
#include "reconciler/table.h"

#include "tests/lib/unit.h"

static const char *text_of(struct arena *a, const struct table *t, size_t width)
{
	char *buf = NULL, *out;
	size_t n = 0;
	FILE *f = open_memstream(&buf, &n);

	table_print(t, width, f);
	fclose(f);
	out = arena_dupn(a, buf, n);
	free(buf);
	return out;
}

#define ROW(t, ...) table_row(&a, (t), (const char *[]){__VA_ARGS__})

static void columns_are_aligned(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 3, .cut = 2};

	(void)state;
	ROW(&t, "NAME", "STATE", "NOTE");
	ROW(&t, "a", "running", "");
	ROW(&t, "a-long-name", "x", "y");
	assert_string_equal(text_of(&a, &t, 0), "NAME         STATE    NOTE\n"
						"a            running\n"
						"a-long-name  x        y\n");
}

/* Accents take no column of their own, CJK takes two, and a byte that is no UTF-8 one. */
static void width_is_what_a_terminal_shows(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 2, .cut = 1};

	(void)state;
	ROW(&t, "caf\u00e9", "1");
	ROW(&t, "e\u0301e", "2");
	ROW(&t, "\u65e5\u672c", "3");
	ROW(&t, "\xff", "4");
	assert_string_equal(text_of(&a, &t, 0), "caf\u00e9  1\ne\u0301e    2\n\u65e5\u672c  3\n\xff     4\n");
}

static void an_empty_column_takes_no_room(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 3, .cut = 2};

	(void)state;
	ROW(&t, "a", NULL, "b");
	ROW(&t, "cc", "", "d");
	assert_string_equal(text_of(&a, &t, 0), "a   b\ncc  d\n");
}

static void what_gives_way_is_cut(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 3, .cut = 1};

	(void)state;
	ROW(&t, "web", "a long reason why", "vms.yaml:1:1");
	ROW(&t, "db", "short", "vms.yaml:2:1");
	assert_string_equal(text_of(&a, &t, 30), "web  a long r...  vms.yaml:1:1\n"
						 "db   short        vms.yaml:2:1\n");
	assert_string_equal(text_of(&a, &t, 36), "web  a long reason why  vms.yaml:1:1\n"
						 "db   short              vms.yaml:2:1\n");
}

/* No half of a character, and never more than the width. */
static void a_wide_character_is_not_halved(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 1, .cut = 0};

	(void)state;
	ROW(&t, "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e");
	assert_string_equal(text_of(&a, &t, 10), "\u65e5\u672c\u8a9e...\n");
}

/* Once the column has nothing left to give, the widest others do; eight is little enough. */
static void others_give_way_too(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 3, .cut = 2};

	(void)state;
	ROW(&t, "a", "0123456789012345", "abcdefghijkl");
	assert_string_equal(text_of(&a, &t, 25), "a  012345678...  abcde...\n");
	assert_string_equal(text_of(&a, &t, 10), "a  01234...  abcde...\n");
}

static void no_rows_no_text(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = 3, .cut = 2};
	FILE *f;

	(void)state;
	assert_string_equal(text_of(&a, &t, 0), "");
	f = tmpfile();
	assert_non_null(f);
	assert_int_equal(table_terminal_width(f), 0);
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_aligned),
		cmocka_unit_test(width_is_what_a_terminal_shows),
		cmocka_unit_test(an_empty_column_takes_no_room),
		cmocka_unit_test(what_gives_way_is_cut),
		cmocka_unit_test(a_wide_character_is_not_halved),
		cmocka_unit_test(others_give_way_too),
		cmocka_unit_test(no_rows_no_text),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
