/* tombstone.h - deleted VMs that can come back: their disk and identity are kept for a while.
 *
 *	delete    the tombstone is committed as "closing", with the rows as they are, before anything
 *		  is done; the disk's DELETE moves its file to kept/ID.img instead of removing it; the
 *		  commit that forgets the disk's row turns it into "kept". The VM's identities go from
 *		  vm/NAME to kept/ID, so nobody else gets them
 *	back      one commit puts the rows back, the disk's with the fact "kept", and removes the
 *		  tombstone. The disk's next UPDATE moves the file home and drops the fact. undelete
 *		  does only the commit; an apply whose spec names the VM does both
 *	purge     "purging" and an intent are committed, the file is removed, the tombstone goes
 *
 * A kill at any point leaves either rows or a tombstone that say where the file is.
 */
#pragma once

#include "reconciler/engine/plan.h"

struct pass;

/* What a pass does with them; part of struct pass. */
struct tomb_work {
	struct tombstones all;       /* as they were when the pass began */
	struct tombstones closing;   /* the VMs that this plan deletes */
	struct tombstones back;      /* those that the spec names again */
	VEC(const char *) stale;     /* ids: the deletion never began, and is no longer wanted */
};

/* "kept/ID.img", relative to the state directory; and the owner of its identities. */
const char *tomb_file(struct arena *a, const char *id);
const char *tomb_owner(struct arena *a, const char *id);

/* After resolve: VMs that are wanted and that lie in a tombstone of this source get their rows back,
 * unless their disk could not be kept anyway (another image, a smaller size): then they are made anew,
 * and the tombstone stays. In memory only. */
void tomb_bring_back(struct pass *p);

/* Before the plan: say for each disk that is no longer wanted whether and as what it is kept. */
int tomb_mark(struct pass *p, struct err *e);

/* After the plan: note the VMs that it deletes. */
void tomb_close(struct pass *p);

/* Write what was noted, in the first commit of the pass. */
int tomb_write(const struct tomb_work *w, const struct plan *plan, const struct leases *leases,
	struct store *s, struct arena *a, const char *pass, struct err *e);

/* The row of a VM or disk is being forgotten, in the same transaction: hand its identities on, or settle
 * its tombstone. w may be NULL. */
int tomb_forget(const struct tomb_work *w, const struct record *r, struct store *s, struct arena *a,
	struct err *e);

/* Put a deleted VM back under its name: its rows only. ERR_FAILED when none is kept, ERR_CONFLICT when
 * the name is taken. Under the lock. */
int tomb_undelete(struct pass *p, const char *name, const struct tombstone **out, struct err *e);

/* Remove for good: those whose time is over, and those that chosen names (may be NULL). How many went,
 * and how many could not; -1 when state could not be written. Under the lock. */
int tomb_purge(struct pass *p, bool (*chosen)(const struct pass *p, const struct tombstone *t),
	size_t *gone, size_t *failed, struct err *e);

/* Whether anything is kept of that VM. */
bool tomb_is_kept(const struct tombstones *all, const char *name);

/* Whether a tombstone owns the file. */
bool tomb_owns(const struct tombstones *all, const char *file);
