/* bind.c - nodes to typed values: every field is found in its noun's table, nothing is guessed.
 *
 * A value that is wrong is complained about once and its field stays empty; its place is noted all
 * the same, so that nobody says that it is missing.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SPEC_VERSION "1"
#define SHOWN 60
#define NAMES_MAX 64 /* candidates for a mistyped field: more than any table has */
#define PREFIX_MAX 64

/* One object while it is filled. */
struct binding {
	struct load *l;
	struct source *src;
	const struct noun *noun;
	struct spec_head *head; /* the *_spec */
};

static struct pos place_of(const struct source *src, const struct yaml_node *n)
{
	return (struct pos){src->name, n->line, n->col};
}

#define COMPLAIN(l, src, node, ...)                                                                \
	source_diag((l)->a, (src), (l)->diags, SEVERITY_ERROR, place_of((src), (node)), __VA_ARGS__)

/* ---- values ---------------------------------------------------------------------------------- */

/* A diagnostic out of what a parser of values said; f when it did not name the field. */
static void complain_err(struct binding *b, const struct yaml_node *n, const struct field *f,
	const struct err *e)
{
	struct diag *d = COMPLAIN(b->l, b->src, n, "%s%s%s", f ? f->path : "", f ? ": " : "",
		e->msg);

	if (*e->hint)
		diag_hint(b->l->a, d, "%s", e->hint);
}

static void complain_type(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	struct diag *d = COMPLAIN(b->l, b->src, n, "%s: %s expected, not %s", f->path,
		field_expects(b->l->a, f), yaml_what(n));

	if (!yaml_is_null(n))
		return;
	if (f->required)
		diag_hint(b->l->a, d, "%s", f->help);
	else
		diag_hint(b->l->a, d, "leave it out for: %s", f->absent);
}

/* A scalar that says something; anything else is complained about. */
static bool is_text(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if (n->bad)
		return false;
	if (n->type == YAML_SCALAR && !yaml_is_null(n))
		return true;
	complain_type(b, f, n);
	return false;
}

/* Note that an object is named, unless it is one that was read already. */
static void add_ref(struct binding *b, const struct field *f, const struct yaml_node *n,
	const char *name)
{
	const void *known = map_get(&b->l->names[f->ref], name, n->n);

	if (known && known != b->head)
		return;
	*vec_push(b->l->a, &b->l->refs) = (struct ref){.field = f, .name = name,
		.from = b->head, .pos = place_of(b->src, n)};
}

static const struct strv *list_of(const struct binding *b, const struct field *f)
{
	return (const void *)((const char *)b->head + f->offset);
}

static const char *string_of(const struct binding *b, const struct field *f)
{
	return *(const char *const *)((const char *)b->head + f->offset);
}

/* Relative paths are taken from the folder of the file, wherever reconcile was started. */
static const char *absolute(struct binding *b, const char *text)
{
	if (!*text || *text == '/')
		return text;
	return arena_printf(b->l->a, "%s/%s", b->src->base, text);
}

static void bind_scalar(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	const char *text = n->text;
	struct err e = ERR_INIT;

	if (!is_text(b, f, n))
		return;
	if (f->type == FIELD_PATH && !strncmp(text, "~/", 2)) {
		struct diag *d = COMPLAIN(b->l, b->src, n, "%s: ~ is not expanded", f->path);

		diag_hint(b->l->a, d, "write the whole path");
		return;
	}
	if (f->type == FIELD_PATH)
		text = absolute(b, text);
	if (field_parse(b->l->a, f, text, b->head, &e) < 0)
		complain_err(b, n, NULL, &e);
	else if (f->type == FIELD_NAME)
		add_ref(b, f, n, string_of(b, f));
}

