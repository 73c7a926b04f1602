/* effective.c - the values of one object as they hold, and where each of them came from. */
#include "schema/field.h"
#include "schema/spec.h"
#include "schema/value.h"

#include <string.h>

#define DEFAULTS_HAVE_A_DOT '.' /* the head of defaults.vm is told from a profile by its name */

const char *layer_name(enum layer layer)
{
	static const char *const names[] = {"default", "defaults", "profile", "field"};

	return names[layer];
}

static const struct spec_head *find_head(const struct spec *spec, enum kind kind, const char *name)
{
	if (kind == KIND_IMAGE)
		vec_each(i, &spec->images)
			if (!strcmp((*i)->head.name, name))
				return &(*i)->head;
	if (kind == KIND_KERNEL)
		vec_each(k, &spec->kernels)
			if (!strcmp((*k)->head.name, name))
				return &(*k)->head;
	if (kind == KIND_NETWORK)
		vec_each(n, &spec->networks)
			if (!strcmp((*n)->head.name, name))
				return &(*n)->head;
	if (kind == KIND_VM)
		vec_each(v, &spec->vms)
			if (!strcmp((*v)->head.name, name))
				return &(*v)->head;
	return NULL;
}

static void add_name(struct arena *a, const char **names, size_t *n, const struct spec_head *head)
{
	names[(*n)++] = arena_printf(a, "%s/%s", head->noun->singular, head->name);
}

static int no_such_object(struct arena *a, const struct spec *spec, const char *object,
	struct err *e)
{
	const char **names = arena_array(a, spec->images.n + spec->kernels.n + spec->networks.n +
		spec->vms.n + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	vec_each(i, &spec->images)
		add_name(a, names, &n, &(*i)->head);
	vec_each(k, &spec->kernels)
		add_name(a, names, &n, &(*k)->head);
	vec_each(w, &spec->networks)
		add_name(a, names, &n, &(*w)->head);
	vec_each(v, &spec->vms)
		add_name(a, names, &n, &(*v)->head);
	err_set(e, ERR_FAILED, "the spec has no object \"%.80s\"", object);
	near = nearest_name(object, names, n);
	return near ? err_hint(e, "did you mean \"%s\"?", near)
		    : err_hint(e, "objects are named KIND/NAME, for example vm/web");
}

/* Which layer a head is; of a value, whose head said it. */
static void set_layer(struct effective *v, const struct spec_head *layer, size_t row)
{
	bool is_defaults = strchr(layer->name, DEFAULTS_HAVE_A_DOT);

	v->layer = is_defaults ? LAYER_DEFAULTS : LAYER_PROFILE;
	v->profile = is_defaults ? NULL : layer->name;
	v->pos = layer->at[row];
}

static bool is_key(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

static void add_vars(struct arena *a, struct effective *v, const struct spec_head *from, size_t row)
{
	if (!from->more)
		return;
	vec_each(u, &from->more->vars)
		if (u->row == row && is_key(u->key, v->key))
			*vec_push(a, &v->vars) = *u;
	vec_each(p, &from->more->places)
		if (p->row == row && is_key(p->key, v->key))
			v->pos = p->pos;
}

static struct effective *add(struct arena *a, const struct spec_head *head, size_t row,
	const char *key, const struct spec_head *layer, struct effectives *out)
{
	struct effective *v = vec_push(a, out);

	*v = (struct effective){.field = &head->noun->fields[row], .key = key,
		.pos = head->at[row]};
	v->layer = v->pos.line ? LAYER_OBJECT : LAYER_BUILT_IN;
	if (layer)
		set_layer(v, layer, row);
	add_vars(a, v, layer ? layer : head, row);
	return v;
}

static const struct spec_head *layer_of_key(const struct spec_head *head, size_t row,
	const char *key, size_t n)
{
	if (!head->more)
		return NULL;
	vec_each(k, &head->more->keys)
		if (k->row == row && !strncmp(k->key, key, n) && !k->key[n])
			return k->layer;
	return NULL;
}

static void add_pairs(struct arena *a, const struct spec_head *head, size_t row,
	const struct strv *map, struct effectives *out)
{
	for (size_t i = 0; i < map->n; i++) {
		size_t n = strcspn(map->v[i], "=");

		add(a, head, row, arena_dupn(a, map->v[i], n),
			layer_of_key(head, row, map->v[i], n), out)->value = map->v[i] + n + 1;
	}
}

static void add_row(struct arena *a, const struct spec_head *head, size_t row,
	struct effectives *out)
{
	const struct field *f = &head->noun->fields[row];
	const struct strv *map = (const void *)((const char *)head + f->offset);
	const struct spec_head *layer = NULL;

	if (field_is_map(f) && map->n) {
		add_pairs(a, head, row, map, out);
		return;
	}
	if (head->more && head->more->layers)
		layer = head->more->layers[row];
	add(a, head, row, NULL, layer, out)->value = field_print(a, f, head);
}

int spec_effective(struct arena *a, const struct spec *spec, const char *object,
	struct effectives *out, struct err *e)
{
	const char *slash = strchr(object, '/');
	const struct spec_head *head = NULL;

	if (slash)
		head = find_head(spec, kind_parse(arena_dupn(a, object, (size_t)(slash - object))),
			slash + 1);
	if (!head)
		return no_such_object(a, spec, object, e);
	for (size_t i = 0; i < head->noun->n_fields; i++)
		add_row(a, head, i, out);
	return 0;
}
