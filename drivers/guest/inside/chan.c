/* chan.c - one channel of the agent. */
#include "drivers/guest/inside/chan.h"

#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonout.h"
#include "drivers/guest/inside/request.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUNDS 32
#define DATA_FRAME 128 /* bytes of a data event around its base64 */

static void ready(void *arg, uint32_t events)
{
	struct chan *ch = arg;

	if (events & (EPOLLHUP | EPOLLERR))
		chan_hangup(ch);
	else
		chan_pump(ch);
}

static void forget(struct chan *ch)
{
	ch->version = 0;
	ch->skipping = ch->again = false;
	ch->raw.n = 0;
	ch->in_at = ch->in_n = ch->out_at = ch->out_n = 0;
}

int chan_open(struct chan *ch, struct guest *g, int fd, enum chan_kind kind)
{
	ch->guest = g;
	ch->kind = kind;
	ch->fd = fd;
	forget(ch);
	ch->source = (struct source){.ready = ready, .arg = ch};
	if (loop_add(&g->loop, fd, &ch->source) < 0) {
		ch->kind = CHAN_FREE;
		return -1;
	}
	return 0;
}

void chan_new_client(struct chan *ch)
{
	stream_abort_all(ch);
	ch->version = 0;
}

void chan_hangup(struct chan *ch)
{
	stream_abort_all(ch);
	forget(ch);
	if (ch->kind != CHAN_SOCKET)
		return;
	sysfile_close(&ch->fd);
	ch->kind = CHAN_FREE;
	serve_slot_free(&ch->guest->serve);
}

/* ---- output ----------------------------------------------------------------------------- */

static size_t out_room(const struct chan *ch)
{
	return sizeof(ch->out) - ch->out_n + ch->out_at;
}

bool chan_has_room(const struct chan *ch)
{
	return out_room(ch) >= CHAN_REPLY_MAX;
}

size_t chan_data_room(const struct chan *ch)
{
	/* One reply must always fit behind the data: a refusal, an exit. */
	size_t room = out_room(ch), used = CHAN_REPLY_MAX + DATA_FRAME;

	if (room <= used)
		return 0;
	room -= used;
	if (ch->version < 2)
		room = room / 4 * 3;
	return room < GUEST_DATA_MAX ? room : GUEST_DATA_MAX;
}

static char *tail(struct chan *ch, size_t *room)
{
	ch->out_n -= ch->out_at;
	memmove(ch->out, ch->out + ch->out_at, ch->out_n);
	ch->out_at = 0;
	*room = sizeof(ch->out) - ch->out_n;
	return ch->out + ch->out_n;
}

void chan_line(struct chan *ch, struct jsonout *w, int64_t id)
{
	size_t room;
	char *line = tail(ch, &room);

	jsonout_open(w, line, room);
	jsonout_int(w, "id", id);
}

void chan_line_done(struct chan *ch, struct jsonout *w)
{
	ch->out_n += jsonout_close(w);
}

void chan_ok(struct chan *ch, int64_t id)
{
	struct jsonout w;

	chan_line(ch, &w, id);
	jsonout_flag(&w, "ok", true);
	chan_line_done(ch, &w);
}

void chan_fail(struct chan *ch, int64_t id, const struct why *why)
{
	struct jsonout w;

	chan_line(ch, &w, id);
	jsonout_flag(&w, "ok", false);
	jsonout_str(&w, "errno", why_name(why->errnum));
	jsonout_str(&w, "error", why->msg);
	chan_line_done(ch, &w);
}

void chan_event_int(struct chan *ch, int64_t id, const char *event, const char *key, int64_t value)
{
	struct jsonout w;

	chan_line(ch, &w, id);
	jsonout_str(&w, "ev", event);
	jsonout_int(&w, key, value);
	chan_line_done(ch, &w);
}

static void append(struct chan *ch, const void *data, size_t n)
{
	memcpy(ch->out + ch->out_n, data, n);
	ch->out_n += n;
}

