/* client.c - ask the root helper. */
#include "drivers/helper/client.h"

#include "drivers/sys/proc.h"
#include "drivers/sys/rtnl.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 10000
#define END_TIMEOUT_MS 2000

/* ---- opening --------------------------------------------------------------------------------------- */

void helper_init(struct helper *h, const char *instance, int fd)
{
	*h = (struct helper){.fd = fd, .child_fd = -1};
	snprintf(h->instance, sizeof(h->instance), "%s", instance);
	/* Until the caller names an operation: one that nobody else has. */
	if (getrandom(h->op, sizeof(h->op), GRND_NONBLOCK) != (ssize_t)sizeof(h->op))
		memset(h->op, 0, sizeof(h->op));
}

void helper_operation(struct helper *h, const uint8_t op[HELPER_OP_LEN])
{
	memcpy(h->op, op, sizeof(h->op));
	h->seq = 0;
}

void helper_close(struct helper *h)
{
	int status;

	fd_close(&h->fd);
	if (h->child > 0)
		(void)proc_reap(h->child, h->child_fd, END_TIMEOUT_MS, &status, NULL);
	fd_close(&h->child_fd);
	h->child = 0;
}

int helper_connect(struct helper *h, const char *instance, struct err *e)
{
	const char *path = secure_getenv("RECONCILE_HELPER_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_sys(e, errno, "cannot make a socket");
	if (!path)
		path = HELPER_SOCKET;
	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(e, ERR_USAGE, "the path of the helper's socket is too long");
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
			return 1;
		err_sys(e, errno, "cannot reach the helper at %s", path);
		return err_hint(e, "root can name you in %s and add you to the group of the socket",
			HELPER_CONF);
	}
	helper_init(h, instance, fd_take(&fd));
	return 0;
}

/* One message, with a descriptor when fd is one. */
static int send_bytes(int to, const void *out, size_t n, int fd, struct err *e)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)(uintptr_t)out, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(int));
	}
	if (sendmsg(to, &m, MSG_NOSIGNAL) < 0)
		return err_sys(e, errno, "the helper does not take the request");
	return 0;
}

/* A reconcile-helper of our own; *fd is our end of its descriptor 3. */
static int spawn(const char *program_dir, const char *how, uid_t who, int *fd, pid_t *pid, int *pidfd,
	struct err *e)
{
	char path[512], uid[16];
	const char *const argv[] = {"reconcile-helper", how, uid, NULL};
	/* Detached: an interrupt from the terminal ends us, and we want to undo what we began. */
	struct proc_spec spec = {.path = path, .argv = argv, .cwd_fd = -1, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = STDERR_FILENO, .detach = true};
	_cleanup_fd_ int ours = -1, theirs = -1;
	struct proc_id id;
	int pair[2];

	if (snprintf(path, sizeof(path), "%s/reconcile-helper", program_dir) >= (int)sizeof(path))
		return err_set(e, ERR_LIMIT, "the path of reconcile-helper is too long");
	if (access(path, X_OK) < 0)
		return 1;
	snprintf(uid, sizeof(uid), "%u", (unsigned)who);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	spec.keep_fd = theirs;
	if (proc_spawn(&spec, &id, pidfd, e) < 0)
		return err_wrap(e, "cannot start reconcile-helper");
	*fd = fd_take(&ours);
	*pid = id.pid;
	return 0;
}

static int start_child(const char *instance, const char *program_dir, const char *how,
	struct helper *h, struct err *e)
{
	helper_init(h, instance, -1);
	return spawn(program_dir, how, getuid(), &h->fd, &h->child, &h->child_fd, e);
}

/* ---- the door ---------------------------------------------------------------------------------------- */

/* Of the program, not of one connection: how this process may ask is decided once, while it is root. */
static int door_fd = -1;

int helper_door(const char *program_dir, uid_t uid, struct err *e)
{
	_cleanup_fd_ int pidfd = -1; /* it ends when the door closes; init reaps it then */
	pid_t pid;

	return spawn(program_dir, "--door", uid, &door_fd, &pid, &pidfd, e);
}

/* A connection of our own: answers must not get mixed up between processes that share the door. */
static int through_door(struct helper *h, const char *instance, struct err *e)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "cannot make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	if (send_bytes(door_fd, "", 1, theirs, e) < 0)
		return -1;
	helper_init(h, instance, fd_take(&ours));
	return 0;
}

static int open_how(struct helper *h, const char *instance, const char *program_dir, const char *how,
	struct err *e)
{
	int rc = door_fd >= 0 ? through_door(h, instance, e) : helper_connect(h, instance, e);