static void bind_element(struct binding *b, const struct field *f, const char *key,
	const struct yaml_node *n)
{
	struct err e = ERR_INIT;

	if (n->bad)
		return;
	if (n->type != YAML_SCALAR || yaml_is_null(n)) {
		struct diag *d = COMPLAIN(b->l, b->src, n, "%s: a text expected, not %s", f->path,
			yaml_what(n));

		if (yaml_is_null(n))
			diag_hint(b->l->a, d, "put it in quotes: an empty text is \"\"");
		return;
	}
	if (field_append(b->l->a, f, key, n->text, b->head, &e) < 0)
		complain_err(b, n, NULL, &e);
	else if (f->type == FIELD_NAMES)
		add_ref(b, f, n, list_of(b, f)->v[list_of(b, f)->n - 1]);
}

static void bind_list(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	struct err e = ERR_INIT;

	if (n->type == YAML_SCALAR) {
		if (is_text(b, f, n))
			bind_element(b, f, NULL, n);
		return;
	}
	if (n->type != YAML_LIST) {
		complain_type(b, f, n);
		return;
	}
	if ((int64_t)n->n > f->max) {
		COMPLAIN(b->l, b->src, n, "%s: %u elements; at most %lld are allowed", f->path,
			n->n, (long long)f->max);
		return;
	}
	for (const struct yaml_node *i = n->child; i && !diags_full(b->l->diags); i = i->next)
		bind_element(b, f, NULL, i);
	if (!n->n && field_count(f, b->head, &e) < 0)
		complain_err(b, n, NULL, &e);
}

static void bind_env(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if (n->type != YAML_MAP) {
		complain_type(b, f, n);
		return;
	}
	if ((int64_t)n->n > f->max) {
		COMPLAIN(b->l, b->src, n, "%s: %u variables; at most %lld are allowed", f->path,
			n->n, (long long)f->max);
		return;
	}
	for (const struct yaml_node *k = n->child; k && !diags_full(b->l->diags); k = k->next) {
		struct err e = ERR_INIT;

		if (k->bad)
			continue;
		if (!value_check_env_name(k->text, &e))
			bind_element(b, f, k->text, k->child);
		else
			complain_err(b, k, f, &e);
	}
}

static void bind_field(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	b->head->at[f - b->noun->fields] = place_of(b->src, n);
	if (n->bad)
		return;
	if (f->type == FIELD_ENV)
		bind_env(b, f, n);
	else if (field_is_list(f))
		bind_list(b, f, n);
	else
		bind_scalar(b, f, n);
}

/* ---- maps of fields --------------------------------------------------------------------------- */

/* The rest of a row's path below prefix, NULL if it is elsewhere. */
static const char *below(const struct field *f, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(f->path, prefix, n) ? NULL : f->path + n;
}

/* Row prefix + key. *group: no row is, but rows below "prefix key." are. */
static const struct field *find_row(const struct noun *noun, const char *prefix, const char *key,
	bool *group)
{
	size_t n = strlen(key);

	*group = false;
	for (size_t i = 0; i < noun->n_fields; i++) {
		const char *rest = *prefix ? below(&noun->fields[i], prefix) : noun->fields[i].path;

		/* The first letter rules out nearly every row: this is the innermost loop. */
		if (!rest || *rest != *key || strncmp(rest, key, n))
			continue;
		if (!rest[n])
			return &noun->fields[i];
		if (rest[n] == '.')
			*group = true;
	}
	return NULL;
}

static const struct field *find_shorthand(const struct noun *noun, const char *prefix,
	const char *key)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < noun->n_fields; i++) {
		const char *s = noun->fields[i].shorthand;

		if (s && !strncmp(s, prefix, n) && !strcmp(s + n, key))
			return &noun->fields[i];
	}
	return NULL;
}

