/* test_explain.c - fields told in words: what is found, what is printed, what a value comes from. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/text.h"
#include "schema/describe.h"
#include "schema/explain.h"
#include "schema/later.h"
#include "schema/spec.h"

#include <string.h>

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

static struct explain_topic find(const char *path)
{
	struct explain_topic topic;
	struct err e = ERR_INIT;

	if (explain_find(&scratch, path, &topic, &e) < 0)
		fail_msg("%s: %s", path, e.msg);
	return topic;
}

static const char *explain(const char *path)
{
	struct explain_topic topic = find(path);

	return explain_text(&scratch, &topic);
}

/* ---- finding -------------------------------------------------------------------------------- */

static void test_find(void **state)
{
	(void)state;
	assert_ptr_equal(find("vms.memory").field, field_find(&noun_vm, "memory"));
	assert_ptr_equal(find("vm.memory").field, field_find(&noun_vm, "memory"));
	assert_ptr_equal(find("vms.disk.size").field, field_find(&noun_vm, "disk.size"));
	assert_ptr_equal(find("memory").field, field_find(&noun_vm, "memory"));
	assert_ptr_equal(find("image.oci").field, field_find(&noun_image, "oci"));
	assert_ptr_equal(find("vms").noun, &noun_vm);
	assert_null(find("vms").field);
	assert_string_equal(find("vms.disk").prefix, "disk.");
	assert_null(find("").noun);
	assert_null(find(NULL).noun);
}

static void test_typos(void **state)
{
	static const struct {
		const char *path, *hint;
	} typos[] = {{"vms.memroy", "did you mean vms.memory?"}, {"vsm", "did you mean vms?"},
		{"vms.disk.sise", "did you mean vms.disk.size?"}, {"vms.", "did you mean vms?"},
		{"imgaes.oci", "did you mean images.oci?"}, {"nothing.like.it", "see: reconcile explain"},
		{"vms.memory.x", NULL}, {".", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(typos) / sizeof(typos[0]); i++) {
		struct explain_topic topic;
		struct err e = ERR_INIT;

		assert_int_equal(explain_find(&scratch, typos[i].path, &topic, &e), -1);
		assert_int_equal(e.kind, ERR_USAGE);
		if (typos[i].hint)
			assert_string_equal(e.hint, typos[i].hint);
	}
}

/* ---- golden --------------------------------------------------------------------------------- */

static void test_field(void **state)
{
	(void)state;
	assert_string_equal(explain("vms.disk.size"),
		"vms.disk.size\n"
		"  size of its root disk; shrinking it means replacing it\n"
		"\n"
		"  value     a size such as 512MiB\n"
		"  bounds    16MiB to 16TiB, a multiple of 1MiB\n"
		"  default   4GiB\n"
		"  absent    4GiB\n"
		"  short     disk: VALUE means the same\n"
		"  change    restart - the VM is stopped and started again; what is on its disk is "
		"kept\n"
		"\n"
		"  example\n"
		"    vms:\n"
		"      my-vm:\n"
		"        disk:\n"
		"          size: 16GiB\n");
}

static void test_group(void **state)
{
	(void)state;
	assert_string_equal(explain("kernels"),
		"kernels\n"
		"  from a name to a Linux kernel with the modules that its guests need\n"
		"\n"
		"  file     the kernel, a bzImage or an ELF file\n"
		"  oci      reference of an image that holds the kernel and its modules\n"
		"  format   elf: a bzImage is unpacked to the ELF file in it, which is all that some VMMs load\n"
		"  modules  folder lib/modules/VERSION that the initrd takes its modules from\n"
		"  initrd   the initrd to boot with, instead of the one that reconcile makes; it has to start "
		"reconcile-guest as /init, or no VM becomes ready\n"
		"  args     added to the kernel command line; VMs that use it are restarted\n"
		"\n"
		"  not supported yet:\n"
		"  labels  names and values for people and programs\n");
}

static void test_json(void **state)
{
	struct explain_topic topic = find("vms.memory");
	_cleanup_json_ json_t *j = explain_json(&scratch, &topic), *all = NULL;
	size_t rows = 0;

	(void)state;
	assert_string_equal(json_str(j, "path", ""), "vms.memory");
	assert_string_equal(json_str(j, "default", ""), "256MiB");
	assert_string_equal(json_str(j, "change", ""), "restart");
	assert_string_equal(json_str(j, "example", ""), "1GiB");
	assert_false(json_flag(j, "required", true));
	topic = find(NULL);
	all = explain_json(&scratch, &topic);
	for (size_t i = 0; i < noun_table_count; i++)
		rows += noun_tables[i]->n_fields;
	for (size_t i = 0; i < later_count; i++)
		rows += later_nouns[i]->n_fields;
	assert_int_equal(json_array_size(json_object_get(all, "fields")), rows);
}

/* ---- examples ------------------------------------------------------------------------------- */

static bool is_source(const struct field *f)
{
	static const char *const paths[] = {"oci", "oci_layout", "oci_archive", "docker_archive", "tar", "file"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!strcmp(f->path, paths[i]))
			return true;
	return false;
}

/* A whole spec around the example of one field: it has to be a valid one. */
static const char *spec_around(const struct noun *noun, const struct field *f)
{
	struct text t = {.a = &scratch};
	const char *block = describe_example_block(&scratch, noun, f, "");

	text_put(&t, "version: 1\nprofiles: {my-profile: {}}\n");
	if (noun != &noun_image)
		text_put(&t, "images: {my-image: {oci: a}}\n");
	if (noun != &noun_kernel)
		text_put(&t, "kernels: {my-kernel: {file: /k}}\n");
	if (noun != &noun_network)
		text_put(&t, "networks: {my-network: {subnet: 10.77.0.0/24}}\n");
	text_put(&t, block);
	if (noun == &noun_network && strcmp(f->path, "subnet") != 0)
		text_put(&t, "    subnet: 10.77.0.0/24\n");
	if (noun == &noun_image && !is_source(f))
		text_put(&t, "    oci: a\n");
	if (noun == &noun_kernel && !is_source(f))
		text_put(&t, "    file: /k\n");
	if (noun == &noun_vm && strcmp(f->path, "image") != 0)
		text_put(&t, "    image: my-image\n");
	if (noun == &noun_vm && strcmp(f->path, "kernel") != 0)
		text_put(&t, "    kernel: my-kernel\n");
	text_put(&t, noun == &noun_vm ? "  db: {image: my-image, kernel: my-kernel}\n" :
		f->type == FIELD_FORWARDS ? "vms: {web: {image: my-image, kernel: my-kernel, network: "
			"{my-network: {}}}}\n" : "vms: {}\n");
	return text_end(&t);
}

static void check_example(const struct noun *noun, const struct field *f)
{
	const char *path = describe_path(&scratch, noun, f), *text = spec_around(noun, f);
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	if (f->type == FIELD_STRING && !f->example)
		fail_msg("%s: its row needs an .example: a type of text gives none", path);
	if (spec_parse(&scratch, "x", "/", text, strlen(text), &spec, &diags, &e) < 0)
		fail_msg("%s: the example is wrong: %s\n%s", path, diag_text(&scratch, diags.v), text);
}

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < noun_table_count; i++)
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			check_example(noun_tables[i], &noun_tables[i]->fields[k]);
}

