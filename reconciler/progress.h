/* progress.h - what is going on, on stderr: a live line on a terminal, plain lines elsewhere.
 *
 * A thread looks at the clock, so that a wait is told whoever waits and in whatever call: after WAIT_MS
 * without a word it says what is being waited for and for how long. It prints and does nothing else; it
 * takes no signal, and all that it shares with the pass lies under one mutex.
 */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"

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
	bool line_open;          /* a live line is on the screen */
};

/* Decide how to show progress and hook it into the pass: before pass_look. Not to be moved until
 * progress_stop. */
void progress_start(struct progress_view *v, const struct cli *c, struct pass *p);

/* Hook it into the steps as well: after pass_look. */
void progress_steps(struct progress_view *v, struct pass *p);

/* Remove a live line, before anything else is printed, and let go of the pass. */
void progress_stop(struct progress_view *v, struct pass *p);