/* The known name at this level that is nearest to the key. */
static const char *nearest_field(struct arena *a, const struct noun *noun, const char *prefix,
	const char *key)
{
	const char *names[NAMES_MAX];
	size_t n = 0;

	for (size_t i = 0; i < noun->n_fields && n < NAMES_MAX; i++) {
		const char *rest = below(&noun->fields[i], prefix);

		if (rest)
			names[n++] = arena_dupn(a, rest, strcspn(rest, "."));
	}
	return nearest_name(key, names, n);
}

/* Somebody who misspelt a field has not left it out: it is not reported as missing too. */
static void take_as_written(struct binding *b, const char *path, const struct yaml_node *key)
{
	const struct field *f = field_find(b->noun, path);
	struct pos *at = f ? &b->head->at[f - b->noun->fields] : NULL;

	if (at && !at->line)
		*at = place_of(b->src, key);
}

static void refuse_field(struct binding *b, const char *prefix, const struct yaml_node *key)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *path = arena_printf(&scratch, "%s%s", prefix, key->text);
	const char *group = arena_dupn(&scratch, prefix, *prefix ? strlen(prefix) - 1 : 0);
	const char *near;
	struct diag *d;

	if (unsupported_has(b->noun, prefix, key->text)) {
		COMPLAIN(b->l, b->src, key, "%s is not supported yet",
			utf8_quote(&scratch, path, SHOWN));
		return;
	}
	d = COMPLAIN(b->l, b->src, key, "unknown field %s in %s%s%s %s",
		utf8_quote(&scratch, key->text, SHOWN), group, *group ? " of " : "",
		b->noun->singular, utf8_quote(&scratch, b->head->name, SHOWN));
	near = nearest_field(&scratch, b->noun, prefix, key->text);
	if (!near)
		return;
	diag_hint(b->l->a, d, "did you mean \"%s\"?", near);
	take_as_written(b, arena_printf(&scratch, "%s%s", prefix, near), key);
}

static void bind_fields(struct binding *b, const char *prefix, const struct yaml_node *map);

/* "disk": a map of fields below it, or a text that means one of them. */
static void bind_group(struct binding *b, const char *prefix, const struct yaml_node *key)
{
	const struct field *f = find_shorthand(b->noun, prefix, key->text);
	const struct yaml_node *n = key->child;
	size_t len = strlen(prefix);
	char deeper[PREFIX_MAX];

	if (n->bad)
		return;
	if (n->type == YAML_MAP && len + key->n + 2 <= sizeof(deeper)) {
		memcpy(deeper, prefix, len);
		memcpy(deeper + len, key->text, key->n);
		memcpy(deeper + len + key->n, ".", 2);
		bind_fields(b, deeper, n);
	} else if (f && n->type == YAML_SCALAR) {
		bind_field(b, f, n);
	} else {
		COMPLAIN(b->l, b->src, n, "%s%s: a map of fields expected, not %s", prefix,
			key->text, yaml_what(n));
	}
}

static void bind_fields(struct binding *b, const char *prefix, const struct yaml_node *map)
{
	for (const struct yaml_node *k = map->child; k && !diags_full(b->l->diags); k = k->next) {
		const struct field *f;
		bool group;

		if (k->bad)
			continue;
		f = find_row(b->noun, prefix, k->text, &group);
		if (f)
			bind_field(b, f, k->child);
		else if (group)
			bind_group(b, prefix, k);
		else
			refuse_field(b, prefix, k);
	}
}

/* ---- objects ----------------------------------------------------------------------------------- */

/* From here on the mistakes of this object may come from a mistake in the YAML that follows: a line
 * that is indented wrongly ends an object early. */
static void mark_certain(struct load *l)
{
	l->certain = l->diags->n;
	l->certain_errors = l->diags->errors;
}

static void report_missing(struct binding *b, const struct yaml_node *key)
{
	for (size_t i = 0; i < b->noun->n_fields; i++) {
		const struct field *f = &b->noun->fields[i];
		struct diag *d;

		if (!f->required || b->head->at[i].line)
			continue;
		d = COMPLAIN(b->l, b->src, key, "%s %s has no \"%s\"", b->noun->singular,
			utf8_quote(b->l->a, key->text, SHOWN), f->path);
		diag_hint(b->l->a, d, "%s", f->help);
	}
}

