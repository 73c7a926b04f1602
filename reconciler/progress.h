/* progress.h - what is going on, on stderr: a live line for each thing that is made on a terminal, plain lines
 * elsewhere.
 *
 * A thread looks at the clock, so that a wait is told whoever waits and in whatever call: after WAIT_MS
 * without a word it says what is being waited for and for how long. It prints and does nothing else; it
 * takes no signal, and all that it shares with the pass lies under one mutex.
 *
 * --progress json: one object a line; what is text for people (a plan, warnings) may stand between.
 *
 *	{"event": "begin" | "end", "op", "kind", "object", "error": null | why it failed, ...}
 *	{"event": "progress", "op", "kind", "object", "what": "fetching layer 2/5", "done", "total": bytes,
 *	 0 not known, "bytes_per_second": 0 too early to say, "left_ms": null not known, ...}
 *	{"event": "wait", "what", "waited_ms"}
 *
 * An image's "fetching" and "unpacking" are the sums of their layers'.
 */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"
#include "reconciler/meter.h"

#include <pthread.h>

struct progress_view {
	const struct cli *cli;
	enum progress how;       /* never PROGRESS_AUTO */

	pthread_mutex_t lock;    /* of all that follows */
	pthread_cond_t wake;
	pthread_t ticker;
	bool ticks, stop;
	char doing[256];         /* what may take long; "" nothing */
	int64_t begun_ms, last_ms; /* since when, and when that was last told */
	int64_t asked_ms;        /* spent on asking guests to stop, not yet shown */
	struct meters meters;    /* what is under way */
	bool line_open;          /* a live line is on the screen */
	unsigned lines_above;    /* and so many further ones, of other things that are made at once */
};

/* Decide how to show progress and hook it into the pass: before pass_look. Not to be moved until
 * progress_stop. p NULL, here and there: there is no pass, and progress_say says all. */
void progress_start(struct progress_view *v, const struct cli *c, struct pass *p);

/* Hook it into the steps as well: after pass_look. */
void progress_steps(struct progress_view *v, struct pass *p);

/* How far a step is; as host.progress in drivers/driver.h. */
void progress_say(struct progress_view *v, const struct step *s, const char *what, uint64_t done,
	uint64_t total);

/* Remove a live line, before anything else is printed, and let go of the pass. */
void progress_stop(struct progress_view *v, struct pass *p);
