/* test_man.c - what is told about fields and options: the same ones everywhere, and the documents
 * in docs/ are what the tables say now. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "reconciler/cli.h"
#include "reconciler/complete.h"
#include "reconciler/man.h"
#include "schema/base/fd.h"
#include "schema/base/text.h"
#include "schema/describe.h"
#include "schema/explain.h"
#include "schema/fields_doc.h"
#include "schema/fields_man.h"
#include "schema/jsonschema.h"
#include "schema/later.h"

#include <stdlib.h>
#include <string.h>

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

/* ---- documents ------------------------------------------------------------------------------ */

static void check_document(const char *path, const char *want)
{
	struct err e = ERR_INIT;
	char *text;
	size_t n;

	if (file_read(&scratch, AT_FDCWD, path, 1 << 20, &text, &n, &e) < 0)
		fail_msg("%s", e.msg);
	if (strcmp(text, want))
		fail_msg("%s is stale: run make docs", path);
}

static void test_current(void **state)
{
	(void)state;
	check_document("docs/reconcile.1", man_page(&scratch));
	check_document("docs/reconcile.yaml.5", fields_man(&scratch));
}

static void test_roff(void **state)
{
	struct text t = {.a = &scratch};

	(void)state;
	man_put(&t, ".dot at 'start'\n'quote\na-b\\c ~x^");
	assert_string_equal(text_end(&t),
		"\\&.dot at 'start'\n\\&'quote\na\\-b\\ec \\(tix\\(ha");
}

/* ---- the same fields everywhere ------------------------------------------------------------- */

struct paths {
	VEC(const char *) v;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add(struct paths *p, const char *noun, const char *path)
{
	*vec_push(&scratch, &p->v) = arena_printf(&scratch, "%s.%s", noun, path);
}

/* Every path, sorted, one a line. */
static const char *text_of(struct paths *p)
{
	struct text t = {.a = &scratch};

	assert_true(p->v.n > 0);
	qsort(p->v.v, p->v.n, sizeof(*p->v.v), compare);
	vec_each(path, &p->v)
		text_putf(&t, "%s\n", *path);
	return text_end(&t);
}

static const char *of_tables(void)
{
	struct paths p = {0};

	for (size_t i = 0; i < noun_table_count; i++)
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			add(&p, noun_tables[i]->key, noun_tables[i]->fields[k].path);
	return text_of(&p);
}

static const char *of_explain(void)
{
	struct explain_topic topic;
	_cleanup_json_ json_t *j = NULL;
	struct paths p = {0};
	const json_t *row;
	size_t i;

	assert_int_equal(explain_find(&scratch, NULL, &topic, NULL), 0);
	j = explain_json(&scratch, &topic);
	json_array_foreach(json_object_get(j, "fields"), i, row)
		if (json_flag(row, "supported", false))
			*vec_push(&scratch, &p.v) = arena_dup(&scratch, json_str(row, "path", ""));
	return text_of(&p);
}

/* The part of a group that has fields below it: itself, or one of its alternatives. */
static json_t *fields_in(json_t *schema)
{
	json_t *any = json_object_get(schema, "anyOf"), *one;
	size_t i;

	json_array_foreach(any, i, one)
		if (json_object_get(one, "properties"))
			return one;
	return schema;
}

/* An alternative that is a map from names to fields: PATH.* and what stands below it. */
static void add_names(struct paths *p, const char *noun, const char *path, json_t *schema)
{
	json_t *any = json_object_get(schema, "anyOf"), *one, *value;
	const char *key;
	size_t i;

	json_array_foreach(any, i, one) {
		json_t *fields = json_object_get(json_object_get(one, "additionalProperties"),
			"properties");

		if (!fields)
			continue;
		add(p, noun, arena_printf(&scratch, "%s.*", path));
		json_object_foreach(fields, key, value)
			add(p, noun, arena_printf(&scratch, "%s.*.%s", path, key));
	}
}

static void add_schema(struct paths *p, const char *noun, const char *prefix, json_t *schema)
{
	json_t *properties = json_object_get(fields_in(schema), "properties"), *value;
	const char *key;

	json_object_foreach(properties, key, value) {
		const char *path = arena_printf(&scratch, "%s%s", prefix, key);

		if (json_object_get(value, "not")) /* not supported yet */
			continue;
		if (json_object_get(fields_in(value), "properties"))
			add_schema(p, noun, arena_printf(&scratch, "%s.", path), value);
		else
			add(p, noun, path);
		add_names(p, noun, path, value);
	}
}

static const char *of_schema(void)
{
	_cleanup_json_ json_t *j = jsonschema(&scratch);
	json_t *top = json_object_get(j, "properties"), *noun;
	struct paths p = {0};
	const char *key;

	json_object_foreach(top, key, noun) {
		if (noun_find(key))
			add_schema(&p, key, "", json_object_get(noun, "additionalProperties"));
		else if (!strcmp(key, noun_guards.key))
			add_schema(&p, key, "", noun);
	}
	return text_of(&p);
}

static bool is_table(const char *key)
{
	return noun_find(key) || !strcmp(key, noun_guards.key);
}

/* Lines of a document: heading gives the noun, row the field up to the first of end. */
static const char *of_document(const char *text, const char *heading, const char *row, char end)
{
	struct paths p = {0};
	const char *noun = NULL;

	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n");
		const char *copy = arena_dupn(&scratch, line, n);

		if (!strncmp(copy, heading, strlen(heading)))
			noun = is_table(copy + strlen(heading)) ? copy + strlen(heading) : NULL;
		else if (noun && !strncmp(copy, row, strlen(row)))
			add(&p, noun, arena_dupn(&scratch, copy + strlen(row),
				(size_t)(strchrnul(copy + strlen(row), end) - copy) -
					strlen(row)));
		line = line[n] ? line + n + 1 : NULL;
	}
	return text_of(&p);
}