static void keep(struct load *l, enum kind kind, void *spec)
{
	if (kind == KIND_IMAGE)
		*vec_push(l->a, &l->spec->images) = spec;
	else if (kind == KIND_KERNEL)
		*vec_push(l->a, &l->spec->kernels) = spec;
	else
		*vec_push(l->a, &l->spec->vms) = spec;
}

/* A *_spec with all its defaults. They are parsed once and then copied; no list has one, so nothing
 * is shared that could grow. */
static struct spec_head *new_spec(struct load *l, const struct noun *noun)
{
	struct spec_head **model = &l->models[noun->kind], *head;

	if (!*model) {
		*model = arena_alloc(l->a, noun->size);
		(*model)->noun = noun;
		field_defaults(l->a, noun, *model);
	}
	head = arena_alloc(l->a, noun->size);
	memcpy(head, *model, noun->size);
	head->at = arena_array(l->a, noun->n_fields, sizeof(*head->at));
	return head;
}

static void bind_object(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	const struct yaml_node *n = key->child;
	struct binding b = {l, src, noun, new_spec(l, noun)};
	struct spec_head *twin;

	b.head->name = key->text;
	b.head->pos = place_of(src, key);
	if (++l->objects > BIND_OBJECTS_MAX) {
		if (l->objects == BIND_OBJECTS_MAX + 1)
			COMPLAIN(l, src, key, "more than %u objects, the most that is read",
				BIND_OBJECTS_MAX);
		return;
	}
	twin = map_add(l->a, &l->names[noun->kind], key->text, key->n, b.head);
	if (twin) {
		struct diag *d = COMPLAIN(l, src, key, "%s %s is given twice", noun->singular,
			utf8_quote(l->a, key->text, SHOWN));

		d->other = twin->pos;
		return;
	}
	if (n->bad)
		return;
	if (n->type == YAML_MAP) {
		bind_fields(&b, "", n);
	} else if (!yaml_is_null(n)) {
		COMPLAIN(l, src, n, "%s %s: a map of fields expected, not %s", noun->singular,
			utf8_quote(l->a, key->text, SHOWN), yaml_what(n));
		return;
	}
	mark_certain(l);
	report_missing(&b, key);
	keep(l, noun->kind, b.head);
}

/* What stands under "vms:" as a whole; its entries were bound one by one. */
static void check_noun(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *n)
{
	struct diag *d;

	l->seen[noun->kind] = true;
	if (n->type == YAML_MAP && !n->bad)
		return;
	l->incomplete = true;
	if (n->bad)
		return;
	d = COMPLAIN(l, src, n, "%s: a map of names expected, not %s", noun->key, yaml_what(n));
	if (yaml_is_null(n))
		diag_hint(l->a, d, "if none is meant, write %s: {}", noun->key);
	else if (n->type == YAML_LIST)
		diag_hint(l->a, d, "write NAME: and its fields below it, without \"- \"");
}

/* ---- the top of a file --------------------------------------------------------------------------- */

static void check_version(struct load *l, struct source *src, const struct yaml_node *n)
{
	if (n->bad || (n->type == YAML_SCALAR && !strcmp(n->text, SPEC_VERSION)))
		return;
	if (n->type == YAML_SCALAR && !yaml_is_null(n))
		COMPLAIN(l, src, n, "version %s is not known here; this program reads version %s",
			utf8_quote(l->a, n->text, SHOWN), SPEC_VERSION);
	else
		COMPLAIN(l, src, n, "version: %s expected, not %s", SPEC_VERSION, yaml_what(n));
}

