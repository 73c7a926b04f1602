/* figures.c - what VMs use now. */
#include "reconciler/figures.h"

#include "reconciler/document.h"
#include "reconciler/print.h"
#include "reconciler/table.h"
#include "reconciler/vmstate.h"

#include "drivers/guest/agent.h"
#include "drivers/rundir.h"
#include "drivers/sys/usage.h"
#include "schema/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASK_MS 1000
#define SLICE_MS 100

/* ---- look ----------------------------------------------------------------------------------- */

struct sample {
	struct proc_id id;
	struct usage first;
	int64_t at_ms;
	const char *run;
};

static void ask_guest(struct arena *a, const char *run, struct figures *f)
{
	_cleanup_agent_ struct agent *agent = NULL;
	struct kvs s = {0};

	f->uptime_ms = -1;
	if (!run || agent_reach(run, ASK_MS, &cli_cancel, &agent, NULL) < 0 ||
		agent_status(agent, a, ASK_MS, &s, NULL) < 0)
		return;
	f->memory_total = kvs_u64(&s, "mem_total", 0);
	f->memory_used = f->memory_total - kvs_u64(&s, "mem_available", f->memory_total);
	f->disk_size = kvs_u64(&s, "root_size", 0);
	f->disk_used = f->disk_size - kvs_u64(&s, "root_free", f->disk_size);
	f->uptime_ms = (int64_t)kvs_u64(&s, "uptime_ms", 0);
	f->load = kvs_get(&s, "load1");
	/* The guest may say what it likes. */
	if (f->memory_used > f->memory_total)
		f->memory_used = f->memory_total;
	if (f->disk_used > f->disk_size)
		f->disk_used = f->disk_size;
}

static void first_look(struct arena *a, const struct view *v, struct figures *f, struct sample *s)
{
	struct kvs facts = {0};

	*f = (struct figures){.vm = v->record->name, .running = v->observed.running, .cpu = -1,
		.uptime_ms = -1};
	*s = (struct sample){.run = vmstate_fact(v, "run"), .at_ms = clock_mono_ms()};
	if (!f->running)
		return;
	kvs_copy(a, &facts, &v->record->facts);
	kvs_merge(a, &facts, &v->observed.facts);
	rundir_id_get(&facts, &s->id);
	f->running = usage_read(&s->id, &s->first, NULL) == 0;
}

static void second_look(struct figures *f, const struct sample *s)
{
	int64_t took = clock_mono_ms() - s->at_ms;
	struct usage now;

	if (!f->running || usage_read(&s->id, &now, NULL) != 0) {
		f->running = false;
		return;
	}
	f->host_memory = now.memory;
	f->disk_read = now.read_bytes;
	f->disk_written = now.written_bytes;
	if (took > 0 && now.cpu_ms >= s->first.cpu_ms)
		f->cpu = (double)(now.cpu_ms - s->first.cpu_ms) / (double)took;
}

