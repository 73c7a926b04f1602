/* jsonschema.c - the field tables as a JSON Schema. */
#include "schema/jsonschema.h"

#include "schema/describe.h"
#include "schema/later.h"
#include "schema/range.h"

#include <stdlib.h>
#include <string.h>

#define DRAFT "https://json-schema.org/draft/2020-12/schema"
#define NAME_PATTERN "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

/* What utf8_is_plain refuses. */
#define CONTROL                                                                                    \
	"\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff"

/* A text whose every "${" begins a variable that is written as vars.c wants it. "$${" is none. */
#define MARK "\\$\\{[A-Za-z_][A-Za-z0-9_]*(:[?-]((?!\\$\\{)[^}])*)?\\}"
#define MARKS "([^$]|\\$\\$|\\$(?![{$])|" MARK ")*"
#define WELL_MARKED "(?=" MARKS "$)"
#define HAS_MARK "(?=([^$]|\\$\\$|\\$(?![{$]))*\\$\\{)"

#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"

/* ---- values of a type ----------------------------------------------------------------------- */

/* A text in YAML: 1000 and true are texts too where one is meant; nothing is not. */
static json_t *text_schema(const char *pattern)
{
	return json_pack("{s:[s, s, s], s:s?}", "type", "string", "number", "boolean", "pattern",
		pattern);
}

static json_t *pattern_schema(const char *pattern)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

/* true or "true": quotes make no difference. */
static json_t *bool_schema(void)
{
	return json_pack("{s:[b, b, s, s]}", "enum", 1, 0, "true", "false");
}

static json_t *ref(const char *def)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", def));
}

/* A value of env that is not in the spec: one of file, credential and command. */
static json_t *secret_schema(void)
{
	json_t *command = json_pack("{s:[{s:s, s:o, s:i, s:i}, o]}", "anyOf", "type", "array",
		"items", ref("text"), "minItems", 1, "maxItems", 64, pattern_schema("^/"));

	return json_pack("{s:s, s:b, s:i, s:i, s:{s:o, s:o, s:o}}", "type", "object",
		"additionalProperties", 0, "minProperties", 1, "maxProperties", 1, "properties",
		"file", text_schema("^(?!~/)[^" CONTROL "]+$"), "credential",
		text_schema("^(?!\\.{1,2}$)[^/" CONTROL "]+$"), "command", command);
}

/* The parts that rows of one type share; a row refers to them and adds its bounds. */
static json_t *defs(void)
{
	json_t *j = json_object();

	json_object_set_new(j, "text", text_schema("^" WELL_MARKED "[^\\u0000]*$"));
	json_object_set_new(j, "line", text_schema("^" WELL_MARKED "[^" CONTROL "]*$"));
	json_object_set_new(j, "path", text_schema("^(?!~/)" WELL_MARKED "[^" CONTROL "]*$"));
	json_object_set_new(j, "name", text_schema(NAME_PATTERN));
	json_object_set_new(j, "vm", pattern_schema("^vm/[^/" CONTROL "][^" CONTROL "]*$"));
	json_object_set_new(j, "digest", pattern_schema("^sha256:[0-9a-f]{64}$"));
	json_object_set_new(j, "size", pattern_schema("^[0-9]+(KiB|MiB|GiB|TiB)$"));
	json_object_set_new(j, "duration", pattern_schema("^[0-9]+(ms|s|m|h)$"));
	json_object_set_new(j, "bool", bool_schema());
	json_object_set_new(j, "address", pattern_schema("^" OCTET "(\\." OCTET "){3}$"));
	json_object_set_new(j, "subnet", pattern_schema("^" OCTET "(\\." OCTET "){3}/([0-9]|[12][0-9]|3[0-2])$"));
	json_object_set_new(j, "mac", pattern_schema("^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$"));
	json_object_set_new(j, "with_variable", pattern_schema("^" HAS_MARK MARKS "$"));
	json_object_set_new(j, "value", json_pack("{s:[o, o]}", "anyOf", ref("text"),
		secret_schema()));
	json_object_set_new(j, "variable", pattern_schema("^[A-Za-z_][A-Za-z0-9_.-]{0,254}$"));
	return j;
}

