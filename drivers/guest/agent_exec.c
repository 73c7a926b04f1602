/* agent_exec.c - run a command in a guest: one loop that carries stdin in and output out.
 *
 * What is to be sent waits in one buffer, and stdin is read only when that is empty: a guest that
 * does not read stops our reading of stdin, never our reading of its output.
 */
#include "drivers/guest/agent_wire.h"

#include "drivers/guest/base64.h"
#include "drivers/guest/proto.h"
#include "drivers/guest/weave.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A signal that comes just before poll(2) is noticed after this time. */
#define SLICE_MS 200

/* A signal stands in one line with the input that came before it, and a command that reads none of it
 * never gets so far. When nothing can be sent for this long after a signal, or when a second signal comes
 * this long after the first, we hang up: the guest then ends the command. */
#define SIGNAL_WAIT_MS 1000

struct pump {
	struct agent *a;
	const struct agent_exec *x;
	struct arena arena;  /* of the line that is being sent */
	const char *out;
	size_t out_n;        /* bytes of it that are not sent yet */
	int64_t id, deadline; /* deadline 0: none */
	int64_t blocked_ms;  /* since when nothing could be sent */
	int64_t signal_ms;   /* when the first signal came; 0: none did */
	int signal;          /* the last one that was passed on; 0: none was */
	struct weave weave;  /* output and errors */
	bool stdin_open, done;
	int code;
};

static void pump_fini(struct pump *p)
{
	weave_fini(&p->weave);
	arena_free(&p->arena);
}

/* Put one message into the empty buffer. Takes the message over. */
static int queue(struct pump *p, json_t *message, struct err *e)
{
	_cleanup_json_ json_t *owned = message;

	if (!owned)
		return err_set(e, ERR_USAGE, "the command is not UTF-8");
	arena_free(&p->arena);
	p->blocked_ms = clock_mono_ms();
	return agent_line(&p->arena, owned, &p->out, &p->out_n, e);
}

static void add_list(json_t *req, const char *key, const char *const *list)
{
	json_t *array = json_array();

	for (; list && *list; list++)
		json_array_append_new(array, json_string(*list));
	json_object_set_new(req, key, array);
}

static bool all_utf8(const char *const *list)
{
	for (; list && *list; list++) {
		_cleanup_json_ json_t *s = json_string(*list);

		if (!s)
			return false;
	}
	return true;
}

static int queue_request(struct pump *p, struct err *e)
{
	const struct agent_exec *x = p->x;
	json_t *req;

	/* A list would silently lose an entry that JSON cannot carry. */
	if (!all_utf8(x->argv) || !all_utf8(x->env))
		return err_set(e, ERR_USAGE, "the command is not UTF-8");
	req = json_pack("{s:I, s:s, s:b}", "id", (json_int_t)p->id, "op", "exec", "stdin",
		p->stdin_open);
	add_list(req, "argv", x->argv);
	add_list(req, "env", x->env);
	if (x->cwd)
		json_object_set_new(req, "cwd", json_string(x->cwd));
	if (x->user)
		json_object_set_new(req, "user", json_string(x->user));
	return queue(p, req, e);
}

/* ---- out -------------------------------------------------------------------------------- */

static const char *signal_name(int sig)
{
	static const struct {
		int sig;
		const char *name;
	} names[] = {
		{SIGTERM, "TERM"}, {SIGKILL, "KILL"}, {SIGINT, "INT"}, {SIGHUP, "HUP"},
		{SIGQUIT, "QUIT"}, {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].sig == sig)
			return names[i].name;
	return NULL;
}

/* interrupt is shared with a signal handler, which may set it again at any time. */
static int queue_signal(struct pump *p, struct err *e)
{
	volatile sig_atomic_t *from = (volatile sig_atomic_t *)p->x->interrupt;
	const char *name;

	if (!from || !*from)
		return 0;
	p->signal_ms = p->signal_ms ? p->signal_ms : clock_mono_ms();
	if (p->out_n)
		return 0;
	if (p->signal && clock_mono_ms() - p->signal_ms >= SIGNAL_WAIT_MS)
		return err_set(e, ERR_CANCELLED, "cancelled");
	p->signal = (int)*from;
	name = signal_name(p->signal);
	*from = 0;
	return name ? queue(p, json_pack("{s:s, s:I, s:s}", "op", "signal", "to",
		(json_int_t)p->id, "signal", name), e) : 0;
}

static int queue_stdin(struct pump *p, struct err *e)
{
	char data[GUEST_DATA_MAX], text[(GUEST_DATA_MAX + 2) / 3 * 4 + 1];
	ssize_t n = read(p->x->stdin_fd, data, sizeof(data));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return err_sys(e, errno, "cannot read standard input");
	if (!n) {
		p->stdin_open = false;
		return queue(p, json_pack("{s:s, s:I, s:b}", "op", "stdin", "to",
			(json_int_t)p->id, "eof", 1), e);
	}
	base64_encode(data, (size_t)n, text);
	return queue(p, json_pack("{s:s, s:I, s:s}", "op", "stdin", "to", (json_int_t)p->id,
		"data", text), e);
}

static int send_some(struct pump *p, struct err *e)
{
	ssize_t n = send(p->a->lines.fd, p->out, p->out_n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0)
		return err_set(e, ERR_GUEST, "the guest hung up");
	p->out += n;
	p->out_n -= (size_t)n;
	p->blocked_ms = clock_mono_ms();
	return 0;
}

