/* meter.h - how fast something goes, and how long the rest of it takes. PURE: who calls has the clock.
 *
 * Several things go at once, each under its own name. A thing may have parts, whose names begin with
 * that of the whole and a space: "fetching", "fetching layer 2/5".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_NAME_MAX 192
#define METERS 32 /* at once; what was not heard of for longest is forgotten */

struct meter {
	char of[METER_NAME_MAX]; /* the object; "" in a meter that is free */
	char what[METER_NAME_MAX];
	uint64_t from;           /* what was done when it was first heard of */
	uint64_t done, total;    /* total 0: not known */
	int64_t begun_ms, now_ms;
	int64_t said_ms;         /* for who prints; 0: not yet */
};

struct meters {
	struct meter v[METERS];
};

/* Something was heard. Valid until the next call. When less is done than before, it began anew. */
struct meter *meter_note(struct meters *m, const char *of, const char *what, uint64_t done,
	uint64_t total, int64_t now_ms);

/* The whole that this is a part of, or NULL. */
const struct meter *meter_whole(const struct meters *m, const struct meter *part);

/* The part of this whole that was heard of last, unless it is done; or NULL. */
const struct meter *meter_part(const struct meters *m, const struct meter *whole);

/* Things that are under way, each by the meter of its whole that was heard of last: those of which
 * something is not done and was heard of since since_ms. In the order of their names. At most max. */
size_t meter_things(const struct meters *m, int64_t since_ms, const struct meter **out, size_t max);

/* Bytes a second since it was first heard of. 0: too early to say. */
uint64_t meter_rate(const struct meter *m);

/* -1: not known. */
int64_t meter_left_ms(const struct meter *m);

bool meter_is_done(const struct meter *m);
