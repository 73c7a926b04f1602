/* history.h - what a pass adds to history, gathered as it goes and written in the commits that there
 * are anyway: an event costs no fsync of its own.
 *
 *	seen      what was there when something had to be decided
 *	decided   the verdict with its reasons and the place that asks for it
 *	conflict  why nothing can be done
 *	drift     it has drifted and its policy leaves it so; held: its policy leaves everything so
 *	began     a step is on its way; then done, failed, undone, undo-failed or skipped
 *	interrupted  a step of an earlier pass that never ended
 *	adopted, recorded, forgotten   only the record changed
 *
 * A pass that has nothing to do writes nothing. A conflict or drift that is left alone is written
 * once, not once a pass.
 */
#pragma once

#include "reconciler/engine/plan.h"

/* How many events are kept; RECONCILE_HISTORY_KEEP says otherwise. */
#define HISTORY_KEEP 100000

struct history {
	struct arena *a;
	const struct plan *plan;
	const char *pass, *source;
	struct events pending;
	size_t *last;            /* per view: its last pending event, counted from 1; 0: none */
};

/* Begin to gather for a pass. */
void history_init(struct history *h, struct arena *a, const struct plan *plan, const char *pass,
	const char *source);

/* What was seen and decided; and the steps of earlier passes that did not end. */
void history_decisions(struct history *h, const struct intents *interrupted);

/* A step of the object of that view: what happened to it, and why when it went wrong. */
void history_step(struct history *h, const struct view *v, const struct step *step,
	const char *what, const char *error);

/* The row of a view is written, or removed: the last event of the object says its state from here
 * on; there is one more when nothing else says why. */
void history_row(struct history *h, const struct view *v, const struct delta *d,
	const struct record *row, bool forget);

/* Write what was gathered, in the caller's transaction; and trim. */
int history_write(struct history *h, struct store *s, struct err *e);

/* Conflicts and drift left alone that are not the last thing known of their objects. */
int history_notices(struct history *h, struct store *s, struct err *e);

/* The state of an object in words: running, stopped, made, making, failed, deleting. */
const char *history_state(const struct record *row);