void chan_event_data(struct chan *ch, int64_t id, const char *event, const void *data, size_t n)
{
	struct jsonout w;

	chan_line(ch, &w, id);
	jsonout_str(&w, "ev", event);
	if (ch->version < 2) {
		jsonout_data(&w, "data", data, n);
		chan_line_done(ch, &w);
		return;
	}
	jsonout_int(&w, "raw", (int64_t)n);
	chan_line_done(ch, &w);
	append(ch, data, n);
	append(ch, GUEST_RAW_END, GUEST_RAW_END_N);
}

static bool flush(struct chan *ch)
{
	ssize_t done;

	if (ch->out_at == ch->out_n)
		return false;
	done = write(ch->fd, ch->out + ch->out_at, ch->out_n - ch->out_at);
	if (done > 0) {
		ch->out_at += (size_t)done;
		return true;
	}
	/* A port whose host side is closed says EAGAIN and then EPOLLHUP. */
	if (done < 0 && errno != EAGAIN && errno != EINTR)
		chan_hangup(ch);
	return false;
}

/* ---- input ------------------------------------------------------------------------------ */

static void refuse_long_line(struct chan *ch)
{
	struct why w;

	why_set(&w, EMSGSIZE, "a line of more than %d bytes", GUEST_LINE_MAX);
	chan_fail(ch, 0, &w);
	ch->skipping = true;
	ch->in_at = ch->in_n = 0;
}

/* The bytes that the last line announced, when all are here. What ends wrongly was cut off by a
 * client that died, and is dropped. */
static bool take_raw(struct chan *ch)
{
	const struct chan_raw raw = ch->raw;
	char *data = ch->in + ch->in_at;

	if (ch->in_n - ch->in_at < raw.n + GUEST_RAW_END_N)
		return false;
	ch->in_at += raw.n + GUEST_RAW_END_N;
	ch->raw.n = 0;
	if (!memcmp(data + raw.n, GUEST_RAW_END, GUEST_RAW_END_N))
		request_raw(ch, &raw, data);
	return true;
}

/* Take one line out of the buffer. false: there is no whole one. */
static bool take_line(struct chan *ch)
{
	char *line = ch->in + ch->in_at;
	char *end = memchr(line, '\n', ch->in_n - ch->in_at);

	if (!end)
		return false;
	ch->in_at = (size_t)(end + 1 - ch->in);
	if (ch->skipping)
		ch->skipping = false;
	else
		request_line(ch, line, (size_t)(end - line));
	return true;
}

static bool read_more(struct chan *ch)
{
	ssize_t got;

	if (ch->skipping)
		ch->in_at = ch->in_n;
	ch->in_n -= ch->in_at;
	memmove(ch->in, ch->in + ch->in_at, ch->in_n);
	ch->in_at = 0;
	if (ch->in_n == sizeof(ch->in)) {
		refuse_long_line(ch);
		return true;
	}
	got = read(ch->fd, ch->in + ch->in_n, sizeof(ch->in) - ch->in_n);
	if (got > 0) {
		ch->in_n += (size_t)got;
		return true;
	}
	/* The end of a socket; a port says so when no host is connected. */
	if (!got || (errno != EAGAIN && errno != EINTR))
		chan_hangup(ch);
	return false;
}

static bool input(struct chan *ch)
{
	if (!chan_has_room(ch) || (ch->version < 2 && stream_input_waits(ch)))
		return false;
	return (ch->raw.n ? take_raw(ch) : take_line(ch)) || read_more(ch);
}

void chan_pump(struct chan *ch)
{
	ch->again = false;
	for (int i = 0; i < ROUNDS; i++) {
		bool moved = flush(ch);

		if (ch->kind != CHAN_FREE)
			moved |= stream_pump_all(ch);
		if (ch->kind != CHAN_FREE)
			moved |= input(ch);
		if (ch->kind == CHAN_FREE || !moved)
			return;
	}
	ch->again = true;
}
