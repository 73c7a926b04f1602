/* later_check.c - judge what stands in fields that no driver does yet; see later.h.
 *
 * A walk down the nodes with the path that leads there: "file_sync" -> "file_sync[]" ->
 * "file_sync[].from". A step is known when a row is there or below it. Values are parsed and thrown
 * away; a text with a variable in it is left alone.
 */
#include "schema/later.h"

#include "schema/base/utf8.h"
#include "schema/describe.h"
#include "schema/value.h"

#include <regex.h>
#include <string.h>

#define SHOWN 60
#define NAMES_MAX 32 /* candidates for a mistyped key */
#define ANY "*"

/* Where the walk is. path and what is made out of it live in scratch. */
struct walk {
	const struct later_place *at;
	struct load *l;
	struct source *src;
	const struct noun *noun;
	const char *where;
	struct arena *scratch;
};

static const struct field *row_at(const struct noun *noun, const char *path)
{
	return *path ? field_find(noun, path) : NULL;
}

/* Whether any row is below path: "vsock" has some when there is "vsock.ports.*.host". */
static bool has_below(const struct noun *noun, const char *path)
{
	size_t n = strlen(path);

	for (size_t i = 0; i < noun->n_fields; i++) {
		const char *p = noun->fields[i].path;

		if (!n || (!strncmp(p, path, n) && (p[n] == '.' || p[n] == '[')))
			return true;
	}
	return false;
}

static bool is_known(const struct noun *noun, const char *path)
{
	return row_at(noun, path) || has_below(noun, path);
}

bool later_has(const struct noun *noun, const char *prefix, const char *key)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct noun *later = noun ? later_find(noun->key) : later_find(key);

	if (!noun)
		return later != NULL;
	return later && (*prefix || *key) && is_known(later, arena_printf(&scratch, "%s%s", prefix, key));
}

static const char *below(const struct walk *w, const char *path, const char *key)
{
	return arena_printf(w->scratch, "%s%s%s", path, *path ? "." : "", key);
}

/* "forward[] of network \"lab\"" */
static const char *place_of(const struct walk *w, const char *path)
{
	return *path ? arena_printf(w->scratch, "%s of %s", path, w->where) : w->where;
}

/* ---- values --------------------------------------------------------------------------------- */

static bool matches(const char *pattern, const char *text)
{
	regex_t compiled;
	bool result;

	if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return true; /* a test compiles each */
	result = !regexec(&compiled, text, 0, NULL, 0);
	regfree(&compiled);
	return result;
}

static void check_scalar(struct walk *w, const struct field *f, const struct yaml_node *n)
{
	union {
		const char *text;
		uint64_t number;
	} value = {0};
	struct field row = *f;
	const char *text = n->text;
	struct err e = ERR_INIT;
	struct diag *d;

	if (n->type != YAML_SCALAR || yaml_is_null(n)) {
		BIND_ERROR(w->l, w->src, n, "%s: %s expected, not %s", f->path,
			field_expects(w->scratch, f), yaml_what(n));
		return;
	}
	if (strstr(text, "${"))
		return;
	if (f->type == FIELD_PATH && *text && *text != '/')
		text = below(w, w->src->base, text);
	row.offset = 0;
	if (field_parse(w->scratch, &row, text, &value, &e) == 0 && f->pattern &&
		!matches(f->pattern, text))
		err_set(&e, ERR_SPEC, "%s: %s does not have the form of %s", f->path,
			utf8_quote(w->scratch, text, SHOWN), describe_example(w->scratch, f));
	if (e.kind == ERR_NONE) {
		later_rule_value(w->at, f, text, n);
		return;
	}
	d = BIND_ERROR(w->l, w->src, n, "%s", e.msg);
	if (*e.hint)
		diag_hint(w->l->a, d, "%s", e.hint);
}

static void check_pairs(struct walk *w, const struct field *f, const struct yaml_node *n)
{
	struct strv pairs = {0};

	if (n->type != YAML_MAP) {
		BIND_ERROR(w->l, w->src, n, "%s: %s expected, not %s", f->path,
			field_expects(w->scratch, f), yaml_what(n));
		return;
	}
	for (const struct yaml_node *k = n->child; k; k = k->next) {
		struct err e = ERR_INIT;

		if (k->bad || k->child->bad)
			continue;
		if (k->child->type != YAML_SCALAR || yaml_is_null(k->child))
			err_set(&e, ERR_SPEC, "a text expected, not %s", yaml_what(k->child));
		else
			value_append_pair(w->scratch, f, &pairs, k->text, k->child->text, &e);
		if (e.kind != ERR_NONE)
			BIND_ERROR(w->l, w->src, k->child, "%s: %s", f->path, e.msg);
	}
}

/* ---- maps and lists ------------------------------------------------------------------------- */

