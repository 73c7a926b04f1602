/* bind.c - a file to objects: each entry under images, kernels, networks and vms is one, and the top of the
 * file is checked when all of it was read.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/later.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SPEC_VERSION "1"
#define SHOWN 60
#define NAMES_MAX 16 /* candidates for a mistyped key at the top */

/* ---- objects -------------------------------------------------------------------------------- */

static void keep(struct load *l, enum kind kind, void *spec)
{
	if (kind == KIND_IMAGE)
		*vec_push(l->a, &l->spec->images) = spec;
	else if (kind == KIND_KERNEL)
		*vec_push(l->a, &l->spec->kernels) = spec;
	else if (kind == KIND_NETWORK)
		*vec_push(l->a, &l->spec->networks) = spec;
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

static struct binding new_binding(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	struct binding b = {l, src, noun, new_spec(l, noun), false};

	b.head->name = key->text;
	b.head->pos = bind_place(src, key);
	return b;
}

const char *bind_where(struct arena *a, const struct binding *b)
{
	const char *name = b->head->name;

	if ((b->is_layer && !strcmp(name, DEFAULTS_NAME)) || b->noun == &noun_guards)
		return name;
	return arena_printf(a, "%s %s", b->is_layer ? "profile" : b->noun->singular,
		utf8_quote(a, name, SHOWN));
}

static size_t order_of(const struct load *l, const char *file)
{
	size_t i = 0;

	while (i < l->sources.n && l->sources.v[i]->name != file)
		i++;
	return i;
}

/* Whether a stands before b. An object that had to wait for variables is bound after those behind
 * it. */
static bool comes_before(const struct load *l, const struct pos *a, const struct pos *b)
{
	if (a->file != b->file)
		return order_of(l, a->file) < order_of(l, b->file);
	return a->line != b->line ? a->line < b->line : a->col < b->col;
}

static bool is_new(struct binding *b, const struct spec_head *twin)
{
	const struct pos *first, *second = &b->head->pos;
	struct diag *d;

	if (!twin)
		return true;
	first = &twin->pos;
	if (comes_before(b->l, second, first)) {
		first = second;
		second = &twin->pos;
	}
	d = load_error(b->l, *second, "%s is given twice", bind_where(b->l->a, b));
	d->other = *first;
	return false;
}

/* Fill it from what stands under its name. Whether that is a map, or nothing. */
static bool fill(struct binding *b, const struct yaml_node *n)
{
	if (n->bad)
		return false;
	if (n->type == YAML_MAP) {
		bind_fields(b, "", n);
		return true;
	}
	if (!yaml_is_null(n))
		BIND_ERROR(b->l, b->src, n, "%s: a map of fields expected, not %s",
			bind_where(b->l->a, b), yaml_what(n));
	return yaml_is_null(n);
}

static bool too_many(struct load *l, struct source *src, const struct yaml_node *key)
{
	if (++l->objects == BIND_OBJECTS_MAX + 1)
		BIND_ERROR(l, src, key, "more than %u objects, the most that is read",
			BIND_OBJECTS_MAX);
	return l->objects > BIND_OBJECTS_MAX;
}

static void bind_object(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	struct binding b = new_binding(l, src, noun, key);

	if (too_many(l, src, key) ||
		!is_new(&b, map_add(l->a, &l->names[noun->kind], key->text, key->n, b.head)))
		return;
	if (!fill(&b, key->child))
		return;
	keep(l, noun->kind, b.head);
	l->last = b.head;
}

static void bind_profile(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	struct binding b = new_binding(l, src, noun, key);
	struct profile *p = arena_new(l->a, struct profile), *twin;

	b.is_layer = true;
	p->head = b.head;
	if (too_many(l, src, key))
		return;
	twin = map_add(l->a, &l->names[KIND_N], key->text, key->n, p);
	if (!is_new(&b, twin ? twin->head : NULL))
		return;
	fill(&b, key->child);
	*vec_push(l->a, &l->profiles) = p;
}

static void bind_defaults(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	struct binding b = new_binding(l, src, noun, key);
	struct diag *d;

	b.is_layer = true;
	b.head->name = DEFAULTS_NAME;
	if (strcmp(key->text, noun->singular) != 0) {
		d = BIND_ERROR(l, src, key, "defaults: unknown kind %s",
			utf8_quote(l->a, key->text, SHOWN));
		diag_hint(l->a, d, "defaults are for vm");
		return;
	}
	if (!is_new(&b, l->defaults))
		return;
	l->defaults = b.head;
	fill(&b, key->child);
}

/* ---- what stands under each key at the top -------------------------------------------------- */

/* Maps at the top that are no nouns: what binds their entries. */
static const struct section {
	const char *key;
	void (*bind)(struct load *l, struct source *src, const struct noun *noun,
		const struct yaml_node *key);
} sections[] = {
	{"defaults", bind_defaults},
	{"guards", bind_guard},
	{"profiles", bind_profile},
	{"vars", NULL}, /* at once: nothing in it waits for a variable */
};

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))
#define INCLUDE_KEY "include"
#define MOVED_KEY "moved"

