/* exec.c - the agent's operation "exec". */
#include "drivers/guest/inside/exec.h"

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/child.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/pty.h"
#include "drivers/guest/inside/signame.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a terminal still holds when its last process ended comes out within moments; a process in the
 * background that keeps it open must not keep the client. */
#define LINGER_MS 300
#define END_OF_FILE "\004"

/* ---- start ------------------------------------------------------------------------------ */

/* Both ends are O_CLOEXEC, ours does not block. ours: 0 the read end, 1 the write end. */
static int make_pipe(int ours, int *mine, int *its)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	*mine = fds[ours];
	*its = fds[!ours];
	return fcntl(*mine, F_SETFL, O_NONBLOCK);
}

static void close_pipes(struct exec *x)
{
	sysfile_close(&x->in);
	sysfile_close(&x->out);
	sysfile_close(&x->err);
}

static int watch_pipes(struct stream *s)
{
	const int fds[3] = {s->exec.in, s->exec.out, s->exec.err};

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && loop_add(&s->guest->loop, fds[i], &s->source) < 0)
			return -1;
	return 0;
}

static int start_piped(struct stream *s, struct child *c, bool with_stdin, struct why *w)
{
	_cleanup_fd_ int in = -1, out = -1, err = -1;
	struct exec *x = &s->exec;

	if ((with_stdin && make_pipe(1, &x->in, &in) < 0) || make_pipe(0, &x->out, &out) < 0 ||
		make_pipe(0, &x->err, &err) < 0 || watch_pipes(s) < 0)
		return why_set(w, errno, "cannot make pipes");
	c->in = in;
	c->out = out;
	c->err = err;
	x->pid = child_start(c, w);
	return x->pid < 0 ? -1 : 0;
}

static int start_on_tty(struct stream *s, struct child *c, const struct jsonlite_node *req,
	struct why *w)
{
	_cleanup_fd_ int slave = -1;
	struct exec *x = &s->exec;

	if (pty_open(&x->out, &slave, w) < 0)
		return -1;
	pty_resize(x->out, jsonlite_int(req, "rows", 0), jsonlite_int(req, "cols", 0));
	x->in = fcntl(x->out, F_DUPFD_CLOEXEC, 3);
	if (x->in < 0 || watch_pipes(s) < 0)
		return why_set(w, errno, "cannot watch the terminal");
	c->in = c->out = c->err = slave;
	c->tty = true;
	x->pid = child_start(c, w);
	return x->pid < 0 ? -1 : 0;
}

static int read_request(const struct jsonlite_node *req, const char ***argv, const char ***env,
	struct why *w)
{
	const struct jsonlite_node *a = jsonlite_get(req, "argv"), *e = jsonlite_get(req, "env");
	int n = jsonlite_strings(a), m = jsonlite_strings(e);

	if (n < 1 || !*a[1].str)
		return why_set(w, EINVAL, "\"argv\" is not a list of strings that names a program");
	if (m < 0)
		return why_set(w, EINVAL, "\"env\" is not a list of strings");
	*argv = calloc((size_t)n + 1, sizeof(**argv));
	*env = calloc((size_t)m + 1, sizeof(**env));
	if (!*argv || !*env)
		return why_set(w, ENOMEM, "exec");
	jsonlite_strv(a, *argv);
	jsonlite_strv(e, *env);
	return 0;
}

/* In the background: nobody talks to it any more, and it outlives the client. */
static int start_alone(struct child *c, pid_t *pid, struct why *w)
{
	c->in = c->out = c->err = -1;
	*pid = child_start(c, w);
	return *pid < 0 ? -1 : 0;
}

static int start(struct stream *s, struct child *c, const struct jsonlite_node *req, struct why *w)
{
	s->exec = (struct exec){.in = -1, .out = -1, .err = -1};
	s->exec.tty = jsonlite_flag(req, "tty", false);
	if (jsonlite_flag(req, "detach", false))
		return start_alone(c, &s->exec.pid, w);
	if (s->exec.tty)
		return start_on_tty(s, c, req, w);
	return start_piped(s, c, jsonlite_flag(req, "stdin", false), w);
}

void exec_start(struct chan *ch, const struct jsonlite_node *req)
{
	const struct boot *boot = &ch->guest->boot;
	int64_t id = jsonlite_int(req, "id", 0);
	const char **argv = NULL, **env = NULL;
	struct child c = {
		.env = boot->env, .hostname = boot->hostname,
		.cwd = jsonlite_str(req, "cwd", boot->cwd),
		/* The workload's folder is made for the workload; it may not have been started. */
		.make_cwd = !jsonlite_get(req, "cwd"),
		.user = jsonlite_str(req, "user", boot->user),
	};
	struct why w = {0};
	struct stream *s = stream_new(ch, id, STREAM_EXEC, &w);
	int rc = s ? read_request(req, &argv, &env, &w) : -1;

	c.argv = argv;
	c.more_env = env;
	if (s)
		s->exec.in = s->exec.out = s->exec.err = -1;
	if (rc == 0)
		rc = start(s, &c, req, &w);
	free(argv);
	free(env);
	if (rc < 0 && s) {
		close_pipes(&s->exec);
		stream_free(s);
	}
	if (rc < 0) {
		chan_fail(ch, id, &w);
		return;
	}
	chan_event_int(ch, id, "started", "pid", s->exec.pid);
	if (jsonlite_flag(req, "detach", false)) {
		stream_free(s);
		chan_ok(ch, id);
	}
}

