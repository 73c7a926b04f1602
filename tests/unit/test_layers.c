/* test_layers.c - what holds for a VM in the end, and from where: its fields, profiles, defaults,
 * variables, secrets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/field.h"
#include "schema/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "hunter2"

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

/* Files that a spec names: NAME holds what follows the bar. */
static int read_named(void *arg, struct arena *a, const char *path, size_t max, char **text,
	size_t *len, struct err *e)
{
	const char *const *files = arg;

	(void)max;
	for (; *files; files++) {
		size_t n = strcspn(*files, "|");

		if (strncmp(*files, path, n) != 0 || path[n])
			continue;
		*text = arena_dup(a, *files + n + 1);
		*len = strlen(*text);
		return 0;
	}
	return err_set(e, ERR_NOINPUT, "%s: no such file", path);
}

static char *environment(const char *name)
{
	if (!strcmp(name, "RECONCILE_VAR_E"))
		return "from env";
	if (!strcmp(name, "RECONCILE_VAR_NL"))
		return "a\nb";
	return strcmp(name, "CREDENTIALS_DIRECTORY") ? NULL : "/run/cred";
}

struct outcome {
	int result;
	struct spec *spec;
	struct diags diags;
	struct err e;
};

static struct outcome *parse_with(const char *const *vars, size_t n, const char *text)
{
	static const char *files[] = {"secret|" SECRET "\n", "/run/cred/db|" SECRET, "two|a\nb\n\n",
		"inc.yaml|version: 1\nkernels: {k: {file: ./k}}\n", NULL};
	const struct spec_input in = {.vars = vars, .n_vars = n, .env = environment,
		.read = read_named, .arg = files, .places = true};
	struct outcome *o = arena_new(&scratch, struct outcome);

	o->result = spec_parse_with(&scratch, &in, "t.yaml", "/base", text, strlen(text), &o->spec,
		&o->diags, &o->e);
	return o;
}

static struct outcome *parse(const char *text)
{
	struct outcome *o = parse_with(NULL, 0, text);

	if (o->result)
		fail_msg("%s", o->diags.n ? diag_text(&scratch, o->diags.v) : o->e.msg);
	return o;
}

#define HEAD "version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: ./k}, k2: {file: /k2}}\n"

static const struct vm_spec *vm_of(const struct outcome *o, const char *name)
{
	vec_each(v, &o->spec->vms)
		if (!strcmp((*v)->head.name, name))
			return *v;
	fail_msg("no vm %s", name);
	return NULL;
}

/* One value as spec_effective tells it: "vcpus=2 profile p 5:17", and its variables. */
static const char *effective(const struct outcome *o, const char *object, const char *path,
	const char *key)
{
	struct effectives all = {0};
	struct err e = ERR_INIT;
	const char *text;

	assert_int_equal(spec_effective(&scratch, o->spec, object, &all, &e), 0);
	vec_each(v, &all) {
		if (strcmp(v->field->path, path) || !v->key != !key || (key && strcmp(v->key, key)))
			continue;
		text = arena_printf(&scratch, "%s %s%s%s %u:%u", v->value ? v->value : "-",
			layer_name(v->layer), v->profile ? " " : "", v->profile ? v->profile : "",
			v->pos.line, v->pos.col);
		vec_each(u, &v->vars)
			text = arena_printf(&scratch, "%s, %s %s %u", text, u->name, u->how,
				u->pos.line);
		return text;
	}
	return "nothing";
}

#define EFFECTIVE(o, object, path, key, want)                                                      \
	assert_string_equal(effective((o), (object), (path), (key)), (want))

/* ---- profiles and defaults ------------------------------------------------------------------ */

static const char layered[] = HEAD
	"defaults: {vm: {image: i, kernel: k, memory: 128MiB, env: {A: d, D: d}}}\n"
	"profiles:\n"
	"  p: {vcpus: 2, memory: 64MiB, env: {A: p, P: p}, labels: {l: p}, depends_on: three}\n"
	"  q: {vcpus: 4, kernel: k2, env: {A: q, Q: q}}\n"
	"vms:\n"
	"  one: {profile: p}\n"
	"  two: {profile: [p, q], vcpus: 8, env: {A: own}, depends_on: []}\n"
	"  three: {}\n";

