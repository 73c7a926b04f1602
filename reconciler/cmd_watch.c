/* cmd_watch.c - the same pass again whenever something changes.
 *
 * The process that listens reads the spec and nothing else; it keeps the last one that was right. Each pass
 * is a child of it, so that what a pass allocates is gone with it, and a pass that dies takes nothing along.
 * VMs hang on neither.
 */
#include "reconciler/session.h"

#include "drivers/sys/notify.h"
#include "drivers/sys/proc.h"
#include "reconciler/print.h"
#include "reconciler/watch/hear.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOK_MS 60000
#define LOOK_LEAST_MS 1000
#define BUSY_MS 5000      /* somebody else held the lock: try again after this */
#define RETRY_LEAST_MS 1000

struct watch {
	struct cli *c;
	const char *const *files;
	size_t n_files;
	const char *source, *state_dir;
	struct arena spec_arena;     /* of the last spec that was right */
	struct spec *spec;           /* NULL: none yet */
	VEC(const char *) read;      /* every file that the last attempt opened; in read_arena */
	struct arena read_arena;
	struct when when;
	struct hearing hearing;
	struct notify notify;
	sigset_t old_mask;
	int signals;                 /* signalfd(2) */
	struct proc_id pass;         /* pid 0: none runs */
	int pass_pidfd, pass_out;
	unsigned why;                /* what the pass that runs serves */
	int stop;                    /* signal that ends us; 0: none came */
};

/* ---- the spec ----------------------------------------------------------------------------------------- */

static int remember(void *arg, struct arena *a, const char *path, size_t max, char **text, size_t *len,
	struct err *e)
{
	struct watch *w = arg;

	*vec_push(&w->read_arena, &w->read) = arena_dup(&w->read_arena, path);
	return file_read(a, AT_FDCWD, path, max, text, len, e);
}

/* Read it anew; the last good one stays when it is wrong. */
static void read_spec(struct watch *w)
{
	struct cli sub = *w->c;
	struct err why = ERR_INIT;
	struct spec *spec = NULL;
	int rc;

	arena_free(&w->read_arena);
	w->read_arena = (struct arena)ARENA_INIT;
	memset(&w->read, 0, sizeof(w->read));
	sub.arena = (struct arena)ARENA_INIT;
	rc = session_read(&sub, w->files, w->n_files, remember, w, &spec, &why);
	for (size_t i = 0; i < w->n_files; i++)
		*vec_push(&w->read_arena, &w->read) = w->files[i];
	hear_files(&w->hearing, w->read.v, w->read.n);
	if (rc < 0) {
		print_err(w->c, &why);
		fprintf(stderr, "watch: %s\n", w->spec ? "the last spec that was right stays in force"
						      : "nothing is done until there is a spec that is right");
		arena_free(&sub.arena);
		return;
	}
	arena_free(&w->spec_arena);
	w->spec_arena = sub.arena;
	w->spec = spec;
	hear_links(&w->hearing, spec->networks.n > 0);
}

/* ---- a pass ----------------------------------------------------------------------------------------------- */

static struct pass pass_of(struct watch *w, bool no_prune)
{
	const struct cli *c = w->c;

	return (struct pass){.a = &w->c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.no_prune = no_prune, .write = true, .lock_wait_ms = (int64_t)c->lock_timeout_ms,
		.spec = w->spec, .source = w->source};
}

static void tell_why(const struct watch *w)
{
	const char *sep = "watch: ";

	for (enum hear i = 0; i < HEAR_N; i++)
		if (w->why & 1u << i) {
			fprintf(stderr, "%s%s", sep, hear_name(i));
			sep = ", ";
		}
	fputc('\n', stderr);
}

/* Whether people hear again of what is not done without a yes: not at each look that shows it as it was. */
static bool is_news(const struct watch *w)
{
	return w->why & ~(1u << HEAR_LOOK | 1u << HEAR_RETRY);
}

static bool needs_yes(const struct watch *w, const struct pass *p)
{
	return !w->c->allow_data_loss && (p->plan.tier == TIER_DATA_LOSS || (p->plan.tier == TIER_YES && !w->c->yes));
}

static int act(struct watch *w, struct pass *p, struct err *e)
{
	if (!p->plan.changes && !p->plan.steps.n && !p->interrupted.n && !p->plan.conflicts)
		return session_note(p, e);
	if (needs_yes(w, p) && !is_news(w))
		return err_set(e, ERR_GUARD, "what needs a yes is not done");
	if (!w->c->quiet)
		tell_why(w);
	return session_act(w->c, p, e);
}

