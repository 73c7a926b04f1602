/* lines.c - a stream socket that carries lines. */
#include "drivers/sys/lines.h"

#include "schema/base/arena.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A signal that comes between the look at *cancel and poll(2) is noticed after this time. */
#define CANCEL_SLICE_MS 200

void lines_init(struct lines *l, int fd, size_t max)
{
	*l = (struct lines){.fd = fd, .max = max, .buf = xmalloc(max + 1)};
}

void lines_fini(struct lines *l)
{
	fd_close(&l->fd);
	free(l->buf);
	l->buf = NULL;
}

static int wait_for(const struct lines *l, short events, int64_t deadline, struct err *e)
{
	struct pollfd p = {.fd = l->fd, .events = events};

	for (;;) {
		int64_t left = deadline - clock_mono_ms();
		int n;

		if (l->cancel && *l->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (left <= 0)
			return err_set(e, ERR_TIMEOUT, "no answer in time");
		if (l->cancel && left > CANCEL_SLICE_MS)
			left = CANCEL_SLICE_MS;
		n = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "cannot wait for an answer");
		if (n > 0)
			return 0;
	}
}

int lines_take(struct lines *l, char **line, size_t *n, struct err *e)
{
	char *start = l->buf + l->used, *end = memchr(start, '\n', l->n - l->used);

	if (end) {
		*end = '\0';
		*line = start;
		*n = (size_t)(end - start);
		l->used = (size_t)(end + 1 - l->buf);
		return 0;
	}
	l->n -= l->used;
	memmove(l->buf, start, l->n);
	l->used = 0;
	if (l->n >= l->max)
		return err_set(e, ERR_LIMIT, "a line longer than %zu bytes", l->max);
	return 1;
}

int lines_fill(struct lines *l, struct err *e)
{
	ssize_t got = recv(l->fd, l->buf + l->n, l->max - l->n, MSG_DONTWAIT);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (!got || (got < 0 && errno == ECONNRESET))
		return 1;
	if (got < 0)
		return err_sys(e, errno, "cannot read an answer");
	l->n += (size_t)got;
	return 0;
}

int lines_read(struct lines *l, int64_t deadline, char **line, size_t *n, struct err *e)
{
	for (;;) {
		int r = lines_take(l, line, n, e);

		if (r <= 0)
			return r;
		if (wait_for(l, POLLIN, deadline, e) < 0)
			return -1;
		r = lines_fill(l, e);
		if (r)
			return r;
	}
}

int lines_write(struct lines *l, const void *buf, size_t n, int64_t deadline, struct err *e)
{
	const char *p = buf;

	while (n) {
		ssize_t done = send(l->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 1;
		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, errno, "cannot send a request");
		if (done < 0 && errno == EAGAIN && wait_for(l, POLLOUT, deadline, e) < 0)
			return -1;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}