static void test_who_wins(void **state)
{
	const struct outcome *o = parse(layered);
	const struct vm_spec *one = vm_of(o, "one"), *two = vm_of(o, "two"), *three;

	(void)state;
	three = vm_of(o, "three");
	assert_true(one->vcpus == 2 && two->vcpus == 8 && three->vcpus == 1);
	assert_true(one->memory == 64u << 20 && two->memory == 64u << 20);
	assert_true(three->memory == 128u << 20);
	assert_string_equal(one->kernel, "k");
	assert_string_equal(two->kernel, "k2");
	assert_int_equal(one->env.n, 3);
	assert_string_equal(one->env.v[0], "A=p");
	assert_string_equal(one->env.v[1], "D=d");
	assert_string_equal(one->env.v[2], "P=p");
	assert_int_equal(two->env.n, 4);
	assert_string_equal(two->env.v[0], "A=own");
	assert_string_equal(two->env.v[3], "Q=q");
	assert_int_equal(three->env.n, 2);
	assert_string_equal(one->labels.v[0], "l=p");
	assert_int_equal(one->depends_on.n, 1);
	assert_int_equal(two->depends_on.n, 0); /* an empty list is said, too */
	assert_int_equal(three->depends_on.n, 0);
}

static void test_where_from(void **state)
{
	const struct outcome *o = parse(layered);

	(void)state;
	EFFECTIVE(o, "vm/one", "vcpus", NULL, "2 profile p 6:14");
	EFFECTIVE(o, "vm/one", "image", NULL, "i defaults 4:24");
	EFFECTIVE(o, "vm/one", "restart", NULL, "on_failure default 0:0");
	EFFECTIVE(o, "vm/one", "command", NULL, "- default 0:0");
	EFFECTIVE(o, "vm/one", "env", "A", "p profile p 6:41");
	EFFECTIVE(o, "vm/one", "env", "D", "d defaults 4:69");
	EFFECTIVE(o, "vm/two", "vcpus", NULL, "8 field 10:33");
	EFFECTIVE(o, "vm/two", "memory", NULL, "64MiB profile p 6:25");
	EFFECTIVE(o, "vm/two", "kernel", NULL, "k2 profile q 7:25");
	EFFECTIVE(o, "vm/two", "env", "A", "own field 10:45");
	EFFECTIVE(o, "vm/two", "env", "P", "p profile p 6:47");
	EFFECTIVE(o, "vm/two", "profile", NULL, "[\"p\",\"q\"] field 10:18");
	EFFECTIVE(o, "image/i", "oci", NULL, "a field 2:19");
	EFFECTIVE(o, "kernel/k2", "file", NULL, "/k2 field 3:38");
	/* The plan points to the line of the profile as well. */
	assert_int_equal(field_pos(&vm_of(o, "one")->head, "vcpus").line, 6);
}

static void test_no_such_object(void **state)
{
	static const char *const names[] = {"vm/onne", "one", "disk/one", "vm/", "", "/", "x/one"};
	const struct outcome *o = parse(layered);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct effectives all = {0};
		struct err e = ERR_INIT;

		assert_int_equal(spec_effective(&scratch, o->spec, names[i], &all, &e), -1);
		assert_int_equal(e.kind, ERR_FAILED);
		assert_true(*e.hint);
		if (!i)
			assert_string_equal(e.hint, "did you mean \"vm/one\"?");
	}
}

/* A profile is no object, and which profiles a VM has is no value that is recorded. */
static void test_profiles_are_not_recorded(void **state)
{
	const struct outcome *o = parse(layered);
	struct kvs vm = {0};
	struct objects all = {0};

	(void)state;
	field_values(&scratch, &noun_vm, vm_of(o, "one"), KIND_VM, &vm);
	assert_null(kvs_get(&vm, "profile"));
	assert_string_equal(kvs_get(&vm, "labels"), "[\"l=p\"]");
	spec_expand(&scratch, o->spec, &all);
	assert_int_equal(all.n, 3 + 2 * 3);
}

/* ---- variables ------------------------------------------------------------------------------ */

