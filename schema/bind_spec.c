/* bind_spec.c - what a spec says about itself, not about one object: guards and moved. */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <string.h>

#define SHOWN 60
#define MOVED_MAX 10000u

/* ---- guards --------------------------------------------------------------------------------- */

static struct guards_spec *guards_of(struct load *l)
{
	struct guards_spec *g = l->spec->guards;

	if (g)
		return g;
	g = l->spec->guards = arena_new(l->a, struct guards_spec);
	g->head.name = noun_guards.key;
	g->head.noun = &noun_guards;
	g->head.at = arena_array(l->a, noun_guards.n_fields, sizeof(*g->head.at));
	field_defaults(l->a, &noun_guards, g);
	return g;
}

/* Another file may have said the same already. */
static bool is_twice(struct load *l, struct source *src, const struct guards_spec *g,
	const struct yaml_node *key)
{
	const struct field *f = field_find(&noun_guards, key->text);
	const struct pos *first = f ? &g->head.at[f - noun_guards.fields] : NULL;
	struct diag *d;

	if (!first || !first->line)
		return false;
	d = BIND_ERROR(l, src, key, "guards: %s is given twice", key->text);
	d->other = *first;
	return true;
}

void bind_guard(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key)
{
	struct guards_spec *g = guards_of(l);
	struct binding b = {l, src, &noun_guards, &g->head, false};
	struct yaml_node one = *key, map = {.type = YAML_MAP, .child = &one};

	(void)noun;
	one.next = NULL;
	if (!is_twice(l, src, g, key))
		bind_fields(&b, "", &map);
}

/* ---- moved ---------------------------------------------------------------------------------- */

/* The name in "vm/web"; NULL after a diagnostic. */
static const char *moved_name(struct load *l, struct source *src, const struct yaml_node *n,
	const char *which)
{
	const char *slash;
	struct diag *d;

	if (n->bad)
		return NULL;
	slash = n->type == YAML_SCALAR && !yaml_is_null(n) ? strchr(n->text, '/') : NULL;
	if (slash && slash[1] && !strncmp(n->text, "vm/", 3))
		return arena_dup(l->a, slash + 1);
	if (slash && kind_parse(arena_dupn(l->a, n->text, (size_t)(slash - n->text))) != KIND_N) {
		d = BIND_ERROR(l, src, n, "moved: %s: only VMs are moved", which);
		diag_hint(l->a, d, "a disk moves with its VM; images and kernels are found by their content");
		return NULL;
	}
	BIND_ERROR(l, src, n, "moved: %s: a VM such as vm/web expected, not %s", which,
		n->type == YAML_SCALAR ? utf8_quote(l->a, n->text, SHOWN) : yaml_what(n));
	return NULL;
}

static void moved_key(struct load *l, struct source *src, const struct yaml_node *k,
	struct moved_spec *m)
{
	bool from = !strcmp(k->text, "from"), to = !strcmp(k->text, "to");

	if (k->bad)
		return;
	if (from) {
		m->from_pos = bind_place(src, k->child);
		m->from = moved_name(l, src, k->child, "from");
	} else if (to) {
		m->to_pos = bind_place(src, k->child);
		m->to = moved_name(l, src, k->child, "to");
	} else if (strncmp(k->text, "x-", 2) != 0) {
		struct diag *d = BIND_ERROR(l, src, k, "unknown field %s in moved",
			utf8_quote(l->a, k->text, SHOWN));

		diag_hint(l->a, d, "an entry is {from: vm/OLD, to: vm/NEW}");
	}
}

static void bind_move(struct load *l, struct source *src, const struct yaml_node *n)
{
	struct moved_spec *m = arena_new(l->a, struct moved_spec);

	if (n->bad)
		return;
	if (n->type != YAML_MAP) {
		BIND_ERROR(l, src, n, "moved: {from: vm/OLD, to: vm/NEW} expected, not %s", yaml_what(n));
		return;
	}
	for (const struct yaml_node *k = n->child; k; k = k->next)
		moved_key(l, src, k, m);
	if (!m->from_pos.line || !m->to_pos.line)
		BIND_ERROR(l, src, n, "moved: \"%s\" is missing", m->from_pos.line ? "to" : "from");
	else if (m->from && m->to)
		*vec_push(l->a, &l->spec->moved) = m;
}