static int look_and_act(struct watch *w, bool no_prune, struct err *e)
{
	struct pass p = pass_of(w, no_prune);
	int rc = session_look(w->c, &p, e);

	if (rc == 0)
		rc = act(w, &p, e);
	pass_close(&p);
	return rc;
}

static void tell(const struct watch *w, const struct err *e)
{
	if (e->kind != ERR_GUARD || is_news(w))
		print_err(w->c, e);
}

/* In the child. What asks for a yes that nobody can give is left out, and the rest is done. */
static int pass_child(void *arg, int fd)
{
	struct watch *w = arg;
	struct err e = ERR_INIT;
	uint8_t code;
	int rc;

	sigprocmask(SIG_SETMASK, &w->old_mask, NULL);
	rc = look_and_act(w, w->c->no_prune, &e);
	if (rc < 0 && e.kind == ERR_GUARD && !w->c->no_prune) {
		tell(w, &e);
		if (is_news(w))
			fputs("watch: now what can be done without deleting\n", stderr);
		e = (struct err)ERR_INIT;
		rc = look_and_act(w, true, &e);
	}
	if (rc < 0)
		tell(w, &e);
	code = (uint8_t)(rc < 0 ? err_exit_code(e.kind) : rc);
	fflush(NULL);
	return fd_write_all(fd, &code, 1);
}

static void begin_pass(struct watch *w)
{
	struct err e = ERR_INIT;

	if (proc_branch(pass_child, w, &w->pass, &w->pass_pidfd, &w->pass_out, &e) == 0)
		return;
	print_err(w->c, &e);
	w->pass.pid = 0;
	when_end(&w->when, clock_mono_ms(), BUSY_MS);
}

/* In how long what failed is to be tried again; -1: nothing has. */
static int64_t next_retry(const struct records *records)
{
	const int64_t now = clock_real_ms();
	int64_t first = -1;

	vec_each(r, records) {
		int64_t left = r->retry_at_ms - now;

		if (r->state != RECORD_FAILED || !r->retry_at_ms)
			continue;
		if (left < RETRY_LEAST_MS)
			left = RETRY_LEAST_MS;
		if (first < 0 || left < first)
			first = left;
	}
	return first;
}

/* What the pass has left: VMMs to listen to, and what is to be tried again. */
static int64_t after_pass(struct watch *w)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_store_ struct store *store = NULL;
	struct records records = {0};
	struct leases leases = {0};
	struct intents open = {0};
	struct err e = ERR_INIT;

	if (store_open(w->state_dir, false, &store, &e) != 0 || store_load(store, &a, &records, &leases, &open, &e) < 0)
		return -1;
	if (hear_vmms(&w->hearing, &records))
		when_hear(&w->when, HEAR_PROCESS, clock_mono_ms());
	return next_retry(&records);
}

static void end_pass(struct watch *w)
{
	struct err e = ERR_INIT;
	int status = 0;
	uint8_t code = 1;
	int64_t retry;

	if (read(w->pass_out, &code, 1) != 1)
		code = 1;
	if (proc_reap(w->pass.pid, w->pass_pidfd, -1, &status, &e) < 0)
		print_err(w->c, &e);
	fd_close(&w->pass_pidfd);
	fd_close(&w->pass_out);
	w->pass.pid = 0;
	retry = after_pass(w);
	if (code == err_exit_code(ERR_LOCKED) || !WIFEXITED(status))
		retry = BUSY_MS;
	when_end(&w->when, clock_mono_ms(), retry);
	log_debug("pass ended", "code=%u", code);
}

/* ---- the loop --------------------------------------------------------------------------------------------- */

static void take_signals(struct watch *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP) {
			notify_reloading(&w->notify, NULL);
			when_hear(&w->when, HEAR_ASKED, clock_mono_ms());
			continue;
		}
		/* The first lets the pass undo what it is at; the second is for who cannot wait. */
		if (w->pass.pid)
			proc_signal(&w->pass, w->stop ? SIGKILL : SIGTERM, NULL);
		w->stop = (int)info.ssi_signo;
	}
}

static int64_t sleep_ms(const struct watch *w)
{
	const int64_t due = when_due(&w->when), now = clock_mono_ms();
	int64_t ms = due < 0 ? -1 : due > now ? due - now : 0;
	const int64_t dog = (int64_t)(w->notify.watchdog_us / 2000);

	return dog && (ms < 0 || ms > dog) ? dog : ms;
}

