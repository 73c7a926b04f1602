/* vmm_observe.c - what is there of each VM and, if its VMM is dead, how it ended.
 *
 * A pass that finds every VM as recorded must stay cheap: each recorded process costs one look at
 * /proc/PID and one into its run folder; no VM is asked anything. Only when a process is not there
 * is /proc walked, once for all VMs.
 */
#include "drivers/vmm/vmm.h"

#include "drivers/ending.h"
#include "drivers/rundir.h"
#include "schema/base/fd.h"

#include <string.h>
#include <unistd.h>

/* The name that its process and folders have: of a VM that was renamed, the old one. */
static const char *view_name(const struct view *v)
{
	const char *was = v->record ? kvs_get(&v->record->facts, "was") : NULL;

	return was ? was : v->object ? v->object->name : v->record->name;
}

static const struct vm_spec *view_spec(const struct view *v)
{
	return v->object ? (const struct vm_spec *)v->object->spec : NULL;
}

static void recorded_id(const struct view *v, struct proc_id *id)
{
	*id = (struct proc_id){0};
	if (v->record)
		rundir_id_get(&v->record->facts, id);
}

/* Stopped or never started, and nothing was under way: no process can be left that nobody knows. */
static bool is_settled(const struct view *v, const struct proc_id *id)
{
	return v->record && v->record->state == RECORD_MADE && !id->pid;
}

static void drifted(struct observed *o, const char *reason)
{
	o->seen = SEEN_DRIFTED;
	o->cost = CHANGE_RESTART;
	o->reason = reason;
}

/* Whether restart: says to leave a VM alone that ended like this. A VMM that was killed and a VM
 * that the host stopped did not end by themselves; a workload that could not be started has not run
 * yet, and each apply tries again. */
static bool stays_ended(const struct ending *end, uint32_t restart)
{
	bool clean = end->kind == ENDING_POWEROFF || (end->kind == ENDING_EXIT && !end->code);

	if (end->kind == ENDING_KILLED || end->kind == ENDING_STOPPED || end->kind == ENDING_ERROR)
		return false;
	return restart == RESTART_NEVER || (restart == RESTART_ON_FAILURE && clean);
}

static void find_ending(struct host *h, const struct view *v, const struct proc_id *id,
	struct ending *end)
{
	_cleanup_fd_ int run_fd = -1;

	*end = (struct ending){ENDING_KILLED, 0, "the VMM was killed or crashed", false};
	if (rundir_open(h->run_fd, view_name(v), &run_fd, NULL) == 0 && run_fd >= 0)
		ending_find(h->arena, run_fd, kvs_get(&v->record->facts, "nonce"), end);
	if (end->kind == ENDING_KILLED && strcmp(id->boot_id, h->boot_id) != 0)
		end->text = "the host was rebooted";
}

struct policy {
	bool running;
	uint32_t restart;
};

/* What is wanted of it: by the spec, or by what was last applied when only a look is taken. */
static struct policy policy_of(const struct view *v)
{
	const struct vm_spec *spec = view_spec(v);
	const char *running, *restart;

	if (spec)
		return (struct policy){spec->running, spec->restart};
	running = kvs_get(&v->record->fields, "running");
	restart = kvs_get(&v->record->fields, "restart");
	return (struct policy){
		.running = !running || !strcmp(running, "true"),
		.restart = restart && !strcmp(restart, "never") ? RESTART_NEVER
			: restart && !strcmp(restart, "always") ? RESTART_ALWAYS
								: RESTART_ON_FAILURE,
	};
}

/* It was started and its VMM is dead. */
static void judge_dead(struct host *h, struct view *v, const struct proc_id *id)
{
	const struct policy policy = policy_of(v);
	struct observed *o = &v->observed;
	struct ending end;

	proc_wait_gone(id, 0, NULL); /* reaps it if it was our child */
	find_ending(h, v, id, &end);
	o->seen = SEEN_SAME;
	kvs_set(h->arena, &o->facts, "exit", end.text);
	if (!policy.running)
		return;
	o->finished = stays_ended(&end, policy.restart);
	if (!v->object)
		return;
	if (!o->finished) {
		drifted(o, arena_printf(h->arena, "VMM process %d is gone (%s)", (int)id->pid,
			end.text));
		return;
	}
	if (end.kind != ENDING_POWEROFF && (end.kind != ENDING_EXIT || end.code))
		o->reason = end.text;
}