/* ---- requests to the running one -------------------------------------------------------- */

void exec_input(struct stream *s, const char *data, size_t n, bool eof)
{
	struct exec *x = &s->exec;

	if (n && (x->in < 0 || s->in_eof))
		stream_took(s, n); /* nobody reads it any more */
	else if (n && !stream_keep(s, data, n))
		return;
	if (eof && x->tty && x->in >= 0 && !s->in_eof && !stream_keep(s, END_OF_FILE, 1))
		return;
	s->in_eof |= eof;
}

void exec_signal(struct stream *s, const struct jsonlite_node *req)
{
	int sig = signame_allowed(jsonlite_str(req, "signal", ""));

	/* To its whole group, as a terminal does. Until the child is reaped the number is its. */
	if (sig && !s->exec.exited)
		kill(-s->exec.pid, sig);
}

void exec_resize(struct stream *s, const struct jsonlite_node *req)
{
	if (s->exec.tty && s->exec.out >= 0)
		pty_resize(s->exec.out, jsonlite_int(req, "rows", 0), jsonlite_int(req, "cols", 0));
}

void exec_detach(struct stream *s, const struct jsonlite_node *req)
{
	struct chan *ch = s->ch;
	struct why w;

	(void)req;
	if (stream_detach(s)) {
		chan_ok(ch, s->id);
		return;
	}
	why_set(&w, EBUSY, "%d commands are detached already", STREAM_DETACHED_MAX);
	chan_fail(ch, 0, &w);
}

/* ---- moving data ------------------------------------------------------------------------ */

static bool pump_stdin(struct stream *s)
{
	struct exec *x = &s->exec;
	int r;

	if (x->in < 0)
		return false;
	r = stream_drain(s, x->in);
	/* Nobody reads it any more: what comes is thrown away. */
	if (r < 0 || (!s->pending_n && s->in_eof && !x->tty))
		sysfile_close(&x->in);
	return r != 0;
}

static bool may_have_more(const struct exec *x)
{
	return !x->exited || (x->tty && loop_now_ms() < x->linger_at);
}

/* left: after the child's end only so many bytes are still its own. */
static bool pump_output(struct stream *s, const char *event, int *fd, int *left)
{
	bool counted = s->exec.exited && !s->exec.tty;
	size_t room = stream_room(s);
	ssize_t got;

	if (*fd < 0 || !room)
		return false;
	if (counted && (size_t)*left < room)
		room = (size_t)*left;
	got = room ? read(*fd, s->guest->scratch, room) : 0;
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0 && errno == EAGAIN && may_have_more(&s->exec))
		return false;
	if (got <= 0) {
		sysfile_close(fd);
		return true;
	}
	*left -= counted ? (int)got : 0;
	stream_data(s, event, s->guest->scratch, (size_t)got);
	return true;
}

static void send_exit(struct stream *s)
{
	int status = s->exec.status;

	close_pipes(&s->exec);
	if (s->ch && WIFSIGNALED(status))
		chan_event_int(s->ch, s->id, "exit", "signal", WTERMSIG(status));
	else if (s->ch)
		chan_event_int(s->ch, s->id, "exit", "code", WEXITSTATUS(status));
	stream_free(s);
}

bool exec_pump(struct stream *s)
{
	struct exec *x = &s->exec;
	bool moved = pump_stdin(s);

	moved |= pump_output(s, "stdout", &x->out, &x->left_out);
	moved |= pump_output(s, "stderr", &x->err, &x->left_err);
	if (!x->exited || x->out >= 0 || x->err >= 0 || (s->ch && !chan_has_room(s->ch)))
		return moved;
	send_exit(s);
	return true;
}

void exec_exited(struct stream *s, int status)
{
	struct exec *x = &s->exec;

	x->exited = true;
	x->status = status;
	x->left_out = x->left_err = 0;
	x->linger_at = x->tty ? loop_now_ms() + LINGER_MS : 0;
	if (x->out >= 0 && !x->tty && ioctl(x->out, FIONREAD, &x->left_out) < 0)
		x->left_out = 0;
	if (x->err >= 0 && ioctl(x->err, FIONREAD, &x->left_err) < 0)
		x->left_err = 0;
	s->source.ready(s->source.arg, 0);
}

void exec_abort(struct stream *s)
{
	close_pipes(&s->exec);
	if (!s->exec.exited)
		serve_doom(&s->guest->serve, s->exec.pid);
}
