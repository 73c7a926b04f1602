/* explain.c - what a field means, and where the values of an object come from. */
#include "schema/explain.h"

#include "schema/base/text.h"
#include "schema/base/utf8.h"
#include "schema/describe.h"
#include "schema/later.h"
#include "schema/spec.h"

#include <string.h>

#define SHOWN 80

/* ---- finding -------------------------------------------------------------------------------- */

struct names {
	VEC(const char *) v;
};

static bool is_group(const struct noun *noun, const char *prefix)
{
	for (size_t i = 0; i < noun->n_fields; i++)
		if (!strncmp(noun->fields[i].path, prefix, strlen(prefix)))
			return true;
	return false;
}

/* Every path that explain knows. */
static void all_paths(struct arena *a, struct names *out)
{
	for (size_t i = 0; i < noun_table_count; i++) {
		*vec_push(a, &out->v) = noun_tables[i]->key;
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			*vec_push(a, &out->v) = describe_path(a, noun_tables[i], &noun_tables[i]->fields[k]);
	}
}

/* A row that no driver does yet, by its path or that without the "[]" at its end; else the group of
 * such rows below it. */
static bool find_later(struct arena *a, const struct noun *noun, const char *rest,
	struct explain_topic *out)
{
	const struct noun *later = later_find(noun->key);
	const struct field *f;

	if (!later)
		return false;
	f = field_find(later, rest);
	if (!f)
		f = field_find(later, arena_printf(a, "%s[]", rest));
	*out = (struct explain_topic){later, f, f ? "" : arena_printf(a, "%s.", rest)};
	if (f || is_group(later, out->prefix))
		return true;
	out->prefix = arena_printf(a, "%s[]", rest);
	return is_group(later, out->prefix);
}

/* The first steps of the paths that are still to come. */
static void add_later_groups(struct arena *a, const struct noun *later, struct names *out)
{
	for (size_t i = 0; later && i < later->n_fields; i++) {
		const char *path = later->fields[i].path;

		*vec_push(a, &out->v) = arena_dupn(a, path, strcspn(path, ".["));
	}
}

static int unknown_path(struct arena *a, const char *path, const struct noun *noun, struct err *e)
{
	struct names names = {0};
	const char *near, *rest = strchr(path, '.');

	err_set(e, ERR_USAGE, "there is no field %s in a spec", utf8_quote(a, path, SHOWN));
	for (size_t i = 0; noun && rest && i < noun->n_fields; i++)
		*vec_push(a, &names.v) = noun->fields[i].path;
	add_later_groups(a, noun && rest ? later_find(noun->key) : NULL, &names);
	near = names.v.n ? nearest_name(rest + 1, names.v.v, names.v.n) : NULL;
	if (near)
		return err_hint(e, "did you mean %s.%s?", noun->key, near);
	names.v.n = 0;
	all_paths(a, &names);
	for (size_t i = 0; i < later_count; i++)
		for (size_t k = 0; k < later_nouns[i]->n_fields; k++)
			*vec_push(a, &names.v) = describe_path(a, later_nouns[i],
				&later_nouns[i]->fields[k]);
	near = nearest_name(path, names.v.v, names.v.n);
	return err_hint(e, near ? "did you mean %s?" : "see: reconcile explain", near);
}

/* A field may be named without its noun when only one noun has it. */
static bool find_bare(const char *path, struct explain_topic *out)
{
	size_t found = 0;

	for (size_t i = 0; i < noun_table_count; i++) {
		const struct field *f = field_find(noun_tables[i], path);

		if (!f)
			continue;
		*out = (struct explain_topic){noun_tables[i], f, ""};
		found++;
	}
	return found == 1;
}

static const struct noun *noun_named(struct arena *a, const char *path, size_t n)
{
	const char *word = arena_dupn(a, path, n);

	for (size_t i = 0; i < noun_table_count; i++)
		if (!strcmp(noun_tables[i]->key, word) || !strcmp(noun_tables[i]->singular, word))
			return noun_tables[i];
	for (size_t i = 0; i < later_count; i++)
		if (!strcmp(later_nouns[i]->key, word) || !strcmp(later_nouns[i]->singular, word))
			return later_nouns[i];
	return NULL;
}

