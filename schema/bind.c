/* bind.c - a file to objects: each entry under images, kernels and vms is one, and the top of the
 * file is checked when all of it was read.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SPEC_VERSION "1"
#define SHOWN 60
#define NAMES_MAX 16 /* candidates for a mistyped key at the top */

/* ---- objects -------------------------------------------------------------------------------- */

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
		d = BIND_ERROR(b->l, b->src, key, "%s %s has no \"%s\"", b->noun->singular,
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
	b.head->pos = bind_place(src, key);
	if (++l->objects > BIND_OBJECTS_MAX) {
		if (l->objects == BIND_OBJECTS_MAX + 1)
			BIND_ERROR(l, src, key, "more than %u objects, the most that is read",
				BIND_OBJECTS_MAX);
		return;
	}
	twin = map_add(l->a, &l->names[noun->kind], key->text, key->n, b.head);
	if (twin) {
		struct diag *d = BIND_ERROR(l, src, key, "%s %s is given twice", noun->singular,
			utf8_quote(l->a, key->text, SHOWN));

		d->other = twin->pos;
		return;
	}
	if (n->bad)
		return;
	if (n->type == YAML_MAP) {
		bind_fields(&b, "", n);
	} else if (!yaml_is_null(n)) {
		BIND_ERROR(l, src, n, "%s %s: a map of fields expected, not %s", noun->singular,
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
	d = BIND_ERROR(l, src, n, "%s: a map of names expected, not %s", noun->key, yaml_what(n));
	if (yaml_is_null(n))
		diag_hint(l->a, d, "if none is meant, write %s: {}", noun->key);
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
	const char *names[NAMES_MAX] = {"version"}, *near;
	const char *shown = utf8_quote(l->a, key->text, SHOWN);
	size_t n = 1;
	struct diag *d;

	l->incomplete = true;
	if (unsupported_has(NULL, "", key->text)) {
		BIND_ERROR(l, src, key, "%s is not supported yet", shown);
		return;
	}
	for (size_t i = 0; i < noun_count; i++)
		names[n++] = nouns[i]->key;
	near = nearest_name(key->text, names, n);
	d = BIND_ERROR(l, src, key, "unknown key %s at the top of a spec", shown);
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
	} else if (strncmp(key->text, "x-", 2) != 0) {
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
		BIND_ERROR(l, src, root,
			"a spec is a map of version, images, kernels and vms, not %s",
			yaml_what(root));
		l->incomplete = true;
		return;
	}
	for (const struct yaml_node *k = root->child; k && !diags_full(l->diags); k = k->next)
		bind_top(l, src, k, &has_version);
	if (!has_version)
		source_diag(l->a, src, l->diags, SEVERITY_ERROR, bind_place(src, root),
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
