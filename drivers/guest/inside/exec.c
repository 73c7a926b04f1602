/* exec.c - the agent's operation "exec". */
#include "drivers/guest/inside/exec.h"

#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/child.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
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

static int watch_pipes(struct chan *ch)
{
	const int fds[3] = {ch->exec.in, ch->exec.out, ch->exec.err};

	for (int i = 0; i < 3; i++)
		if (fds[i] >= 0 && loop_add(&ch->guest->loop, fds[i], &ch->pipes) < 0)
			return -1;
	return 0;
}

static int start(struct chan *ch, struct child *c, bool with_stdin, struct why *w)
{
	_cleanup_fd_ int in = -1, out = -1, err = -1;
	struct exec *x = &ch->exec;

	if ((with_stdin && make_pipe(1, &x->in, &in) < 0) || make_pipe(0, &x->out, &out) < 0 ||
		make_pipe(0, &x->err, &err) < 0 || watch_pipes(ch) < 0)
		return why_set(w, errno, "cannot make pipes");
	c->in = in;
	c->out = out;
	c->err = err;
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
	int rc = read_request(req, &argv, &env, &w);

	ch->exec.in = ch->exec.out = ch->exec.err = -1;
	ch->exec.exited = ch->exec.in_eof = false;
	ch->exec.pending_at = ch->exec.pending_n = 0;
	c.argv = argv;
	c.more_env = env;
	if (rc == 0)
		rc = start(ch, &c, jsonlite_flag(req, "stdin", false), &w);
	free(argv);
	free(env);
	if (rc < 0) {
		close_pipes(&ch->exec);
		chan_fail(ch, id, &w);
		return;
	}
	ch->op = CHAN_EXEC;
	ch->op_id = id;
	chan_event_int(ch, "started", "pid", ch->exec.pid);
}

/* ---- requests to the running one -------------------------------------------------------- */

void exec_stdin(struct chan *ch, const struct jsonlite_node *req)
{
	struct exec *x = &ch->exec;
	const struct jsonlite_node *data = jsonlite_get(req, "data");
	size_t n = 0;

	if (data && (data->type != JSONLITE_STR || data->len > BASE64_LEN(GUEST_DATA_MAX) ||
			base64_decode((char *)(uintptr_t)data->str, data->len, &n) < 0)) {
		struct why w;

		why_set(&w, EINVAL, "\"data\" is not base64 of at most 32768 bytes");
		exec_abort(ch);
		chan_fail(ch, ch->op_id, &w);
		return;
	}
	if (n && x->in >= 0 && !x->in_eof) {
		memcpy(x->pending, data->str, n);
		x->pending_at = 0;
		x->pending_n = n;
	}
	x->in_eof |= jsonlite_flag(req, "eof", false);
}

void exec_signal(struct chan *ch, const struct jsonlite_node *req)
{
	int sig = signame_allowed(jsonlite_str(req, "signal", ""));

	/* To its whole group, as a terminal does. Until the child is reaped the number is its. */
	if (sig && !ch->exec.exited)
		kill(-ch->exec.pid, sig);
}

bool exec_wants_input(const struct chan *ch)
{
	return ch->exec.pending_at == ch->exec.pending_n;
}

/* ---- moving data ------------------------------------------------------------------------ */

static bool pump_stdin(struct exec *x)
{
	ssize_t done;

	if (x->in < 0)
		return false;
	if (x->pending_at == x->pending_n) {
		if (x->in_eof)
			sysfile_close(&x->in);
		return false;
	}
	done = write(x->in, x->pending + x->pending_at, x->pending_n - x->pending_at);
	if (done > 0) {
		x->pending_at += (size_t)done;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		return false;
	/* Nobody reads it any more: what comes is thrown away. */
	sysfile_close(&x->in);
	x->pending_at = x->pending_n;
	return true;
}

/* left: after the child's end only so many bytes are still its own. */
static bool pump_output(struct chan *ch, const char *event, int *fd, int *left)
{
	size_t room = chan_data_room(ch);
	ssize_t got;

	if (*fd < 0 || room < CHAN_DATA_MIN)
		return false;
	if (ch->exec.exited && (size_t)*left < room)
		room = (size_t)*left;
	got = room ? read(*fd, ch->guest->scratch, room) : 0;
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0 && errno == EAGAIN && !ch->exec.exited)
		return false;
	if (got <= 0) {
		sysfile_close(fd);
		return true;
	}
	*left -= ch->exec.exited ? (int)got : 0;
	chan_event_data(ch, event, ch->guest->scratch, (size_t)got);
	return true;
}

static void send_exit(struct chan *ch)
{
	int status = ch->exec.status;

	close_pipes(&ch->exec);
	if (WIFSIGNALED(status))
		chan_event_int(ch, "exit", "signal", WTERMSIG(status));
	else
		chan_event_int(ch, "exit", "code", WEXITSTATUS(status));
	ch->op = CHAN_IDLE;
}

bool exec_pump(struct chan *ch)
{
	struct exec *x = &ch->exec;
	bool moved = pump_stdin(x);

	moved |= pump_output(ch, "stdout", &x->out, &x->left_out);
	moved |= pump_output(ch, "stderr", &x->err, &x->left_err);
	if (!x->exited || x->out >= 0 || x->err >= 0 || !chan_has_room(ch))
		return moved;
	send_exit(ch);
	return true;
}

void exec_exited(struct chan *ch, int status)
{
	struct exec *x = &ch->exec;

	x->exited = true;
	x->status = status;
	x->left_out = x->left_err = 0;
	if (x->out >= 0 && ioctl(x->out, FIONREAD, &x->left_out) < 0)
		x->left_out = 0;
	if (x->err >= 0 && ioctl(x->err, FIONREAD, &x->left_err) < 0)
		x->left_err = 0;
	chan_pump(ch);
}

void exec_abort(struct chan *ch)
{
	close_pipes(&ch->exec);
	if (!ch->exec.exited)
		serve_doom(&ch->guest->serve, ch->exec.pid);
	ch->op = CHAN_IDLE;
}