static int turn(struct watch *w, struct err *e)
{
	const int fds[] = {w->signals, w->pass.pid ? w->pass_pidfd : -1};
	unsigned heard, why;

	if (hear_wait(&w->hearing, fds, 2, sleep_ms(w), &heard, e) < 0)
		return -1;
	notify_watchdog(&w->notify, NULL);
	for (enum hear i = 0; i < HEAR_N; i++)
		if (heard & 1u << i)
			when_hear(&w->when, i, clock_mono_ms());
	take_signals(w);
	if (w->pass.pid && proc_look(&w->pass) == PROC_GONE)
		end_pass(w);
	if (w->stop || !when_begin(&w->when, clock_mono_ms(), &why))
		return 0;
	w->why = why;
	if (when_reads(why)) {
		read_spec(w);
		notify_ready(&w->notify, NULL);
	}
	if (w->spec)
		begin_pass(w);
	else
		when_end(&w->when, clock_mono_ms(), -1);
	return 0;
}

/* ---- begin and end ------------------------------------------------------------------------------------ */

/* One of us per state directory. The lock dies with its process. */
static int be_the_only_one(int state_fd, int *fd, struct err *e)
{
	char pid[32] = "";
	ssize_t n;

	*fd = openat(state_fd, "watch.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_sys(e, errno, "cannot open watch.lock in the state directory");
	if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
		n = pread(*fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
		err_set(e, ERR_LOCKED, "reconcile watch runs on this state directory already (process %s)", pid);
		return err_hint(e, "end that one first, or give --state-dir");
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(*fd, 0) < 0 || pwrite(*fd, pid, strlen(pid), 0) < 0)
		return err_sys(e, errno, "cannot write watch.lock in the state directory");
	return 0;
}

static int catch_signals(struct watch *w, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &w->old_mask);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return w->signals < 0 ? err_sys(e, errno, "cannot wait for signals") : 0;
}

static int loop(struct watch *w, struct err *e)
{
	if (hear_open(&w->hearing, e) < 0 || catch_signals(w, e) < 0)
		return -1;
	fprintf(stderr, "watch: %s; end it with Ctrl-C, VMs run on\n", w->source);
	while (!w->stop || w->pass.pid)
		if (turn(w, e) < 0)
			return -1;
	notify_stopping(&w->notify, NULL);
	return w->stop == SIGTERM ? 0 : 128 + w->stop;
}

static int run(struct cli *c, struct err *e)
{
	struct watch w = {.c = c, .signals = -1, .pass_pidfd = -1, .pass_out = -1};
	const uint64_t look = c->interval_ms ? c->interval_ms : LOOK_MS;
	_cleanup_fd_ int lock = -1;
	struct home home;
	int rc = -1;

	if (session_check_flags(c, e) < 0 || cli_files(c, &w.files, &w.n_files, e) < 0)
		return -1;
	if (look < LOOK_LEAST_MS)
		return err_set(e, ERR_USAGE, "--interval: at least 1s");
	w.source = cli_source(c, w.files, w.n_files);
	if (home_open(&c->arena, c->state_dir, true, (int64_t)c->lock_timeout_ms, &cli_cancel, &home, e) == 0 &&
		be_the_only_one(home.host.state_fd, &lock, e) == 0 && notify_open(&w.notify, e) == 0) {
		w.state_dir = arena_dup(&c->arena, home.host.state_dir);
		rc = 0;
	}
	home_close(&home);
	if (rc < 0)
		return -1;
	when_init(&w.when, (int64_t)look, (uint64_t)clock_real_ms() ^ (uint64_t)getpid(), clock_mono_ms());
	rc = loop(&w, e);
	hear_close(&w.hearing);
	fd_close(&w.signals);
	arena_free(&w.read_arena);
	arena_free(&w.spec_arena);
	return rc;
}

const struct cmd cmd_watch = {
	.name = "watch",
	.args = "FILE...",
	.caption = "apply again whenever something changes",
	.help = "Stays and listens: to the files and folders of the spec, to the VMs that it runs and, when there\n"
		"are networks, to the links of this host. Whatever changes there, one pass of apply puts right; it\n"
		"looks at everything now and then all the same. A spec that is wrong is shown, and the last one\n"
		"that was right stays in force. What apply would ask about is not done, and said; -y says yes\n"
		"to it beforehand.\n\n"
		"SIGHUP looks at once. SIGTERM and Ctrl-C end it; VMs run on.\n\n"
		"  reconcile watch vms.yaml\n"
		"  reconcile watch -y --interval 5m specs/",
	.run = run,
};
