/* output.c - carry what the workload writes to the host. */
#include "drivers/guest/inside/output.h"

#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/proto.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 16
#define NOTICE_MAX 80

static void ready(void *arg, uint32_t events)
{
	(void)events;
	output_pump(arg);
}

void output_init(struct output *o, int port)
{
	*o = (struct output){.pipe = -1, .port = port, .source = {.ready = ready, .arg = o}};
}

void output_attach(struct output *o, int pipe)
{
	o->pipe = pipe;
}

/* The port takes data again: say how much is missing. The buffer is empty here. */
static void stop_dropping(struct output *o)
{
	int n = snprintf(o->buf, NOTICE_MAX, "\n[reconcile: %llu bytes of output were dropped]\n",
		(unsigned long long)o->dropped);

	o->n = o->dropped ? (size_t)n : 0;
	o->inside_line = false;
	o->dropping = false;
	o->dropped = 0;
}

static bool flush(struct output *o)
{
	ssize_t done;

	if (!o->n)
		return false;
	done = o->port < 0 ? (ssize_t)o->n : write(o->port, o->buf, o->n);
	if (done <= 0)
		return false;
	o->n -= (size_t)done;
	memmove(o->buf, o->buf + done, o->n);
	o->stalled_at = 0;
	if (!o->n && o->dropping)
		stop_dropping(o);
	return true;
}

/* The length of a line with the time, when one is due. */
static size_t due_mark(const struct output *o, size_t room, int64_t *now_s)
{
	struct timespec now;

	if (!o->marks || o->inside_line || o->dropping || room <= GUEST_MARK_BYTES ||
		clock_gettime(CLOCK_REALTIME, &now) < 0 || now.tv_sec == o->marked_s)
		return 0;
	*now_s = now.tv_sec;
	return GUEST_MARK_BYTES;
}

/* 0 at the end, -1 when there is nothing now, else the bytes that came behind a mark of that length. */
static ssize_t read_behind(struct output *o, size_t mark, size_t room, int64_t now_s)
{
	char text[GUEST_MARK_BYTES + 1];
	ssize_t got = read(o->pipe, o->buf + o->n + mark, room - mark);

	if (got <= 0)
		return got;
	o->inside_line = o->buf[o->n + mark + (size_t)got - 1] != '\n';
	if (!mark)
		return got;
	snprintf(text, sizeof(text), GUEST_MARK_FORMAT, (long long)now_s);
	memcpy(o->buf + o->n, text, mark);
	o->marked_s = now_s;
	return got + (ssize_t)mark;
}

/* Read into the room that is left, or into nowhere. */
static bool fill(struct output *o)
{
	char waste[4096];
	size_t room = sizeof(o->buf) - o->n, mark;
	int64_t now_s = 0;
	ssize_t got;

	if (o->pipe < 0 || (!room && !o->dropping))
		return false;
	mark = due_mark(o, room, &now_s);
	if (o->dropping)
		got = read(o->pipe, waste, sizeof(waste));
	else
		got = read_behind(o, mark, room, now_s);
	if (got < 0)
		return errno == EINTR;
	if (!got) {
		sysfile_close(&o->pipe);
		return false;
	}
	if (o->dropping)
		o->dropped += (uint64_t)got;
	else
		o->n += (size_t)got;
	return true;
}

static void watch_stall(struct output *o)
{
	if (o->n < sizeof(o->buf) || o->dropping)
		return;
	if (!o->stalled_at)
		o->stalled_at = loop_now_ms();
	else if (loop_now_ms() - o->stalled_at >= OUTPUT_STALL_MS)
		o->dropping = true;
}

void output_pump(struct output *o)
{
	o->again = false;
	for (int i = 0; i < ROUNDS; i++) {
		bool moved = flush(o);

		moved |= fill(o);
		if (moved)
			continue;
		watch_stall(o);
		if (!o->dropping || o->stalled_at == 0)
			return;
		o->stalled_at = 0;
	}
	o->again = true;
}

int64_t output_deadline(const struct output *o)
{
	return o->stalled_at && !o->dropping ? o->stalled_at + OUTPUT_STALL_MS : 0;
}

void output_finish(struct output *o, int timeout_ms)
{
	struct pollfd p = {.fd = o->port, .events = POLLOUT};
	int64_t end = loop_now_ms() + timeout_ms;

	for (;;) {
		int64_t left = end - loop_now_ms();
		bool moved = flush(o);

		moved |= fill(o);
		if (moved && left > 0)
			continue;
		if (!o->n || left <= 0 || poll(&p, 1, (int)left) <= 0 || !(p.revents & POLLOUT))
			return;
	}
}
