/* server.c - the loop of the root helper. */
#include "drivers/helper/server.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 8

/* ---- kept answers -------------------------------------------------------------------------------- */

static struct server_kept *find_kept(struct server *s, const struct helper_owner *o,
	const struct helper_call *c)
{
	for (size_t i = 0; i < SERVER_KEPT; i++) {
		struct server_kept *k = &s->kept[i];

		if (k->used && k->owner.uid == o->uid && !strcmp(k->owner.instance, o->instance) &&
			k->verb == c->verb && k->seq == c->seq && !memcmp(k->op, c->op, sizeof(k->op)))
			return k;
	}
	return NULL;
}

static void keep(struct server *s, const struct helper_owner *o, const struct helper_call *c,
	const uint8_t *in, size_t n, const uint8_t *answer, size_t n_answer)
{
	struct server_kept *k = &s->kept[s->next_kept];

	if (n > sizeof(k->request))
		return;
	s->next_kept = (s->next_kept + 1) % SERVER_KEPT;
	*k = (struct server_kept){.used = true, .owner = *o, .verb = c->verb, .seq = c->seq,
		.n_request = n, .n_answer = n_answer};
	memcpy(k->op, c->op, sizeof(k->op));
	memcpy(k->request, in, n);
	memcpy(k->answer, answer, n_answer);
}

/* ---- one request ----------------------------------------------------------------------------------- */

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* One line per change: what was asked, by whom, under which operation, and what came of it. Values of
 * the request are not in it: they are the caller's bytes. */
static void tell(const struct server *s, const struct helper_owner *o, const struct helper_call *c,
	const struct err *e, int64_t us)
{
	char op[2 * HELPER_OP_LEN + 1], line[512];
	int n;

	if (s->quiet)
		return;
	for (size_t i = 0; i < HELPER_OP_LEN; i++)
		snprintf(op + 2 * i, 3, "%02x", c->op[i]);
	n = snprintf(line, sizeof(line),
		"helper verb=%s uid=%u instance=%s op=%s seq=%u result=%s us=%lld\n",
		helper_verb(c->verb)->name, o->uid, o->instance, op, c->seq,
		e->kind == ERR_NONE ? "ok" : err_kind_name(e->kind), (long long)us);
	/* Not dprintf(3): it asks a terminal for its settings, and the filter kills who does. */
	if (n > 0 && (size_t)n < sizeof(line))
		(void)!write(STDERR_FILENO, line, (size_t)n);
}

static int run(struct server *s, const struct helper_owner *o, const struct helper_call *c,
	const union helper_request *r, int fd, union helper_answer *a, struct err *e)
{
	struct op op = {.host = &s->host, .owner = o, .limits = conf_find(&s->conf, o->uid), .fd = fd};
	const int64_t start = now_us();
	int rc;

	if (!op.limits)
		return err_set(e, ERR_DENIED, "uid %u may not ask", o->uid);
	if (s->only_reads && !helper_verb(c->verb)->reads)
		return err_set(e, ERR_DENIED, "this helper only looks");
	rc = op_table[c->verb](&op, r, a, e);
	/* An outcome that a verb passes on by mistake is no success. */
	if (rc > 0)
		rc = err_set(e, ERR_FAILED, "the verb ended without a result");
	if (!helper_verb(c->verb)->reads)
		tell(s, o, c, e, now_us() - start);
	return rc;
}

bool server_answer(struct server *s, uint32_t uid, const uint8_t *in, size_t n, const int *fds,
	size_t n_fds, uint8_t out[HELPER_WIRE_MAX], size_t *n_out)
{
	struct helper_owner owner = {.uid = uid};
	union helper_answer answer = {0};
	const struct server_kept *kept;
	const struct helper_verb *verb;
	union helper_request request;
	struct err err = ERR_INIT;
	struct helper_call call;

	if (wire_get_request(in, n, &call, &request, &err) < 0) {
		*n_out = wire_put_answer(&call, NULL, &err, out);
		return err.kind == ERR_USAGE;
	}
	verb = helper_verb(call.verb);
	memcpy(owner.instance, call.instance, sizeof(owner.instance));
	if (n_fds != verb->n_fds) {
		err_set(&err, ERR_CONTENT, "%s: %zu descriptors came, not %u", verb->name, n_fds,
			verb->n_fds);
		*n_out = wire_put_answer(&call, NULL, &err, out);
		return false;
	}
	kept = verb->reads ? NULL : find_kept(s, &owner, &call);
	if (kept && kept->n_request == n && !memcmp(kept->request, in, n)) {
		memcpy(out, kept->answer, kept->n_answer);
		*n_out = kept->n_answer;
		return true;
	}
	if (kept)
		err_set(&err, ERR_CONFLICT, "this operation and sequence were used for another request");
	else
		run(s, &owner, &call, &request, n_fds ? fds[0] : -1, &answer, &err);
	*n_out = wire_put_answer(&call, &answer, err.kind == ERR_NONE ? NULL : &err, out);
	/* A failure is not kept: who asks again wants it tried again. */
	if (!verb->reads && err.kind == ERR_NONE)
		keep(s, &owner, &call, in, n, out, *n_out);
	return true;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

/* Take the descriptors out of a message, so that each is closed whatever it was sent for. */
static size_t take_fds(struct msghdr *m, int fds[FDS_MAX])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < FDS_MAX)
				fds[n++] = fd;
			else
				fd_close(&fd);
		}
	}
	return n;
}

/* One message with room for its descriptors. */
struct message {
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	int fds[FDS_MAX];
	size_t n_fds;
	int flags;
};