static json_t *ref_bounded(const char *def, const struct field *f)
{
	json_t *j = ref(def);

	if (f->pattern)
		json_object_set_new(j, "pattern", json_string(f->pattern));
	if (f->min > 0)
		json_object_set_new(j, "minLength", json_integer(f->min));
	/* Bounds are bytes and a schema counts characters: what it lets through is for the parser. */
	json_object_set_new(j, "maxLength", json_integer(f->max));
	return j;
}

/* 2 or "2". */
static json_t *number_schema(const struct field *f)
{
	return json_pack("{s:[s, s], s:I, s:I, s:s}", "type", "integer", "string", "minimum",
		(json_int_t)f->min, "maximum", (json_int_t)f->max, "pattern", "^(0|[1-9][0-9]*)$");
}

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit sizes[] = {{"KiB", 1024}, {"MiB", 1024 * 1024},
	{"GiB", 1024 * 1024 * 1024}, {"TiB", 1024ll * 1024 * 1024 * 1024}, {NULL, 0}};
static const struct unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000},
	{"h", 3600 * 1000}, {NULL, 0}};

/* Bounds of a text with a unit: one range for each unit. That it is a multiple of the step is left
 * to the parser. */
static json_t *unit_schema(struct arena *a, const char *def, const struct unit *units,
	const struct field *f)
{
	struct text t = {.a = a};
	json_t *j = ref(def);

	text_put(&t, "^0*(");
	for (const struct unit *u = units; u->name; u++) {
		int64_t lo = f->min / u->factor + (f->min % u->factor != 0);

		if (lo > f->max / u->factor)
			continue;
		text_put(&t, t.v[t.n - 1] == '(' ? "" : "|");
		range_put(&t, (uint64_t)lo, (uint64_t)(f->max / u->factor));
		text_put(&t, u->name);
	}
	text_put(&t, ")$");
	json_object_set_new(j, "pattern", json_string(text_end(&t)));
	return j;
}

static json_t *enum_schema(const struct field *f)
{
	json_t *list = json_array();

	for (size_t i = 0; f->choices[i]; i++)
		json_array_append_new(list, json_string(f->choices[i]));
	return json_pack("{s:o}", "enum", list);
}

/* Any value may be a text with a variable in it; what comes out of it is for the parser. */
static json_t *or_variable(json_t *value)
{
	return json_pack("{s:[o, o]}", "anyOf", value, ref("with_variable"));
}

/* A list, or one element without the brackets. */
static json_t *list_schema(const struct field *f, const char *def)
{
	return json_pack("{s:[{s:s, s:o, s:I, s:I}, o]}", "anyOf", "type", "array", "items",
		or_variable(ref(def)), "minItems", (json_int_t)f->min, "maxItems",
		(json_int_t)f->max, or_variable(ref(def)));
}

/* As bind_field.c takes them. */
static json_t *forwards_schema(const struct field *f)
{
	return json_pack("{s:s, s:{s:s, s:{s:o, s:o}, s:{s:{}}, s:b, s:[s, s]}, s:I, s:I}", "type", "array", "items",
		"type", "object", "properties", "listen", or_variable(ref("line")), "to",
		or_variable(ref("line")), "patternProperties", "^x-", "additionalProperties", 0, "required",
		"listen", "to", "minItems", (json_int_t)f->min, "maxItems", (json_int_t)f->max);
}

/* Or a map that says how far each of them has to be. */
static json_t *or_conditions(json_t *list, const struct field *f)
{
	json_t *map = json_pack("{s:s, s:o, s:{s:[s, n]}, s:I, s:I}", "type", "object",
		"propertyNames", ref("name"), "additionalProperties", "enum", "ready",
		"minProperties", (json_int_t)f->min, "maxProperties", (json_int_t)f->max);

	json_array_append_new(json_object_get(list, "anyOf"), map);
	return list;
}

