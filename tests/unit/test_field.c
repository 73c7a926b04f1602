/* test_field.c - every row of the field tables x {min-1, min, max, max+1, wrong type, absent,
 * given twice}, generated from the rows, and round trips of every value on the way. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/field.h"
#include "schema/later.h"
#include "schema/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory of the test that runs. */
static struct arena scratch;

static int setup(void **state)
{
	(void)state;
	scratch = (struct arena)ARENA_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

typedef void row_fn(const struct noun *noun, const struct field *f);

static void each_row(row_fn *fn)
{
	size_t rows = 0;

	for (size_t i = 0; i < noun_count; i++)
		for (size_t k = 0; k < nouns[i]->n_fields; k++, rows++)
			fn(nouns[i], &nouns[i]->fields[k]);
	assert_true(rows > 20);
}

static void *new_spec(const struct noun *noun)
{
	struct spec_head *head = arena_alloc(&scratch, noun->size);

	head->noun = noun;
	head->at = arena_array(&scratch, noun->n_fields, sizeof(*head->at));
	return head;
}

/* ---- the tables themselves ------------------------------------------------------------------ */

static void check_row(const struct noun *noun, const struct field *f)
{
	assert_true(f->type < FIELD_TYPE_N);
	assert_non_null(f->help);
	assert_non_null(f->absent);
	assert_ptr_equal(field_find(noun, f->path), f);
	assert_true(f->offset >= sizeof(struct spec_head) && f->offset < noun->size);
	assert_true(f->min >= 0 && f->min <= f->max);
	assert_true(!(f->required && f->dflt));
	assert_int_equal(f->type == FIELD_ENUM, f->choices != NULL);
	/* Defaults are copied from object to object, so none may be able to grow. */
	assert_true(!field_is_list(f) || !f->dflt);
	/* A number without a default is "nothing" when it is 0: 0 may then be no value. */
	if ((f->type == FIELD_U32 || f->type == FIELD_SIZE) && !f->dflt)
		assert_true(f->min > 0);
	for (size_t i = 0; i < noun->n_fields; i++)
		assert_true(&noun->fields[i] == f || noun->fields[i].offset != f->offset);
}

static void test_tables(void **state)
{
	(void)state;
	each_row(check_row);
	assert_ptr_equal(noun_find("vms"), &noun_vm);
	assert_ptr_equal(noun_find("images"), &noun_image);
	assert_null(noun_find("vm"));
	assert_null(field_find(&noun_vm, "disk"));
}

/* ---- bounds --------------------------------------------------------------------------------- */

/* Text of n bytes for the row. */
static const char *text_of(const struct field *f, int64_t n)
{
	char *s = arena_alloc(&scratch, (size_t)n + 1);

	memset(s, 'a', (size_t)n);
	if (f->type == FIELD_PATH && n)
		*s = '/';
	if (f->type == FIELD_DIGEST && n >= 7)
		memcpy(s, "sha256:", 7);
	return s;
}

/* The value as text; NULL if it cannot be written. */
static const char *value_of(const struct field *f, int64_t v)
{
	if (v < 0 && f->type != FIELD_U32)
		return NULL;
	switch (f->type) {
	case FIELD_U32:
		return arena_printf(&scratch, "%lld", (long long)v);
	case FIELD_SIZE:
		return size_print(&scratch, (uint64_t)v);
	case FIELD_DURATION:
		return duration_print(&scratch, (uint64_t)v);
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_PATH:
	case FIELD_DIGEST:
		return text_of(f, v);
	default:
		return NULL;
	}
}

/* Parsed, printed, parsed again: the same. */
static void round_trip(const struct noun *noun, const struct field *f, const void *spec)
{
	const char *text = field_print(&scratch, f, spec), *again;
	void *other = new_spec(noun);
	struct err e = ERR_INIT;

	assert_non_null(text);
	if (field_parse(&scratch, f, text, other, &e) < 0)
		fail_msg("%s: canonical %s is refused: %s", f->path, text, e.msg);
	again = field_print(&scratch, f, other);
	assert_string_equal(again, text);
}

static void expect(const struct noun *noun, const struct field *f, const char *text, bool good)
{
	void *spec = new_spec(noun);
	struct err e = ERR_INIT;
	int result = field_parse(&scratch, f, text, spec, &e);

	if ((result == 0) != good)
		fail_msg("%s: \"%.100s\" was %s (%s)", f->path, text, good ? "refused" : "accepted",
			e.msg);
	if (good) {
		assert_int_equal(e.kind, ERR_NONE);
		round_trip(noun, f, spec);
		return;
	}
	assert_int_equal(e.kind, ERR_SPEC);
	if (strncmp(e.msg, f->path, strlen(f->path)))
		fail_msg("%s: the message does not begin with the field: %s", f->path, e.msg);
}

static void check_scalar_bounds(const struct noun *noun, const struct field *f)
{
	int64_t unit = f->type == FIELD_SIZE ? 1024 : 1;

	if (!value_of(f, f->min))
		return;
	if (value_of(f, f->min - unit))
		expect(noun, f, value_of(f, f->min - unit), false);
	expect(noun, f, value_of(f, f->min), true);
	expect(noun, f, value_of(f, f->max), true);
	expect(noun, f, value_of(f, f->max + unit), false);
	if (f->step)
		expect(noun, f, value_of(f, f->min + unit), false);
}

static void test_bounds(void **state)
{
	(void)state;
	each_row(check_scalar_bounds);
}

static void check_words(const struct noun *noun, const struct field *f)
{
	static const char *const no_bool[] = {"", "yes", "no", "True", "TRUE", "on", "0", "1", "~",
		"true ", "truee"};

	if (f->type == FIELD_BOOL) {
		expect(noun, f, "true", true);
		expect(noun, f, "false", true);
		for (size_t i = 0; i < sizeof(no_bool) / sizeof(no_bool[0]); i++)
			expect(noun, f, no_bool[i], false);
	}
	for (size_t i = 0; f->type == FIELD_ENUM && f->choices[i]; i++) {
		expect(noun, f, f->choices[i], true);
		expect(noun, f, arena_printf(&scratch, "%sx", f->choices[i]), false);
		expect(noun, f, arena_printf(&scratch, "%.2s", f->choices[i]), false);
	}
	if (f->type == FIELD_ENUM)
		expect(noun, f, "", false);
}

static void test_words(void **state)
{
	(void)state;
	each_row(check_words);
}

static void check_numbers(const struct noun *noun, const struct field *f)
{
	static const char *const bad[] = {"", " ", "a", "1.5", "1e3", "0x10", "0o17", "010", "1_0",
		"+5", "5 ", " 5", "-", "--1", "-0", "2147483648000", "18446744073709551616",
		"4294967296", "99999999999999999999999999999999", ".inf", "1:30", "\xd9\xa3"};

	if (f->type != FIELD_U32)
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(noun, f, bad[i], false);
}

static void test_numbers(void **state)
{
	(void)state;
	each_row(check_numbers);
}

static void check_texts(const struct noun *noun, const struct field *f)
{
	static const char *const bad[] = {"a\nb", "a\tb", "\x1b[31m", "a\x7f", "\xff", "\xc3",
		"a\xc2\x85", "\xe2\x80\xae", "\xef\xbb\xbf"};
	bool is_text = f->type == FIELD_STRING || f->type == FIELD_NAME || f->type == FIELD_PATH;

	if (!is_text || f->max < 8)
		return;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *slash = f->type == FIELD_PATH ? "/" : "";

		expect(noun, f, arena_printf(&scratch, "%s%s", slash, bad[i]), false);
	}
	expect(noun, f, f->type == FIELD_PATH ? "/\xc3\xa9" : "\xc3\xa9", true);
}