static ssize_t receive(int fd, void *in, size_t size, struct message *msg)
{
	struct iovec iov = {in, size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = msg->control,
		.msg_controllen = sizeof(msg->control)};
	const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	msg->flags = m.msg_flags;
	msg->n_fds = n < 0 ? 0 : take_fds(&m, msg->fds);
	return n;
}

static void drop_fds(struct message *msg)
{
	for (size_t i = 0; i < msg->n_fds; i++)
		fd_close(&msg->fds[i]);
	msg->n_fds = 0;
}

/* Read one message and answer it. False: the connection has ended, or is to end. */
static bool serve(struct server *s, struct server_connection *c)
{
	/* One byte more than any request may have: a longer one is seen to be longer. */
	uint8_t in[SERVER_REQUEST_MAX + 1] = {0}, out[HELPER_WIRE_MAX];
	struct message msg = {.n_fds = 0};
	size_t n_out = 0;
	ssize_t n;
	bool go_on;

	n = receive(c->fd, in, sizeof(in), &msg);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	go_on = n > 0 && !(msg.flags & (MSG_TRUNC | MSG_CTRUNC));
	if (go_on)
		go_on = server_answer(s, c->uid, in, (size_t)n, msg.fds, msg.n_fds, out, &n_out);
	drop_fds(&msg);
	if (n_out && send(c->fd, out, n_out, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	return go_on;
}

/* ---- connections ------------------------------------------------------------------------------------------ */

int server_adopt(struct server *s, int fd, uint32_t uid, struct err *e)
{
	if (s->n == SERVER_CONNECTIONS_MAX)
		return err_set(e, ERR_LIMIT, "there are %d connections already", SERVER_CONNECTIONS_MAX);
	s->connections[s->n++] = (struct server_connection){fd, uid};
	return 0;
}

static void refuse(int fd, enum err_kind kind, const char *why)
{
	uint8_t out[HELPER_WIRE_MAX];
	struct helper_call none = {0};
	struct err err = ERR_INIT;
	size_t n;

	err_set(&err, kind, "%s", why);
	n = wire_put_answer(&none, NULL, &err, out);
	(void)send(fd, out, n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Whom the kernel names at the other end. False: it names nobody, or this is no Unix socket. */
static bool peer_of(int fd, uint32_t *uid)
{
	struct ucred cred = {.uid = (uid_t)-1};
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0 || n != sizeof(cred) ||
		cred.uid == (uid_t)-1)
		return false;
	*uid = cred.uid;
	return true;
}

static void take_connection(struct server *s)
{
	struct sockaddr_storage from;
	socklen_t n_from = sizeof(from);
	_cleanup_fd_ int fd = accept4(s->listen_fd, (struct sockaddr *)&from, &n_from,
		SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct err ignored = ERR_INIT;
	size_t same = 0;
	uint32_t uid;

	if (fd < 0)
		return;
	if (!peer_of(fd, &uid) || !conf_find(&s->conf, uid)) {
		refuse(fd, ERR_DENIED, "you may not ask; root can name you in " HELPER_CONF);
		return;
	}
	for (size_t i = 0; i < s->n; i++)
		same += s->connections[i].uid == uid;
	if (same >= SERVER_PER_UID_MAX || s->n == SERVER_CONNECTIONS_MAX) {
		refuse(fd, ERR_LOCKED, "there are too many connections; try again");
		return;
	}
	(void)server_adopt(s, fd_take(&fd), uid, &ignored);
}

/* What came through the door has to be such a socket as we would have accepted. */
static bool is_connection(int fd)
{
	int type = 0, domain = 0, accepts = 0;
	socklen_t n = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) == 0 &&
		domain == AF_UNIX && type == SOCK_SEQPACKET && !accepts;
}

/* Whoever holds the other end of the door is believed to be door_uid: root gave it to that uid and to
 * nobody else. False: nobody holds it any more. */
static bool open_door(struct server *s)
{
	struct err ignored = ERR_INIT;
	struct message msg = {.n_fds = 0};
	char byte = 0;
	const ssize_t n = receive(s->door_fd, &byte, sizeof(byte), &msg);

	if (n == 1 && msg.n_fds == 1 && is_connection(msg.fds[0])) {
		fcntl(msg.fds[0], F_SETFL, O_NONBLOCK);
		if (server_adopt(s, msg.fds[0], s->door_uid, &ignored) == 0)
			msg.n_fds = 0;
		else
			refuse(msg.fds[0], ERR_LOCKED, "there are too many connections; try again");
	}
	drop_fds(&msg);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

int server_run(struct server *s, struct err *e)
{
	while (!*s->stop && (s->listen_fd >= 0 || s->door_fd > 0 || s->n)) {
		struct pollfd p[SERVER_CONNECTIONS_MAX + 2];
		const size_t n = s->n;
		int rc;

		for (size_t i = 0; i < n; i++)
			p[i] = (struct pollfd){.fd = s->connections[i].fd, .events = POLLIN};
		p[n] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
		p[n + 1] = (struct pollfd){.fd = s->door_fd > 0 ? s->door_fd : -1, .events = POLLIN};
		rc = poll(p, n + 2, -1);
		if (rc < 0 && errno != EINTR)
			return err_sys(e, errno, "cannot wait for requests");
		/* From the last to the first: one that ends is replaced by the last, which was served. */
		for (size_t i = n; rc > 0 && i-- > 0;) {
			if (!p[i].revents || serve(s, &s->connections[i]))
				continue;
			fd_close(&s->connections[i].fd);
			s->connections[i] = s->connections[--s->n];
		}
		if (rc > 0 && p[n].revents)
			take_connection(s);
		if (rc > 0 && p[n + 1].revents && !open_door(s)) {
			fd_close(&s->door_fd);
			s->door_fd = 0;
		}
	}
	return 0;
}
