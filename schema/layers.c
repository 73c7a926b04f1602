/* layers.c - what an object does not say itself: its profiles, then the defaults, then the built-in
 * default of the field.
 *
 *	vms.web.memory  >  the last of its profiles that says it ... the first  >  defaults.vm
 *
 * A value replaces the one below it whole; only maps (env, labels) are joined name by name. The
 * place of an inherited value is where the profile says it: a plan points to the line that asks.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/value.h"

#include <string.h>

#define SHOWN 60

struct provenance *layers_more(struct arena *a, struct spec_head *head)
{
	if (!head->more)
		head->more = arena_new(a, struct provenance);
	return head->more;
}

static void note_layer(struct arena *a, struct spec_head *head, size_t row,
	const struct spec_head *layer)
{
	struct provenance *more = layers_more(a, head);

	if (!more->layers)
		more->layers = arena_array(a, head->noun->n_fields, sizeof(*more->layers));
	more->layers[row] = layer;
	head->at[row] = layer->at[row];
}

static struct strv *map_of(const struct field *f, const struct spec_head *head)
{
	return (struct strv *)((char *)(uintptr_t)head + f->offset);
}

/* Take the names that the object does not have, and the secrets behind them. */
static void join_map(struct arena *a, struct spec_head *head, size_t row,
	const struct spec_head *layer)
{
	const struct field *f = &head->noun->fields[row];
	const struct strv *from = map_of(f, layer);
	struct vm_spec *vm = (struct vm_spec *)(void *)head;
	struct provenance *more = layers_more(a, head);
	const struct vm_spec *giver = (const struct vm_spec *)(const void *)layer;

	for (size_t i = 0; i < from->n; i++) {
		size_t n = strcspn(from->v[i], "=");
		const char *text = value_of_key(&giver->secrets, from->v[i], n);

		if (!value_join(a, map_of(f, head), from->v[i]))
			continue;
		*vec_push(a, &more->keys) = (struct joined_key){(uint32_t)row,
			arena_dupn(a, from->v[i], n), layer};
		if (text && f->type == FIELD_ENV)
			value_join(a, &vm->secrets, text - n - 1);
	}
}

static void check_self(struct load *l, const struct spec_head *head, size_t row)
{
	const struct field *f = &head->noun->fields[row];
	const struct strv *names = map_of(f, head);
	struct diag *d;

	if (f->type != FIELD_NAMES || f->ref != head->noun->kind)
		return;
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], head->name) != 0)
			continue;
		d = load_error(l, head->at[row], "%s: %s %s cannot depend on itself", f->path,
			head->noun->singular, utf8_quote(l->a, head->name, SHOWN));
		d->other = head->pos;
	}
}

static void inherit(struct load *l, struct spec_head *head, const struct spec_head *layer)
{
	for (size_t i = 0; i < head->noun->n_fields; i++) {
		const struct field *f = &head->noun->fields[i];
		bool said = head->at[i].line;

		if (!layer->at[i].line)
			continue;
		if (!said)
			note_layer(l->a, head, i, layer);
		if (field_is_map(f)) {
			join_map(l->a, head, i, layer);
		} else if (!said) {
			field_copy(f, head, layer);
			check_self(l, head, i);
		}
	}
}

static void check_counts(struct load *l, struct spec_head *head)
{
	if (!head->more || !head->more->keys.n)
		return;
	for (size_t i = 0; i < head->noun->n_fields; i++) {
		const struct field *f = &head->noun->fields[i];
		struct err e = ERR_INIT;

		if (field_is_map(f) && field_count(f, head, &e) < 0)
			load_error(l, head->at[i], "%s", e.msg);
	}
}

static void inherit_all(struct load *l, struct vm_spec *vm)
{
	for (size_t i = vm->profiles.n; i-- > 0;) {
		const char *name = vm->profiles.v[i];
		struct profile *p = map_get(&l->names[KIND_N], name, strlen(name));

		if (!p) /* said when the names are checked */
			continue;
		p->used = true;
		inherit(l, &vm->head, p->head);
	}
	if (l->defaults)
		inherit(l, &vm->head, l->defaults);
	check_counts(l, &vm->head);
}

/* ---- what is missing ------------------------------------------------------------------------ */

static bool was_cut(const struct load *l, const struct spec_head *head)
{
	vec_each(h, &l->cut)
		if (*h == head)
			return true;
	return false;
}

/* A name that is missing may stand in what could not be read: in a profile, too. */
static bool may_come_from_profile(const struct load *l, const struct spec_head *head)
{
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)head;

	if (head->noun != &noun_vm)
		return false;
	for (size_t i = 0; i < vm->profiles.n; i++)
		if (!map_get(&l->names[KIND_N], vm->profiles.v[i], strlen(vm->profiles.v[i])))
			return true;
	return l->incomplete && !l->defaults;
}

static void report_missing(struct load *l, const struct spec_head *head)
{
	for (size_t i = 0; i < head->noun->n_fields; i++) {
		const struct field *f = &head->noun->fields[i];
		struct diag *d;

		if (!f->required || head->at[i].line)
			continue;
		if (was_cut(l, head) || may_come_from_profile(l, head))
			return;
		d = load_error(l, head->pos, "%s %s has no \"%s\"", head->noun->singular,
			utf8_quote(l->a, head->name, SHOWN), f->path);
		diag_hint(l->a, d, "%s", f->help);
	}
}

void layers_apply(struct load *l)
{
	struct spec *s = l->spec;

	vec_each(i, &s->images)
		report_missing(l, &(*i)->head);
	vec_each(k, &s->kernels)
		report_missing(l, &(*k)->head);
	vec_each(n, &s->networks)
		report_missing(l, &(*n)->head);
	vec_each(v, &s->vms) {
		if (diags_full(l->diags))
			return;
		if ((*v)->profiles.n || l->defaults)
			inherit_all(l, *v);
		report_missing(l, &(*v)->head);
	}
}
