/* test_warn.c - each row of the table of warnings has a spec that shows it, and nothing is said of a
 * spec that names no VM. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/fd.h"
#include "schema/bind.h"

#include <string.h>

static void test_each_has_a_spec(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_true(warning_count > 5);
	for (size_t i = 0; i < warning_count; i++) {
		const char *name = arena_printf(&a, "tests/schema/pass-warning-%s", warnings[i].name);
		const char *spec = arena_printf(&a, "%s.yaml", name);
		struct diags diags = {0};
		struct spec *out;
		size_t said = 0;

		assert_true(!warnings[i].spec != !warnings[i].vm);
		if (spec_load(&a, &spec, 1, &out, &diags, NULL) < 0)
			fail_msg("%s.yaml is missing or wrong", name);
		vec_each(d, &diags)
			said += d->severity == SEVERITY_WARNING && d->pos.line;
		if (!said)
			fail_msg("%s.yaml shows no warning", name);
	}
}

static void test_silent_without_vms(void **state)
{
	static const char text[] = "version: 1\nimages: {i: {oci: 'a:latest'}, j: {oci: 'a:latest'}}\n"
		"profiles: {p: {memory: 32MiB, command: a b}}\nvms: {}\n";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct diags diags = {0};
	struct spec *out;

	(void)state;
	assert_int_equal(spec_parse(&a, "t", "/", text, sizeof(text) - 1, &out, &diags, NULL), 0);
	assert_int_equal(diags.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_has_a_spec),
		cmocka_unit_test(test_silent_without_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
