/* value_list.c - lists: command, depends_on; maps: env, labels. Their canonical form is a JSON list.
 *
 * A list lives in an array whose room follows from its length: the next power of two. Maps are kept
 * sorted, so that writing the same pairs in another order is no change.
 */
#include "schema/value.h"

#include "schema/base/json.h"
#include "schema/base/utf8.h"

#include <string.h>

#define ROOM_MIN 4
#define NAME_BYTES_MAX 63
#define KEY_BYTES_MAX 255
#define LABEL_BYTES_MAX 256
#define SHOWN 40

/* Elements that an array has room for when n are in it, with the NULL behind them. */
static size_t room_for(size_t n)
{
	size_t room = ROOM_MIN;

	while (room < n + 1)
		room *= 2;
	return room;
}

static void insert(struct arena *a, struct strv *list, size_t at, const char *text)
{
	if (!list->v || room_for(list->n + 1) > room_for(list->n)) {
		const char **bigger = arena_array(a, room_for(list->n + 1), sizeof(*bigger));

		if (list->n && list->v)
			memcpy(bigger, list->v, list->n * sizeof(*bigger));
		list->v = bigger;
	}
	memmove(list->v + at + 1, list->v + at, (list->n - at) * sizeof(*list->v));
	list->v[at] = text;
	list->v[++list->n] = NULL;
}

/* Text of several lines (a script, a certificate), but nothing that drives a terminal. */
static int check_lines(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	size_t n = strlen(text);

	if (n > FIELD_TEXT_MAX)
		return err_set(e, ERR_SPEC, "a text of %zu bytes; at most %zu are allowed", n,
			FIELD_TEXT_MAX);
	for (size_t at = utf8_ascii_run(text); at < n;) {
		uint32_t cp;
		size_t len = utf8_decode(text + at, n - at, &cp);
		bool is_blank = len && (cp == '\n' || cp == '\t' || cp == '\r');

		if (!len || (!is_blank && !utf8_is_plain(cp)))
			return err_set(e, ERR_SPEC, "a control character in %s",
				utf8_quote(&scratch, text, SHOWN));
		at += len;
	}
	return 0;
}

static int check_name(const struct strv *list, const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	size_t n = strlen(text);

	if (!n)
		return err_set(e, ERR_SPEC, "an empty name");
	if (n > NAME_BYTES_MAX)
		return err_set(e, ERR_SPEC, "a name of %zu bytes; at most %d are allowed", n,
			NAME_BYTES_MAX);
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i], text))
			return err_set(e, ERR_SPEC, "%s is given twice",
				utf8_quote(&scratch, text, SHOWN));
	return 0;
}

/* An element that is a value of another type; *text becomes its canonical form. */
static int check_value(struct arena *a, const struct field *f, const char **text, struct err *e)
{
	switch (f->type) {
	case FIELD_ADDRESSES:
	case FIELD_NET_ADDRESS:
		return value_parse_address(a, f, *text, text, e);
	case FIELD_SUBNETS: { /* min and max of the row count its elements */
		const struct field row = {.type = FIELD_SUBNET, .min = 0, .max = 32};

		return value_parse_subnet(a, &row, *text, text, e);
	}
	case FIELD_FORWARDS:
		return value_parse_forward(a, f, *text, text, e);
	case FIELD_NET_MAC:
		return value_parse_mac(a, f, *text, text, e);
	default:
		return 0;
	}
}

