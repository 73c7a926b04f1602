/* test_fields_doc.c - docs/fields.md is what the field tables say now. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/fd.h"
#include "schema/field.h"
#include "schema/fields_doc.h"

#include <string.h>

#define DOC "docs/fields.md" /* tests run at the top of the tree */

static void test_current(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	(void)state;
	if (file_read(&a, AT_FDCWD, DOC, 1 << 20, &text, &n, &e) < 0)
		fail_msg("%s", e.msg);
	if (strcmp(text, fields_doc(&a)))
		fail_msg("%s is stale: run make docs", DOC);
}

static void test_every_row(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *doc = fields_doc(&a);

	(void)state;
	for (size_t i = 0; i < noun_table_count; i++) {
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++) {
			const char *path = noun_tables[i]->fields[k].path;

			if (!strstr(doc, arena_printf(&a, "\n| `%s`", path)))
				fail_msg("%s is not in the document", path);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
