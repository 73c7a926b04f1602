/* ready.c - WAIT: until a started VM is ready, or cannot be.
 *
 *	agent    the agent answers, which it does once the workload was started
 *	report   unless the guest says by then that it could not be
 *	probe    what ready names is asked, again and again until it is answered well
 *
 * QEMU holds the other end of the agent's sockets, so the end of the VMM, for whatever reason, is seen
 * here at once as a hang-up. A question to the console needs no agent, and waits for none.
 */
#include "drivers/guest/room.h"

#include "drivers/ending.h"
#include "drivers/guest/agent.h"
#include "drivers/guest/panic.h"
#include "drivers/guest/probe.h"
#include "drivers/rundir.h"
#include "drivers/sys/tail.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <string.h>
#include <time.h>

#define PING_MS 5000
#define GONE_LOOKS 50
#define SLICE_MS 100
#define ANSWER_MIN_MS 1000
#define REPORT_MAX ((size_t)64 * 1024)

struct wait {
	struct host *h;
	const struct step *step;
	const struct probe_spec *probe; /* NULL: none */
	const char *run, *nonce;        /* nonce: as START noted it, or NULL */
	int run_fd;
	int64_t deadline;
	bool answered;                  /* the agent did, so that the kernel runs our program */
	struct panic_watch panic;
};

/* The nonce of this boot, as START noted it; NULL if it did not. */
static const char *boot_nonce(struct host *h, int run_fd)
{
	struct kvs note = {0};

	if (run_fd >= 0)
		rundir_note_read(h->arena, run_fd, &note);
	return kvs_get(&note, "nonce");
}

static int open_and_ping(struct wait *w, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;
	int64_t timeout = w->deadline - clock_mono_ms();

	if (agent_open(w->run, timeout > 0 ? timeout : 0, panic_watch_cancel(&w->panic), &agent, e) < 0)
		return -1;
	w->answered = true;
	if (w->nonce && strcmp(agent_boot_nonce(agent), w->nonce) != 0)
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
	const char *console = ending_last_words(h->arena, run_fd);
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

/* ---- probe ---------------------------------------------------------------------------------- */

/* A workload that ends before it was ready will not be. */
static int ended_early(struct wait *w, struct err *e)
{
	struct ending end;
	struct proc_id id;
	size_t n;
	const char *report = tail_read(w->h->arena, w->run_fd, RUN_REPORT, REPORT_MAX, &n);

	if (w->nonce && ending_from_report(w->h->arena, report, n, w->nonce, &end))
		return err_set(e, ERR_GUEST, "%s", end.text);
	rundir_id_get(&w->step->args, &id);
	if (!id.pid || proc_is_alive(&id))
		return 0;
	ending_find(w->h->arena, w->run_fd, w->nonce, &end);
	return err_set(e, ERR_GUEST, "%s", end.text);
}

/* Between two questions. 1: there is no time for another one. */
static int pause_between(struct wait *w, int64_t interval_ms, struct err *e)
{
	const struct timespec nap = {.tv_nsec = SLICE_MS * 1000000L};
	const volatile sig_atomic_t *cancel = panic_watch_cancel(&w->panic);
	const int64_t until = clock_mono_ms() + interval_ms;

	while (clock_mono_ms() < until) {
		if (cancel && *cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (ended_early(w, e) < 0)
			return -1;
		if (clock_mono_ms() >= w->deadline)
			return 1;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int wait_probe(struct wait *w, struct err *e)
{
	const struct probe_spec *p = w->probe;
	const int64_t interval = p->interval_ms ? (int64_t)p->interval_ms : PROBE_INTERVAL_MS;

	for (unsigned asked = 1;; asked++) {
		_cleanup_arena_ struct arena tmp = ARENA_INIT;
		int64_t left = w->deadline - clock_mono_ms();
		const char *why = "";
		int r;

		/* The last question gets time for an answer, or its reason would say nothing. */
		left = left < ANSWER_MIN_MS ? ANSWER_MIN_MS : left < PROBE_TIMEOUT_MS ? left : PROBE_TIMEOUT_MS;
		r = probe_ask(&tmp, w->run, p, left, panic_watch_cancel(&w->panic), &why, e);
		if (r <= 0)
			return r;
		if (ended_early(w, e) < 0)
			return -1;
		r = pause_between(w, interval, e);
		if (r > 0)
			return err_set(e, ERR_TIMEOUT, "%s (asked %u time%s)", why, asked,
				asked == 1 ? "" : "s");
		if (r < 0)
			return -1;
	}
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int wait_agent(struct wait *w, struct kvs *facts, struct ending *end, struct err *e)
{
	int r = open_and_ping(w, e);

	if (w->run_fd < 0 || (r < 0 && e->kind == ERR_CANCELLED))
		return r;
	if (r == 0)
		return check_report(w->h, w->step, w->run_fd, w->nonce, facts, e);
	if (e->kind == ERR_GUEST && is_vmm_gone(w->run_fd)) {
		ending_find(w->h->arena, w->run_fd, w->nonce, end);
		return judge_end(w->h, w->step, end, facts, e);
	}
	return r;
}

static int wait_for_all(struct wait *w, struct kvs *facts, struct ending *end, struct err *e)
{
	int r = w->probe && w->probe->console ? 0 : wait_agent(w, facts, end, e);

	if (r < 0 || !w->probe || w->run_fd < 0)
		return r;
	r = wait_probe(w, e);
	if (r == 0)
		kvs_set(w->h->arena, facts, "exit", NULL);
	return r;
}

static void panicked(struct wait *w, struct err *e)
{
	const char *text = "the guest's kernel panicked";

	ending_is_panicked(w->h->arena, w->run_fd, &text);
	err_set(e, ERR_GUEST, "%s", text);
}

static int explain(struct wait *w, const struct ending *end, struct err *e)
{
	if (w->panic.panicked && e->kind == ERR_CANCELLED && !(w->h->cancel && *w->h->cancel)) {
		panicked(w, e);
		return err_wrap(e, "VM %s is not ready", w->step->name);
	}
	if (w->run_fd < 0 || e->kind == ERR_CANCELLED)
		return -1;
	if (!w->answered)
		add_how_far(w->h, w->run_fd, w->nonce, e);
	if (end->kind != ENDING_ERROR) /* there the guest itself has said why */
		add_last_words(w->h, w->run_fd, e);
	return err_wrap(e, "VM %s is not ready", w->step->name);
}

int ready_wait(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	const struct vm_spec *vm = step->object ? (const void *)step->object->spec : NULL;
	_cleanup_fd_ int run_fd = -1;
	struct wait w = {.h = h, .step = step, .run = guest_run_of(h, step),
		.deadline = clock_mono_ms() + (int64_t)rundir_ready_ms(step),
		.probe = vm && probe_is_set(&vm->ready) ? &vm->ready : NULL};
	struct ending end = {0};
	int r;

	if (rundir_open(h->run_fd, step->name, &run_fd, e) < 0)
		return -1;
	w.run_fd = run_fd;
	w.nonce = boot_nonce(h, run_fd);
	panic_watch_start(&w.panic, run_fd, h->cancel);
	r = wait_for_all(&w, facts, &end, e);
	panic_watch_stop(&w.panic);
	return r < 0 ? explain(&w, &end, e) : 0;
}