/* As value_list.c bounds it, in characters where that counts bytes. */
static json_t *label_schema(void)
{
	json_t *j = ref("line");

	json_object_set_new(j, "maxLength", json_integer(256));
	return j;
}

static json_t *env_schema(const struct field *f)
{
	return json_pack("{s:s, s:o, s:o, s:I, s:I}", "type", "object", "propertyNames",
		ref("variable"), "additionalProperties", f->type == FIELD_ENV ? ref("value") : label_schema(), "minProperties",
		(json_int_t)f->min, "maxProperties", (json_int_t)f->max);
}

static json_t *value_schema(struct arena *a, const struct field *f)
{
	switch (f->type) {
	case FIELD_STRING:
		return ref_bounded("line", f);
	case FIELD_PATH:
		return ref_bounded("path", f);
	case FIELD_NAME:
		return ref("name");
	case FIELD_DIGEST:
		return ref("digest");
	case FIELD_BOOL:
		return ref("bool");
	case FIELD_U32:
		return number_schema(f);
	case FIELD_ENUM:
		return enum_schema(f);
	case FIELD_SIZE:
		return unit_schema(a, "size", sizes, f);
	case FIELD_DURATION:
		return unit_schema(a, "duration", times, f);
	case FIELD_STRV:
		return list_schema(f, "text");
	case FIELD_ADDRESSES:
		return list_schema(f, "address");
	case FIELD_SUBNETS:
		return list_schema(f, "subnet");
	case FIELD_FORWARDS:
		return forwards_schema(f);
	case FIELD_NAMES:
		return f->ref == KIND_VM ? or_conditions(list_schema(f, "name"), f)
					 : list_schema(f, "name");
	case FIELD_ENV:
	case FIELD_LABELS:
		return env_schema(f);
	case FIELD_ADDRESS:
		return ref("address");
	case FIELD_SUBNET:
		return ref("subnet");
	case FIELD_MAC:
		return ref("mac");
	case FIELD_LISTEN:
	case FIELD_PORTS:
		return ref("line");
	default:
		return json_object(); /* a type without a rule here: anything, and a test says so */
	}
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* The default as JSON has it. */
static json_t *default_json(const struct field *f)
{
	if (f->type == FIELD_BOOL)
		return json_boolean(!strcmp(f->dflt, "true"));
	if (f->type == FIELD_U32)
		return json_integer(strtoll(f->dflt, NULL, 10));
	return json_string(f->dflt);
}

static json_t *field_schema(struct arena *a, const struct field *f)
{
	json_t *j = field_is_list(f) ? value_schema(a, f) : or_variable(value_schema(a, f));
	const char *bounds = describe_bounds(a, f);

	json_object_set_new(j, "description",
		json_sprintf("%s\n%s%s%s.\nWhen absent: %s.\nA change costs: %s.", f->help,
			field_expects(a, f), *bounds ? ", " : "", bounds, f->absent,
			describe_change(f)));
	if (f->dflt)
		json_object_set_new(j, "default", default_json(f));
	return j;
}

/* "network": a word, or a map from names of networks to the fields of the interface there. A profile says
 * no address: each VM needs its own. */
static json_t *network_schema(struct arena *a, const struct field *word)
{
	const struct field *row = field_find(&noun_vm, "network.*");
	json_t *fields = json_object(), *j = field_schema(a, word), *map;

	for (size_t i = 0; i < noun_vm.n_fields; i++)
		if (!strncmp(noun_vm.fields[i].path, "network.*.", 10))
			json_object_set_new(fields, noun_vm.fields[i].path + 10, json_pack("{s:o, s:s}",
				"anyOf", json_pack("[o, o]", ref(noun_vm.fields[i].type == FIELD_NET_MAC
					? "mac" : "address"), ref("with_variable")), "description",
				noun_vm.fields[i].help));
	map = json_pack("{s:s, s:o, s:{s:{}}, s:I, s:{s:[s, s], s:b, s:{s:{}}, s:o}}", "type", "object",
		"propertyNames", json_pack("{s:[o, o]}", "anyOf", ref("name"), pattern_schema("^x-")),
		"patternProperties", "^x-", "maxProperties", (json_int_t)row->max,
		"additionalProperties", "type", "object", "null", "additionalProperties", 0,
		"patternProperties", "^x-", "properties", fields);
	json_array_append_new(json_object_get(j, "anyOf"), map);
	return j;
}

/* An object of the fields whose path begins with prefix; groups below it are objects again. */
static json_t *fields_schema(struct arena *a, const struct noun *noun, const char *prefix);

/* "disk": a map of its fields, or a value that is short for one of them. */
static json_t *group_schema(struct arena *a, const struct noun *noun, const char *path)
{
	json_t *map = fields_schema(a, noun, arena_printf(a, "%s.", path));

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];

		if (!f->shorthand || strcmp(f->shorthand, path) != 0)
			continue;
		return json_pack("{s:[o, o], s:o}", "anyOf", map, field_schema(a, f),
			"description", json_sprintf("A map of fields, or %s.", f->path));
	}
	return map;
}