static const struct section *find_section(const char *key)
{
	for (size_t i = 0; i < N_SECTIONS; i++)
		if (!strcmp(sections[i].key, key))
			return &sections[i];
	return NULL;
}

static void bind_entry(struct load *l, struct source *src, const char *top,
	const struct yaml_node *key)
{
	const struct noun *noun = noun_find(top);
	const struct section *section = noun ? NULL : find_section(top);

	l->last = NULL;
	if (noun)
		bind_object(l, src, noun, key);
	else if (section && section->bind)
		section->bind(l, src, &noun_vm, key);
}

/* A copy that outlives the reading of the entry. */
static struct yaml_node *copy_tree(struct arena *a, const struct yaml_node *n)
{
	struct yaml_node *copy = arena_new(a, struct yaml_node), **tail = &copy->child;

	*copy = *n;
	copy->next = copy->child = NULL;
	if (n->text)
		copy->text = arena_dupn(a, n->text, n->n);
	for (const struct yaml_node *i = n->child; i; i = i->next) {
		*tail = copy_tree(a, i);
		tail = &(*tail)->next;
	}
	return copy;
}

/* A key is a node with its value as its only child. */
static void defer(struct load *l, struct source *src, const char *top, const struct yaml_node *key)
{
	struct yaml_node *copy = arena_new(l->a, struct yaml_node);

	*copy = *key;
	copy->next = NULL;
	copy->child = copy_tree(l->a, key->child);
	*vec_push(l->a, &l->deferred) = (struct deferred){src, top, copy};
}

static void bind_expanded(struct load *l, struct source *src, const char *top,
	struct yaml_node *key)
{
	vars_expand(l, src, key->child);
	bind_entry(l, src, top, key);
	l->traces.n = 0; /* they point into the entry */
}

void bind_deferred(struct load *l)
{
	for (size_t i = 0; i < l->deferred.n && !diags_full(l->diags); i++) {
		const struct deferred *d = &l->deferred.v[i];

		bind_expanded(l, d->src, d->top, d->key);
	}
}

/* What stands under "vms:" as a whole; its entries were bound one by one. */
static void check_map(struct load *l, struct source *src, const char *name,
	const struct yaml_node *n)
{
	struct diag *d;

	if (n->type == YAML_MAP && !n->bad)
		return;
	l->incomplete = true;
	if (n->bad)
		return;
	d = BIND_ERROR(l, src, n, "%s: a map of names expected, not %s", name, yaml_what(n));
	if (yaml_is_null(n))
		diag_hint(l->a, d, "if none is meant, write %s: {}", name);
	else if (n->type == YAML_LIST)
		diag_hint(l->a, d, "write NAME: and its fields below it, without \"- \"");
}

/* ---- the top of a file ---------------------------------------------------------------------- */

