/* chan.c - one channel of the agent. */
#include "drivers/guest/inside/chan.h"

#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
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

static void pipes_ready(void *arg, uint32_t events)
{
	(void)events;
	chan_pump(arg);
}

int chan_open(struct chan *ch, struct guest *g, int fd, enum chan_kind kind)
{
	ch->guest = g;
	ch->kind = kind;
	ch->fd = fd;
	ch->greeted = ch->skipping = ch->again = false;
	ch->op = CHAN_IDLE;
	ch->in_at = ch->in_n = ch->out_at = ch->out_n = 0;
	ch->source = (struct source){.ready = ready, .arg = ch};
	ch->pipes = (struct source){.ready = pipes_ready, .arg = ch};
	if (loop_add(&g->loop, fd, &ch->source) < 0) {
		ch->kind = CHAN_FREE;
		return -1;
	}
	return 0;
}

static void abort_op(struct chan *ch)
{
	if (ch->op == CHAN_EXEC)
		exec_abort(ch);
	else if (ch->op != CHAN_IDLE)
		files_abort(ch);
	ch->op = CHAN_IDLE;
}

void chan_new_client(struct chan *ch)
{
	abort_op(ch);
	ch->greeted = false;
}

void chan_hangup(struct chan *ch)
{
	abort_op(ch);
	ch->greeted = ch->skipping = ch->again = false;
	ch->in_at = ch->in_n = ch->out_at = ch->out_n = 0;
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
	room = (room - used) / 4 * 3;
	return room < GUEST_DATA_MAX ? room : GUEST_DATA_MAX;
}

char *chan_line(struct chan *ch, size_t *room)
{
	ch->out_n -= ch->out_at;
	memmove(ch->out, ch->out + ch->out_at, ch->out_n);
	ch->out_at = 0;
	*room = sizeof(ch->out) - ch->out_n;
	return ch->out + ch->out_n;
}

void chan_line_done(struct chan *ch, size_t n)
{
	ch->out_n += n;
}

static void open_line(struct chan *ch, struct jsonout *w, int64_t id)
{
	size_t room;
	char *line = chan_line(ch, &room);

	jsonout_open(w, line, room);
	jsonout_int(w, "id", id);
}

void chan_ok(struct chan *ch, int64_t id)
{
	struct jsonout w;

	open_line(ch, &w, id);
	jsonout_flag(&w, "ok", true);
	chan_line_done(ch, jsonout_close(&w));
}

void chan_fail(struct chan *ch, int64_t id, const struct why *why)
{
	struct jsonout w;

	open_line(ch, &w, id);
	jsonout_flag(&w, "ok", false);
	jsonout_str(&w, "errno", why_name(why->errnum));
	jsonout_str(&w, "error", why->msg);
	chan_line_done(ch, jsonout_close(&w));
}

void chan_event_int(struct chan *ch, const char *event, const char *key, int64_t value)
{
	struct jsonout w;

	open_line(ch, &w, ch->op_id);
	jsonout_str(&w, "ev", event);
	jsonout_int(&w, key, value);
	chan_line_done(ch, jsonout_close(&w));
}

void chan_event_data(struct chan *ch, const char *event, const void *data, size_t n)
{
	struct jsonout w;

	open_line(ch, &w, ch->op_id);
	jsonout_str(&w, "ev", event);
	jsonout_data(&w, "data", data, n);
	chan_line_done(ch, jsonout_close(&w));
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
	if (!chan_has_room(ch) || (ch->op == CHAN_EXEC && !exec_wants_input(ch)))
		return false;
	return take_line(ch) || read_more(ch);
}

static bool operation(struct chan *ch)
{
	switch (ch->op) {
	case CHAN_EXEC:
		return exec_pump(ch);
	case CHAN_READ:
		return files_pump(ch);
	case CHAN_IDLE:
	case CHAN_WRITE:
		break;
	}
	return false;
}

void chan_pump(struct chan *ch)
{
	ch->again = false;
	for (int i = 0; i < ROUNDS; i++) {
		bool moved = flush(ch);

		if (ch->kind != CHAN_FREE)
			moved |= operation(ch);
		if (ch->kind != CHAN_FREE)
			moved |= input(ch);
		if (ch->kind == CHAN_FREE || !moved)
			return;
	}
	ch->again = true;
}