static void test_variables(void **state)
{
	const char *vars[] = {"A=1", "B=x=${A}"};
	const struct outcome *o = parse_with(vars, 2, HEAD
		"vars: {A: 2, C: 3}\n"
		"vms: {v: {image: i, kernel: k, vcpus: \"${A}\", env: {B: '${B}', C: '${C}${C}',\n"
		"  E: '${E}', F: '${NONE:-f}', G: '$$A $A ${A}%', H: '${C:?no}'}}}\n");
	const struct vm_spec *v;

	(void)state;
	assert_int_equal(o->result, 0);
	v = vm_of(o, "v");
	assert_int_equal(v->vcpus, 1);
	assert_string_equal(v->env.v[0], "B=x=${A}"); /* what came in is not looked at again */
	assert_string_equal(v->env.v[1], "C=33");
	assert_string_equal(v->env.v[2], "E=from env");
	assert_string_equal(v->env.v[3], "F=f");
	assert_string_equal(v->env.v[4], "G=$A $A 1%");
	assert_string_equal(v->env.v[5], "H=3");
	EFFECTIVE(o, "vm/v", "vcpus", NULL, "1 field 5:39, A --var 0");
	/* Of a map each name has its own place and variables. */
	EFFECTIVE(o, "vm/v", "env", "E", "from env field 6:6, E RECONCILE_VAR_E 0");
	EFFECTIVE(o, "vm/v", "env", "C", "33 field 5:67, C its default 4, C its default 4");
	EFFECTIVE(o, "vm/v", "env", "F", "f field 6:17, NONE the default in ${...} 6");
	EFFECTIVE(o, "vm/v", "env", "B", "x=${A} field 5:56, B --var 0");
}

static void test_variables_of_layers(void **state)
{
	const struct outcome *o = parse(HEAD "vms: {v: {image: i, profile: p}}\n"
		"profiles: {p: {memory: \"${M}\"}}\ndefaults: {vm: {kernel: \"${K}\"}}\n"
		"---\nvars: {M: 1GiB, K: k}\n");

	(void)state;
	EFFECTIVE(o, "vm/v", "memory", NULL, "1GiB profile p 5:24, M its default 8");
	EFFECTIVE(o, "vm/v", "kernel", NULL, "k defaults 6:25, K its default 8");
}

static void expect_usage(const char *var, const char *says)
{
	const char *vars[] = {var, "A=1"};
	const struct outcome *o = parse_with(vars, 2, "version: 1\nvars: {A: b, LONG: c}\nvms: {}\n");

	assert_int_equal(o->result, -1);
	assert_int_equal(o->e.kind, ERR_USAGE);
	if (!strstr(o->e.msg, says))
		fail_msg("%s: %s", var, o->e.msg);
}

static void test_var_usage(void **state)
{
	const struct outcome *o;

	(void)state;
	expect_usage("B", "not NAME=value");
	expect_usage("=b", "not NAME=value");
	expect_usage("1=b", "not NAME=value");
	expect_usage("a-b=c", "not NAME=value");
	expect_usage("LONG=a\nb", "not one line");
	expect_usage("LONG=a\xff", "not one line");
	expect_usage("A=2", "given twice");
	expect_usage("LNG=2", "no such variable");
	o = parse_with(NULL, 0, HEAD "vms: {v: {image: i, kernel: k, env: {A: '${NL}'}}}\n");
	assert_int_equal(o->result, -1);
	assert_non_null(strstr(o->diags.v[0].msg, "RECONCILE_VAR_NL"));
	assert_null(strchr(o->diags.v[0].msg, '\n'));
}

/* A short file cannot be made a huge one. */
static void test_amplification(void **state)
{
	char *big = arena_alloc(&scratch, 31 * 1024), *text;
	const char *vars[] = {big};
	const struct outcome *o;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	(void)state;
	assert_non_null(f);
	memset(big, 'a', 31 * 1024 - 1);
	memcpy(big, "B=", 2);
	fputs(HEAD "defaults: {vm: {image: i, kernel: k}}\nvms:\n", f);
	for (int i = 0; i < 3000; i++)
		fprintf(f, "  v%d: {command: \"${B}\"}\n", i);
	fclose(f);
	o = parse_with(vars, 1, text);
	free(text);
	assert_int_equal(o->result, -1);
	assert_int_equal(o->diags.n, 1);
	assert_non_null(strstr(o->diags.v[0].msg, "variables make the spec larger than 64 MiB"));
	assert_true(scratch.total < 512u << 20);
}

