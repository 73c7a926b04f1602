/* lines.h - a stream socket that carries lines, with a bound on each line and a deadline on each
 * wait. For peers that are not trusted: a line without end costs max bytes and then an error.
 */
#pragma once

#include "schema/base/err.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

struct lines {
	int fd;             /* owned */
	size_t max;         /* bytes of a line with its newline */
	char *buf;          /* max + 1 bytes */
	size_t n, used;     /* bytes in buf; bytes of it that were handed out */
	const volatile sig_atomic_t *cancel; /* may be NULL */
};

/* Take over a connected stream socket. */
void lines_init(struct lines *l, int fd, size_t max);
void lines_fini(struct lines *l);

/* The next line without its newline, NUL-terminated, valid until the next call. deadline is a
 * clock_mono_ms. 0; 1 when the peer hung up; -1: ERR_TIMEOUT, ERR_LIMIT line too long,
 * ERR_CANCELLED, ERR_SYSTEM. */
int lines_read(struct lines *l, int64_t deadline, char **line, size_t *n, struct err *e);

/* Send n bytes. 0; 1 when the peer hung up; -1: ERR_TIMEOUT, ERR_CANCELLED, ERR_SYSTEM. */
int lines_write(struct lines *l, const void *buf, size_t n, int64_t deadline, struct err *e);

/* The two halves of lines_read for a loop that waits for more than this socket.
 * take: 0 with a line that is here already, 1 when none is complete, -1 ERR_LIMIT.
 * fill: 0 when it read what there was, 1 when the peer hung up, -1 ERR_SYSTEM. Only after take
 * returned 1. */
int lines_take(struct lines *l, char **line, size_t *n, struct err *e);
int lines_fill(struct lines *l, struct err *e);
