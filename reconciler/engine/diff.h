/* diff.h - three views of each object -> what has to change. PURE.
 *
 * The table of docs/three-way.md: desired {absent, present} x recorded {absent, same, different} x
 * observed {absent, same, drifted, foreign} = 24 rows, each with a verdict and a tier. What a change
 * costs comes from the field table and from what observe says.
 */
#pragma once

#include "drivers/driver.h"
#include "schema/field.h"

enum rec { REC_ABSENT, REC_SAME, REC_DIFFERENT };

struct three_way {
	bool desired;
	enum rec rec;
	enum seen seen;
	enum verdict verdict;
	enum tier tier;
	const char *meaning; /* one line for docs/three-way.md */
};

#define THREE_WAY_ROWS 24
extern const struct three_way three_way[THREE_WAY_ROWS];

/* The row for these three; never NULL. */
const struct three_way *three_way_find(bool desired, enum rec rec, enum seen seen);

/* One line of a plan: why, what from, what to, where it is asked for. */
struct reason {
	const char *field;    /* "memory", "content"; NULL for a reason in words */
	const char *from, *to; /* canonical values; NULL: nothing */
	const char *text;     /* in words, when field is NULL */
	enum change cost;
	struct pos pos;       /* line 0: not from the spec */
};

struct delta {
	const struct view *view;
	enum kind kind;
	const char *name;
	enum verdict verdict;
	enum change cost; /* the highest of its reasons */
	enum tier tier;
	bool blocked;     /* VERDICT_CONFLICT because a guard stands before it */
	VEC(struct reason) reasons;
	enum drift drift;   /* not DRIFT_REPAIR: by this policy something is left as it is ... */
	const char *left;   /* ... and this is what; NULL: nothing is */
};

/* Compare the views of one object. ids gives the content identity that a dependency will have in
 * this pass (NULL if it is not known); source is whose spec this is. */
void diff_object(struct arena *a, const struct view *v, const char *source,
	const char *(*id_of)(void *arg, enum kind kind, const char *name), void *arg,
	struct delta *out);

/* Raise the cost of a change to at least cost, for a reason found later (a dependency is made
 * anew). Turns VERDICT_NONE, LIVE and ADOPT into RESTART or REPLACE as the cost says. */
void diff_raise(struct arena *a, struct delta *c, enum change cost, const char *text,
	struct pos pos);

/* Turn a change into a conflict, for a reason found later: what it needs is in conflict. A delta
 * that asks for nothing (VERDICT_NONE) stays as it is. */
void diff_block(struct arena *a, struct delta *c, const char *text, struct pos pos);