/* ---- secrets -------------------------------------------------------------------------------- */

static const char with_secrets[] = HEAD
	"profiles: {p: {env: {P: {file: secret}}}}\n"
	"vms:\n"
	"  v: {image: i, kernel: k, profile: p, env: {A: {file: secret}, B: plain,\n"
	"    C: {credential: db}, T: {file: two}}}\n"
	"  w: {image: i, kernel: k, env: {A: {file: secret}}}\n";

static void test_secrets(void **state)
{
	const struct outcome *o = parse(with_secrets);
	const struct vm_spec *v = vm_of(o, "v");

	(void)state;
	assert_int_equal(v->env.n, 5);
	assert_non_null(strstr(v->env.v[0], "A=file:/base/secret#"));
	assert_string_equal(v->env.v[1], "B=plain");
	assert_non_null(strstr(v->env.v[2], "C=credential:db#"));
	assert_int_equal(v->secrets.n, 4);
	assert_string_equal(v->secrets.v[0], "A=" SECRET); /* one newline at the end goes */
	assert_string_equal(v->secrets.v[1], "C=" SECRET);
	assert_string_equal(v->secrets.v[2], "P=" SECRET);
	assert_string_equal(v->secrets.v[3], "T=a\nb\n");
	assert_string_equal(v->env.v[0], vm_of(o, "w")->env.v[0]);
}

/* Nothing that is printed, compared or recorded has the text. */
static void test_secrets_stay_secret(void **state)
{
	const struct outcome *o = parse(with_secrets);
	const struct vm_spec *v = vm_of(o, "v");
	struct effectives all = {0};
	struct kvs values = {0};

	(void)state;
	field_values(&scratch, &noun_vm, v, KIND_VM, &values);
	assert_null(strstr(kvs_get(&values, "env"), SECRET));
	for (size_t i = 0; i < noun_vm.n_fields; i++) {
		const char *text = field_print(&scratch, &noun_vm.fields[i], v);

		assert_true(!text || !strstr(text, SECRET));
	}
	assert_int_equal(spec_effective(&scratch, o->spec, "vm/v", &all, NULL), 0);
	vec_each(e, &all)
		assert_true(!e->value || !strstr(e->value, SECRET));
}

static const char *marker(const char *content)
{
	const char *files[] = {arena_printf(&scratch, "s|%s", content), NULL};
	const struct spec_input in = {.read = read_named, .arg = files};
	static const char text[] = HEAD "vms: {v: {image: i, kernel: k, env: {A: {file: s}}}}\n";
	struct diags diags = {0};
	struct spec *spec;

	assert_int_equal(spec_parse_with(&scratch, &in, "t", "/b", text, sizeof(text) - 1, &spec,
				 &diags, NULL), 0);
	return spec->vms.v[0]->env.v[0];
}

static void test_changed_secret_is_a_change(void **state)
{
	(void)state;
	assert_string_equal(marker("one"), marker("one\n"));
	assert_string_not_equal(marker("one"), marker("two"));
	assert_int_equal(strlen(marker("one")), strlen("A=file:/b/s#01234567"));
}

/* Without somebody who reads, nothing is read. */
static void test_pure(void **state)
{
	static const char text[] = "version: 1\ninclude: [a.yaml]\nvms: {v: {env: {A: {file: b}}}}\n";
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	(void)state;
	assert_int_equal(spec_parse(&scratch, "t", "/", text, sizeof(text) - 1, &spec, &diags, &e),
		-1);
	assert_int_equal(diags.n, 2);
	assert_non_null(strstr(diags.v[0].msg, "no file can be read here"));
	assert_non_null(strstr(diags.v[1].msg, "cannot be read here"));
}

#define WITH(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_who_wins),
		WITH(test_where_from),
		WITH(test_no_such_object),
		WITH(test_profiles_are_not_recorded),
		WITH(test_variables),
		WITH(test_variables_of_layers),
		WITH(test_var_usage),
		WITH(test_amplification),
		WITH(test_secrets),
		WITH(test_secrets_stay_secret),
		WITH(test_changed_secret_is_a_change),
		WITH(test_pure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