void bind_moved(struct load *l, struct source *src, const struct yaml_node *n)
{
	if (n->bad)
		return;
	if (n->type != YAML_LIST) {
		struct diag *d = BIND_ERROR(l, src, n, "moved: a list expected, not %s", yaml_what(n));

		diag_hint(l->a, d, "write moved: [{from: vm/OLD, to: vm/NEW}]");
		return;
	}
	for (const struct yaml_node *i = n->child; i && !diags_full(l->diags); i = i->next) {
		if (l->spec->moved.n >= MOVED_MAX) {
			BIND_ERROR(l, src, i, "moved: more than %u entries, the most that is read",
				MOVED_MAX);
			return;
		}
		bind_move(l, src, i);
	}
}

/* ---- rules ---------------------------------------------------------------------------------- */

static const struct vm_spec *vm_named(const struct load *l, const char *name)
{
	return map_get(&l->names[KIND_VM], name, strlen(name));
}

/* It stands for its replicas and is no VM itself, so that a VM may move from its name to a replica's. */
static bool is_group(const struct vm_spec *vm, const char *name)
{
	return vm && vm->replicas && !strcmp(vm->head.name, name);
}

static void conflict(struct load *l, struct pos at, struct pos other, const char *hint,
	const char *msg)
{
	struct diag *d = load_error(l, at, "moved: %s", msg);

	d->other = other;
	if (hint)
		diag_hint(l->a, d, "%s", hint);
}

static const char *quoted(struct load *l, const char *name)
{
	return utf8_quote(l->a, arena_printf(l->a, "vm/%s", name), SHOWN);
}

static void check_move(struct load *l, const struct moved_spec *m)
{
	const struct vm_spec *from = vm_named(l, m->from), *to = vm_named(l, m->to);
	struct pos nowhere = {0};

	if (!strcmp(m->from, m->to))
		conflict(l, m->to_pos, m->from_pos, NULL, arena_printf(l->a,
			"%s cannot move to itself", quoted(l, m->to)));
	else if (from && !is_group(from, m->from) && !l->incomplete)
		conflict(l, m->from_pos, from->head.pos, "rename it there, or take this entry away",
			arena_printf(l->a, "%s is still declared", quoted(l, m->from)));
	else if (is_group(to, m->to))
		conflict(l, m->to_pos, to->head.pos, arena_printf(l->a, "name one of them, such as vm/%s-1, "
			"in an entry of its own", m->to), arena_printf(l->a,
			"%s stands for its replicas", quoted(l, m->to)));
	else if (!to && !l->incomplete)
		conflict(l, m->to_pos, nowhere, "declare it under vms, with the fields of the old one",
			arena_printf(l->a, "%s is not declared", quoted(l, m->to)));
}

/* Each name moves at most once, to a place of its own: a chain or a cycle has no one meaning. */
static void check_names(struct load *l, struct map *from, struct map *to, const struct moved_spec *m)
{
	const struct moved_spec *twin = map_add(l->a, from, m->from, strlen(m->from), (void *)(uintptr_t)m);
	const struct moved_spec *target = map_add(l->a, to, m->to, strlen(m->to), (void *)(uintptr_t)m);

	if (twin)
		conflict(l, m->from_pos, twin->from_pos, NULL,
			arena_printf(l->a, "%s moves twice", quoted(l, m->from)));
	if (target)
		conflict(l, m->to_pos, target->to_pos, NULL,
			arena_printf(l->a, "two VMs move to %s", quoted(l, m->to)));
}

static void check_chain(struct load *l, const struct map *to, const struct moved_spec *m)
{
	const struct moved_spec *before = map_get(to, m->from, strlen(m->from));

	if (before && before != m)
		conflict(l, m->from_pos, before->to_pos, "name the first and the last name in one entry",
			arena_printf(l->a, "%s is where another VM moves to", quoted(l, m->from)));
}

static void check_max_delete(struct load *l, const struct guards_spec *g)
{
	const char *text = g->max_delete;
	size_t digits = text ? strspn(text, "0123456789") : 0;
	bool share = text && !strcmp(text + digits, "%");
	struct diag *d;

	if (!text || (digits && digits < 10 && (!text[digits] ||
		(share && (digits < 3 || !strcmp(text, "100%")) && (digits == 1 || *text != '0')))))
		return;
	d = load_error(l, field_pos(&g->head, "max_delete"),
		"max_delete: %s is neither a number nor a share of at most 100%%",
		utf8_quote(l->a, text, SHOWN));
	diag_hint(l->a, d, "for example 5 or 20%%");
}

void check_about(struct load *l)
{
	struct map from = {0}, to = {0};

	if (l->spec->guards)
		check_max_delete(l, l->spec->guards);
	vec_each(m, &l->spec->moved) {
		check_names(l, &from, &to, *m);
		check_move(l, *m);
	}
	vec_each(m, &l->spec->moved)
		check_chain(l, &to, *m);
}