int explain_find(struct arena *a, const char *path, struct explain_topic *out, struct err *e)
{
	const struct noun *noun;
	const char *rest;
	size_t n;

	*out = (struct explain_topic){.prefix = ""};
	if (!path || !*path)
		return 0;
	n = strcspn(path, ".");
	noun = noun_named(a, path, n);
	if (!noun && find_bare(path, out))
		return 0;
	*out = (struct explain_topic){.noun = noun, .prefix = ""};
	if (!noun)
		return unknown_path(a, path, NULL, e);
	if (!path[n])
		return 0;
	rest = path + n + 1;
	out->field = field_find(noun, rest);
	if (out->field)
		return 0;
	out->prefix = arena_printf(a, "%s.", rest);
	if (*rest && is_group(noun, out->prefix))
		return 0;
	if (*rest && find_later(a, noun, rest, out))
		return 0;
	*out = (struct explain_topic){.noun = noun, .prefix = ""};
	return unknown_path(a, path, noun, e);
}

/* ---- as text -------------------------------------------------------------------------------- */

static void put_line(struct text *t, const char *what, const char *value)
{
	if (value && *value)
		text_putf(t, "  %-9s %s\n", what, value);
}

#define NOT_YET "not supported yet"

static void put_field(struct text *t, const struct noun *noun, const struct field *f)
{
	struct arena *a = t->a;

	text_putf(t, "%s\n  %s\n\n", describe_path(a, noun, f), f->help);
	if (later_is(noun))
		put_line(t, "status", NOT_YET ": a spec that says it is refused");
	put_line(t, "value", field_expects(a, f));
	put_line(t, "bounds", describe_bounds(a, f));
	put_line(t, "default", f->dflt);
	put_line(t, "absent", f->absent);
	if (f->shorthand)
		put_line(t, "short", arena_printf(a, "%s: VALUE means the same", f->shorthand));
	put_line(t, "change", arena_printf(a, "%s - %s", change_name(f->change),
		describe_change(f)));
	if (!later_is(noun))
		text_putf(t, "\n  example\n%s", describe_example_block(a, noun, f, "    "));
}

/* How wide the first column of a list has to be. */
static size_t widest_path(const struct noun *noun, const char *prefix)
{
	size_t most = 0;

	for (size_t i = 0; i < noun->n_fields; i++) {
		size_t n = strlen(noun->fields[i].path);

		if (n > most && !strncmp(noun->fields[i].path, prefix, strlen(prefix)))
			most = n;
	}
	return most;
}

static void put_noun(struct text *t, const struct noun *noun, const char *prefix)
{
	size_t width = widest_path(noun, prefix);

	if (*prefix)
		text_putf(t, "%s.%.*s\n\n", noun->key, (int)strlen(prefix) - 1, prefix);
	else
		text_putf(t, noun == &noun_guards ? "%s\n  %s\n\n" : "%s\n  from a name to %s\n\n",
			noun->key, noun->help);
	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];

		if (strncmp(f->path, prefix, strlen(prefix)) != 0)
			continue;
		text_putf(t, "  %-*s  %s%s\n", (int)width, f->path, f->help,
			f->required ? " (required)" : "");
	}
}

/* The rows below prefix of the table that is still to come. */
static void put_later(struct text *t, const struct noun *later, const char *prefix)
{
	if (!later || !is_group(later, prefix))
		return;
	text_put(t, "\n  " NOT_YET ":\n");
	for (size_t i = 0; i < later->n_fields; i++) {
		const struct field *f = &later->fields[i];

		if (!strncmp(f->path, prefix, strlen(prefix)))
			text_putf(t, "  %-*s  %s\n", (int)widest_path(later, prefix), f->path,
				f->help);
	}
}

/* A noun of which no driver does anything yet. */
static void put_later_nouns(struct text *t)
{
	for (size_t i = 0; i < later_count; i++) {
		if (noun_find(later_nouns[i]->key))
			continue;
		text_putf(t, "%s\n  from a name to %s\n", later_nouns[i]->key, later_nouns[i]->help);
		put_later(t, later_nouns[i], "");
		text_put(t, "\n");
	}
}