/* What no driver does yet: refused, but an editor can say what it is. */
static json_t *later_schema(const char *help)
{
	return json_pack("{s:{}, s:o}", "not", "description",
		json_sprintf("Not supported yet: %s.", help));
}

static void add_later(struct arena *a, json_t *properties, const struct noun *later,
	const char *prefix)
{
	size_t skip = strlen(prefix);

	for (size_t i = 0; later && i < later->n_fields; i++) {
		const char *path = later->fields[i].path, *key;

		if (strncmp(path, prefix, skip) != 0)
			continue;
		key = arena_dupn(a, path + skip, strcspn(path + skip, ".["));
		if (!json_object_get(properties, key))
			json_object_set_new(properties, key, later_schema(later->fields[i].help));
	}
}

/* Exactly one of those keys; NULL when the table asks for no such thing. */
static json_t *one_of_schema(const struct noun *noun)
{
	json_t *list = NULL;

	for (size_t i = 0; i < noun->n_fields; i++) {
		if (!noun->fields[i].one_of)
			continue;
		if (!list)
			list = json_array();
		/* A strict reader wants each branch to know the key that it asks for. */
		json_array_append_new(list, json_pack("{s:[s], s:{s:b}}", "required",
			noun->fields[i].path, "properties", noun->fields[i].path, 1));
	}
	return list;
}

static json_t *fields_schema(struct arena *a, const struct noun *noun, const char *prefix)
{
	json_t *properties = json_object(), *required = json_array(), *j;
	size_t skip = strlen(prefix);

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];
		const char *key;
		size_t n;

		if (strncmp(f->path, prefix, skip) != 0)
			continue;
		n = strcspn(f->path + skip, ".");
		key = arena_dupn(a, f->path + skip, n);
		if (json_object_get(properties, key))
			continue;
		if (noun == &noun_vm && !strcmp(f->path, "network")) {
			json_object_set_new(properties, key, network_schema(a, f));
			continue;
		}
		json_object_set_new(properties, key, f->path[skip + n]
			? group_schema(a, noun, arena_dupn(a, f->path, skip + n))
			: field_schema(a, f));
		if (f->required)
			json_array_append_new(required, json_string(key));
	}
	add_later(a, properties, later_find(noun->key), prefix);
	j = json_pack("{s:s, s:b, s:{s:{}}, s:o}", "type", "object", "additionalProperties", 0,
		"patternProperties", "^x-", "properties", properties);
	/* The fields of a VM may come from profiles and defaults. */
	if (json_array_size(required) && noun != &noun_vm)
		json_object_set(j, "required", required);
	json_decref(required);
	return j;
}

