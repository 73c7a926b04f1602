/* serve.c - all channels of the agent. */
#include "drivers/guest/inside/serve.h"

#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#define BACKLOG 8

/* ---- clients ---------------------------------------------------------------------------- */

static struct chan *free_slot(struct serve *s)
{
	for (int i = GUEST_AGENT_PORTS; i < SERVE_CHANS; i++)
		if (s->chans[i].kind == CHAN_FREE)
			return &s->chans[i];
	return NULL;
}

static bool is_welcome(const struct serve *s, const struct sockaddr_storage *from)
{
	struct sockaddr_vm peer;

	memcpy(&peer, from, sizeof(peer));
	return !s->vsock || peer.svm_cid == VMADDR_CID_HOST;
}

static void accept_all(struct serve *s)
{
	for (;;) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof(peer);
		struct chan *ch = free_slot(s);
		int fd;

		s->waiting = !ch;
		if (!ch)
			return;
		fd = accept4(s->listener, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0)
			return;
		if (!is_welcome(s, &peer) ||
			chan_open(ch, s->guest, fd, CHAN_SOCKET) < 0)
			close(fd);
		else
			chan_pump(ch);
	}
}

static void listener_ready(void *arg, uint32_t events)
{
	(void)events;
	accept_all(arg);
}

void serve_slot_free(struct serve *s)
{
	/* Taken up by the next tick: a channel is just being closed by its own handler. */
	if (s->listener >= 0)
		s->waiting = true;
}

void serve_init(struct serve *s, struct guest *g)
{
	s->guest = g;
	s->listener = -1;
	s->source = (struct source){.ready = listener_ready, .arg = s};
}

void serve_ports(struct serve *s, struct ports *p)
{
	for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
		int fd = sysfile_take(&p->agent[i]);

		if (fd < 0)
			continue;
		if (chan_open(&s->chans[i], s->guest, fd, CHAN_PORT) < 0) {
			say("agent port %d: %s", i, strerror(errno));
			close(fd);
			continue;
		}
		chan_pump(&s->chans[i]);
	}
}

static int listen_on(struct serve *s, int fd, const void *addr, socklen_t len)
{
	if (bind(fd, addr, len) < 0 || listen(fd, BACKLOG) < 0 ||
		loop_add(&s->guest->loop, fd, &s->source) < 0)
		return -1;
	return 0;
}

void serve_vsock(struct serve *s)
{
	const struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = GUEST_VSOCK_PORT,
	};
	_cleanup_fd_ int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* No vsock in this kernel or no such device: the ports are what there is. */
	if (fd < 0 || listen_on(s, fd, &addr, sizeof(addr)) < 0)
		return;
	s->vsock = true;
	s->listener = sysfile_take(&fd);
}

int serve_uds(struct serve *s, const char *path, struct why *w)
{
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path))
		return why_set(w, ENAMETOOLONG, "socket %s", path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || listen_on(s, fd, &addr, sizeof(addr)) < 0)
		return why_set(w, errno, "cannot listen on %s", path);
	s->listener = sysfile_take(&fd);
	return 0;
}

/* ---- children --------------------------------------------------------------------------- */

void serve_doom(struct serve *s, pid_t pid)
{
	kill(-pid, SIGHUP);
	for (int i = 0; i < SERVE_DOOMED; i++) {
		if (s->doomed[i].pid)
			continue;
		s->doomed[i] = (struct doomed){.pid = pid, .deadline = loop_now_ms() + SERVE_HUP_MS};
		return;
	}
	kill(-pid, SIGKILL); /* no room to be patient with this one */
}

void serve_bury(struct serve *s, pid_t pid)
{
	for (int i = 0; i < SERVE_DOOMED; i++) {
		if (s->doomed[i].pid != pid)
			continue;
		kill(-pid, SIGKILL);
		s->doomed[i].pid = 0;
	}
}

void serve_exited(struct serve *s, pid_t pid, int status)
{
	for (int i = 0; i < STREAM_POOL; i++) {
		struct stream *st = &s->streams[i];

		if (st->kind != STREAM_EXEC || st->exec.exited || st->exec.pid != pid)
			continue;
		exec_exited(st, status);
		return;
	}
}

/* ---- time and fairness ------------------------------------------------------------------ */

/* A stream that nobody's event moves: it stopped for fairness, or its terminal's time is over. */
static bool is_due(const struct stream *st)
{
	return st->kind && (st->again || (st->kind == STREAM_EXEC && st->exec.linger_at &&
			loop_now_ms() >= st->exec.linger_at));
}

void serve_tick(struct serve *s)
{
	int64_t now = 0;

	for (int i = 0; i < STREAM_POOL; i++) {
		if (!is_due(&s->streams[i]))
			continue;
		if (s->streams[i].kind == STREAM_EXEC)
			s->streams[i].exec.linger_at = 0;
		s->streams[i].source.ready(s->streams[i].source.arg, 0);
	}
	for (int i = 0; i < SERVE_CHANS; i++)
		if (s->chans[i].kind != CHAN_FREE && s->chans[i].again)
			chan_pump(&s->chans[i]);
	if (s->waiting && s->listener >= 0)
		accept_all(s);
	for (int i = 0; i < SERVE_DOOMED; i++) {
		struct doomed *d = &s->doomed[i];

		if (!d->pid || d->killed)
			continue;
		now = now ? now : loop_now_ms();
		if (now < d->deadline)
			continue;
		kill(-d->pid, SIGKILL);
		d->killed = true;
	}
}

int64_t serve_deadline(const struct serve *s)
{
	int64_t at = 0;

	for (int i = 0; i < SERVE_DOOMED; i++)
		if (s->doomed[i].pid && !s->doomed[i].killed && (!at || s->doomed[i].deadline < at))
			at = s->doomed[i].deadline;
	for (int i = 0; i < STREAM_POOL; i++) {
		const struct stream *st = &s->streams[i];

		if (st->kind == STREAM_EXEC && st->exec.linger_at &&
			(!at || st->exec.linger_at < at))
			at = st->exec.linger_at;
	}
	return at;
}

bool serve_again(const struct serve *s)
{
	for (int i = 0; i < SERVE_CHANS; i++)
		if (s->chans[i].kind != CHAN_FREE && s->chans[i].again)
			return true;
	for (int i = 0; i < STREAM_POOL; i++)
		if (s->streams[i].kind && s->streams[i].again)
			return true;
	return false;
}

void serve_close(struct serve *s)
{
	for (int i = 0; i < SERVE_CHANS; i++)
		if (s->chans[i].kind != CHAN_FREE)
			chan_hangup(&s->chans[i]);
}
