/* relay.c - the agent's operation "connect".
 *
 * Without an address it is this guest's own: 127.0.0.1 first, then ::1, because a server may listen
 * on either alone.
 */
#include "drivers/guest/inside/relay.h"

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/netaddr.h"
#include "drivers/guest/inside/sysfile.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const own[] = {"127.0.0.1", "::1"};

static int dial(struct stream *s, const char *address, struct why *w)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to = {0};
	struct netaddr a;
	int on = 1;

	if (netaddr_parse(address, &a) < 0)
		return why_set(w, EINVAL, "\"host\" is not an address");
	to.sa.sa_family = (sa_family_t)a.family;
	if (a.family == AF_INET) {
		memcpy(&to.in.sin_addr, a.bytes, a.len);
		to.in.sin_port = htons(s->relay.port);
	} else {
		memcpy(&to.in6.sin6_addr, a.bytes, a.len);
		to.in6.sin6_port = htons(s->relay.port);
	}
	sysfile_close(&s->relay.fd);
	s->relay.fd = socket(a.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->relay.fd < 0 || loop_add(&s->guest->loop, s->relay.fd, &s->source) < 0)
		return why_set(w, errno, "cannot make a socket");
	setsockopt(s->relay.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(s->relay.fd, &to.sa, sizeof(to)) < 0 && errno != EINPROGRESS)
		return why_set(w, errno, "cannot connect to port %u", s->relay.port);
	return 0;
}

/* The address did not work: the other one where the client left the choice to us. */
static int dial_second(struct stream *s, struct why *w)
{
	if (s->relay.second)
		return -1;
	s->relay.second = true;
	return dial(s, own[1], w);
}

void relay_start(struct chan *ch, const struct jsonlite_node *req)
{
	int64_t id = jsonlite_int(req, "id", 0), port = jsonlite_int(req, "port", 0);
	const char *host = jsonlite_str(req, "host", NULL);
	struct why w;
	struct stream *s;

	if (port < 1 || port > UINT16_MAX) {
		why_set(&w, EINVAL, "\"port\" is not a port");
		chan_fail(ch, id, &w);
		return;
	}
	s = stream_new(ch, id, STREAM_RELAY, &w);
	if (!s) {
		chan_fail(ch, id, &w);
		return;
	}
	s->relay = (struct relay){.fd = -1, .port = (uint16_t)port, .second = host != NULL};
	if (dial(s, host ? host : own[0], &w) < 0 && dial_second(s, &w) < 0)
		stream_fail(s, &w);
}

void relay_input(struct stream *s, const char *data, size_t n, bool eof)
{
	if (n && (s->relay.write_done || s->in_eof))
		stream_took(s, n);
	else if (n && !stream_keep(s, data, n))
		return;
	s->in_eof |= eof;
}

/* Look whether the connection stands by now. Returns whether anything was said to the client, the end
 * of the stream too. */
static bool settle(struct stream *s)
{
	struct pollfd p = {.fd = s->relay.fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	struct why w;
	int error = 0;

	if (poll(&p, 1, 0) <= 0 || !chan_has_room(s->ch))
		return false;
	getsockopt(s->relay.fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (!error) {
		s->relay.up = true;
		chan_event_int(s->ch, s->id, "connected", "port", s->relay.port);
		return true;
	}
	why_set(&w, error, "cannot connect to port %u", s->relay.port);
	if (dial_second(s, &w) == 0)
		return false;
	stream_fail(s, &w);
	return true;
}

static bool pump_in(struct stream *s)
{
	struct relay *r = &s->relay;
	int moved;

	if (r->write_done)
		return false;
	moved = stream_drain(s, r->fd);
	if (moved < 0)
		r->write_done = true;
	if (!s->pending_n && s->in_eof && !r->write_done) {
		shutdown(r->fd, SHUT_WR);
		r->write_done = true;
		moved = 1;
	}
	return moved != 0;
}

static bool pump_out(struct stream *s)
{
	size_t room = stream_room(s);
	struct why w;
	ssize_t got;

	if (s->relay.read_done || !room)
		return false;
	got = read(s->relay.fd, s->guest->scratch, room);
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got < 0) {
		why_set(&w, errno, "the connection to port %u ended", s->relay.port);
		stream_fail(s, &w);
		return true;
	}
	if (got > 0) {
		stream_data(s, "data", s->guest->scratch, (size_t)got);
		return true;
	}
	if (!chan_has_room(s->ch))
		return false;
	s->relay.read_done = true;
	chan_event_int(s->ch, s->id, "eof", "port", s->relay.port);
	return true;
}

bool relay_pump(struct stream *s)
{
	bool moved;

	if (!s->relay.up)
		return settle(s);
	moved = pump_in(s);
	moved |= pump_out(s);
	if (s->kind != STREAM_RELAY || !s->relay.read_done || !s->relay.write_done ||
		!chan_has_room(s->ch))
		return moved;
	chan_ok(s->ch, s->id);
	relay_abort(s);
	stream_free(s);
	return true;
}

void relay_abort(struct stream *s)
{
	sysfile_close(&s->relay.fd);
}
