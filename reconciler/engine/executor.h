/* executor.h - what the files of the executor share: exec.c (steps and commits) and rows.c (what becomes of
 * the saved rows). Nobody else includes it.
 */
#pragma once

#include "reconciler/engine/exec.h"
#include "reconciler/engine/history.h"

/* An outcome that waits for the next commit. */
struct outcome {
	int64_t intent;
	const char *state, *error;
};

struct run {
	struct exec *x;
	struct arena *a;
	struct plan_step *steps;   /* the plan's, with facts found on the way */
	struct record *records;    /* one per view: as it will be written */
	bool *touched;             /* per view: the row has to be written */
	bool *forget;              /* per view: the row goes */
	bool *failed;              /* per view: its attempt in this pass is counted as failed */
	int64_t *intents;          /* per step */
	bool *began;               /* per step: the driver was asked to do it */
	int64_t *away_since;       /* per view: when its VM was first stopped or started; 0: it was not */
	uint32_t *before;          /* per step: the step before it in the same change, counted from 1;
				    * 0: it is the first */
	struct edge_lists needs;   /* per step: those that it needs */
	VEC(uint32_t) dirty;       /* views whose row has to be written, or goes */
	VEC(struct outcome) outcomes;
	struct history history;
};

static inline const struct view *view_of(const struct run *r, uint32_t i)
{
	return &r->x->plan->views->v[i];
}

static inline const struct plan_step *step_at(const struct run *r, uint32_t i)
{
	return &r->steps[i];
}

/* ---- rows.c ---- */

/* The row says what the spec says by now. */
void rows_apply_spec(struct run *r, uint32_t view);

/* The row has these facts over its own by now; a VM that is in no network any more loses what it had there. */
void rows_take_facts(struct run *r, uint32_t view, const struct kvs *facts);

/* The row has to be written with the next commit; forget: it goes with it. */
void rows_touch(struct run *r, uint32_t view);
void rows_forget(struct run *r, uint32_t view);

/* It failed, and when it is tried again; or it is as it should be. */
void rows_set_failed(struct run *r, uint32_t view, const char *reason);
void rows_set_made(struct run *r, uint32_t view);

/* One row per view, as it was when the pass began. */
void rows_load(struct run *r);

/* Changes of the rows alone: nothing in the world has to be done for them. */
void rows_settle(struct run *r);

/* What an earlier process was is over. */
void rows_drop_process(struct run *r, uint32_t view);

/* The disk is where its name says: from before its making on, and after it was moved there. */
void rows_at_home(struct record *disk, struct arena *a);

/* What the row says while the step is on its way. */
void rows_mark_intent(struct run *r, const struct plan_step *s);

/* Write or remove what was touched, within the transaction that is open. */
int rows_write(struct run *r, struct err *e);
