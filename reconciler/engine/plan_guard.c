/* plan_guard.c - protect: what may not be deleted or thrown away. PURE.
 *
 * Protection is kept in the VM's row, so it outlives the line in the spec that asked for it: taking
 * the VM out of the spec does not take the protection away. It ends when "protect: false" has been
 * applied, which is a change of its own. The protected part is skipped, the rest of the plan goes on.
 */
#include "reconciler/engine/planner.h"

#include <string.h>

static bool is_protected(const struct planner *p, const char *vm)
{
	const struct view *v = views_find(p->views, KIND_VM, vm);
	const char *was = v && v->record ? kvs_get(&v->record->fields, "protect") : NULL;

	return (was && !strcmp(was, "true")) || (v && v->object && vm_of(v)->protect);
}

/* A disk that is lost is made again only when somebody says so: it may come back. */
static bool is_loss(const struct delta *d)
{
	if (d->verdict == VERDICT_DELETE)
		return d->kind == KIND_VM || d->kind == KIND_DISK;
	return d->kind == KIND_DISK && (d->verdict == VERDICT_REPLACE ||
		(d->verdict == VERDICT_CREATE && d->tier != TIER_SAFE));
}

static void block(struct planner *p, struct delta *d, const char *text)
{
	if (d->verdict == VERDICT_NONE || d->verdict == VERDICT_CONFLICT)
		return;
	diff_block(p->a, d, text, (struct pos){0});
	d->blocked = true;
}

/* VM and disk are one change: when half of it is held back, the other half must not happen. */
static void block_vm(struct planner *p, const char *vm)
{
	static const enum kind kinds[] = {KIND_DISK, KIND_VM};

	for (size_t i = 0; i < 2; i++) {
		uint32_t at = planner_find(p, kinds[i], vm);

		if (at != NO_STEP)
			block(p, &p->plan->deltas[at],
				"protected; apply \"protect: false\" first, then this");
	}
}

/* Whether a row that stays was made from this image or kernel. */
static const char *kept_user(const struct planner *p, const struct delta *content)
{
	const char *key = arena_printf(p->a, "in.%s/%s", kind_name(content->kind), content->name);

	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *d = &p->plan->deltas[i];

		if (d->blocked && d->view->record && kvs_get(&d->view->record->facts, key))
			return d->name;
	}
	return NULL;
}

void plan_guard(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct delta *d = &p->plan->deltas[i];

		if (is_loss(d) && is_protected(p, d->name))
			block_vm(p, d->name);
	}
	for (uint32_t i = 0; i < p->views->n; i++) {
		struct delta *d = &p->plan->deltas[i];
		const char *user = d->verdict == VERDICT_DELETE && d->kind <= KIND_KERNEL
			? kept_user(p, d) : NULL;

		if (user)
			block(p, d, arena_printf(p->a, "vm/%s is protected and needs it", user));
	}
}
