/* vmm_stop.c - STOP and DELETE.
 *
 * The guest driver has asked the guest to power off before. Here, each with its own limit:
 *
 *	continue   a QEMU that somebody has stopped could not hear anything of what follows
 *	wait       stop_timeout, if the guest said that it is stopping
 *	powerdown  else the power button, and again stop_timeout: an image's own init may know it
 *	quit       QEMU writes back what the guest has flushed, and ends
 *	TERM KILL  for a QEMU that does not listen
 *
 * 0 is only returned when the process was seen gone: what it held may then be used again.
 */
#include "drivers/vmm/vmm.h"

#include "drivers/ending.h"
#include "drivers/rundir.h"
#include "drivers/sys/tail.h"
#include "drivers/vmm/qmp.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SLICE_MS 200
#define FIRST_LOOK_MS 300
#define QMP_MS 3000
#define QUIT_MS 5000
#define TERM_MS 5000
#define REPORT_MAX ((size_t)64 * 1024)

struct stop {
	struct host *h;
	struct proc_id id;
	int run_fd;         /* -1: the folder is gone */
	const char *nonce;  /* may be NULL */
	uint64_t limit_ms;
};

/* 0 gone, 1 still there after ms, -1 with e. */
static int wait_gone(const struct stop *s, uint64_t ms, struct err *e)
{
	const int64_t end = clock_mono_ms() + (int64_t)(ms < INT32_MAX ? ms : INT32_MAX);

	for (;;) {
		int64_t left = end - clock_mono_ms();
		int r;

		if (s->h->cancel && *s->h->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled while process %d was stopping",
				(int)s->id.pid);
		r = proc_wait_gone(&s->id, left <= 0 ? 0 : left < SLICE_MS ? (int)left : SLICE_MS,
			e);
		if (r <= 0 || left <= SLICE_MS)
			return r;
	}
}

static bool guest_is_stopping(const struct stop *s)
{
	struct ending end;
	size_t n;
	const char *report;

	if (s->run_fd < 0 || !s->nonce)
		return false;
	report = tail_read(s->h->arena, s->run_fd, RUN_REPORT, REPORT_MAX, &n);
	return ending_from_report(s->h->arena, report, n, s->nonce, &end);
}

/* Best effort: when QEMU does not take it, the next stage follows. False when nobody could be told:
 * there is no socket to tell it through. */
static bool tell_qemu(const struct stop *s, const char *command)
{
	_cleanup_qmp_ struct qmp *q = NULL;
	const int64_t deadline = clock_mono_ms() + QMP_MS;
	int r = s->run_fd < 0 ? 1
		: qmp_open(s->run_fd, RUN_QMP, deadline, s->h->cancel, &q, NULL);

	if (r == 0)
		qmp_command(q, command, deadline, NULL, NULL);
	return r <= 0;
}

static int stop_politely(const struct stop *s, struct err *e)
{
	uint64_t first = s->limit_ms < FIRST_LOOK_MS ? s->limit_ms : FIRST_LOOK_MS;
	int r = wait_gone(s, first, e);

	if (r <= 0)
		return r;
	/* A guest that nothing was said to has no reason to stop: not waited for. */
	if (!guest_is_stopping(s) && !tell_qemu(s, "system_powerdown"))
		return 1;
	r = wait_gone(s, s->limit_ms, e);
	if (r <= 0)
		return r;
	return tell_qemu(s, "quit") ? wait_gone(s, QUIT_MS, e) : 1;
}

static int stop_process(const struct stop *s, struct err *e)
{
	int r = proc_continue(&s->id, e) < 0 ? -1 : stop_politely(s, e);

	if (r <= 0)
		return r;
	if (proc_signal(&s->id, SIGTERM, e) < 0)
		return -1;
	r = wait_gone(s, TERM_MS, e);
	return r <= 0 ? r : vmm_kill(&s->id, e);
}

static void remove_sockets(int run_fd)
{
	char name[32];

	unlinkat(run_fd, RUN_QMP, 0);
	unlinkat(run_fd, RUN_CONSOLE_SOCKET, 0);
	unlinkat(run_fd, RUN_PID, 0);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), RUN_AGENT, i);
		unlinkat(run_fd, name, 0);
	}
}

/* Logs and sockets of a VM that was renamed go with it. Its run folder is all that is lost when this
 * fails half-way, and a run folder is never the only place of anything. */
static int move_run_folder(struct host *h, const char *was, const char *name, struct err *e)
{
	_cleanup_fd_ int from = -1, to = -1;

	if (rundir_open(h->run_fd, was, &from, e) < 0 || rundir_open(h->run_fd, name, &to, e) < 0)
		return -1;
	if (from < 0)
		return 0;
	if (to >= 0) /* its own already: what is left under the old name is out of date */
		return tree_remove(h->run_fd, arena_printf(h->arena, "vms/%s", was), e);
	if (renameat(h->run_fd, arena_printf(h->arena, "vms/%s", was), h->run_fd,
		    arena_printf(h->arena, "vms/%s", name)) < 0)
		return err_sys(e, errno, "cannot rename the run folder of VM %s", was);
	return 0;
}

int vmm_stop(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	const char *was = kvs_get(&step->args, "was"), *name = was ? was : step->name;
	_cleanup_fd_ int run_fd = -1;
	struct stop s = {.h = h, .limit_ms = rundir_stop_ms(step)};
	struct kvs note = {0};
	int r;

	if (rundir_open(h->run_fd, name, &run_fd, e) < 0)
		return -1;
	s.run_fd = run_fd;
	if (run_fd >= 0)
		rundir_note_read(h->arena, run_fd, &note);
	s.nonce = kvs_get(&note, "nonce");
	/* More than one only after a mishap; each is ours, and none may stay. */
	while (!(r = vmm_find(h, name, &step->args, &s.id, e)))
		if (stop_process(&s, e) < 0)
			return err_wrap(e, "cannot stop VM %s", name);
	if (r < 0)
		return -1;
	if (run_fd >= 0)
		remove_sockets(run_fd);
	if (was && move_run_folder(h, was, step->name, e) < 0)
		return -1;
	if (facts) {
		kvs_set(h->arena, facts, "pid", "0");
		kvs_set(h->arena, facts, "exit", "stopped");
	}
	return 0;
}

int vmm_delete(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_fd_ int state = -1, run_fd = -1;
	struct proc_id id;
	int r = vmm_find(h, step->name, &step->args, &id, e);

	if (r < 0)
		return -1;
	if (!r)
		return err_set(e, ERR_CONFLICT, "VM %s still runs as process %d; its files are kept",
			step->name, (int)id.pid);
	/* Opening checks the name before it becomes part of a path. */
	if (rundir_open(h->state_fd, step->name, &state, e) < 0 ||
		rundir_open(h->run_fd, step->name, &run_fd, e) < 0)
		return -1;
	if (state >= 0 && unlinkat(state, "boot.img", 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove boot.img of VM %s", step->name);
	if (state >= 0)
		unlinkat(state, ".boot.img.tmp", 0);
	if (run_fd >= 0 &&
		tree_remove(h->run_fd, arena_printf(h->arena, "vms/%s", step->name), e) < 0)
		return err_wrap(e, "cannot remove the run folder of VM %s", step->name);
	rundir_prune(h->state_fd, step->name);
	rundir_prune(h->run_fd, step->name);
	return 0;
}
