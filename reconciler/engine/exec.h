/* exec.h - run a plan: journal first, effect second, outcome third; undo in reverse.
 *
 * Per level of steps:
 *	1. one commit: outcomes of the level before, intents of this one with their exact names,
 *	   rows as "making" or "deleting"
 *	2. each step's effect; for a VM handles.json right after it, before anything believes it
 *	3. a step that fails undoes itself and what was made before it in the same change, in
 *	   reverse; what needs it is skipped; other changes go on
 * and one last commit with the outcomes of the last level.
 *
 * A kill at any point leaves intents that name everything that may exist. The next pass looks at
 * the world with these names and plans from what it sees; nothing is replayed blindly.
 */
#pragma once

#include "reconciler/engine/plan.h"
#include "reconciler/engine/tombstone.h"

/* Fact of a VM: for how many milliseconds it was away when it was restarted last, until its guest was
 * ready again; until then, how long its first start took. */
#define EXEC_AWAY "away_ms"

enum step_state { STEP_PENDING, STEP_DONE, STEP_FAILED, STEP_SKIPPED, STEP_UNDONE, STEP_NOT_READY };

struct step_result {
	enum step_state state;
	struct err err;      /* why it failed, or why it was skipped */
	int64_t took_ms;
};

struct exec {
	struct host *host;
	struct store *store;
	const struct plan *plan;
	const char *source;  /* whose spec this is */
	const char *pass;    /* operation id, in the journal, in history and in log lines */
	const struct intents *interrupted; /* steps of earlier passes that did not end */

	unsigned parallel;   /* steps at the same time; 0 and 1: one after the other, in this process */

	/* Writes more in the transaction of the first commit, before all else. May be NULL. */
	int (*write_first)(void *arg, struct store *s, struct err *e);
	void *write_first_arg;
	const struct tomb_work *tombs; /* deleted VMs whose disks are kept; may be NULL */

	/* Told when a step begins (result NULL) and when it has ended. May be NULL. */
	void (*on_step)(void *arg, const struct plan_step *step, const struct step_result *result);
	void *on_step_arg;

	/* Out. */
	struct step_result *results; /* one per step */
	size_t done, failed, skipped, not_ready;
};

/* Returns 0 when every step was tried, whatever came of it (see the counts and results); -1 when
 * state itself could not be written and the pass had to stop. */
int exec_run(struct exec *x, struct err *e);
