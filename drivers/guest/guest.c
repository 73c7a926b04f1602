/* guest.c - the driver of KIND_GUEST: wait until the agent in a started VM answers, and ask the guest
 * to power off before its VMM is stopped.
 *
 * QEMU holds the other end of the agent's sockets, so the end of the VMM, for whatever reason, is
 * seen here at once as a hang-up; nothing has to be watched besides.
 */
#include "drivers/driver.h"

#include "drivers/ending.h"
#include "drivers/guest/agent.h"
#include "drivers/rundir.h"
#include "drivers/sys/tail.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <string.h>
#include <time.h>

extern const struct driver driver_guest;

#define PING_MS 5000
#define POWEROFF_MS 5000
#define LAST_LINES 5
#define GONE_LOOKS 50
#define REPORT_MAX ((size_t)64 * 1024)
/* QEMU closes its sockets a moment before the last bytes of its logs are all there to be read. */
#define MARGIN_MS 2000

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	(void)h;
	(void)e;
	for (size_t i = 0; i < n; i++)
		views[i].observed = (struct observed){.seen = SEEN_SAME};
	return 0;
}

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)in->object->spec;
	struct arena *a = in->host->arena;

	(void)e;
	kvs_set(a, args, "run", rundir_path(a, in->host, in->object->name));
	kvs_setf(a, args, "ready_timeout_ms", "%llu", (unsigned long long)vm->ready_timeout_ms);
	kvs_setf(a, args, "stop_timeout_ms", "%llu", (unsigned long long)vm->stop_timeout_ms);
	return 0;
}

static const char *run_of(struct host *h, const struct step *step)
{
	const char *run = kvs_get(&step->args, "run");

	return run ? run : rundir_path(h->arena, h, step->name);
}

/* ---- wait ------------------------------------------------------------------------------- */

/* The nonce of this boot, as START noted it; NULL if it did not. */
static const char *boot_nonce(struct host *h, int run_fd)
{
	struct kvs note = {0};

	if (run_fd >= 0)
		rundir_note_read(h->arena, run_fd, &note);
	return kvs_get(&note, "nonce");
}

static int open_and_ping(struct host *h, const struct step *step, const char *nonce, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;
	int64_t timeout = (int64_t)rundir_ready_ms(step);

	if (agent_open(run_of(h, step), timeout, h->cancel, &agent, e) < 0)
		return -1;
	if (nonce && strcmp(agent_boot_nonce(agent), nonce) != 0)
		return err_set(e, ERR_GUEST, "the agent that answers belongs to another boot");
	return agent_ping(agent, PING_MS, e);
}

/* Nobody listens on the VMM's sockets any more. A process that ends closes them one by one, so a
 * first look may come too early. */