static void refuse_top(struct load *l, struct source *src, const struct yaml_node *key)
{
	const char *names[NAMES_MAX] = {"version"}, *near;
	const char *shown = utf8_quote(l->a, key->text, SHOWN);
	size_t n = 1;
	struct diag *d;

	l->incomplete = true;
	if (unsupported_has(NULL, "", key->text)) {
		COMPLAIN(l, src, key, "%s is not supported yet", shown);
		return;
	}
	for (size_t i = 0; i < noun_count; i++)
		names[n++] = nouns[i]->key;
	near = nearest_name(key->text, names, n);
	d = COMPLAIN(l, src, key, "unknown key %s at the top of a spec", shown);
	if (near)
		diag_hint(l->a, d, "did you mean \"%s\"?", near);
	else
		diag_hint(l->a, d, "known are version, images, kernels, vms and x-...");
}

static void bind_top(struct load *l, struct source *src, const struct yaml_node *key,
	bool *has_version)
{
	const struct noun *noun = noun_find(key->text);

	if (key->bad)
		return;
	if (!strcmp(key->text, "version")) {
		*has_version = true;
		check_version(l, src, key->child);
	} else if (noun) {
		check_noun(l, src, noun, key->child);
	} else if (strncmp(key->text, "x-", 2)) {
		refuse_top(l, src, key);
	}
}

static void bind_top_level(struct load *l, struct source *src, const struct yaml_node *root)
{
	struct pos start = {src->name, 1, 1};
	bool has_version = false;

	if (!root || yaml_is_null(root)) {
		struct diag *d = source_diag(l->a, src, l->diags, SEVERITY_ERROR, start,
			"the spec is empty");

		diag_hint(l->a, d, "an empty one is written version: 1 and vms: {}");
		l->incomplete = true;
		return;
	}
	if (root->type != YAML_MAP) {
		COMPLAIN(l, src, root, "a spec is a map of version, images, kernels and vms, not %s",
			yaml_what(root));
		l->incomplete = true;
		return;
	}
	for (const struct yaml_node *k = root->child; k && !diags_full(l->diags); k = k->next)
		bind_top(l, src, k, &has_version);
	if (!has_version)
		source_diag(l->a, src, l->diags, SEVERITY_ERROR, place_of(src, root),
			"\"version: %s\" is missing at the top of the file", SPEC_VERSION);
}

struct reading {
	struct load *l;
	struct source *src;
};

static void on_entry(void *arg, const struct yaml_node *top, const struct yaml_node *key)
{
	struct reading *r = arg;
	const struct noun *noun = noun_find(top->text);

	if (!noun || diags_full(r->l->diags))
		return;
	r->l->certain = SIZE_MAX;
	bind_object(r->l, r->src, noun, key);
}

/* Reading stopped at a mistake in the YAML, which is the last diagnostic: what the object before it
 * was said to lack is taken back. */
static void take_back_uncertain(struct load *l)
{
	struct diags *d = l->diags;

	if (l->certain >= d->n || diags_full(d))
		return;
	d->v[l->certain] = d->v[d->n - 1];
	d->n = l->certain + 1;
	d->errors = l->certain_errors + 1;
}

void bind_source(struct load *l, struct source *src)
{
	struct reading r = {l, src};
	struct yaml_sink sink = {on_entry, &r};
	struct yaml_node *root = NULL;

	l->certain = SIZE_MAX;
	if (!yaml_parse(l->a, src, l->diags, &sink, &root)) {
		bind_top_level(l, src, root);
		return;
	}
	l->incomplete = true;
	take_back_uncertain(l);
}

struct diag *load_error(struct load *l, struct pos pos, const char *fmt, ...)
{
	char msg[1024];
	struct diag *d;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	d = diags_add(l->a, l->diags, SEVERITY_ERROR, pos, "%s", msg);
	vec_each(s, &l->sources)
		if (pos.line && (*s)->name == pos.file && !diags_full(l->diags))
			source_show(l->a, *s, d);
	return d;
}