/* The rows of the page that follow a .TP. */
static const char *page_rows(const char *page)
{
	struct text t = {.a = &scratch};

	for (const char *p = page; (p = strchr(p, '\n')); p++)
		if (!strncmp(p, "\n.SH ", 5))
			text_putf(&t, "%.*s\n", (int)strcspn(p + 1, "\n"), p + 1);
		else if (!strncmp(p, "\n.TP\n.B ", 8))
			text_putf(&t, "%.*s\n", (int)strcspn(p + 5, "\n"), p + 5);
	return text_end(&t);
}

static void test_same_fields(void **state)
{
	const char *want = of_tables();

	(void)state;
	assert_string_equal(of_explain(), want);
	assert_string_equal(of_schema(), want);
	assert_string_equal(of_document(fields_doc(&scratch), "## ", "| `", '`'), want);
	assert_string_equal(of_document(page_rows(fields_man(&scratch)), ".SH ", ".B ", '\n'), want);
}

/* What no driver does yet is known everywhere too, and nowhere taken for one that is. */
static void test_same_later_fields(void **state)
{
	_cleanup_json_ json_t *j = jsonschema(&scratch);
	const char *schema = json_text(&scratch, j), *doc = fields_doc(&scratch);
	const char *page = fields_man(&scratch), *list;
	struct explain_topic topic;

	(void)state;
	assert_int_equal(explain_find(&scratch, NULL, &topic, NULL), 0);
	list = explain_text(&scratch, &topic);
	for (size_t i = 0; i < later_count; i++)
		for (size_t k = 0; k < later_nouns[i]->n_fields; k++) {
			const struct noun *noun = later_nouns[i];
			const char *path = noun->fields[k].path;
			const char *whole = arena_printf(&scratch, "%s.%s", noun->key, path);
			struct text roff = {.a = &scratch};

			man_put(&roff, whole);
			if (!strstr(doc, arena_printf(&scratch, "\n| `%s`", whole)) ||
				!strstr(page, arena_printf(&scratch, ".B %s\n", text_end(&roff))) ||
				!strstr(list, arena_printf(&scratch, "\n  %s ", path)))
				fail_msg("%s is not in every document", whole);
			assert_int_equal(explain_find(&scratch, whole, &topic, NULL), 0);
			assert_non_null(strstr(explain_text(&scratch, &topic), "not supported yet"));
		}
	assert_non_null(strstr(schema, "Not supported yet"));
}

/* A type that has no rule in the JSON Schema lets everything through there. */
static void test_schema_types(void **state)
{
	_cleanup_json_ json_t *j = jsonschema(&scratch);
	json_t *vm = json_object_get(json_object_get(json_object_get(j, "properties"), "vms"),
		"additionalProperties");
	json_t *value, *properties = json_object_get(vm, "properties");
	const char *key;

	(void)state;
	assert_non_null(properties);
	json_object_foreach(properties, key, value)
		if (!json_object_get(value, "$ref") && !json_object_get(value, "type") &&
			!json_object_get(value, "enum") && !json_object_get(value, "anyOf") &&
			!json_object_get(value, "not"))
			fail_msg("%s: the schema takes anything", key);
}

/* ---- the same options everywhere ------------------------------------------------------------ */

/* A word as a whole, not a part of a longer one. */
static bool has_word(const char *text, const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)); p++)
		if (!p[n] || (!strchr(letters, p[n]) && strncmp(p + n, "\\-", 2) != 0))
			return true;
	return false;
}

static void test_options(void **state)
{
	const char *page = man_page(&scratch);

	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct opt *o = &options[i];
		struct text name = {.a = &scratch};

		man_put(&name, o->name);
		if (!has_word(page, arena_printf(&scratch, "\\-\\-%s", text_end(&name))))
			fail_msg("--%s is not in reconcile(1)", o->name);
		for (size_t k = 0; complete_shells[k]; k++) {
			const char *text = complete_text(&scratch, complete_shells[k]);
			const char *word = arena_printf(&scratch,
				strcmp(complete_shells[k], "fish") ? "--%s" : "-l %s", o->name);

			if (!has_word(text, word))
				fail_msg("--%s is not in %s", o->name, complete_shells[k]);
		}
	}
}

static void test_commands(void **state)
{
	const char *page = man_page(&scratch);

	(void)state;
	for (size_t i = 0; commands[i]; i++) {
		const char *name = commands[i]->name;

		if (!strstr(page, arena_printf(&scratch, "\n.SS %s\n", name)))
			fail_msg("%s is not in reconcile(1)", name);
		for (size_t k = 0; complete_shells[k]; k++)
			if (!has_word(complete_text(&scratch, complete_shells[k]), name))
				fail_msg("%s is not in %s", name, complete_shells[k]);
	}
	assert_null(complete_text(&scratch, "ksh"));
}

/* An option that names a command that there is not is a mistake in the table. */
static void test_option_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		char *list = arena_dup(&scratch, options[i].commands ? options[i].commands : "");

		for (char *save, *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
			size_t k = 0;

			while (commands[k] && strcmp(commands[k]->name, w) != 0)
				k++;
			if (!commands[k])
				fail_msg("--%s: there is no command %s", options[i].name, w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_roff),
		cmocka_unit_test(test_same_fields),
		cmocka_unit_test(test_same_later_fields),
		cmocka_unit_test(test_schema_types),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_option_table),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