/* Each change class has words for each kind of object that a row names. */
static void test_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < noun_table_count; i++)
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			if (!*describe_change(&noun_tables[i]->fields[k]))
				fail_msg("%s: no words for its change", noun_tables[i]->fields[k].path);
}

/* ---- effective ------------------------------------------------------------------------------ */

#define SPEC                                                                                       \
	"version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: /k}}\n"                            \
	"vms:\n  web:\n    image: i\n    kernel: k\n    memory: 1024MiB\n"

static const struct spec *parse(void)
{
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec = NULL;

	if (spec_parse(&scratch, "vms.yaml", "/", SPEC, strlen(SPEC), &spec, &diags, &e) < 0)
		fail_msg("%s", e.msg);
	return spec;
}

static const struct explain_row *row_of(const struct explain_rows *rows, const char *path)
{
	vec_each(r, rows)
		if (!strcmp(r->path, path))
			return r;
	fail_msg("no row %s", path);
	return NULL;
}

static void test_effective(void **state)
{
	struct explain_rows rows = {0};
	struct err e = ERR_INIT;
	const struct explain_row *r;

	(void)state;
	assert_int_equal(explain_effective(&scratch, parse(), "vm/web", &rows, &e), 0);
	assert_true(rows.n >= noun_vm.n_fields);
	r = row_of(&rows, "memory");
	assert_string_equal(r->value, "1GiB");
	assert_string_equal(r->origin, "field");
	assert_string_equal(r->pos.file, "vms.yaml");
	assert_int_equal(r->pos.line, 8);
	r = row_of(&rows, "vcpus");
	assert_string_equal(r->value, "1");
	assert_string_equal(r->origin, "default");
	assert_int_equal(r->pos.line, 0);
	r = row_of(&rows, "vsock.cid");
	assert_string_equal(r->origin, "absent");
	assert_string_equal(r->value, field_find(&noun_vm, "vsock.cid")->absent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_typos),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_effective),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
