/* field.c - the table machinery: one loop each for find, default, print and values.
 *
 * What differs between types is in one row of types[] each.
 */
#include "schema/field.h"

#include "schema/value.h"

#include <string.h>

const struct noun *noun_find(const char *key)
{
	for (size_t i = 0; i < noun_count; i++)
		if (!strcmp(nouns[i]->key, key))
			return nouns[i];
	return NULL;
}

const struct field *field_find(const struct noun *noun, const char *path)
{
	for (size_t i = 0; i < noun->n_fields; i++)
		if (!strcmp(noun->fields[i].path, path))
			return &noun->fields[i];
	return NULL;
}

struct pos field_pos(const struct spec_head *head, const char *path)
{
	const struct field *f = field_find(head->noun, path);
	struct pos pos = f && head->at ? head->at[f - head->noun->fields] : (struct pos){0};

	return pos.line ? pos : head->pos;
}

static const struct {
	int (*parse)(struct arena *a, const struct field *f, const char *text, void *at,
		struct err *e);
	const char *(*print)(struct arena *a, const struct field *f, const void *at);
	const char *expects;
	size_t size; /* of the member */
} types[FIELD_TYPE_N] = {
	[FIELD_STRING] = {value_parse_string, value_print_string, "a text", sizeof(char *)},
	[FIELD_NAME] = {value_parse_string, value_print_string, "a name", sizeof(char *)},
	[FIELD_PATH] = {value_parse_path, value_print_string, "a path", sizeof(char *)},
	[FIELD_DIGEST] = {value_parse_digest, value_print_string,
		"sha256: and 64 hex digits", sizeof(char *)},
	[FIELD_BOOL] = {value_parse_bool, value_print_bool, "true or false", sizeof(bool)},
	[FIELD_U32] = {value_parse_u32, value_print_u32, "a whole number", sizeof(uint32_t)},
	[FIELD_ENUM] = {value_parse_enum, value_print_enum, "a word", sizeof(uint32_t)},
	[FIELD_SIZE] = {value_parse_size, value_print_size,
		"a size such as 512MiB", sizeof(uint64_t)},
	[FIELD_DURATION] = {value_parse_duration, value_print_duration,
		"a duration such as 90s", sizeof(uint64_t)},
	[FIELD_STRV] = {value_parse_list, value_print_list,
		"a list of texts, or one text", sizeof(struct strv)},
	[FIELD_ENV] = {value_parse_list, value_print_list,
		"a map of NAME: value", sizeof(struct strv)},
	[FIELD_NAMES] = {value_parse_list, value_print_list,
		"a list of names, or one name", sizeof(struct strv)},
	[FIELD_LABELS] = {value_parse_list, value_print_list,
		"a map of NAME: value", sizeof(struct strv)},
	[FIELD_ADDRESS] = {value_parse_address, value_print_string,
		"an IPv4 address", sizeof(char *)},
	[FIELD_SUBNET] = {value_parse_subnet, value_print_string,
		"an IPv4 network such as 10.77.0.0/24", sizeof(char *)},
	[FIELD_MAC] = {value_parse_mac, value_print_string,
		"a MAC address such as 02:00:00:12:34:56", sizeof(char *)},
	[FIELD_LISTEN] = {value_parse_listen, value_print_string,
		"[ADDRESS:]PORT[/tcp|/udp]", sizeof(char *)},
	[FIELD_PORTS] = {value_parse_ports, value_print_string,
		"[ADDRESS:]PORT:PORT[/tcp|/udp]", sizeof(char *)},
	[FIELD_ADDRESSES] = {value_parse_list, value_print_list,
		"a list of IPv4 addresses, or one", sizeof(struct strv)},
	[FIELD_SUBNETS] = {value_parse_list, value_print_list,
		"a list of IPv4 networks, or one", sizeof(struct strv)},
	[FIELD_FORWARDS] = {value_parse_list, value_print_list,
		"a list of {listen: PORT, to: vm/NAME:PORT}", sizeof(struct strv)},
	[FIELD_NET_ADDRESS] = {value_parse_list, value_print_list,
		"an IPv4 address", sizeof(struct strv)},
	[FIELD_NET_MAC] = {value_parse_list, value_print_list,
		"a MAC address such as 02:00:00:12:34:56", sizeof(struct strv)},
};

static void *value_of(const struct field *f, void *spec)
{
	return (char *)spec + f->offset;
}

const char *field_expects(struct arena *a, const struct field *f)
{
	const char *all = "";
	size_t n = strlen(f->path);

	if (n && f->path[n - 1] == '*')
		return "a map of fields, or nothing";
	for (size_t i = 0; f->type == FIELD_ENUM && f->choices[i]; i++) {
		const char *between = !i ? "" : f->choices[i + 1] ? ", " : " or ";

		all = arena_printf(a, "%s%s%s", all, between, f->choices[i]);
	}
	return *all ? all : types[f->type].expects;
}

bool field_is_list(const struct field *f)
{
	return f->type == FIELD_STRV || f->type == FIELD_NAMES || f->type == FIELD_ADDRESSES ||
		f->type == FIELD_SUBNETS || f->type == FIELD_FORWARDS || field_is_map(f);
}

bool field_is_map(const struct field *f)
{
	return f->type == FIELD_ENV || f->type == FIELD_LABELS || f->type == FIELD_NET_ADDRESS ||
		f->type == FIELD_NET_MAC;
}

void field_copy(const struct field *f, void *to, const void *from)
{
	memcpy(value_of(f, to), (const char *)from + f->offset, types[f->type].size);
}

int field_parse(struct arena *a, const struct field *f, const char *text, void *spec,
	struct err *e)
{
	if (types[f->type].parse(a, f, text, value_of(f, spec), e) < 0)
		return err_wrap(e, "%s", f->path);
	return 0;
}

int field_append(struct arena *a, const struct field *f, const char *key, const char *text,
	void *spec, struct err *e)
{
	struct strv *list = value_of(f, spec);
	int result = field_is_map(f) ? value_append_pair(a, f, list, key, text, e)
				     : value_append(a, f, list, text, e);

	if (result < 0)
		return err_wrap(e, "%s", f->path);
	return 0;
}

int field_count(const struct field *f, const void *spec, struct err *e)
{
	const struct strv *list = (const void *)((const char *)spec + f->offset);

	if ((int64_t)list->n >= f->min && (int64_t)list->n <= f->max)
		return 0;
	if (f->max == INT64_MAX || (int64_t)list->n < f->min)
		return err_set(e, ERR_SPEC, "%s: %s", f->path,
			list->n ? "too few elements" : "an empty list says nothing");
	return err_set(e, ERR_SPEC, "%s: %zu elements; at most %lld are allowed", f->path, list->n,
		(long long)f->max);
}

const char *field_print(struct arena *a, const struct field *f, const void *spec)
{
	return types[f->type].print(a, f, (const char *)spec + f->offset);
}

void field_defaults(struct arena *a, const struct noun *noun, void *spec)
{
	struct spec_head *head = spec;

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];

		if (head->at && head->at[i].line)
			continue;
		if (f->dflt)
			field_parse(a, f, f->dflt, spec, NULL); /* a test parses each default */
	}
}

void field_values(struct arena *a, const struct noun *noun, const void *spec, enum kind kind,
	struct kvs *out)
{
	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];
		const char *value = f->feeds == kind ? field_print(a, f, spec) : NULL;

		if (value)
			kvs_set(a, out, f->path, value);
	}
}
