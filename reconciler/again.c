/* again.c - show something again and again. */
#include "reconciler/again.h"

#include "drivers/sys/proc.h"
#include "reconciler/print.h"
#include "reconciler/table.h"
#include "schema/base/fd.h"
#include "schema/base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLEAR "\033[H\033[2J"
#define TEXT_MAX ((size_t)16 << 20)
#define POLL_MS 100 /* how soon a signal is seen that came between two looks at the flag */

struct again {
	struct cli *cli;
	int (*show)(struct cli *c, struct err *e);
};

/* In the child: what it prints goes to the parent, which knows whether it is news. */
static int look(void *arg, int out)
{
	const struct again *w = arg;
	struct err err = ERR_INIT;
	int rc;

	table_assume_width(table_terminal_width(stdout));
	if (dup2(out, STDOUT_FILENO) < 0)
		return -1;
	rc = w->show(w->cli, &err);
	if (rc < 0)
		print_err(w->cli, &err);
	return fflush(stdout) == 0 && rc >= 0 ? 0 : -1;
}

/* All that the child prints, until it ends or we are to. */
static void listen_to(int fd, struct text *t)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[4096];
	ssize_t got = 1;

	while (got && t->n < TEXT_MAX && !cli_cancel) {
		if (poll(&p, 1, POLL_MS) <= 0)
			continue;
		got = read(fd, buf, sizeof(buf));
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (got > 0)
			text_putn(t, buf, (size_t)got);
	}
}

/* 0 with what it printed; -1: it failed, or could not be started (e). */
static int look_once(struct again *w, struct text *t, struct err *e)
{
	_cleanup_fd_ int pidfd = -1, out = -1;
	struct proc_id id;
	int status = 0;

	if (proc_branch(look, w, &id, &pidfd, &out, e) < 0)
		return -1;
	listen_to(out, t);
	fd_close(&out);
	if (cli_cancel)
		proc_signal(&id, SIGKILL, NULL);
	if (proc_reap(id.pid, pidfd, -1, &status, e) < 0)
		return -1;
	return status == 0 || cli_cancel ? 0 : 1;
}

static void present(const char *text, bool first)
{
	if (isatty(STDOUT_FILENO))
		fputs(CLEAR, stdout);
	else if (!first)
		putchar('\n');
	fputs(text, stdout);
	fflush(stdout);
}

static void nap(int64_t ms)
{
	for (; ms > 0 && !cli_cancel; ms -= POLL_MS) {
		const struct timespec t = {.tv_nsec = (ms < POLL_MS ? ms : POLL_MS) * 1000000L};

		nanosleep(&t, NULL);
	}
}

int again_run(struct cli *c, int (*show)(struct cli *c, struct err *e), int64_t period_ms,
	struct err *e)
{
	struct again w = {.cli = c, .show = show};
	char *last = NULL;
	int rc = 0;

	while (rc == 0 && !cli_cancel && !ferror(stdout)) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct text t = {.a = &a};

		rc = look_once(&w, &t, e);
		if (rc == 0 && !cli_cancel && (!last || strcmp(last, text_end(&t)) != 0)) {
			present(text_end(&t), !last);
			free(last);
			last = strdup(text_end(&t));
		}
		if (rc == 0)
			nap(period_ms);
	}
	free(last);
	return rc < 0 ? -1 : rc ? 1 : cli_cancel ? 128 + cli_cancel : 0;
}