static bool is_vmm_gone(int run_fd)
{
	const struct timespec pause = {.tv_nsec = 20000000};

	for (int i = 0; i < GONE_LOOKS; i++) {
		_cleanup_fd_ int fd = -1;

		if (unixsock_connect(run_fd, RUN_QMP, &fd, NULL) > 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Ready means that the workload was started. How it ended after that is told, by status too, but it
 * is no failure of apply: otherwise it would hang on which of the two was quicker. */
static int judge_end(struct host *h, const struct step *step, const struct ending *end,
	struct kvs *facts, struct err *e)
{
	bool by_itself = end->kind == ENDING_EXIT || end->kind == ENDING_POWEROFF;

	if (!by_itself || !end->was_ready)
		return err_set(e, ERR_GUEST, "%s", end->text);
	err_clear(e);
	kvs_set(h->arena, facts, "exit", end->text);
	if (end->code)
		log_warn("ended already", "vm=%s why=\"%s\"", step->name, end->text);
	return 0;
}

/* The agent answers, but the workload may have failed or ended all the same. */
static int check_report(struct host *h, const struct step *step, int run_fd, const char *nonce,
	struct kvs *facts, struct err *e)
{
	struct ending end;
	size_t n;
	const char *report = tail_read(h->arena, run_fd, RUN_REPORT, REPORT_MAX, &n);

	if (!nonce || !ending_from_report(h->arena, report, n, nonce, &end) ||
		end.kind == ENDING_STOPPED)
		return 0;
	end.was_ready = true; /* the agent's answer says so */
	return judge_end(h, step, &end, facts, e);
}

static int add_last_words(struct host *h, int run_fd, struct err *e)
{
	const char *console = tail_lines(h->arena, run_fd, RUN_CONSOLE, LAST_LINES);
	const char *why = arena_dup(h->arena, e->msg);

	return console ? err_set(e, e->kind, "%s; last on its console: %s", why, console) : -1;
}

/* A boot that hangs before our program runs is another matter than a slow one, and looks different
 * here: the report says nothing of it. */
static void add_how_far(struct host *h, int run_fd, const char *nonce, struct err *e)
{
	size_t n;

	if (e->kind == ERR_TIMEOUT && nonce &&
		!strstr(tail_read(h->arena, run_fd, RUN_REPORT, REPORT_MAX, &n), nonce))
		err_set(e, ERR_TIMEOUT, "%s; its kernel has not come as far as to start our program",
			arena_dup(h->arena, e->msg));
}

static int wait_ready(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	_cleanup_fd_ int run_fd = -1;
	struct ending end = {0};
	const char *nonce;
	int r;

	if (rundir_open(h->run_fd, step->name, &run_fd, e) < 0)
		return -1;
	nonce = boot_nonce(h, run_fd);
	r = open_and_ping(h, step, nonce, e);
	if (run_fd < 0 || (r < 0 && e->kind == ERR_CANCELLED))
		return r;
	if (r == 0) {
		r = check_report(h, step, run_fd, nonce, facts, e);
	} else if (e->kind == ERR_GUEST && is_vmm_gone(run_fd)) {
		ending_find(h->arena, run_fd, nonce, &end);
		r = judge_end(h, step, &end, facts, e);
	}
	if (r == 0)
		return 0;
	add_how_far(h, run_fd, nonce, e);
	if (end.kind != ENDING_ERROR) /* there the guest itself has said why */
		add_last_words(h, run_fd, e);
	return err_wrap(e, "VM %s is not ready", step->name);
}

/* ---- stop ------------------------------------------------------------------------------- */

/* How long the workload gets between its stop signal and KILL: less than the whole, so that there is
 * time left to write everything back. */
static int64_t grace_ms(uint64_t stop_ms)
{
	return (int64_t)(stop_ms > MARGIN_MS + MARGIN_MS ? stop_ms - MARGIN_MS : stop_ms / 2);
}

/* A VMM that somebody has stopped runs on, so that its guest can write back what it has. */
static void wake(const struct step *step)
{
	struct proc_id id;

	rundir_id_get(&step->args, &id);
	proc_continue(&id, NULL);
}

/* A guest that cannot be asked is stopped by the VMM's driver all the same. */
static int power_off(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;
	uint64_t stop_ms = rundir_stop_ms(step);
	struct err why = ERR_INIT;
	int64_t open_ms = stop_ms < POWEROFF_MS ? (int64_t)stop_ms : POWEROFF_MS;

	wake(step);
	if (agent_open(run_of(h, step), open_ms, h->cancel, &agent, &why) == 0 &&
		agent_poweroff(agent, grace_ms(stop_ms), POWEROFF_MS, &why) == 0)
		return 0;
	if (why.kind == ERR_CANCELLED) {
		err_join(e, &why);
		return -1;
	}
	log_debug("guest not asked to power off", "vm=%s reason=\"%s\"", step->name, why.msg);
	return 0;
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	switch (step->op) {
	case STEP_WAIT:
		return wait_ready(h, step, facts, e);
	case STEP_STOP:
		return power_off(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "a guest has no step \"%s\"", step_op_name(step->op));
	}
}

/* Waiting and asking leave nothing to reverse. */
static int undo(struct host *h, const struct step *step, struct err *e)
{
	(void)h;
	(void)step;
	(void)e;
	return 0;
}

const struct driver driver_guest = {
	.name = "guest",
	.kind = KIND_GUEST,
	.observe = observe,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
