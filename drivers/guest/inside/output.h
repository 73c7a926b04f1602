/* output.h - carry what the workload writes to the host.
 *
 * The workload's stdout and stderr are one pipe; it is copied to the output port or, where there
 * is none, to the console. A port that takes nothing first makes the workload wait (nothing is
 * lost when the host is only slow); after OUTPUT_STALL_MS of that, what comes is thrown away and
 * counted, and a line says so when the port takes data again. So a host that never reads cannot
 * block the workload for ever.
 *
 * To the port, not to a console, the time is written too, so that the host can show what came since
 * then: before the first output after a second, at the beginning of a line, a line as proto.h says.
 */
#pragma once

#include "drivers/guest/inside/loop.h"

#include <stdbool.h>
#include <stddef.h>

#define OUTPUT_BYTES 65536
#define OUTPUT_STALL_MS 5000

struct output {
	int pipe, port;       /* pipe -1: nothing is copied */
	char buf[OUTPUT_BYTES];
	size_t n;
	int64_t stalled_at;   /* since when the buffer is full and the port takes nothing; 0: not */
	bool dropping;
	uint64_t dropped;
	bool marks;           /* the time is written too */
	bool inside_line;     /* what was read last has not ended its line */
	int64_t marked_s;     /* the second that was written last */
	bool again;           /* stopped for fairness; there is more to do */
	struct source source;
};

/* Take over both descriptors, which do not block; -1 where there is none. */
void output_init(struct output *o, int port);

/* The read end of the workload's pipe. */
void output_attach(struct output *o, int pipe);

/* Copy what can be copied now. */
void output_pump(struct output *o);

/* When output_pump has to be called though nothing happened; 0: never. */
int64_t output_deadline(const struct output *o);

/* The workload is gone: copy what is left, waiting for the port at most timeout_ms. */
void output_finish(struct output *o, int timeout_ms);
