/* recover.h - rebuild saved state from what is still there.
 *
 * A database that is lost or damaged is put together again from handles.json of each VM: the rows of
 * the VM and its disk as they stood at its last start or stop, its address on the vsock, its process.
 * Images and kernels need no recovery: they are named by their content and found again by the next
 * apply. Nothing in the world is touched. What carries our mark and could not be recovered stays an
 * orphan: shown, and left alone until gc.
 */
#pragma once

#include "reconciler/engine/pass.h"

struct recovered {
	struct records rows;      /* put back into the database */
	const char *set_aside;    /* where a damaged database was moved to; NULL: it was sound */
	VEC(const char *) notes;  /* files that could not be used, and why */
};

/* Needs p->home open for writing (the lock). Opens p->store, setting a damaged database aside; a
 * newer one is refused untouched. Rows that the database has are not replaced. */
int recover_run(struct pass *p, struct recovered *out, struct err *e);
