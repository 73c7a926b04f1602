/* weave.c - two streams into one file without mixing within a line. */
#include "drivers/guest/weave.h"

#include "schema/base/arena.h"
#include "schema/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE_MS 200

void weave_init(struct weave *w, int out_fd, int err_fd)
{
	struct stat out, err;

	*w = (struct weave){.streams = {{.fd = out_fd}, {.fd = err_fd}}};
	w->together = fstat(out_fd, &out) == 0 && fstat(err_fd, &err) == 0 &&
		out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

void weave_fini(struct weave *w)
{
	for (size_t i = 0; i < 2; i++) {
		free(w->streams[i].held);
		w->streams[i].held = NULL;
	}
}

/* Like fd_write_all, also to a descriptor that somebody made non-blocking. */
static int write_out(int fd, const char *buf, size_t n, struct err *e)
{
	while (n) {
		ssize_t done = write(fd, buf, n);
		struct pollfd wait = {.fd = fd, .events = POLLOUT};

		if (done < 0 && errno == EAGAIN)
			poll(&wait, 1, SLICE_MS);
		else if (done < 0 && errno != EINTR)
			return err_sys(e, errno, "cannot write the command's output");
		if (done > 0) {
			buf += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

static int flush_stream(struct weave_stream *s, struct err *e)
{
	size_t n = s->n;

	s->n = 0;
	return write_out(s->fd, s->held, n, e);
}

static int hold(struct weave_stream *s, const char *data, size_t n, struct err *e)
{
	if (!n)
		return 0;
	if (s->n + n > WEAVE_HOLD_MAX)
		return flush_stream(s, e) < 0 ? -1 : write_out(s->fd, data, n, e);
	if (!s->held)
		s->held = xmalloc(WEAVE_HOLD_MAX);
	if (!s->n)
		s->since_ms = clock_mono_ms();
	memcpy(s->held + s->n, data, n);
	s->n += n;
	return 0;
}

int weave_put(struct weave *w, size_t stream, const char *data, size_t n, struct err *e)
{
	struct weave_stream *s = &w->streams[stream];
	const char *end = n ? memrchr(data, '\n', n) : NULL;
	size_t whole = end ? (size_t)(end - data) + 1 : 0;

	if (!w->together)
		return write_out(s->fd, data, n, e);
	if (whole && (flush_stream(s, e) < 0 || write_out(s->fd, data, whole, e) < 0))
		return -1;
	return hold(s, data + whole, n - whole, e);
}

int weave_due_ms(const struct weave *w, int64_t now_ms)
{
	int due = -1;

	for (size_t i = 0; i < 2; i++) {
		const struct weave_stream *s = &w->streams[i];
		int64_t left = s->since_ms + WEAVE_HOLD_MS - now_ms;

		if (!s->n)
			continue;
		left = left < 0 ? 0 : left;
		if (due < 0 || left < due)
			due = (int)left;
	}
	return due;
}

int weave_flush(struct weave *w, bool all, int64_t now_ms, struct err *e)
{
	for (size_t i = 0; i < 2; i++) {
		struct weave_stream *s = &w->streams[i];

		if (s->n && (all || now_ms - s->since_ms >= WEAVE_HOLD_MS) && flush_stream(s, e) < 0)
			return -1;
	}
	return 0;
}
