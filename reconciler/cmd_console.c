/* cmd_console.c - talk to a VM over its serial console.
 *
 * QEMU serves one client of the console at a time and keeps its log in any case; a lock beside the socket
 * tells a second client so instead of leaving it in silence. On a terminal all keys go to the guest, but
 * one, and what the guest sends goes to the terminal as it is: an editor there needs that. Who does not
 * trust the guest so far reads logs --console.
 */
#include "reconciler/session.h"
#include "reconciler/vmstate.h"

#include "drivers/rundir.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 4096
#define SLICE_MS 200
#define DETACH_KEY 0x1d /* Ctrl-], as of telnet and virsh */

struct talk {
	int sock;
	bool tty, input_open;
	struct termios saved;
	char out[CHUNK]; /* for the guest */
	size_t n;
};

static int raw_mode(struct talk *t, struct err *e)
{
	struct termios raw;

	if (!t->tty)
		return 0;
	if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
		return err_sys(e, errno, "cannot read the settings of the terminal");
	raw = t->saved;
	cfmakeraw(&raw);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0
		? err_sys(e, errno, "cannot set up the terminal") : 0;
}

static void normal_mode(const struct talk *t)
{
	if (t->tty)
		tcsetattr(STDIN_FILENO, TCSANOW, &t->saved);
}

/* 1: the detach key came, or nobody listens any more. */
static int take_input(struct talk *t, struct err *e)
{
	ssize_t got = read(STDIN_FILENO, t->out, sizeof(t->out));
	const char *key;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got < 0 && errno != EIO)
		return err_sys(e, errno, "cannot read standard input");
	if (got <= 0) {
		t->input_open = false;
		return t->tty;
	}
	t->n = (size_t)got;
	key = t->tty ? memchr(t->out, DETACH_KEY, t->n) : NULL;
	return key != NULL;
}

static int send_some(struct talk *t, struct err *e)
{
	ssize_t done = send(t->sock, t->out, t->n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (done < 0)
		return errno == EPIPE || errno == ECONNRESET ? 1 : err_sys(e, errno, "cannot write to the console");
	memmove(t->out, t->out + done, t->n - (size_t)done);
	t->n -= (size_t)done;
	return 0;
}

static int show_some(struct talk *t, struct err *e)
{
	char buf[CHUNK];
	ssize_t got = recv(t->sock, buf, sizeof(buf), MSG_DONTWAIT);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (got <= 0)
		return 1;
	if (fd_write_all(STDOUT_FILENO, buf, (size_t)got) < 0)
		return errno == EPIPE ? 1 : err_sys(e, errno, "cannot write what the console says");
	return 0;
}

/* One turn; 1: it is over. What waits for the guest stops our reading of the keys, not of the guest. */
static int turn(struct talk *t, struct err *e)
{
	struct pollfd fds[2] = {{.fd = t->sock, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int r = 0;

	if (t->n)
		fds[0].events |= POLLOUT;
	else if (t->input_open)
		fds[1].fd = STDIN_FILENO;
	if (poll(fds, 2, SLICE_MS) < 0)
		return errno == EINTR ? 0 : err_sys(e, errno, "cannot wait for the console");
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		r = show_some(t, e);
	if (r == 0 && fds[0].revents & POLLOUT)
		r = send_some(t, e);
	if (r == 0 && fds[1].revents)
		r = take_input(t, e);
	return r;
}

static int talk(int sock, const char *vm, struct err *e)
{
	struct talk t = {.sock = sock, .tty = isatty(STDIN_FILENO), .input_open = true};
	int r = 0;

	if (raw_mode(&t, e) < 0)
		return -1;
	if (t.tty)
		fprintf(stderr, "Connected to the console of vm/%s; Ctrl-] ends it.\r\n", vm);
	while (r == 0 && !cli_cancel)
		r = turn(&t, e);
	normal_mode(&t);
	if (t.tty)
		fputs("\nDisconnected.\n", stderr);
	return r < 0 ? -1 : cli_cancel ? 128 + cli_cancel : 0;
}

static int connect_console(const char *run, const char *vm, int *lock, int *sock, struct err *e)
{
	_cleanup_fd_ int dir = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", run);
	*lock = openat(dir, RUN_CONSOLE_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*lock < 0)
		return err_sys(e, errno, "cannot open %s", RUN_CONSOLE_LOCK);
	if (flock(*lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_LOCKED, "somebody else is at the console of vm/%s", vm);
	r = unixsock_connect(dir, RUN_CONSOLE_SOCKET, sock, e);
	if (r <= 0)
		return r;
	err_set(e, ERR_GUEST, "vm/%s has no console that one can talk to: an earlier version started it", vm);
	return err_hint(e, "it gets one when it is started again; logs --console shows what it prints");
}

static int run(struct cli *c, struct err *e)
{
	_cleanup_fd_ int lock = -1, sock = -1;
	struct pass p = {0};
	const struct view *v;
	const char *name, *run_dir;
	int rc;

	if (c->args.n != 1) {
		err_set(e, ERR_USAGE, "console: give one VM");
		return err_hint(e, "for example: reconcile console web");
	}
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	name = rc == 0 ? v->record->name : "";
	run_dir = rc == 0 ? vmstate_fact(v, "run") : NULL;
	if (rc == 0 && (!v->observed.running || !run_dir)) {
		rc = err_set(e, ERR_GUEST, "vm/%s is not running", name);
		err_hint(e, "see: reconcile logs --console %s", name);
	}
	if (rc == 0)
		rc = connect_console(run_dir, name, &lock, &sock, e);
	pass_close(&p);
	return rc == 0 ? talk(sock, name, e) : rc;
}

const struct cmd cmd_console = {
	.name = "console",
	.args = "VM",
	.caption = "talk to a VM over its serial console",
	.help = "Connects the terminal with the VM's serial console. All keys go to the guest; Ctrl-] leaves. Somebody\n"
		"has to read there: a login of the image's own init does, the built-in init has none (see exec). One\n"
		"at a time; what is printed goes to logs --console, too. Off a terminal, standard input is sent as it\n"
		"is, and it goes on until it is ended or the VM is.\n\n"
		"  reconcile console web",
	.run = run,
};
