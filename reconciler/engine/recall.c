/* recall.c - what was last applied, as objects. */
#include "reconciler/engine/recall.h"

#include "schema/field.h"

#include <stdlib.h>
#include <string.h>

static const struct noun *noun_of(enum kind kind)
{
	static const struct noun *const own[KIND_N] = {[KIND_IMAGE] = &noun_image,
		[KIND_KERNEL] = &noun_kernel, [KIND_NETWORK] = &noun_network,
		[KIND_FIREWALL] = &noun_network};

	return own[kind] ? own[kind] : &noun_vm;
}

/* "file:line:col"; the file's name may have colons of its own. */
static struct pos recall_pos(struct arena *a, const char *where)
{
	char *text = arena_dup(a, where ? where : ""), *col = strrchr(text, ':'), *line;
	struct pos pos = {0};

	if (!col)
		return pos;
	*col++ = '\0';
	line = strrchr(text, ':');
	if (!line)
		return pos;
	*line++ = '\0';
	pos.file = text;
	pos.line = (uint32_t)strtoul(line, NULL, 10);
	pos.col = (uint32_t)strtoul(col, NULL, 10);
	return pos;
}

static void recall_fields(struct arena *a, const struct noun *noun, const struct record *r,
	void *spec)
{
	kvs_each(kv, &r->fields) {
		const struct field *f = field_find(noun, kv->key);

		if (f && f->feeds == r->kind)
			field_parse(a, f, kv->value, spec, NULL);
	}
}

struct object *recall_object(struct arena *a, const struct record *r, const struct record *vm)
{
	const struct noun *noun = noun_of(r->kind);
	struct spec_head *head = arena_alloc(a, noun->size);
	struct object *o = arena_new(a, struct object);

	head->name = r->name;
	head->noun = noun;
	head->pos = recall_pos(a, r->where);
	head->at = arena_array(a, noun->n_fields + 1, sizeof(*head->at));
	field_defaults(a, noun, head);
	recall_fields(a, noun, r, head);
	if (vm)
		recall_fields(a, noun, vm, head);
	*o = (struct object){.kind = r->kind, .name = r->name, .spec = head};
	return o;
}
