/* when.h - when watch mode begins the next pass. PURE: the caller brings the time.
 *
 * What is heard is no order but a hint: it makes a pass due a little later, so that what comes in a burst
 * is served by one pass. What is heard during a pass makes one more due after it.
 *
 *	file      an editor writes in several steps: wait until it is quiet, 2 s at most
 *	process   a VMM ended, or a kernel object changed: at once, but passes may take a fifth of the time
 *	          at most, or a foreign program that never rests would keep us busy
 *	look      now and then, whatever was heard: what nobody told us of is seen then
 *
 * Times are milliseconds of the monotonic clock (schema/base/clock.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum hear {
	HEAR_START,   /* the first pass */
	HEAR_FILE,    /* a file of the spec changed */
	HEAR_PROCESS, /* a VMM ended */
	HEAR_KERNEL,  /* links, addresses, routes or firewall changed */
	HEAR_LOST,    /* the kernel could not keep up with telling us */
	HEAR_RETRY,   /* what failed is to be tried again */
	HEAR_LOOK,    /* it is time to look at everything */
	HEAR_ASKED,   /* SIGHUP */
	HEAR_N
};

/* "a file changed". */
const char *hear_name(enum hear hear);

struct when {
	int64_t look_ms;       /* between two looks at everything, about */
	uint64_t seed;         /* of the jitter */
	unsigned heard;        /* bits of enum hear that no pass has served yet */
	int64_t due;           /* when the next pass begins; -1: nothing is known yet */
	int64_t first_file;    /* when the first of them that is a file was heard; -1: none */
	int64_t look, retry;   /* when these come; retry -1: nothing is to be tried again */
	int64_t began, rest;   /* of the last pass; until when passes that nobody asked for have to wait */
	bool busy;             /* a pass runs */
};

/* A first pass is due at once. */
void when_init(struct when *w, int64_t look_ms, uint64_t seed, int64_t now);

void when_hear(struct when *w, enum hear hear, int64_t now);

/* When to wake up next; never while a pass runs (-1). */
int64_t when_due(const struct when *w);

/* Whether a pass is due. If it is, it begins: *why is what it serves, bits of enum hear. */
bool when_begin(struct when *w, int64_t now, unsigned *why);

/* The pass ended. retry_ms: in how long something that failed is to be tried again; -1: nothing is. */
void when_end(struct when *w, int64_t now, int64_t retry_ms);

/* Whether the files of the spec are to be read again for this. */
bool when_reads(unsigned why);