static void check_version(struct load *l, struct source *src, const struct yaml_node *n)
{
	if (n->bad || (n->type == YAML_SCALAR && !strcmp(n->text, SPEC_VERSION)))
		return;
	if (n->type == YAML_SCALAR && !yaml_is_null(n))
		BIND_ERROR(l, src, n, "version %s is not known here; this program reads version %s",
			utf8_quote(l->a, n->text, SHOWN), SPEC_VERSION);
	else
		BIND_ERROR(l, src, n, "version: %s expected, not %s", SPEC_VERSION, yaml_what(n));
}

static void refuse_top(struct load *l, struct source *src, const struct yaml_node *key)
{
	const char *names[NAMES_MAX] = {"version", INCLUDE_KEY, MOVED_KEY}, *near;
	const char *shown = utf8_quote(l->a, key->text, SHOWN);
	size_t n = 3;
	struct diag *d;

	l->incomplete = true;
	if (later_has(NULL, "", key->text)) {
		BIND_ERROR(l, src, key, "%s is not supported yet", shown);
		return;
	}
	for (size_t i = 0; i < noun_count; i++)
		names[n++] = nouns[i]->key;
	for (size_t i = 0; i < N_SECTIONS; i++)
		names[n++] = sections[i].key;
	near = nearest_name(key->text, names, n);
	d = BIND_ERROR(l, src, key, "unknown key %s at the top of a spec", shown);
	if (near)
		diag_hint(l->a, d, "did you mean \"%s\"?", near);
	else
		diag_hint(l->a, d, "known are version, images, kernels, networks, vms, defaults, "
			"profiles, vars, include, guards, moved and x-...");
}

/* Remember one file to read. false: no more of them. */
static bool add_include(struct load *l, struct source *src, const struct yaml_node *n)
{
	if (n->type != YAML_SCALAR || yaml_is_null(n)) {
		l->incomplete = true;
		if (!n->bad)
			BIND_ERROR(l, src, n, INCLUDE_KEY ": the name of a file expected, not %s",
				yaml_what(n));
	} else if (l->includes.n >= SPEC_FILES_MAX) {
		l->incomplete = true;
		BIND_ERROR(l, src, n, INCLUDE_KEY ": more than %d files, the most that is read",
			SPEC_FILES_MAX);
		return false;
	} else if (!n->bad) {
		*vec_push(l->a, &l->includes) = (struct include){src, n};
	}
	return true;
}

/* Files that are read as if they were given too. */
static void bind_include(struct load *l, struct source *src, const struct yaml_node *n)
{
	const struct yaml_node *first = n->type == YAML_LIST ? n->child : n;

	if (n->bad)
		return;
	if (n->type == YAML_MAP || yaml_is_null(n)) {
		l->incomplete = true;
		BIND_ERROR(l, src, n, INCLUDE_KEY ": a list of files expected, not %s",
			yaml_what(n));
		return;
	}
	for (const struct yaml_node *i = first; i && !diags_full(l->diags); i = i->next)
		if (!add_include(l, src, i) || n->type != YAML_LIST)
			return;
}

static void bind_top(struct load *l, struct source *src, const struct yaml_node *key,
	bool *has_version)
{
	const struct noun *noun = noun_find(key->text);

	if (key->bad)
		return;
	if (noun)
		l->seen[noun->kind] = true;
	if (!strcmp(key->text, "version")) {
		*has_version = true;
		check_version(l, src, key->child);
	} else if (noun || find_section(key->text)) {
		check_map(l, src, key->text, key->child);
	} else if (!strcmp(key->text, INCLUDE_KEY)) {
		bind_include(l, src, key->child);
	} else if (!strcmp(key->text, MOVED_KEY)) {
		bind_moved(l, src, key->child);
	} else if (strncmp(key->text, "x-", 2) != 0) {
		refuse_top(l, src, key);
	}
}

/* One document of a file. Whether it says its version. */
static bool bind_document(struct load *l, struct source *src, const struct yaml_node *root)
{
	bool has_version = false;

	if (root->type != YAML_MAP) {
		l->incomplete = true;
		BIND_ERROR(l, src, root,
			"a spec is a map of version, images, kernels, networks and vms, not %s",
			yaml_what(root));
		return true;
	}
	for (const struct yaml_node *k = root->child; k && !diags_full(l->diags); k = k->next)
		bind_top(l, src, k, &has_version);
	return has_version;
}

