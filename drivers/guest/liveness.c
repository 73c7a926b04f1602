/* liveness.c - observe: whether a VM that runs still does its work, for those whose spec says how one
 * tells.
 *
 * One good answer is enough; it takes several bad ones in a row, a pause apart, to call for a restart, so
 * that a pass over VMs that are well costs one question to each. VMs that answer badly are asked in
 * rounds, all of them in each: many that are ill cost hardly more time than one.
 *
 * A restart that does not help is not repeated at once: "unwell" counts them, and the VM runs for twice as
 * long each time before it is judged again. The count begins anew for one that was well for long.
 */
#include "drivers/guest/room.h"

#include "drivers/guest/probe.h"
#include "drivers/rundir.h"
#include "schema/base/clock.h"
#include "schema/base/log.h"

#include <time.h>
#include <unistd.h>

#define FIRST_PAUSE_MS 10000
#define PAUSE_MAX_MS 300000
#define WELL_AFTER_MS 600000
#define SLICE_MS 100

struct patient {
	struct view *view;
	const struct vm_spec *vm;
	uint32_t bad;
	int64_t next_ms;
	const char *why;
};

struct patients {
	struct patient *v;
	size_t n, cap;
};

static const char *fact(const struct view *v, const char *key)
{
	const char *now = kvs_get(&v->observed.facts, key);

	return now || !v->record ? now : kvs_get(&v->record->facts, key);
}

/* Since when its VMM runs, by the kernel; both clocks count from the boot of the host. */
static int64_t age_ms(const struct view *v)
{
	const long ticks = sysconf(_SC_CLK_TCK);
	const char *start = fact(v, "start");
	struct kv kv = {"start", start ? start : ""};
	const struct kvs one = {&kv, 1, 1};

	return start && ticks > 0
		? clock_mono_ms() - (int64_t)(kvs_u64(&one, "start", 0) * 1000 / (uint64_t)ticks) : 0;
}

static uint32_t unwell(const struct view *v)
{
	const uint64_t n = v->record ? kvs_u64(&v->record->facts, "unwell", 0) : 0;

	return n > 100 ? 100 : (uint32_t)n;
}

static int64_t pause_ms(uint32_t restarts)
{
	int64_t wait = restarts ? FIRST_PAUSE_MS : 0;

	for (uint32_t i = 1; i < restarts && wait < PAUSE_MAX_MS; i++)
		wait *= 2;
	return wait < PAUSE_MAX_MS ? wait : PAUSE_MAX_MS;
}

/* One that was not ready yet is still waited for; one that is wrong already needs no question. */
static bool is_asked(const struct view *v)
{
	const struct vm_spec *vm = v->object ? (const void *)v->object->spec : NULL;
	const char *ready = fact(v, "ready");

	return vm && vm->running && v->observed.running && v->observed.seen == SEEN_SAME &&
		probe_is_set(&vm->liveness) && (!ready || *ready == 'y') &&
		age_ms(v) >= (int64_t)vm->liveness.start_period_ms;
}

static int64_t interval_of(const struct vm_spec *vm)
{
	return vm->liveness.interval_ms ? (int64_t)vm->liveness.interval_ms : PROBE_INTERVAL_MS;
}

static uint32_t failures_of(const struct vm_spec *vm)
{
	return vm->liveness.failures ? vm->liveness.failures : PROBE_FAILURES;
}

static int ask(struct host *h, struct patient *p, struct err *e)
{
	const struct vm_spec *vm = p->vm;
	const char *run = fact(p->view, "run");
	int64_t timeout = vm->liveness.timeout_ms ? (int64_t)vm->liveness.timeout_ms : PROBE_TIMEOUT_MS;
	int r = run ? probe_ask(h->arena, run, &vm->liveness, timeout, h->cancel, &p->why, e) : 0;

	p->bad = r > 0 ? p->bad + 1 : 0;
	p->next_ms = clock_mono_ms() + interval_of(vm);
	return r < 0 ? -1 : 0;
}

/* It stays as it is, and no plan would show why: only a log does. */
static void leave(struct patient *p, const char *reason)
{
	p->view->observed.reason = reason;
	log_warn("does not do its work", "vm=%s why=\"%s\"", p->view->object->name, reason);
}

static void judge(struct host *h, struct patient *p)
{
	const int64_t age = age_ms(p->view), pause = pause_ms(unwell(p->view));
	const char *text = arena_printf(h->arena, "liveness: %s (%u times in a row)", p->why, p->bad);
	struct observed *o = &p->view->observed;
	char span[CLOCK_TEXT_MAX];

	if (p->vm->restart == RESTART_NEVER) {
		leave(p, arena_printf(h->arena, "%s; restart: never leaves it so", text));
		return;
	}
	if (age < pause) {
		clock_span(pause - age, span);
		leave(p, arena_printf(h->arena, "%s; a restart did not help, the next one is due in %s",
			text, span));
		return;
	}
	o->seen = SEEN_DRIFTED;
	o->cost = CHANGE_RESTART;
	o->reason = text;
	kvs_setf(h->arena, &o->facts, "unwell", "%u", age > WELL_AFTER_MS ? 1 : unwell(p->view) + 1);
}

static bool is_due(const struct patient *p)
{
	return p->bad && p->bad < failures_of(p->vm);
}

/* Milliseconds until the first of them is to be asked again; -1: none is. */
static int64_t next_due(const struct patients *all)
{
	int64_t first = -1;

	vec_each(p, all)
		if (is_due(p) && (first < 0 || p->next_ms < first))
			first = p->next_ms;
	return first < 0 ? -1 : first > clock_mono_ms() ? first - clock_mono_ms() : 0;
}

static int wait_until_due(struct host *h, int64_t ms, struct err *e)
{
	for (; ms > 0; ms -= SLICE_MS) {
		const struct timespec nap = {.tv_nsec = (ms < SLICE_MS ? ms : SLICE_MS) * 1000000L};

		if (h->cancel && *h->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		nanosleep(&nap, NULL);
	}
	return 0;
}

int liveness_observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	struct patients all = {0};
	int64_t ms;

	for (size_t i = 0; i < n; i++)
		if (is_asked(&views[i]))
			*vec_push(h->arena, &all) = (struct patient){.view = &views[i],
				.vm = (const void *)views[i].object->spec};
	vec_each(p, &all)
		if (ask(h, p, e) < 0)
			return -1;
	while ((ms = next_due(&all)) >= 0) {
		if (wait_until_due(h, ms, e) < 0)
			return -1;
		vec_each(p, &all)
			if (is_due(p) && p->next_ms <= clock_mono_ms() && ask(h, p, e) < 0)
				return -1;
	}
	vec_each(p, &all)
		if (p->bad)
			judge(h, p);
	return 0;
}