/* ---- in --------------------------------------------------------------------------------- */

static int on_exit_event(struct pump *p, const json_t *message, struct err *e)
{
	int64_t code = json_int(message, "code", -1), sig = json_int(message, "signal", -1);

	if (code >= 0 && code <= 255)
		p->code = (int)code;
	else if (sig >= 1 && sig <= 64)
		p->code = 128 + (int)sig;
	else
		return err_set(e, ERR_CONTENT, "the guest reports an exit code that there is not");
	p->done = true;
	return 0;
}

static int on_message(struct pump *p, const json_t *message, struct err *e)
{
	const char *ev = json_str(message, "ev", "");
	char data[GUEST_DATA_MAX];
	size_t n;

	if (agent_refusal(message, "exec", e) < 0)
		return -1;
	if (!strcmp(ev, "exit"))
		return on_exit_event(p, message, e);
	if (strcmp(ev, "stdout") != 0 && strcmp(ev, "stderr") != 0)
		return 0;
	if (agent_data(message, data, &n, e) < 0)
		return -1;
	if (p->x->output) {
		p->x->output(p->x->output_arg, !strcmp(ev, "stderr"), data, n);
		return 0;
	}
	return weave_put(&p->weave, !strcmp(ev, "stderr"), data, n, e);
}

static int take_lines(struct pump *p, struct err *e)
{
	char *line;
	size_t n;
	int r = 0;

	while (!p->done && !(r = lines_take(&p->a->lines, &line, &n, e))) {
		_cleanup_json_ json_t *message = agent_sort(line, n, p->id);

		if (message && on_message(p, message, e) < 0)
			return -1;
	}
	return r < 0 ? -1 : 0;
}

static int receive_some(struct pump *p, struct err *e)
{
	int r = lines_fill(&p->a->lines, e);

	if (r > 0)
		return err_set(e, ERR_GUEST, "the guest hung up before the command ended");
	return r < 0 ? r : take_lines(p, e);
}

/* ---- the loop --------------------------------------------------------------------------- */

/* A signal that can be passed on is no reason to go away. */
static bool is_cancelled(const struct pump *p)
{
	const volatile sig_atomic_t *cancel = p->a->lines.cancel;
	int64_t now = clock_mono_ms();

	if (cancel && *cancel && cancel != p->x->interrupt)
		return true;
	return p->signal_ms && p->out_n && now - p->signal_ms >= SIGNAL_WAIT_MS &&
		now - p->blocked_ms >= SIGNAL_WAIT_MS;
}

static int time_left(const struct pump *p, int *ms, struct err *e)
{
	int64_t now = clock_mono_ms(), left = p->deadline ? p->deadline - now : INT32_MAX;
	int due = weave_due_ms(&p->weave, now);

	if (is_cancelled(p))
		return err_set(e, ERR_CANCELLED, "cancelled");
	if (left <= 0)
		return err_set(e, ERR_TIMEOUT, "the command took longer than allowed");
	if ((p->x->interrupt || p->a->lines.cancel) && left > SLICE_MS)
		left = SLICE_MS;
	if (due >= 0 && left > due)
		left = due;
	*ms = left > INT32_MAX ? INT32_MAX : (int)left;
	return 0;
}

static int turn(struct pump *p, struct err *e)
{
	struct pollfd fds[2] = {{.fd = p->a->lines.fd, .events = POLLIN}, {.fd = -1}};
	int ms = 0;

	if (queue_signal(p, e) < 0 || time_left(p, &ms, e) < 0 ||
		weave_flush(&p->weave, false, clock_mono_ms(), e) < 0)
		return -1;
	if (p->out_n)
		fds[0].events |= POLLOUT;
	else if (p->stdin_open)
		fds[1] = (struct pollfd){.fd = p->x->stdin_fd, .events = POLLIN};
	if (poll(fds, 2, ms) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "cannot wait for the guest");
	if (fds[0].revents & POLLOUT && send_some(p, e) < 0)
		return -1;
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && receive_some(p, e) < 0)
		return -1;
	return fds[1].revents && !p->done ? queue_stdin(p, e) : 0;
}

/* Nothing of the output is lost, and the caller learns which signal it was that we gave up after. */
static int hang_up(struct pump *p, const struct err *e)
{
	volatile sig_atomic_t *from = (volatile sig_atomic_t *)p->x->interrupt;

	weave_flush(&p->weave, true, 0, NULL);
	if (e->kind == ERR_CANCELLED && from && !*from)
		*from = p->signal;
	return -1;
}

int agent_exec(struct agent *a, const struct agent_exec *x, int *code, struct err *e)
{
	_cleanup_(pump_fini) struct pump p = {.a = a, .x = x, .id = agent_next_id(a)};

	weave_init(&p.weave, x->stdout_fd, x->stderr_fd);
	p.stdin_open = x->stdin_fd >= 0;
	p.deadline = x->timeout_ms ? clock_mono_ms() + x->timeout_ms : 0;
	/* What the last wait read beyond its answer; it also makes room to read more. */
	if (queue_request(&p, e) < 0 || take_lines(&p, e) < 0)
		return -1;
	while (!p.done)
		if (turn(&p, e) < 0)
			return hang_up(&p, e);
	*code = p.code;
	return weave_flush(&p.weave, true, 0, e);
}
