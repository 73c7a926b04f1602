/* test_schema_golden.c - tests/schema/pass-*.yaml are accepted, fail-*.yaml refused with exactly the
 * diagnostics in the .err beside them. A pass file with warnings has an .err too.
 *
 * UPDATE_GOLDEN=1 writes the .err files instead of comparing, and fails, so that such a run is never
 * taken for a pass.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/fd.h"
#include "schema/field.h"
#include "schema/spec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIR_NAME "tests/schema" /* tests run at the top of the tree */
#define CASES_MAX 1000
#define CASES_MIN 80

static int select_yaml(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && !strcmp(dot, ".yaml") &&
	       (!strncmp(d->d_name, "pass-", 5) || !strncmp(d->d_name, "fail-", 5));
}

/* All that reconcile would print: the diagnostics, then the summary. */
static const char *report(struct arena *a, const char *name, int *result)
{
	struct diags diags = {0};
	struct err e = ERR_INIT;
	const char *text = "";
	struct spec *spec;

	*result = spec_load(a, &name, 1, &spec, &diags, &e);
	vec_each(d, &diags)
		text = arena_printf(a, "%s%s", text, diag_text(a, d));
	if (*result)
		text = arena_printf(a, "%s%s\n", text, e.msg);
	return text;
}

static const char *err_name(struct arena *a, const char *yaml)
{
	return arena_printf(a, "%.*s.err", (int)(strlen(yaml) - strlen(".yaml")), yaml);
}

static void update(struct arena *a, const char *name, const char *text)
{
	struct err e = ERR_INIT;

	if (!*text)
		unlink(err_name(a, name));
	else if (file_replace(AT_FDCWD, err_name(a, name), text, strlen(text), 0644, &e) < 0)
		fail_msg("%s", e.msg);
	fail_msg("%s was written", err_name(a, name));
}

static void test_case(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *name = *state, *text, *update_env = getenv("UPDATE_GOLDEN");
	char *want = "";
	size_t n;
	int result;

	text = report(&a, name, &result);
	assert_int_equal(result, strncmp(name, "fail-", 5) ? 0 : -1);
	if (update_env && *update_env)
		update(&a, name, text);
	if (file_read(&a, AT_FDCWD, err_name(&a, name), 1 << 20, &want, &n, NULL) < 0 && result)
		fail_msg("%s is missing", err_name(&a, name));
	assert_string_equal(text, want);
}

/* Every value of every object that is accepted survives printing and parsing. */
static void test_round_trip(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *name = *state;
	struct diags diags = {0};
	struct objects all = {0};
	struct spec *spec;

	assert_int_equal(spec_load(&a, &name, 1, &spec, &diags, NULL), 0);
	spec_expand(&a, spec, &all);
	vec_each(o, &all) {
		const struct noun *noun = o->spec->noun;

		for (size_t i = 0; i < noun->n_fields; i++) {
			const struct field *f = &noun->fields[i];
			const char *value = field_print(&a, f, o->spec);
			void *again = arena_alloc(&a, noun->size);

			if (!value)
				continue;
			assert_int_equal(field_parse(&a, f, value, again, NULL), 0);
			assert_string_equal(field_print(&a, f, again), value);
		}
	}
}

int main(void)
{
	static struct CMUnitTest tests[2 * CASES_MAX];
	struct dirent **list;
	size_t n = 0;
	int found;

	if (chdir(DIR_NAME) < 0) {
		perror(DIR_NAME);
		return 1;
	}
	found = scandir(".", &list, select_yaml, alphasort);
	if (found < CASES_MIN || found > CASES_MAX) {
		fprintf(stderr, "%s: %d cases, from %d to %d expected\n", DIR_NAME, found,
			CASES_MIN, CASES_MAX);
		return 1;
	}
	for (int i = 0; i < found; i++) {
		char *name = list[i]->d_name;

		tests[n++] = (struct CMUnitTest){name, test_case, NULL, NULL, name};
		if (!strncmp(name, "pass-", 5))
			tests[n++] = (struct CMUnitTest){"round trip", test_round_trip, NULL, NULL,
				name};
	}
	return _cmocka_run_group_tests("schema", tests, n, NULL, NULL);
}