static void test_texts(void **state)
{
	(void)state;
	each_row(check_texts);
}

static void test_digests(void **state)
{
	const struct field *f = field_find(&noun_image, "digest");
	char good[72] = "sha256:", *bad;

	(void)state;
	memset(good + 7, '0', 64);
	expect(&noun_image, f, good, true);
	bad = arena_dup(&scratch, good);
	bad[70] = 'A';
	expect(&noun_image, f, bad, false);
	memcpy(bad, "sha512:", 7);
	bad[70] = '0';
	expect(&noun_image, f, bad, false);
	expect(&noun_image, f, "sha256:", false);
	expect(&noun_image, f, "sha256:../../x", false);
	expect(&noun_image, f, "", false);
}

static void test_paths(void **state)
{
	const struct field *f = field_find(&noun_kernel, "file");
	static const char *const pairs[][2] = {{"/", "/"}, {"/a", "/a"}, {"/a/", "/a"},
		{"//a///b", "/a/b"}, {"/./a/./b/.", "/a/b"}, {"/a/../b", "/a/../b"},
		{"/.a/..b/...", "/.a/..b/..."}, {"/./", "/"}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct kernel_spec *s = new_spec(&noun_kernel);

		assert_int_equal(field_parse(&scratch, f, pairs[i][0], s, NULL), 0);
		assert_string_equal(s->file, pairs[i][1]);
	}
	expect(&noun_kernel, f, "a/b", false);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static int append_nth(const struct field *f, void *spec, int64_t i, struct err *e)
{
	const char *key = arena_printf(&scratch, "K%lld", (long long)i);

	if (f->type == FIELD_NET_ADDRESS)
		return field_append(&scratch, f, arena_printf(&scratch, "n%lld", (long long)i),
			"10.0.0.2", spec, e);
	if (f->type == FIELD_NET_MAC)
		return field_append(&scratch, f, arena_printf(&scratch, "n%lld", (long long)i),
			"02:00:00:00:00:0A", spec, e);
	if (f->type == FIELD_ADDRESSES)
		key = "10.0.0.3";
	else if (f->type == FIELD_SUBNETS)
		key = "10.0.0.0/8";
	else if (f->type == FIELD_FORWARDS)
		key = "8080 vm/v:80";
	if (field_is_map(f))
		return field_append(&scratch, f, key, "v", spec, e);
	return field_append(&scratch, f, NULL, key, spec, e);
}

static void check_counts(const struct noun *noun, const struct field *f)
{
	const int64_t counts[] = {f->min - 1, f->min, f->max, f->max + 1};

	if (!field_is_list(f))
		return;
	for (size_t c = 0; c < 4; c++) {
		bool good = counts[c] >= f->min && counts[c] <= f->max;
		void *spec = new_spec(noun);
		struct err e = ERR_INIT;

		if (counts[c] < 0)
			continue;
		for (int64_t i = 0; i < counts[c]; i++)
			assert_int_equal(append_nth(f, spec, i, &e), 0);
		assert_int_equal(field_count(f, spec, &e), good ? 0 : -1);
		if (good && counts[c])
			round_trip(noun, f, spec);
		if (!counts[c])
			assert_null(field_print(&scratch, f, spec));
	}
}

static void test_counts(void **state)
{
	(void)state;
	each_row(check_counts);
}

static void test_list_is_argv(void **state)
{
	const struct field *f = field_find(&noun_vm, "command");
	struct vm_spec *s = new_spec(&noun_vm);

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		const char *text = arena_printf(&scratch, "a%zu", i);

		assert_int_equal(field_append(&scratch, f, NULL, text, s, NULL), 0);
		assert_int_equal(s->command.n, i + 1);
		assert_string_equal(s->command.v[i], text);
		assert_string_equal(s->command.v[0], "a0");
		assert_null(s->command.v[i + 1]);
	}
}

