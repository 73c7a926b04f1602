/* capture.c - run a program to its end and take what it prints; see capture.h. */
#include "drivers/sys/capture.h"

#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct run {
	const struct capture *what;
	struct proc_id id;
	int pidfd, out;
	int64_t deadline_ms;
	char *text; /* max + 1 bytes */
	size_t n;
};

static int start(struct run *r, struct err *e)
{
	struct proc_spec spec = {.path = r->what->argv[0], .argv = r->what->argv,
		.envp = r->what->envp, .stdin_fd = -1, .stderr_fd = STDERR_FILENO, .keep_fd = -1,
		.dies_with_us = true};
	_cleanup_fd_ int folder = -1, write_end = -1;
	int ends[2];

	folder = open(r->what->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return err_sys(e, errno, "cannot open folder %s", r->what->folder);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot start %s", spec.path);
	r->out = ends[0];
	write_end = ends[1];
	spec.cwd_fd = folder;
	spec.stdout_fd = write_end;
	return proc_spawn(&spec, &r->id, &r->pidfd, e);
}

/* Milliseconds that are left, at least 0. */
static int left(const struct run *r)
{
	int64_t ms = r->deadline_ms - clock_mono_ms();

	return ms > 0 ? (int)ms : 0;
}

static int too_slow(const struct run *r, struct err *e)
{
	return err_set(e, ERR_TIMEOUT, "%s takes longer than %d s", r->what->argv[0],
		r->what->timeout_ms / 1000);
}

/* Read until its end of the pipe is closed. */
static int read_all(struct run *r, struct err *e)
{
	for (;;) {
		struct pollfd p = {.fd = r->out, .events = POLLIN};
		int ready = poll(&p, 1, left(r));
		ssize_t got;

		if (!ready)
			return too_slow(r, e);
		if (ready < 0 && errno == EINTR)
			continue;
		got = ready < 0 ? -1 : read(r->out, r->text + r->n, r->what->max + 1 - r->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, errno, "cannot read what %s prints", r->what->argv[0]);
		if (!got)
			return 0;
		r->n += (size_t)got;
		if (r->n > r->what->max)
			return err_set(e, ERR_LIMIT, "%s prints more than %zu bytes",
				r->what->argv[0], r->what->max);
	}
}

static int finish(struct run *r, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	int status, ended;

	if (read_all(r, e) < 0)
		return -1;
	ended = proc_reap(r->id.pid, r->pidfd, left(r), &status, e);
	if (ended)
		return ended < 0 ? -1 : too_slow(r, e);
	r->id.pid = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return err_set(e, ERR_FAILED, "%s %s", r->what->argv[0], proc_status_text(&scratch, status));
}

static void stop(struct run *r)
{
	int status;

	proc_signal(&r->id, SIGKILL, NULL);
	proc_reap(r->id.pid, r->pidfd, -1, &status, NULL);
}

int capture_run(struct arena *a, const struct capture *what, char **text, size_t *n, struct err *e)
{
	struct run r = {.what = what, .pidfd = -1, .out = -1};
	int result;

	r.deadline_ms = clock_mono_ms() + what->timeout_ms;
	r.text = arena_alloc(a, what->max + 2);
	result = start(&r, e);
	if (!result) {
		result = finish(&r, e);
		if (r.id.pid)
			stop(&r);
	}
	fd_close(&r.pidfd);
	fd_close(&r.out);
	if (result < 0) {
		explicit_bzero(r.text, what->max + 2);
		return -1;
	}
	r.text[r.n] = '\0';
	*text = r.text;
	*n = r.n;
	return 0;
}