/* All documents of a file: those that say nothing at all do not count, and the first of the others
 * says the version for all. */
static void bind_documents(struct load *l, struct source *src, const struct yaml_node *root)
{
	const struct yaml_node *first = NULL;
	struct pos start = {src->name, 1, 1};
	struct diag *d;

	for (; root && !diags_full(l->diags); root = root->next) {
		bool has_version;

		if (yaml_is_null(root))
			continue;
		has_version = bind_document(l, src, root);
		if (!first && !has_version)
			source_diag(l->a, src, l->diags, SEVERITY_ERROR, bind_place(src, root),
				"\"version: %s\" is missing at the top of the file", SPEC_VERSION);
		first = first ? first : root;
	}
	if (first || diags_full(l->diags))
		return;
	d = source_diag(l->a, src, l->diags, SEVERITY_ERROR, start, "the spec is empty");
	diag_hint(l->a, d, "an empty one is written version: 1 and vms: {}");
	l->incomplete = true;
}

/* An entry of a noun that no driver does yet. */
static void check_later(struct load *l, struct source *src, const char *top,
	const struct yaml_node *key)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct noun *noun = later_find(top);
	struct later_place at = {.l = l, .src = src, .noun = noun};

	if (!noun || key->bad)
		return;
	at.where = arena_printf(&scratch, "%s %s", noun->singular,
		utf8_quote(&scratch, key->text, SHOWN));
	if (check_label(l, bind_place(src, key), key->text, noun->singular))
		later_rule_entry(&at, key);
	later_check(&at, "", key->child);
}

struct reading {
	struct load *l;
	struct source *src;
};

static void on_entry(void *arg, const struct yaml_node *top, struct yaml_node *key)
{
	struct reading *r = arg;
	struct load *l = r->l;

	if (diags_full(l->diags))
		return;
	l->last = NULL;
	if (!strcmp(top->text, "vars"))
		vars_declare(l, r->src, key);
	else if (!noun_find(top->text) && !find_section(top->text))
		check_later(l, r->src, top->text, key);
	else if (!r->src->has_marks || !vars_needed(key->child))
		bind_entry(l, r->src, top->text, key);
	else if (vars_known(l, key->child))
		bind_expanded(l, r->src, top->text, key);
	else
		defer(l, r->src, top->text, key);
}

/* Reading stopped at a mistake in the YAML. The object before it may lack what a line that is
 * indented wrongly would have said: it is not told that. */
static void forgive_last(struct load *l, size_t deferred)
{
	if (l->last)
		*vec_push(l->a, &l->cut) = l->last;
	else if (l->deferred.n > deferred)
		l->deferred.n--;
}

void bind_source(struct load *l, struct source *src)
{
	struct reading r = {l, src};
	struct yaml_sink sink = {on_entry, &r};
	struct yaml_node *root = NULL;
	size_t deferred = l->deferred.n;

	l->last = NULL;
	if (!yaml_parse(l->a, src, l->diags, &sink, &root)) {
		bind_documents(l, src, root);
		return;
	}
	l->incomplete = true;
	forgive_last(l, deferred);
}

static struct diag *add_diag(struct load *l, enum severity severity, struct pos pos,
	const char *msg)
{
	struct diag *d = diags_add(l->a, l->diags, severity, pos, "%s", msg);

	vec_each(s, &l->sources)
		if (pos.line && (*s)->name == pos.file && !diags_full(l->diags))
			source_show(l->a, *s, d);
	return d;
}

struct diag *load_warn(struct load *l, struct pos pos, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return add_diag(l, SEVERITY_WARNING, pos, msg);
}

struct diag *load_error(struct load *l, struct pos pos, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return add_diag(l, SEVERITY_ERROR, pos, msg);
}