static void test_list_elements(void **state)
{
	const struct field *f = field_find(&noun_vm, "command");
	struct vm_spec *s = new_spec(&noun_vm);
	char *longest = arena_alloc(&scratch, FIELD_TEXT_MAX + 2);
	struct err e = ERR_INIT;

	(void)state;
	memset(longest, 'x', FIELD_TEXT_MAX);
	assert_int_equal(field_append(&scratch, f, NULL, longest, s, &e), 0);
	longest[FIELD_TEXT_MAX] = 'x';
	assert_int_equal(field_append(&scratch, f, NULL, longest, s, &e), -1);
	assert_int_equal(field_append(&scratch, f, NULL, "a\nb\tc\r\n", s, NULL), 0);
	assert_int_equal(field_append(&scratch, f, NULL, "", s, NULL), 0);
	assert_int_equal(field_append(&scratch, f, NULL, "\x1b[0m", s, NULL), -1);
	assert_int_equal(field_append(&scratch, f, NULL, "\xff", s, NULL), -1);
	assert_int_equal(s->command.n, 3);
	round_trip(&noun_vm, f, s);
}

static void test_names(void **state)
{
	const struct field *f = field_find(&noun_vm, "depends_on");
	struct vm_spec *s = new_spec(&noun_vm);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(field_append(&scratch, f, NULL, "db", s, &e), 0);
	assert_int_equal(field_append(&scratch, f, NULL, "db", s, &e), -1);
	assert_string_equal(e.msg, "depends_on: \"db\" is given twice");
	assert_int_equal(field_append(&scratch, f, NULL, "", s, &e), -1);
	assert_int_equal(field_append(&scratch, f, NULL, text_of(f, 63), s, &e), 0);
	assert_int_equal(field_append(&scratch, f, NULL, text_of(f, 64), s, &e), -1);
	assert_int_equal(s->depends_on.n, 2);
}

