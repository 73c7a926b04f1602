/* pass.h - one pass: load, look, compare, plan; then, if asked, act.
 *
 *	pass_look    opens state, loads, resolves, observes, diffs and plans; changes nothing
 *	pass_act     runs the plan that pass_look made
 *
 * The CLI, watch mode and GitOps differ only in who starts a pass.
 */
#pragma once

#include "reconciler/engine/exec.h"
#include "reconciler/engine/guard.h"
#include "reconciler/engine/home.h"
#include "reconciler/engine/moved.h"
#include "reconciler/engine/tombstone.h"

struct pass {
	/* In. */
	struct arena *a;
	const char *state_dir;       /* NULL: the usual place */
	const struct spec *spec;     /* NULL: nothing of this source is wanted */
	const char *source;          /* whose spec this is; NULL: objects of every source */
	const char *const *only;     /* restrict to these VMs, "vm/web"; NULL: all */
	size_t n_only;
	bool recall;                 /* without a spec: look at what was last applied, plan nothing */
	bool write;                  /* take the lock and open state for writing */
	bool looks;                  /* nothing but looking follows: enter the cage (drivers/sys/cage.h) as
				      * soon as saved state is open; not together with write */
	bool no_prune;               /* leave alone what the spec no longer names */
	bool purge;                  /* keep nothing of what is deleted */
	int64_t now_ms;              /* 0: the clock's */
	bool refresh;                /* ask again what a tag means, instead of believing the record */
	int64_t lock_wait_ms;
	const volatile sig_atomic_t *cancel;

	/* Told by pass_look what it does that may take long, in words; NULL when that is over. May be
	 * NULL. */
	void (*on_stage)(void *arg, const char *what);
	void *on_stage_arg;

	/* Out of pass_look. */
	struct home home;
	struct store *store;         /* NULL when there is no state yet and write is false */
	struct records records;
	struct leases leases;
	VEC(const char *) no_handles; /* VMs whose handles.json is missing or not to be trusted */
	struct intents interrupted;  /* steps of an earlier pass that did not end */
	struct objects objects;
	struct views views;
	struct plan plan;
	struct guard guard;          /* of the source */
	struct renames renames;      /* rows that the spec gives another name */
	struct tomb_work tombs;      /* deleted VMs: kept, brought back, about to be kept */
	struct orphans orphans;      /* ours by their mark, in no record */
	char id[24];                 /* of this pass, in the journal and in log lines */

	/* Out of pass_act. */
	struct exec exec;
};

/* Give the pass its id and mark its descriptors closed; pass_look does it itself. */
void pass_init(struct pass *p);

/* Returns 0 with the plan. Whatever it returns, pass_close must be called. */
int pass_look(struct pass *p, struct err *e);

/* Fill p->orphans, after pass_look: everything that carries our mark and is in no record. */
int pass_scan(struct pass *p, struct err *e);

/* Run the plan. The guards (confirmation, data loss) are the caller's: it has asked by now. */
int pass_act(struct pass *p, struct err *e);

/* Note what resolve found where nothing else has to be done: the stamp of a file that was touched
 * but has the same content (without it every later pass would read the file again), each handles.json
 * that was lost, and in history conflicts and drift that is left alone, when they are new. One commit,
 * or none when there is nothing to note. */
int pass_note(struct pass *p, struct err *e);

void pass_close(struct pass *p);