	if (rc > 0 && geteuid() == 0)
		rc = start_child(instance, program_dir, how, h, e);
	if (rc <= 0)
		return rc;
	err_set(e, ERR_DENIED, "no reconcile-helper is running");
	err_hint(e, "as root, install the units of contrib/systemd; see docs/privileges.md");
	return 1;
}

int helper_open(struct helper *h, const char *instance, const char *program_dir, struct err *e)
{
	return open_how(h, instance, program_dir, "--owner", e);
}

int helper_look(struct helper *h, const char *instance, const char *program_dir, struct err *e)
{
	return open_how(h, instance, program_dir, "--look", e);
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

/* Who refuses a connection answers and hangs up, and does not read what we send meanwhile. The kernel
 * tells of that first, once, and then gives the answer (net/core/datagram.c, sock_error). */
static ssize_t receive(struct helper *h, void *in, size_t size)
{
	ssize_t n = recv(h->fd, in, size, 0);

	return n < 0 && errno == ECONNRESET ? recv(h->fd, in, size, MSG_DONTWAIT) : n;
}

static int wait_answer(struct helper *h, struct err *e)
{
	struct pollfd p = {.fd = h->fd, .events = POLLIN};
	int rc;

	do
		rc = poll(&p, 1, ANSWER_TIMEOUT_MS);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return err_sys(e, errno, "cannot wait for the helper");
	return rc ? 0 : err_set(e, ERR_TIMEOUT, "the helper did not answer within %d s",
		ANSWER_TIMEOUT_MS / 1000);
}

static int record(struct helper_fake *f, const struct helper_call *c, const union helper_request *r,
	int fd, union helper_answer *a, struct err *e)
{
	if (f->n < HELPER_FAKE_MAX) {
		f->calls[f->n].verb = (enum helper_verb_id)c->verb;
		f->calls[f->n].request = *r;
		f->calls[f->n++].with_fd = fd >= 0;
	}
	if (f->fail != HELPER_NONE && f->fail == (enum helper_verb_id)c->verb) {
		if (e)
			*e = f->why;
		return -1;
	}
	*a = f->answer;
	return 0;
}

int helper_again(struct helper *h, enum helper_verb_id verb, const union helper_request *r, int fd,
	union helper_answer *a, struct err *e)
{
	struct helper_call call = {.verb = verb, .seq = h->seq};
	uint8_t out[HELPER_WIRE_MAX], in[HELPER_WIRE_MAX];
	size_t n_out;
	ssize_t n;

	memcpy(call.op, h->op, sizeof(call.op));
	memcpy(call.instance, h->instance, sizeof(call.instance));
	if (wire_put_request(&call, r, out, &n_out, e) < 0)
		return -1;
	if ((fd >= 0) != (helper_verb(verb)->n_fds == 1))
		return err_set(e, ERR_USAGE, "%s: takes %u descriptors", helper_verb(verb)->name,
			helper_verb(verb)->n_fds);
	if (h->fake)
		return record(h->fake, &call, r, fd, a, e);
	if (send_bytes(h->fd, out, n_out, fd, e) < 0) {
		/* Who refuses a connection says why before it hangs up. */
		n = recv(h->fd, in, sizeof(in), MSG_DONTWAIT);
		return n > 0 ? wire_get_answer(in, (size_t)n, &call, a, e) : -1;
	}
	if (wait_answer(h, e) < 0)
		return -1;
	n = receive(h, in, sizeof(in));
	if (n < 0)
		return err_sys(e, errno, "cannot read the helper's answer");
	if (!n)
		return err_sys(e, ECONNRESET, "the helper ended before it answered");
	return wire_get_answer(in, (size_t)n, &call, a, e);
}

int helper_call(struct helper *h, enum helper_verb_id verb, const union helper_request *r, int fd,
	union helper_answer *a, struct err *e)
{
	unsigned tries = 0;
	int rc;

	/* Links came and went while the helper looked: it has done nothing, and looks again. */
	do {
		err_clear(e);
		h->seq++;
		rc = helper_again(h, verb, r, fd, a, e);
	} while (rc < 0 && rtnl_ask_again(e, &tries));
	return rc;
}

int helper_seal(const uint8_t *facts, size_t n, int *fd, struct err *e)
{
	_cleanup_fd_ int memory = memfd_create("reconcile-facts", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memory < 0 || fd_write_all(memory, facts, n) < 0 || fcntl(memory, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_sys(e, errno, "cannot write the facts of a network");
	*fd = fd_take(&memory);
	return 0;
}

void helper_fake(struct helper *h, struct helper_fake *fake)
{
	helper_init(h, "00000000", -1);
	h->fake = fake;
}