static bool exists(int root_fd, const char *vm, const char *file)
{
	_cleanup_fd_ int fd = -1;

	return rundir_open(root_fd, vm, &fd, NULL) == 0 && fd >= 0 &&
		faccessat(fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* No process, and none that we know of has been there. */
static void judge_without_process(struct host *h, struct view *v)
{
	const struct vm_spec *spec = view_spec(v);
	const char *name = view_name(v);
	struct observed *o = &v->observed;
	bool boot = exists(h->state_fd, name, "boot.img");

	o->seen = SEEN_ABSENT;
	if (!v->record)
		return;
	if (!spec) {
		o->seen = boot || exists(h->run_fd, name, ".") ? SEEN_SAME : SEEN_ABSENT;
		return;
	}
	if (!spec->running)
		o->seen = v->record->state == RECORD_MADE ? SEEN_SAME : SEEN_ABSENT;
	else if (boot || v->record->state == RECORD_MADE)
		drifted(o, "is stopped");
}

/* What no waiting would mend, NULL if there is nothing such. That it answers nothing is no proof: on a
 * busy machine a healthy VM may be silent for a while, and restarting it would be wrong. So only
 * what the kernel says for sure counts. */
static const char *cannot_serve(struct host *h, const struct view *v, const struct proc_id *id,
	enum proc_life life)
{
	_cleanup_fd_ int run_fd = -1;
	const char *panic;

	if (life == PROC_STOPPED)
		return arena_printf(h->arena, "VMM process %d was stopped by a signal and does not "
			"answer", (int)id->pid);
	if (h->run_fd >= 0 && rundir_open(h->run_fd, view_name(v), &run_fd, NULL) < 0)
		return NULL; /* cannot be told */
	if (run_fd < 0 || !rundir_is_reachable(run_fd))
		return "its sockets are gone from its run folder: nobody can reach it";
	return ending_is_panicked(h->arena, run_fd, &panic) ? panic : NULL;
}

/* recorded: its START has ended well, so that its sockets had been there. */
static void judge_running(struct host *h, struct view *v, const struct proc_id *id,
	enum proc_life life, bool recorded)
{
	const struct vm_spec *spec = view_spec(v);
	struct observed *o = &v->observed;
	const char *broken = recorded ? cannot_serve(h, v, id, life) : NULL;

	o->running = true;
	o->seen = SEEN_SAME;
	if (!recorded)
		vmm_live_facts(h, view_name(v), id, &o->facts);
	if (!v->record)
		drifted(o, arena_printf(h->arena, "process %d carries the mark of this VM, but no "
			"record says what it was started with", (int)id->pid));
	else if (spec && !spec->running)
		drifted(o, "is running and should be stopped");
	else if (broken)
		drifted(o, broken);
}

static const struct proc_id *find_by_mark(const struct vmm_list *all, const char *vm)
{
	vec_each(f, all)
		if (!strcmp(f->vm, vm))
			return &f->id;
	return NULL;
}

static void judge(struct host *h, struct view *v, enum proc_life life, const struct vmm_list *all)
{
	const struct proc_id *marked;
	struct proc_id id;

	v->observed = (struct observed){0};
	recorded_id(v, &id);
	if (life != PROC_GONE) {
		judge_running(h, v, &id, life, true);
		return;
	}
	marked = find_by_mark(all, view_name(v));
	if (marked)
		judge_running(h, v, marked, PROC_ALIVE, false);
	else if (id.pid)
		judge_dead(h, v, &id);
	else
		judge_without_process(h, v);
}

int vmm_observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	enum proc_life *life = arena_array(h->arena, n + 1, sizeof(*life));
	struct vmm_list all = {0};
	bool look = false;

	for (size_t i = 0; i < n; i++) {
		struct proc_id id;

		recorded_id(&views[i], &id);
		life[i] = proc_look(&id);
		look |= life[i] == PROC_GONE && !is_settled(&views[i], &id);
	}
	if (look && vmm_find_all(h, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		judge(h, &views[i], life[i], &all);
	vmm_warn(h, views, n);
	return 0;
}
