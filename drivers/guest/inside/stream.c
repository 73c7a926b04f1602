/* stream.c - one running operation of the agent. */
#include "drivers/guest/inside/stream.h"

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/guest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define GIVE_BACK (GUEST_STREAM_WINDOW / 4)
#define PIECE_MIN 4096 /* less room than for this is not used, unless it is all the credit */

#define each_stream(s, serve)                                                                      \
	for (struct stream *s = (serve)->streams; s < (serve)->streams + STREAM_POOL; s++)

static void ready(void *arg, uint32_t events)
{
	struct stream *s = arg;

	(void)events;
	if (s->ch) {
		chan_pump(s->ch);
		return;
	}
	/* Whoever fills it may be quicker than we empty it: others have their turn too. */
	s->again = false;
	for (int i = 0; s->kind && stream_pump(s); i++) {
		if (i >= 32) {
			s->again = true;
			return;
		}
	}
}

struct stream *stream_new(struct chan *ch, int64_t id, enum stream_kind kind, struct why *w)
{
	each_stream(s, &ch->guest->serve)
	{
		if (s->kind)
			continue;
		s->kind = kind;
		s->guest = ch->guest;
		s->ch = ch;
		s->id = id;
		s->credit = GUEST_STREAM_WINDOW;
		s->owed = 0;
		s->in_eof = s->again = false;
		s->pending_at = s->pending_n = 0;
		s->source = (struct source){.ready = ready, .arg = s};
		return s;
	}
	why_set(w, EBUSY, "%d operations run already", STREAM_POOL);
	return NULL;
}

struct stream *stream_find(struct chan *ch, int64_t id)
{
	each_stream(s, &ch->guest->serve)
	{
		if (s->kind && s->ch == ch && s->id == id)
			return s;
	}
	return NULL;
}

bool stream_any(const struct chan *ch)
{
	each_stream(s, &ch->guest->serve)
	{
		if (s->kind && s->ch == ch)
			return true;
	}
	return false;
}

bool stream_input_waits(const struct chan *ch)
{
	each_stream(s, &ch->guest->serve)
	{
		if (s->kind && s->ch == ch && s->pending_n)
			return true;
	}
	return false;
}

void stream_free(struct stream *s)
{
	s->kind = STREAM_FREE;
	s->ch = NULL;
}

void stream_abort(struct stream *s)
{
	switch (s->kind) {
	case STREAM_EXEC:
		exec_abort(s);
		break;
	case STREAM_READ:
	case STREAM_WRITE:
		files_abort(s);
		break;
	case STREAM_RELAY:
		relay_abort(s);
		break;
	case STREAM_FREE:
		break;
	}
	stream_free(s);
}

void stream_abort_all(struct chan *ch)
{
	each_stream(s, &ch->guest->serve)
	{
		if (s->kind && s->ch == ch)
			stream_abort(s);
	}
}

void stream_fail(struct stream *s, const struct why *w)
{
	struct chan *ch = s->ch;
	int64_t id = s->id;

	stream_abort(s);
	if (ch)
		chan_fail(ch, id, w);
}

bool stream_detach(struct stream *s)
{
	int n = 0;

	each_stream(other, &s->guest->serve) n += other->kind && !other->ch;
	if (n >= STREAM_DETACHED_MAX)
		return false;
	s->ch = NULL;
	/* It may be full and waiting for room that is there now. */
	s->again = true;
	return true;
}

/* ---- moving data ------------------------------------------------------------------------ */

static bool pump_kind(struct stream *s)
{
	switch (s->kind) {
	case STREAM_EXEC:
		return exec_pump(s);
	case STREAM_READ:
		return files_pump(s);
	case STREAM_RELAY:
		return relay_pump(s);
	case STREAM_WRITE:
	case STREAM_FREE:
		break;
	}
	return false;
}

/* Tell the client that it can send again what has been dealt with. */
static bool give_back(struct stream *s)
{
	if (!s->ch || s->ch->version < 2 || s->owed < GIVE_BACK || !chan_has_room(s->ch))
		return false;
	chan_event_int(s->ch, s->id, "credit", "n", s->owed);
	s->owed = 0;
	return true;
}

bool stream_pump(struct stream *s)
{
	bool moved = pump_kind(s);

	return (s->kind && give_back(s)) || moved;
}

bool stream_pump_all(struct chan *ch)
{
	bool moved = false;

	each_stream(s, &ch->guest->serve)
	{
		if (s->kind && s->ch == ch)
			moved |= stream_pump(s);
	}
	return moved;
}

void stream_input(struct stream *s, char *data, size_t n, bool eof)
{
	switch (s->kind) {
	case STREAM_EXEC:
		exec_input(s, data, n, eof);
		break;
	case STREAM_WRITE:
		files_input(s, data, n, eof);
		break;
	case STREAM_RELAY:
		relay_input(s, data, n, eof);
		break;
	case STREAM_READ:
	case STREAM_FREE:
		break;
	}
}

bool stream_keep(struct stream *s, const char *data, size_t n)
{
	struct why w;

	if (n > sizeof(s->pending) - s->pending_n) {
		why_set(&w, EPROTO, "more data than there was credit for");
		stream_fail(s, &w);
		return false;
	}
	if (n > sizeof(s->pending) - s->pending_at - s->pending_n) {
		memmove(s->pending, s->pending + s->pending_at, s->pending_n);
		s->pending_at = 0;
	}
	memcpy(s->pending + s->pending_at + s->pending_n, data, n);
	s->pending_n += n;
	return true;
}

int stream_drain(struct stream *s, int fd)
{
	ssize_t done;

	if (!s->pending_n)
		return 0;
	done = write(fd, s->pending + s->pending_at, s->pending_n);
	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (done < 0) {
		stream_took(s, s->pending_n);
		s->pending_at = s->pending_n = 0;
		return -1;
	}
	s->pending_n -= (size_t)done;
	s->pending_at = s->pending_n ? s->pending_at + (size_t)done : 0;
	stream_took(s, (size_t)done);
	return 1;
}

void stream_took(struct stream *s, size_t n)
{
	s->owed += (uint32_t)n;
}

size_t stream_room(const struct stream *s)
{
	size_t room, most = GUEST_DATA_MAX;

	if (!s->ch)
		return GUEST_DATA_MAX;
	room = chan_data_room(s->ch);
	if (s->ch->version >= 2 && s->credit < (int64_t)most)
		most = s->credit > 0 ? (size_t)s->credit : 0;
	if (room < most && room < PIECE_MIN)
		return 0;
	return room < most ? room : most;
}

void stream_data(struct stream *s, const char *event, const void *data, size_t n)
{
	if (!s->ch)
		return;
	s->credit -= (int64_t)n;
	chan_event_data(s->ch, s->id, event, data, n);
}