/* A map from names to objects. One whose fields are all optional may be written as nothing. */
static json_t *noun_schema(struct arena *a, const struct noun *noun)
{
	json_t *object = fields_schema(a, noun, ""), *one_of = one_of_schema(noun);

	if (one_of)
		json_object_set_new(object, "oneOf", one_of);
	else if (!json_object_get(object, "required"))
		json_object_set_new(object, "type", json_pack("[s, s]", "object", "null"));
	return json_pack("{s:s, s:o, s:o, s:o}", "type", "object", "description",
		json_sprintf("From a name to %s.", noun->help), "propertyNames", ref("name"),
		"additionalProperties", object);
}

/* The fields of a profile or the defaults: without those that no two VMs can share. */
static json_t *layer_schema(struct arena *a, const struct noun *noun)
{
	static const char *const own[] = {"profile", "vsock.cid"};
	json_t *fields = fields_schema(a, noun, "");

	for (size_t i = 0; noun == &noun_vm && i < sizeof(own) / sizeof(own[0]); i++) {
		const char *dot = strchr(own[i], '.');
		json_t *map = json_object_get(fields, "properties");

		if (dot)
			map = json_object_get(json_object_get(map, arena_dupn(a, own[i],
				(size_t)(dot - own[i]))), "properties");
		json_object_set_new(map, dot ? dot + 1 : own[i], json_pack("{s:{}, s:s}", "not",
			"description", "Only for a VM: each needs its own."));
	}
	json_object_del(fields, "required");
	return fields;
}

static json_t *defaults_schema(struct arena *a)
{
	return json_pack("{s:s, s:b, s:{s:o}}", "type", "object", "additionalProperties", 0,
		"properties", noun_vm.singular, layer_schema(a, &noun_vm));
}

/* A list of VMs that have another name now. */
static json_t *moved_schema(void)
{
	return json_pack("{s:s, s:s, s:{s:s, s:b, s:[s, s], s:{s:{}}, s:{s:o, s:o}}}", "type", "array",
		"description", "VMs that have another name now, from the old one to the new one.",
		"items", "type", "object", "additionalProperties", 0, "required", "from", "to",
		"patternProperties", "^x-", "properties", "from", ref("vm"), "to", ref("vm"));
}

json_t *jsonschema(struct arena *a)
{
	json_t *properties = json_object();

	json_object_set_new(properties, "version", json_pack("{s:[i, s], s:s}", "enum", 1, "1",
		"description", "Version of the language: 1."));
	for (size_t i = 0; i < noun_count; i++)
		json_object_set_new(properties, nouns[i]->key, noun_schema(a, nouns[i]));
	for (size_t i = 0; i < later_count; i++)
		if (!noun_find(later_nouns[i]->key))
			json_object_set_new(properties, later_nouns[i]->key,
				later_schema(later_nouns[i]->help));
	json_object_set_new(properties, "vars", json_pack("{s:s, s:o, s:{s:[s, s, s, s]}}", "type",
		"object", "propertyNames", ref("variable"), "additionalProperties", "type",
		"string", "number", "boolean", "null"));
	json_object_set_new(properties, "include", json_pack("{s:[{s:s, s:o}, o]}", "anyOf", "type",
		"array", "items", ref("path"), ref("path")));
	json_object_set_new(properties, "guards", fields_schema(a, &noun_guards, ""));
	json_object_set_new(properties, "moved", moved_schema());
	json_object_set_new(properties, "defaults", defaults_schema(a));
	json_object_set_new(properties, "profiles", json_pack("{s:s, s:o, s:o}", "type", "object",
		"propertyNames", ref("name"), "additionalProperties",
		layer_schema(a, &noun_vm)));
	return json_pack("{s:s, s:s, s:s, s:s, s:[s], s:b, s:{s:{}}, s:o, s:o}", "$schema", DRAFT,
		"title", "reconcile", "description",
		"A spec of reconcile: images, kernels and VMs of one host.", "type", "object",
		"required", "version", "additionalProperties", 0, "patternProperties", "^x-",
		"properties", properties, "$defs", defs());
}