static void test_list_json(void **state)
{
	static const char *const bad[] = {"", "a", "{}", "[1]", "[\"a\"", "[\"a\\u0000b\"]",
		"[\"a\\u001b\"]", "[null]", "[[\"a\"]]"};
	const struct field *f = field_find(&noun_vm, "command");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vm_spec *s = new_spec(&noun_vm);
		struct err e = ERR_INIT;

		assert_int_equal(field_parse(&scratch, f, bad[i], s, &e), -1);
		assert_true(e.kind != ERR_NONE && *e.msg);
		assert_int_equal(s->command.n, 0);
	}
}

static void test_env(void **state)
{
	static const char *const names[] = {"B", "A", "A_B", "AB", "a", "A.B", "A-B", "_", "A1"};
	static const char *const bad[] = {"", "1", "A=B", "A B", "-A", ".A", "\xc3\xa9", "A\n"};
	const struct field *f = field_find(&noun_vm, "env");
	struct vm_spec *s = new_spec(&noun_vm);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(field_append(&scratch, f, names[i], "1=2", s, NULL), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(field_append(&scratch, f, names[i], "x", s, NULL), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(field_append(&scratch, f, bad[i], "x", s, NULL), -1);
	assert_int_equal(s->env.n, sizeof(names) / sizeof(names[0]));
	for (size_t i = 1; i < s->env.n; i++)
		assert_true(strcmp(s->env.v[i - 1], s->env.v[i]) < 0);
	round_trip(&noun_vm, f, s);
}

/* The same variables in another order are the same value. */
static void test_env_order(void **state)
{
	const struct field *f = field_find(&noun_vm, "env");
	struct vm_spec *one = new_spec(&noun_vm), *two = new_spec(&noun_vm);

	(void)state;
	field_append(&scratch, f, "A", "1", one, NULL);
	field_append(&scratch, f, "B", "2", one, NULL);
	field_append(&scratch, f, "B", "2", two, NULL);
	field_append(&scratch, f, "A", "1", two, NULL);
	assert_string_equal(field_print(&scratch, f, one), "[\"A=1\",\"B=2\"]");
	assert_string_equal(field_print(&scratch, f, two), "[\"A=1\",\"B=2\"]");
}

/* ---- defaults and values -------------------------------------------------------------------- */

static void check_default(const struct noun *noun, const struct field *f)
{
	void *spec = new_spec(noun), *only = new_spec(noun);
	const char *text;

	field_defaults(&scratch, noun, spec);
	text = field_print(&scratch, f, spec);
	if (!f->dflt) {
		assert_true(!text || f->type == FIELD_ENUM || f->type == FIELD_BOOL);
		return;
	}
	assert_int_equal(field_parse(&scratch, f, f->dflt, only, NULL), 0);
	assert_string_equal(text, field_print(&scratch, f, only));
	assert_string_equal(text, f->dflt); /* a default is written in its canonical form */
}

static void test_defaults(void **state)
{
	(void)state;
	each_row(check_default);
}

static void test_written_is_kept(void **state)
{
	const struct field *f = field_find(&noun_vm, "vcpus");
	struct vm_spec *s = new_spec(&noun_vm);

	(void)state;
	s->vcpus = 7;
	s->head.at[f - noun_vm.fields] = (struct pos){"x", 3, 4};
	field_defaults(&scratch, &noun_vm, s);
	assert_int_equal(s->vcpus, 7);
	assert_int_equal(s->memory, 256u * 1024 * 1024);
	assert_int_equal(field_pos(&s->head, "vcpus").line, 3);
	s->head.pos = (struct pos){"x", 1, 2};
	assert_int_equal(field_pos(&s->head, "memory").line, 1);
}

static void test_values(void **state)
{
	struct vm_spec *s = new_spec(&noun_vm);
	struct kvs disk = {0}, vm = {0};

	(void)state;
	s->image = "web";
	s->kernel = "k61";
	s->memory = 1024u * 1024 * 1024;
	s->vsock_cid = 7;
	s->disk_size = 8ull * 1024 * 1024 * 1024;
	field_values(&scratch, &noun_vm, s, KIND_DISK, &disk);
	field_values(&scratch, &noun_vm, s, KIND_VM, &vm);
	assert_string_equal(kvs_get(&disk, "image"), "web");
	assert_string_equal(kvs_get(&disk, "disk.size"), "8GiB");
	assert_null(kvs_get(&disk, "memory"));
	assert_string_equal(kvs_get(&vm, "memory"), "1GiB");
	assert_string_equal(kvs_get(&vm, "vsock.cid"), "7");
	assert_null(kvs_get(&vm, "command"));
	assert_null(kvs_get(&vm, "image"));
}

/* ---- whole specs: wrong type, absent, given twice ------------------------------------------- */

/* "disk.size" and "4GiB": "disk: {size: 4GiB}". */
static const char *write_field(const char *path, const char *value)
{
	const char *dot = strchr(path, '.');

	if (!dot)
		return arena_printf(&scratch, "    %s: %s\n", path, value);
	return arena_printf(&scratch, "    %.*s: {%s: %s}\n", (int)(dot - path), path, dot + 1,
		value);
}

static const char *sample(const struct field *f)
{
	switch (f->type) {
	case FIELD_ENUM:
		return f->choices[0];
	case FIELD_BOOL:
		return "true";
	case FIELD_NAME:
		return f->ref == KIND_IMAGE ? "i" : "k";
	case FIELD_DIGEST:
		return text_of(f, 71);
	case FIELD_ADDRESS:
		return "10.0.0.1";
	case FIELD_FORWARDS: /* one needs a VM in the network: tests/schema */
		return "[]";
	case FIELD_SUBNETS:
		return "[10.0.0.0/8]";
	case FIELD_ADDRESSES:
		return "[10.0.0.1, 10.0.0.2]";
	case FIELD_SUBNET:
		return "10.0.0.0/24";
	case FIELD_PATH:
		return "/a";
	case FIELD_STRV:
		return !strcmp(f->path, "mirrors") ? "[a.example]" : "[a]";
	case FIELD_ENV:
		return "{A: b}";
	case FIELD_LABELS:
		return "{a: b}";
	case FIELD_NAMES:
		return f->ref == KIND_N ? "[small]" : "[other]";
	case FIELD_STRING:
		return !strcmp(f->path, "workdir") || strstr(f->path, ".http") ? "/a"
		       : strstr(f->path, ".until") ? "2026-12-01"
		       : !strcmp(f->path, "platform") ? "linux/amd64" : "a";
	default:
		return value_of(f, f->min);
	}
}

/* Rows below a name that the user gives: written as a map of maps, tests/schema has them. */
static void each_written_row(row_fn *fn)
{
	for (size_t i = 0; i < noun_count; i++)
		for (size_t k = 0; k < nouns[i]->n_fields; k++)
			if (!strchr(nouns[i]->fields[k].path, '*'))
				fn(nouns[i], &nouns[i]->fields[k]);
}

struct outcome {
	int result;
	struct spec *spec;
	struct diags diags;
};

/* The object under test is in a file of its own, the rest in another one. */
/* An image has exactly one of these, and so has a kernel. */
static bool is_source(const struct field *f)
{
	static const char *const paths[] = {"oci", "oci_layout", "oci_archive", "docker_archive", "tar", "file"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!strcmp(f->path, paths[i]))
			return true;
	return false;
}

static struct outcome load_with(const struct noun *noun, const struct field *f, const char *extra)
{
	char dir[] = "/tmp/rc-test-field-XXXXXX";
	const char *paths[2], *fields = extra;
	struct outcome o = {0};
	struct err e = ERR_INIT;
	FILE *file;

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *r = &noun->fields[i];
		const char *source = noun == &noun_image ? "oci" : noun == &noun_kernel ? "file" : "";
		bool needed = r->required || (!strcmp(r->path, source) && !is_source(f));

		if (needed && r != f)
			fields = arena_printf(&scratch, "%s%s", fields,
				write_field(r->path, sample(r)));
	}
	assert_non_null(mkdtemp(dir));
	paths[0] = arena_printf(&scratch, "%s/a.yaml", dir);
	paths[1] = arena_printf(&scratch, "%s/b.yaml", dir);
	file = fopen(paths[0], "we");
	assert_non_null(file);
	fprintf(file, "version: 1\n%s:\n  test:\n%s", noun->key, *fields ? fields : "    {}\n");
	fclose(file);
	file = fopen(paths[1], "we");
	assert_non_null(file);
	fputs("version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: /k}}\n"
	      "profiles: {small: {vcpus: 1}}\nvms: {other: {image: i, kernel: k}}\n", file);
	fclose(file);
	o.result = spec_load(&scratch, paths, 2, &o.spec, &o.diags, &e);
	assert_int_equal(e.kind, o.result ? ERR_SPEC : ERR_NONE);
	assert_true(!o.result == !o.diags.errors);
	remove(paths[0]);
	remove(paths[1]);
	remove(dir);
	return o;
}

/* The diagnostic about the field, the only one there may be. */
static const struct diag *only_error(const struct field *f, const char *what, struct outcome *o)
{
	if (!o->result)
		fail_msg("%s: %s was accepted", f->path, what);
	if (o->diags.n != 1)
		fail_msg("%s: %s: %zu diagnostics, not 1: %s", f->path, what, o->diags.n,
			o->diags.n > 1 ? o->diags.v[1].msg : "");
	assert_int_equal(o->diags.v[0].pos.line, 4);
	assert_true(o->diags.v[0].pos.col >= 5);
	assert_true(strstr(o->diags.v[0].pos.file, "a.yaml") != NULL);
	assert_non_null(o->diags.v[0].excerpt);
	return &o->diags.v[0];
}

static void check_good(const struct noun *noun, const struct field *f)
{
	struct outcome o = load_with(noun, f, write_field(f->path, sample(f)));

	if (o.result)
		fail_msg("%s: %s is refused: %s", f->path, sample(f), o.diags.v[0].msg);
	assert_int_equal(o.diags.errors, 0);
}

static void test_good(void **state)
{
	(void)state;
	each_written_row(check_good);
}

static void check_type(const struct noun *noun, const struct field *f)
{
	static const char *const wrong[] = {"{a: b}", "[[a]]", "[{a: b}]", "~", "", "null", "[a]"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bool is_map = field_is_map(f) && i == 0;
		bool is_list = field_is_list(f) && !field_is_map(f) && i == 6 &&
			f->type != FIELD_ADDRESSES && f->type != FIELD_SUBNETS &&
			f->type != FIELD_FORWARDS;
		struct outcome o;

		if (i == 0 && !strcmp(f->path, "network")) /* a map of networks */
			continue;

		if (is_map || is_list)
			continue;
		o = load_with(noun, f, write_field(f->path, wrong[i]));
		/* A map will mean something there: it is judged, which may take more words. */
		if (i == 0 && later_has(noun, f->path, "") && o.result && o.diags.n > 1)
			continue;
		only_error(f, wrong[i], &o);
	}
}

static void test_wrong_type(void **state)
{
	(void)state;
	each_written_row(check_type);
}

static void check_unquoted(const struct noun *noun, const struct field *f)
{
	struct outcome o;

	if (field_is_list(f))
		return;
	o = load_with(noun, f, write_field(f->path, arena_printf(&scratch, "\"%s\"", sample(f))));
	if (o.result)
		fail_msg("%s: %s in quotes is refused: %s", f->path, sample(f), o.diags.v[0].msg);
}

static void test_quotes_make_no_difference(void **state)
{
	(void)state;
	each_written_row(check_unquoted);
}

static void check_twice(const struct noun *noun, const struct field *f)
{
	const char *line = write_field(f->path, sample(f)), *path = f->path, *dot = strchr(path, '.');
	struct outcome o = load_with(noun, f, arena_printf(&scratch, "%s%s", line, line));
	const struct diag *d;

	if (o.diags.n != 1)
		fail_msg("%s twice: %zu diagnostics", f->path, o.diags.n);
	d = &o.diags.v[0];
	assert_int_equal(d->pos.line, 5);
	assert_int_equal(d->other.line, 4);
	assert_true(strstr(d->msg, "is given twice") != NULL);
	assert_int_equal(d->width, dot ? (size_t)(dot - path) : strlen(path));
}

static void test_given_twice(void **state)
{
	(void)state;
	each_written_row(check_twice);
}

static void check_absent(const struct noun *noun, const struct field *f)
{
	bool needed = f->required || is_source(f);
	struct outcome o = load_with(noun, f, "");

	assert_int_equal(o.result, needed ? -1 : 0);
	assert_int_equal(o.diags.errors, needed ? 1 : 0);
	if (needed)
		assert_true(strstr(o.diags.v[0].msg, f->path) != NULL);
	if (needed)
		assert_int_equal(o.diags.v[0].pos.line, 3);
}

static void test_absent(void **state)
{
	(void)state;
	each_written_row(check_absent);
}

#define ROWS(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROWS(test_tables),
		ROWS(test_bounds),
		ROWS(test_words),
		ROWS(test_numbers),
		ROWS(test_texts),
		ROWS(test_digests),
		ROWS(test_paths),
		ROWS(test_counts),
		ROWS(test_list_is_argv),
		ROWS(test_list_elements),
		ROWS(test_names),
		ROWS(test_list_json),
		ROWS(test_env),
		ROWS(test_env_order),
		ROWS(test_defaults),
		ROWS(test_written_is_kept),
		ROWS(test_values),
		ROWS(test_good),
		ROWS(test_wrong_type),
		ROWS(test_quotes_make_no_difference),
		ROWS(test_given_twice),
		ROWS(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
