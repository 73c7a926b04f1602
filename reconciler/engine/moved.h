/* moved.h - VMs that have another name now: their rows follow, then the world does.
 *
 *	1. the rows of the VM and its disk, and its identities, get the new name in the first commit
 *	   of the pass. Each row carries the fact "was", the name under which its process and files
 *	   are still found
 *	2. the VM is stopped under its old name, its disk file takes the new one, and it starts again;
 *	   each step drops "was" from its row when it is done
 *
 * A kill in between leaves rows that say where everything is. An entry whose old name has no row is
 * done, and silent.
 */
#pragma once

#include "reconciler/engine/store.h"

/* A row that gets another name: what it was, and what it is to be. */
struct renamed {
	struct record from, to;
};

struct renames {
	struct renamed *v;
	size_t n, cap;
};

/* Rename what the spec moves in records (kept in their order) and leases, and note it in out. In memory
 * only. ERR_CONFLICT at the entry when there are rows of both names. */
int moved_apply(struct arena *a, const struct spec *spec, const char *source, struct records *records,
	struct leases *leases, struct renames *out, struct err *e);

struct views;

/* Nothing may be made under a name that another VM has not left yet: such views cannot be resolved. */
void moved_keep_off(struct arena *a, struct views *views, const struct records *records);

/* Write it, in the caller's transaction. */
int moved_write(struct store *s, const struct renames *renames, const char *pass, struct arena *a,
	struct err *e);