const char *explain_text(struct arena *a, const struct explain_topic *topic)
{
	struct text t = {.a = a};

	if (topic->field) {
		put_field(&t, topic->noun, topic->field);
	} else if (later_is(topic->noun)) {
		text_putf(&t, "%s\n  %s\n", topic->noun->key, topic->noun->help);
		put_later(&t, topic->noun, topic->prefix);
	} else if (topic->noun) {
		put_noun(&t, topic->noun, topic->prefix);
		put_later(&t, later_find(topic->noun->key), topic->prefix);
	} else {
		text_put(&t, "version\n  version of the language, always 1 (required)\n\n");
		for (size_t i = 0; i < noun_table_count; i++) {
			put_noun(&t, noun_tables[i], "");
			put_later(&t, later_find(noun_tables[i]->key), "");
			text_put(&t, "\n");
		}
		put_later_nouns(&t);
		text_put(&t, "x-...\n  anything of yours; it is ignored\n");
	}
	return text_end(&t);
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static json_t *choices_json(const struct field *f)
{
	json_t *list = json_array();

	for (size_t i = 0; f->choices[i]; i++)
		json_array_append_new(list, json_string(f->choices[i]));
	return list;
}

static json_t *field_json(struct arena *a, const struct noun *noun, const struct field *f)
{
	const char *bounds = describe_bounds(a, f);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s, s:b, s:s?, s:s, s:s, s:s, s:s, s:b}",
		"path", describe_path(a, noun, f), "help", f->help, "value", field_expects(a, f),
		"bounds", *bounds ? bounds : NULL, "default", f->dflt, "absent", f->absent,
		"required", (int)f->required, "short", f->shorthand, "change",
		change_name(f->change), "cost", describe_change(f), "object", kind_name(f->feeds),
		"example", describe_example(a, f), "supported", !later_is(noun));

	if (f->choices)
		json_object_set_new(j, "choices", choices_json(f));
	return j;
}

static void add_fields(struct arena *a, json_t *list, const struct noun *noun, const char *prefix)
{
	for (size_t i = 0; i < noun->n_fields; i++)
		if (!strncmp(noun->fields[i].path, prefix, strlen(prefix)))
			json_array_append_new(list, field_json(a, noun, &noun->fields[i]));
}

json_t *explain_json(struct arena *a, const struct explain_topic *topic)
{
	json_t *list;

	if (topic->field)
		return field_json(a, topic->noun, topic->field);
	list = json_array();
	for (size_t i = 0; i < noun_table_count; i++)
		if (!topic->noun || topic->noun == noun_tables[i])
			add_fields(a, list, noun_tables[i], topic->prefix);
	for (size_t i = 0; i < later_count; i++)
		if (!topic->noun || !strcmp(topic->noun->key, later_nouns[i]->key))
			add_fields(a, list, later_nouns[i], topic->prefix);
	return json_pack("{s:o}", "fields", list);
}

/* ---- effective ------------------------------------------------------------------------------ */

static const char *origin_of(struct arena *a, const struct effective *v)
{
	const char *origin = layer_name(v->layer);

	if (v->layer == LAYER_PROFILE)
		origin = arena_printf(a, "profile %s", v->profile);
	if (v->layer == LAYER_BUILT_IN && !v->value)
		origin = "absent";
	vec_each(use, &v->vars)
		origin = arena_printf(a, "%s, ${%s} from %s", origin, use->name, use->how);
	return origin;
}

int explain_effective(struct arena *a, const struct spec *spec, const char *object,
	struct explain_rows *out, struct err *e)
{
	struct effectives values = {0};

	if (spec_effective(a, spec, object, &values, e) < 0)
		return -1;
	vec_each(v, &values) {
		const char *path = v->field->path;

		*vec_push(a, out) = (struct explain_row){
			.path = v->key ? arena_printf(a, "%s.%s", path, v->key) : path,
			.value = v->value || v->pos.line ? v->value : v->field->absent,
			.origin = origin_of(a, v), .pos = v->pos};
	}
	return 0;
}
