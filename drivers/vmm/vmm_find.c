/* vmm_find.c - a VM's process, by identity or by its mark. */
#include "drivers/vmm/vmm.h"

#include "drivers/rundir.h"
#include "drivers/vmm/qemu_argv.h"
#include "schema/base/fd.h"

#include <signal.h>
#include <string.h>

/* A process that is killed still has to give back its memory; only a stuck one takes longer. */
#define KILL_MS 30000

struct search {
	struct host *h;
	struct vmm_list *out;
};

static bool is_ours(const char *arg, void *ctx)
{
	const struct search *s = ctx;
	const char *vm;

	return qemu_is_mark(arg, s->h->instance, &vm);
}

static int note_found(const struct proc_id *id, const char *arg, void *ctx)
{
	const struct search *s = ctx;
	const char *vm;

	/* Anybody can write our mark on a command line: only a QEMU that carries it is a VM. */
	if (!qemu_is_mark(arg, s->h->instance, &vm) || !proc_runs(id, "qemu-system-x86_64"))
		return 0;
	*vec_push(s->h->arena, s->out) =
		(struct vmm_found){.vm = arena_dup(s->h->arena, vm), .id = *id};
	return 0;
}

int vmm_find_all(struct host *h, struct vmm_list *out, struct err *e)
{
	struct search s = {h, out};

	return proc_scan(is_ours, note_found, &s, e);
}

int vmm_find(struct host *h, const char *vm, const struct kvs *facts, struct proc_id *id,
	struct err *e)
{
	struct vmm_list all = {0};

	rundir_id_get(facts, id);
	if (proc_is_alive(id))
		return 0;
	if (vmm_find_all(h, &all, e) < 0)
		return -1;
	vec_each(f, &all) {
		if (strcmp(f->vm, vm) != 0)
			continue;
		*id = f->id;
		return 0;
	}
	return 1;
}

void vmm_live_facts(struct host *h, const char *vm, const struct proc_id *id, struct kvs *out)
{
	static const char *const kept[] = {"nonce", "accel", "cid"};
	_cleanup_fd_ int run_fd = -1;
	struct kvs note = {0};

	if (rundir_open(h->run_fd, vm, &run_fd, NULL) == 0 && run_fd >= 0)
		rundir_note_read(h->arena, run_fd, &note);
	rundir_id_set(h->arena, out, id);
	kvs_set(h->arena, out, "run", rundir_path(h->arena, h, vm));
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kvs_get(&note, kept[i]))
			kvs_set(h->arena, out, kept[i], kvs_get(&note, kept[i]));
}

int vmm_kill(const struct proc_id *id, struct err *e)
{
	int r;

	if (proc_signal(id, SIGKILL, e) < 0)
		return -1;
	r = proc_wait_gone(id, KILL_MS, e);
	if (r > 0)
		return err_set(e, ERR_TIMEOUT, "process %d does not end although it was killed; "
			"it waits in the kernel", (int)id->pid);
	return r;
}