static void check_node(struct walk *w, const char *path, const struct yaml_node *n);

/* The next step of a path that is below: its length. */
static size_t step_length(const char *rest)
{
	return strcspn(rest, ".[");
}

static void unknown_key(struct walk *w, const char *path, const struct yaml_node *key)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0, skip = *path ? strlen(path) + 1 : 0;
	struct diag *d = BIND_ERROR(w->l, w->src, key, "unknown field %s in %s",
		utf8_quote(w->scratch, key->text, SHOWN), place_of(w, path));

	for (size_t i = 0; i < w->noun->n_fields && n < NAMES_MAX; i++) {
		const char *p = w->noun->fields[i].path;

		if (!strncmp(p, path, skip ? skip - 1 : 0) && strlen(p) > skip)
			names[n++] = arena_dupn(w->scratch, p + skip, step_length(p + skip));
	}
	near = nearest_name(key->text, names, n);
	if (near)
		diag_hint(w->l->a, d, "did you mean \"%s\"?", near);
}

static bool has_key(const struct yaml_node *map, const char *key)
{
	for (const struct yaml_node *k = map->child; k; k = k->next)
		if (k->bad || !strcmp(k->text, key))
			return true;
	return false;
}

static void check_required(struct walk *w, const char *path, const struct yaml_node *map)
{
	size_t skip = *path ? strlen(path) + 1 : 0;

	for (size_t i = 0; i < w->noun->n_fields; i++) {
		const struct field *f = &w->noun->fields[i];
		const char *rest = f->path + skip;

		if (!f->required || strncmp(f->path, path, skip ? skip - 1 : 0) != 0 ||
			strlen(f->path) <= skip || rest[step_length(rest)] || has_key(map, rest))
			continue;
		BIND_ERROR(w->l, w->src, map, "%s has no \"%s\"", place_of(w, path), rest);
	}
}

/* What the names of a map are. */
static const struct {
	const char *path, *what; /* what is NULL: ports of vsock */
} key_rules[] = {
	{"volumes." ANY, "volume"},
	{"vsock.ports." ANY, NULL},
};

static void check_key(struct walk *w, const char *path, const struct yaml_node *key)
{
	for (size_t i = 0; i < sizeof(key_rules) / sizeof(key_rules[0]); i++) {
		if (strcmp(key_rules[i].path, path) != 0)
			continue;
		if (key_rules[i].what)
			check_label(w->l, bind_place(w->src, key), key->text, key_rules[i].what);
		else if (!value_is_vsock_port(key->text))
			BIND_ERROR(w->l, w->src, key, "%s is not a port of vsock: a number from 0 to "
				"4294967294", utf8_quote(w->scratch, key->text, SHOWN));
	}
}

static void check_map(struct walk *w, const char *path, const struct yaml_node *map)
{
	for (const struct yaml_node *k = map->child; k && !diags_full(w->l->diags); k = k->next) {
		const char *deeper = below(w, path, k->text);

		if (k->bad || !strncmp(k->text, "x-", 2))
			continue;
		if (!is_known(w->noun, deeper)) {
			deeper = below(w, path, ANY);
			check_key(w, deeper, k);
		}
		if (is_known(w->noun, deeper))
			check_node(w, deeper, k->child);
		else
			unknown_key(w, path, k);
	}
	check_required(w, path, map);
}

static void check_node(struct walk *w, const char *path, const struct yaml_node *n)
{
	const struct field *f = row_at(w->noun, path);
	const char *element = arena_printf(w->scratch, "%s[]", path);
	bool is_list = is_known(w->noun, element), is_name = *path && path[strlen(path) - 1] == *ANY;

	if (n->bad)
		return;
	if (f && f->type == FIELD_LABELS) {
		check_pairs(w, f, n);
	} else if (f) {
		check_scalar(w, f, n);
	} else if (is_list && n->type == YAML_LIST) {
		for (const struct yaml_node *i = n->child; i; i = i->next)
			check_node(w, element, i);
	} else if (is_list && row_at(w->noun, element)) {
		check_node(w, element, n); /* one without brackets */
	} else if (!is_list && n->type == YAML_MAP) {
		check_map(w, path, n);
	} else if (!(is_name && yaml_is_null(n))) {
		BIND_ERROR(w->l, w->src, n, "%s: a %s expected, not %s", path,
			is_list ? "list" : "map of fields", yaml_what(n));
	}
}

void later_check(const struct later_place *at, const char *path, const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	struct walk w = {at, at->l, at->src, at->noun, at->where, &scratch};

	if (!*path && yaml_is_null(n))
		return;
	if (!*path && n->type != YAML_MAP && !n->bad) {
		BIND_ERROR(w.l, w.src, n, "%s: a map of fields expected, not %s", w.where, yaml_what(n));
		return;
	}
	check_node(&w, path, n);
}
