/* downtime.c - how long VMs will be away; see downtime.h. PURE.
 *
 * The executor measures each restart, or the first start, until the guest is ready, and keeps it as
 * the fact EXEC_AWAY. The next one takes about as long. */
#include "reconciler/downtime.h"

#include "reconciler/engine/exec.h"

int64_t downtime_ms(const struct plan *plan, uint32_t view)
{
	const struct delta *d = &plan->deltas[view];
	bool stops = false, starts = false;

	if (d->kind != KIND_VM || d->verdict == VERDICT_NONE)
		return DOWNTIME_NONE;
	vec_each(s, &plan->steps) {
		if (s->view != view)
			continue;
		stops |= s->step.op == STEP_STOP && s->step.kind == KIND_GUEST;
		starts |= s->step.op == STEP_START;
	}
	if (!stops)
		return DOWNTIME_NONE;
	return starts && d->view->record
		? (int64_t)kvs_u64(&d->view->record->facts, EXEC_AWAY, DOWNTIME_UNKNOWN)
		: DOWNTIME_UNKNOWN;
}

/* Rounded up: a promise that is a bit too long hurts nobody. */
static const char *about(struct arena *a, int64_t ms)
{
	const long long s = (ms + 999) / 1000;

	if (s <= 120)
		return arena_printf(a, " about %lld s", s);
	return arena_printf(a, " about %lld min", (s + 59) / 60);
}

const char *downtime_text(struct arena *a, const struct plan *plan)
{
	const char *text = "";

	/* Only a VM that runs has a guest that is asked to stop. */
	vec_each(s, &plan->steps) {
		int64_t ms;

		if (s->step.op != STEP_STOP || s->step.kind != KIND_GUEST)
			continue;
		ms = downtime_ms(plan, s->view);
		text = arena_printf(a, "%s%svm/%s%s", text, *text ? ", " : "", s->step.name,
			ms > 0 ? about(a, ms) : "");
	}
	return *text ? arena_printf(a, "Downtime: %s.", text) : "No downtime.";
}
