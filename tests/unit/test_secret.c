/* test_secret.c - secrets that a command gives: when it is run, how often, and what stays out of sight. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/field.h"
#include "schema/spec.h"

#include <string.h>

#define HEAD "version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: ./k}}\n"

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

/* A runner that prints what its second argument says and counts. */
static size_t runs;
static const char *last_folder;

static int fake_run(void *arg, struct arena *a, const char *const *argv, const char *folder,
	size_t max, char **text, size_t *len, struct err *e)
{
	assert_string_equal(arg, "arg");
	assert_int_equal(max, FIELD_TEXT_MAX);
	runs++;
	last_folder = folder;
	if (!strcmp(argv[0], "/bin/fail"))
		return err_set(e, ERR_FAILED, "%s exited with code 3", argv[0]);
	*text = arena_printf(a, "%s\n", argv[1] ? argv[1] : "");
	*len = strlen(*text);
	return 0;
}

struct outcome {
	int result;
	struct spec *spec;
	struct diags diags;
	struct err e;
};

static struct outcome *parse_as(bool runs_them, bool partial, const char *text)
{
	const struct spec_input in = {.run = runs_them ? fake_run : NULL, .arg = "arg",
		.partial = partial};
	struct outcome *o = arena_new(&scratch, struct outcome);

	runs = 0;
	o->result = spec_parse_with(&scratch, &in, "t.yaml", "/base", text, strlen(text), &o->spec,
		&o->diags, &o->e);
	return o;
}

static struct outcome *parse(bool runs_them, const char *text)
{
	struct outcome *o = parse_as(runs_them, false, text);

	if (o->result)
		fail_msg("%s", o->diags.n ? diag_text(&scratch, o->diags.v) : o->e.msg);
	return o;
}

static const char two_vms[] = HEAD
	"vms:\n"
	"  v: {image: i, kernel: k, env: {A: {command: [/bin/print, word]}, B: plain}}\n"
	"  w: {image: i, kernel: k, env: {A: {command: [/bin/print, word]},\n"
	"    C: {command: [/bin/print, other]}}}\n";

static void test_command(void **state)
{
	struct outcome *o = parse(true, two_vms);
	const struct vm_spec *v = o->spec->vms.v[0], *w = o->spec->vms.v[1];

	(void)state;
	assert_int_equal(runs, 2); /* once for each command, not for each VM */
	assert_string_equal(last_folder, "/base");
	assert_int_equal(strlen(v->env.v[0]), strlen("A=command:/bin/print#01234567"));
	assert_memory_equal(v->env.v[0], "A=command:/bin/print#", 21);
	assert_string_equal(v->env.v[0], w->env.v[0]);
	assert_string_not_equal(w->env.v[1] + 2, w->env.v[0] + 2);
	assert_int_equal(v->secrets.n, 1);
	assert_string_equal(v->secrets.v[0], "A=word");
	assert_string_equal(w->secrets.v[1], "C=other");
}

/* Another checkout of the same spec is no change, another argument is one. */
static void test_marker(void **state)
{
	const struct spec_input in = {.run = fake_run, .arg = "arg"};
	struct outcome *o = parse(true, two_vms);
	struct diags diags = {0};
	struct spec *other;

	(void)state;
	assert_int_equal(spec_parse_with(&scratch, &in, "t.yaml", "/elsewhere", two_vms,
		sizeof(two_vms) - 1, &other, &diags, NULL), 0);
	assert_string_equal(last_folder, "/elsewhere");
	assert_string_equal(o->spec->vms.v[0]->env.v[0], other->vms.v[0]->env.v[0]);
	assert_string_not_equal(other->vms.v[1]->env.v[0] + 1, other->vms.v[1]->env.v[1] + 1);
}

static void test_text_stays_out_of_sight(void **state)
{
	struct outcome *o = parse(true, two_vms);
	struct kvs values = {0};

	(void)state;
	for (size_t i = 0; i < noun_vm.n_fields; i++) {
		const char *text = field_print(&scratch, &noun_vm.fields[i], o->spec->vms.v[0]);

		assert_true(!text || !strstr(text, "word"));
	}
	field_values(&scratch, &noun_vm, o->spec->vms.v[0], KIND_VM, &values);
	assert_null(strstr(kvs_get(&values, "env"), "word"));
}

/* Who only looks runs nothing, and cannot mistake the marker for a text. */
static void test_nothing_is_run(void **state)
{
	struct outcome *o = parse(false, two_vms);
	const struct vm_spec *v = o->spec->vms.v[0];

	(void)state;
	assert_int_equal(runs, 0);
	assert_string_equal(v->env.v[0], "A=command:/bin/print#not-run");
	assert_int_equal(v->secrets.n, 0);
}

static void test_failures(void **state)
{
	static const struct {
		const char *command, *says;
	} cases[] = {
		{"[/bin/fail, x]", "env: cannot get the secret: /bin/fail exited with code 3"},
		{"[/bin/print, '']", "env: the secret of \"/bin/print\" is empty"},
		{"[/bin/print, \"\\xe9\\n\\u0007\"]", NULL}, /* refused as an argument already */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome *o = parse_as(true, false, arena_printf(&scratch, HEAD
			"vms:\n  v: {image: i, kernel: k, env: {A: {command: %s}}}\n"
			"  w: {image: i, kernel: k, env: {A: {command: %s}}}\n", cases[i].command,
			cases[i].command));

		assert_int_equal(o->result, -1);
		assert_int_equal(o->diags.n, 2);
		if (cases[i].says)
			assert_string_equal(o->diags.v[0].msg, cases[i].says);
		assert_int_equal(runs, cases[i].says ? 1 : 0); /* a failure is not tried again */
	}
}

/* ---- one file of several -------------------------------------------------------------------- */

/* What may stand in another file is no mistake, and nothing else is read or run. */
static void test_partial(void **state)
{
	static const char *const good[] = {
		"version: 1\nvms: {v: {}}\n",
		"version: 1\nvms: {v: {image: i, kernel: k, profile: p, depends_on: w}}\n",
		"version: 1\ninclude: [none.yaml]\n",
		"version: 1\nvars: {A: }\nvms: {v: {user: \"${B:?give it}\", memory: \"${A}\"}}\n",
		"version: 1\nvms: {v: {env: {A: {file: none}, B: {credential: c}, C: {command: /x}}}}\n",
	};
	static const char *const bad[] = {
		"vms: {v: {}}\n",
		"version: 1\nvms: {v: {memory: 1}}\n",
		"version: 1\nvms: {v: {memroy: 1GiB}}\n",
		"version: 1\nvms: {v: {user: \"${\"}}\n",
		"version: 1\nvms: {v: {env: {A: {file: ~/x}}}}\n",
		"version: 1\nvms: {v: {}, v: {}}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct outcome *o = parse_as(true, true, good[i]);

		if (o->result)
			fail_msg("%s: %s", good[i], diag_text(&scratch, o->diags.v));
		assert_int_equal(runs, 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_as(true, true, bad[i])->result, -1);
}

#define WITH(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_command),
		WITH(test_marker),
		WITH(test_text_stays_out_of_sight),
		WITH(test_nothing_is_run),
		WITH(test_failures),
		WITH(test_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