static int nap(int64_t ms, struct err *e)
{
	for (; ms > 0; ms -= SLICE_MS) {
		const struct timespec slice = {.tv_nsec = (ms < SLICE_MS ? ms : SLICE_MS) * 1000000L};

		if (cli_cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		nanosleep(&slice, NULL);
	}
	return 0;
}

static bool is_named(const struct cli *c, const char *vm)
{
	vec_each(w, &c->args)
		if (!strcmp(strncmp(*w, "vm/", 3) ? *w : *w + 3, vm))
			return true;
	return !c->args.n;
}

static int measure(struct cli *c, struct arena *a, const struct pass *p, int64_t interval_ms,
	struct figures_list *out, struct err *e)
{
	struct sample *samples = arena_array(a, p->views.n + 1, sizeof(*samples));
	int64_t begun = clock_mono_ms();

	vec_each(v, &p->views)
		if (v->record && v->record->kind == KIND_VM && is_named(c, v->record->name)) {
			struct figures *f = vec_push(a, out);

			first_look(a, v, f, &samples[out->n - 1]);
		}
	for (size_t i = 0; i < out->n; i++)
		if (out->v[i].running)
			ask_guest(a, samples[i].run, &out->v[i]);
	if (nap(interval_ms - (clock_mono_ms() - begun), e) < 0)
		return -1;
	for (size_t i = 0; i < out->n; i++)
		second_look(&out->v[i], &samples[i]);
	return 0;
}

int figures_take(struct cli *c, struct arena *a, int64_t interval_ms, struct figures_list *out,
	struct err *e)
{
	struct pass p = {.a = a, .state_dir = c->state_dir, .cancel = &cli_cancel};
	int rc = pass_look(&p, e);

	for (size_t i = 0; rc == 0 && i < c->args.n; i++) {
		const char *name = strncmp(c->args.v[i], "vm/", 3) ? c->args.v[i] : c->args.v[i] + 3;

		if (!views_find(&p.views, KIND_VM, name))
			rc = session_no_vm(&p, name, e);
	}
	if (rc == 0)
		rc = measure(c, a, &p, interval_ms, out, e);
	pass_close(&p);
	return rc;
}

/* ---- show ----------------------------------------------------------------------------------- */

static int compare_cpu(const void *x, const void *y)
{
	const struct figures *a = x, *b = y;

	if (a->cpu < b->cpu || a->cpu > b->cpu)
		return a->cpu > b->cpu ? -1 : 1;
	return strcmp(a->vm, b->vm);
}

static const char *used_of(struct arena *a, uint64_t used, uint64_t total)
{
	return total ? arena_printf(a, "%s of %s", print_size(a, used), print_size(a, total)) : "-";
}

static const char *uptime_text(struct arena *a, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	if (ms < 0)
		return "-";
	clock_span(ms, text);
	return arena_dup(a, text);
}

static void figures_row(struct arena *a, struct table *t, const struct figures *f)
{
	if (!f->running) {
		table_row(a, t, (const char *[]){f->vm, "-", "-", "-", "-", "-", "-", "not running"});
		return;
	}
	table_row(a, t, (const char *[]){f->vm,
		f->cpu < 0 ? "-" : arena_printf(a, "%.0f%%", f->cpu * 100),
		print_size(a, f->host_memory), used_of(a, f->memory_used, f->memory_total),
		f->load ? f->load : "-", used_of(a, f->disk_used, f->disk_size),
		arena_printf(a, "%s / %s", print_size(a, f->disk_read), print_size(a, f->disk_written)),
		uptime_text(a, f->uptime_ms)});
}

void figures_print(struct cli *c, struct arena *a, struct figures_list *l, bool sorted)
{
	struct table t = {.columns = 8, .cut = 6, .head = true, .bold = c->colored_out};

	if (sorted && l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_cpu);
	table_row(a, &t, (const char *[]){"NAME", "CPU", "HOST MEMORY", "GUEST MEMORY", "LOAD",
		"DISK", "READ / WRITTEN", "UPTIME"});
	vec_each(f, l)
		figures_row(a, &t, f);
	if (l->n)
		table_print(&t, 0, stdout);
	fflush(stdout);
	if (!l->n)
		fputs("No VMs.\n", stderr);
}

static json_t *known(bool yes, uint64_t n)
{
	return yes ? json_integer((json_int_t)n) : json_null();
}

static json_t *figures_json(const struct figures *f)
{
	const bool said = f->uptime_ms >= 0;

	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "vm", f->vm,
		"running", (int)f->running, "cpu", f->cpu < 0 ? json_null() : json_real(f->cpu),
		"host_memory", known(f->running, f->host_memory), "memory_total",
		known(said, f->memory_total), "memory_used", known(said, f->memory_used), "disk_size",
		known(said, f->disk_size), "disk_used", known(said, f->disk_used), "disk_read",
		known(f->running, f->disk_read), "disk_written", known(f->running, f->disk_written),
		"uptime_ms", known(said, (uint64_t)f->uptime_ms), "load1",
		f->load ? json_string(f->load) : json_null());
}

void figures_document(struct cli *c, const struct figures_list *l)
{
	json_t *list = json_array();

	vec_each(f, l)
		json_array_append_new(list, figures_json(f));
	document_set(c, json_pack("{s:o}", "vms", list));
}