int value_append(struct arena *a, const struct field *f, struct strv *list, const char *text,
	struct err *e)
{
	if (f->type == FIELD_NAMES && check_name(list, text, e) < 0)
		return -1;
	if (check_lines(text, e) < 0 || check_value(a, f, &text, e) < 0)
		return -1;
	insert(a, list, list->n, arena_dup(a, text));
	return 0;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A loop, since strspn(3) makes a table for each call: every variable of every VM is asked. */
static bool is_key(const char *key)
{
	if (!is_letter(*key))
		return false;
	while (is_letter(*key) || (*key >= '0' && *key <= '9') || *key == '.' || *key == '-')
		key++;
	return !*key;
}

/* Compare "NAME=..." with a name. */
static int compare_pair(const char *entry, const char *key, size_t n)
{
	int order = strncmp(entry, key, n);

	return order ? order : entry[n] - '=';
}

/* Where NAME= is or belongs. */
static size_t place_pair(const struct strv *list, const char *key, size_t n)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_pair(list->v[middle], key, n) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const char *join_pair(struct arena *a, const char *key, size_t n, const char *text)
{
	size_t len = strlen(text);
	char *entry = arena_alloc(a, n + len + 2);

	memcpy(entry, key, n);
	entry[n] = '=';
	memcpy(entry + n + 1, text, len + 1);
	return entry;
}

static const char *pair_noun(const struct field *f)
{
	return f->type == FIELD_ENV ? "variable" : f->type == FIELD_LABELS ? "label" : "network";
}

static bool is_label_name(const char *key)
{
	size_t n = strlen(key);

	return n && n <= NAME_BYTES_MAX && *key != '-' && key[n - 1] != '-' &&
		strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int value_check_key(const struct field *f, const char *key, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	bool is_network = f->type == FIELD_NET_ADDRESS || f->type == FIELD_NET_MAC;

	if (is_network ? is_label_name(key) : is_key(key) && strlen(key) <= KEY_BYTES_MAX)
		return 0;
	err_set(e, ERR_SPEC, "%s is not a name of a %s", utf8_quote(&scratch, key, SHOWN),
		pair_noun(f));
	if (is_network)
		return err_hint(e, "1 to %d of a-z, 0-9 and -, no - at the ends", NAME_BYTES_MAX);
	return err_hint(e, "letters, digits, _ . and -, at most %d, no digit in front",
		KEY_BYTES_MAX);
}

static int check_pair_text(const struct field *f, const char *text, struct err *e)
{
	if (f->type == FIELD_LABELS && strlen(text) > LABEL_BYTES_MAX)
		return err_set(e, ERR_SPEC, "a label of %zu bytes; at most %d are allowed",
			strlen(text), LABEL_BYTES_MAX);
	if (f->type == FIELD_LABELS && strpbrk(text, "\n\t\r"))
		return err_set(e, ERR_SPEC, "a label is one line");
	return check_lines(text, e);
}

int value_append_pair(struct arena *a, const struct field *f, struct strv *map, const char *key,
	const char *text, struct err *e)
{
	size_t at, n = strlen(key);

	if (value_check_key(f, key, e) < 0 || check_pair_text(f, text, e) < 0 ||
		check_value(a, f, &text, e) < 0)
		return -1;
	at = place_pair(map, key, n);
	if (at < map->n && !compare_pair(map->v[at], key, n))
		return err_set(e, ERR_SPEC, "the %s %s is given twice", pair_noun(f), key);
	insert(a, map, at, join_pair(a, key, n, text));
	return 0;
}

const char *value_of_key(const struct strv *map, const char *name, size_t n)
{
	size_t at = place_pair(map, name, n);

	return at < map->n && !compare_pair(map->v[at], name, n) ? map->v[at] + n + 1 : NULL;
}

bool value_join(struct arena *a, struct strv *map, const char *entry)
{
	size_t n = strcspn(entry, "=");

	if (value_of_key(map, entry, n))
		return false;
	insert(a, map, place_pair(map, entry, n), entry);
	return true;
}

static int append_text(struct arena *a, const struct field *f, struct strv *list, const char *text,
	struct err *e)
{
	const char *equals = strchr(text, '=');

	if (!field_is_map(f))
		return value_append(a, f, list, text, e);
	if (!equals)
		return err_set(e, ERR_SPEC, "a %s without \"=\"", pair_noun(f));
	return value_append_pair(a, f, list, arena_dupn(a, text, (size_t)(equals - text)),
		equals + 1, e);
}

int value_parse_list(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	struct strv list = {0};
	size_t i;
	json_t *item;

	if (json_parse(text, strlen(text), "a list", &j, e) < 0)
		return -1;
	if (!json_is_array(j))
		return err_set(e, ERR_CONTENT, "not a list");
	json_array_foreach(j, i, item) {
		if (!json_is_string(item))
			return err_set(e, ERR_CONTENT, "an element is not a text");
		if (append_text(a, f, &list, json_string_value(item), e) < 0)
			return -1;
	}
	*(struct strv *)at = list;
	return 0;
}

const char *value_print_list(struct arena *a, const struct field *f, const void *at)
{
	_cleanup_json_ json_t *j = json_array();
	const struct strv *list = at;

	(void)f;
	if (!list->n)
		return NULL;
	for (size_t i = 0; i < list->n; i++)
		json_array_append_new(j, json_string(list->v[i]));
	return json_text(a, j);
}
