/* when.c - when watch mode begins the next pass. PURE. */
#include "reconciler/watch/when.h"

#define FILE_QUIET_MS 150
#define FILE_MAX_MS 2000
#define EVENT_MS 15
#define REST_SHARE 4     /* a pass that took 1 s is followed by a rest of 4 */
#define REST_MAX_MS 30000
#define JITTER_PART 10   /* a look comes up to a tenth earlier or later */

static const char *const names[HEAR_N] = {
	[HEAR_START] = "it begins",
	[HEAR_FILE] = "a file changed",
	[HEAR_PROCESS] = "a VMM ended",
	[HEAR_KERNEL] = "the kernel's network changed",
	[HEAR_LOST] = "events were lost",
	[HEAR_RETRY] = "what failed is tried again",
	[HEAR_LOOK] = "it is time to look",
	[HEAR_ASKED] = "somebody asked",
};

const char *hear_name(enum hear hear)
{
	return names[hear];
}

/* splitmix64, Steele, Lea and Flood 2014: any sequence that differs from host to host would do. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static void plan_look(struct when *w, int64_t now)
{
	int64_t part = w->look_ms / JITTER_PART;

	w->look = now + w->look_ms - part + (int64_t)(next_random(&w->seed) % (uint64_t)(2 * part + 1));
}

void when_init(struct when *w, int64_t look_ms, uint64_t seed, int64_t now)
{
	*w = (struct when){.look_ms = look_ms, .seed = seed, .due = -1, .first_file = -1,
		.retry = -1, .rest = now};
	plan_look(w, now);
	when_hear(w, HEAR_START, now);
}

static int64_t at_most(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t at_least(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When what was heard now wants its pass. */
static int64_t wish(struct when *w, enum hear hear, int64_t now)
{
	switch (hear) {
	case HEAR_FILE:
		if (w->first_file < 0)
			w->first_file = now;
		return at_most(now + FILE_QUIET_MS, w->first_file + FILE_MAX_MS);
	case HEAR_PROCESS:
	case HEAR_KERNEL:
	case HEAR_LOST:
		return at_least(now + EVENT_MS, w->rest);
	default:
		return now;
	}
}

void when_hear(struct when *w, enum hear hear, int64_t now)
{
	int64_t t = wish(w, hear, now);
	bool only_files = !(w->heard & ~(1u << HEAR_FILE)) && hear == HEAR_FILE;

	w->heard |= 1u << hear;
	/* One more write postpones what only waits for quiet; nothing else is postponed by anything. */
	w->due = w->due < 0 || only_files ? t : at_most(w->due, t);
}

int64_t when_due(const struct when *w)
{
	int64_t t = w->look;

	if (w->busy)
		return -1;
	if (w->retry >= 0)
		t = at_most(t, w->retry);
	return w->due >= 0 ? at_most(t, w->due) : t;
}

bool when_begin(struct when *w, int64_t now, unsigned *why)
{
	if (w->busy || now < when_due(w))
		return false;
	if (w->retry >= 0 && now >= w->retry)
		w->heard |= 1u << HEAR_RETRY;
	if (now >= w->look) {
		w->heard |= 1u << HEAR_LOOK;
		plan_look(w, now);
	}
	*why = w->heard;
	w->heard = 0;
	w->due = w->first_file = w->retry = -1;
	w->began = now;
	w->busy = true;
	return true;
}

void when_end(struct when *w, int64_t now, int64_t retry_ms)
{
	w->busy = false;
	w->rest = now + at_most((now - w->began) * REST_SHARE, REST_MAX_MS);
	w->retry = retry_ms < 0 ? -1 : now + retry_ms;
	/* What was heard meanwhile was told the rest before this one. A file's change waits for nothing. */
	if (w->due >= 0 && !(w->heard & (1u << HEAR_FILE | 1u << HEAR_ASKED)))
		w->due = at_least(w->due, w->rest);
}

bool when_reads(unsigned why)
{
	return why & (1u << HEAR_START | 1u << HEAR_FILE | 1u << HEAR_LOST | 1u << HEAR_LOOK | 1u << HEAR_ASKED);
}
