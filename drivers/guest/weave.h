/* weave.h - two streams into one file without mixing within a line.
 *
 * Output and errors of a command come in pieces that end anywhere. When both go to the same place - a
 * terminal, "2>&1" - a piece of one would be put into the middle of a line of the other. So only whole
 * lines are written; the rest waits for its end, but not for longer than WEAVE_HOLD_MS: it may be a
 * prompt. Where the two go to different places everything is written at once.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEAVE_HOLD_MS 100
#define WEAVE_HOLD_MAX 65536 /* a longer line is no line */

struct weave {
	bool together; /* both streams go to one file */
	struct weave_stream {
		int fd;
		char *held;      /* the beginning of a line */
		size_t n;
		int64_t since_ms; /* when the first byte of it came */
	} streams[2];
};

void weave_init(struct weave *w, int out_fd, int err_fd);
void weave_fini(struct weave *w);

/* Write what came for stream 0 (output) or 1 (errors). Fails with ERR_SYSTEM and errnum. */
int weave_put(struct weave *w, size_t stream, const char *data, size_t n, struct err *e);

/* Milliseconds until weave_flush has something to do; -1: never. */
int weave_due_ms(const struct weave *w, int64_t now_ms);

/* Write what was held for long enough, or all of it. */
int weave_flush(struct weave *w, bool all, int64_t now_ms, struct err *e);
