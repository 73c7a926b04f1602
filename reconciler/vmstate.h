/* vmstate.h - how a VM is now, in words. Never says more than was proved: "running" is a live VMM of
 * ours, "ready" is an agent that answered just now.
 */
#pragma once

#include "reconciler/engine/pass.h"

struct vmstate {
	const char *state;    /* running, stopped, exited, dead, failed */
	const char *ready;    /* yes, no, busy, or - of a VM that does not run */
	const char *note;     /* what a person should know; "" for nothing */
	int64_t since_ms;     /* real time since which it is so */
	bool ended;           /* it ran and does not run any more: since_ms says when it ended */
	const char *how;      /* ended: how, for people */
	const char *last_words; /* ended by a panic of its kernel: the last lines of its console; or NULL */
	int exit_code;        /* ended: of the workload; -1 not known */
};

/* Asks the agent of a VM that runs. */
void vmstate_find(struct arena *a, const struct view *v, const volatile sig_atomic_t *cancel,
	struct vmstate *out);

/* What was seen just now, else what is recorded; NULL when neither says it. */
const char *vmstate_fact(const struct view *v, const char *key);

/* How often it was started again since it was made, by what history still knows; -1: nothing. */
int vmstate_restarts(struct arena *a, struct store *s, const char *name);
