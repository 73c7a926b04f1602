/* workload.c - the one process that this guest is for. */
#include "drivers/guest/inside/workload.h"

#include "drivers/guest/inside/child.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_OUTPUT_MS 2000

static int start(struct guest *g, struct why *w)
{
	_cleanup_fd_ int write_end = -1, read_end = -1;
	struct child c = {
		.argv = g->boot.argv, .env = g->boot.env, .hostname = g->boot.hostname,
		.cwd = g->boot.cwd, .make_cwd = true, .user = g->boot.user, .in = -1,
	};
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return why_set(w, errno, "cannot make a pipe");
	read_end = fds[0];
	write_end = fds[1];
	if (fcntl(read_end, F_SETFL, O_NONBLOCK) < 0 ||
		loop_add(&g->loop, read_end, &g->output.source) < 0)
		return why_set(w, errno, "cannot watch the output");
	c.out = c.err = write_end;
	g->work.pid = child_start(&c, w);
	if (g->work.pid < 0)
		return -1;
	output_attach(&g->output, sysfile_take(&read_end));
	return 0;
}

void workload_start(struct guest *g)
{
	struct why w;

	if (!g->boot.argc)
		return;
	if (start(g, &w) == 0) {
		g->work.state = WORKLOAD_RUNNING;
		return;
	}
	g->work.state = WORKLOAD_EXITED;
	g->work.code = child_exit_code(&w);
	say("%s", w.msg);
	report_event(&g->report, "error", "msg", w.msg, 0);
	report_event(&g->report, "exit", "code", NULL, g->work.code);
}

void workload_exited(struct guest *g, int status)
{
	struct workload *work = &g->work;

	work->state = WORKLOAD_EXITED;
	work->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	work->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
	output_finish(&g->output, LAST_OUTPUT_MS);
	if (work->signal)
		say("the workload was killed by signal %d (%s)", work->signal, strsignal(work->signal));
	else
		say("the workload ended with code %d", work->code);
	report_event(&g->report, "exit", work->signal ? "signal" : "code", NULL,
		work->signal ? work->signal : work->code);
}
