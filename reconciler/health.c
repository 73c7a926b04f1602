/* health.c - the objects of a pass as a drawing. */
#include "reconciler/health.h"

#include "reconciler/document.h"
#include "reconciler/engine/drift.h"

#include <stdlib.h>
#include <string.h>

/* ---- how it is ------------------------------------------------------------------------------ */

static enum health vm_health(const struct view *v, const char **state)
{
	const char *wanted = v->record ? kvs_get(&v->record->fields, "running") : NULL;

	if (v->observed.running) {
		*state = "running";
		return HEALTH_GOOD;
	}
	if (v->observed.finished) {
		*state = "exited";
		return HEALTH_OFF;
	}
	if (wanted && !strcmp(wanted, "false")) {
		*state = "stopped";
		return HEALTH_OFF;
	}
	*state = "dead";
	return HEALTH_BAD;
}

static enum health made_health(const struct view *v, const char **state, const char **note)
{
	const enum kind kind = v->record->kind;

	if (drift_is(v) || v->observed.seen == SEEN_FOREIGN) {
		*note = drift_text(v);
		*state = v->observed.seen == SEEN_ABSENT ? "missing" : "drifted";
		if (kind != KIND_VM || v->observed.running)
			return HEALTH_BAD;
	}
	if (kind == KIND_VM)
		return vm_health(v, state);
	if (!strcmp(*note, "")) {
		*state = "made";
		return HEALTH_GOOD;
	}
	return HEALTH_BAD;
}

enum health health_of(const struct view *v, const char **state, const char **note)
{
	*note = v->observed.reason ? v->observed.reason : "";
	if (!v->record) {
		*state = v->observed.seen == SEEN_FOREIGN ? "not ours" : "to be made";
		return v->observed.seen == SEEN_FOREIGN ? HEALTH_BAD : HEALTH_BUSY;
	}
	if (v->record->state == RECORD_MADE) {
		*note = "";
		return made_health(v, state, note);
	}
	*state = record_state_name(v->record->state);
	if (v->record->reason)
		*note = v->record->reason;
	return v->record->state == RECORD_FAILED ? HEALTH_BAD : HEALTH_BUSY;
}

/* ---- what it needs -------------------------------------------------------------------------- */

struct sketch {
	const struct pass *p;
	struct drawing *out;
	uint32_t *node_of;  /* per view: its node */
};

#define NO_NODE UINT32_MAX

static void need(struct sketch *s, uint32_t from, enum kind kind, const char *name)
{
	const struct view *v = name ? views_find(&s->p->views, kind, name) : NULL;
	uint32_t to = v ? s->node_of[v - s->p->views.v] : NO_NODE;

	if (to != NO_NODE && to != from)
		*vec_push(s->p->a, &s->out->needs) = (struct edge){from, to};
}

/* What was last applied names its needs in its fields. */
static void recalled_needs(struct sketch *s, uint32_t from, const struct view *v)
{
	const enum kind kind = v->object->kind;
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)v->object->spec;

	if (kind == KIND_DISK)
		need(s, from, KIND_IMAGE, vm->image);
	for (size_t i = 0; kind == KIND_NIC && i < vm->networks.n; i++)
		need(s, from, KIND_NETWORK, vm->networks.v[i]);
	if (kind != KIND_VM)
		return;
	need(s, from, KIND_DISK, v->object->name);
	need(s, from, KIND_KERNEL, vm->kernel);
	need(s, from, KIND_NIC, v->object->name);
	for (size_t i = 0; i < vm->depends_on.n; i++)
		need(s, from, KIND_VM, vm->depends_on.v[i]);
}

static void add_needs(struct sketch *s, uint32_t from, const struct view *v)
{
	if (!v->object)
		return;
	if (s->p->recall)
		recalled_needs(s, from, v);
	vec_each(d, &v->object->deps)
		need(s, from, d->kind, d->name);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static const char *source_of(const struct pass *p, const struct view *v)
{
	return v->record ? v->record->source : p->source ? p->source : "";
}

struct order {
	const char *source;
	uint32_t view;
};

static int compare(const void *x, const void *y)
{
	const struct order *a = x, *b = y;
	int order = strcmp(a->source, b->source);

	return order ? order : a->view < b->view ? -1 : a->view > b->view;
}

static void add_node(const struct pass *p, const struct view *v, struct drawing *out)
{
	const struct record *r = v->record;
	struct drawn *n = vec_push(p->a, &out->nodes);

	n->source = source_of(p, v);
	n->object = document_object(p->a, r ? r->kind : v->object->kind, r ? r->name : v->object->name);
	n->health = health_of(v, &n->state, &n->note);
}

void health_draw(const struct pass *p, struct drawing *out)
{
	struct order *order = arena_array(p->a, p->views.n + 1, sizeof(*order));
	struct sketch s = {.p = p, .out = out,
		.node_of = arena_array(p->a, p->views.n + 1, sizeof(uint32_t))};

	*out = (struct drawing){0};
	for (uint32_t i = 0; i < p->views.n; i++)
		order[i] = (struct order){source_of(p, &p->views.v[i]), i};
	qsort(order, p->views.n, sizeof(*order), compare);
	for (uint32_t i = 0; i < p->views.n; i++) {
		s.node_of[order[i].view] = i;
		add_node(p, &p->views.v[order[i].view], out);
	}
	for (uint32_t i = 0; i < p->views.n; i++)
		add_needs(&s, s.node_of[i], &p->views.v[i]);
}
