/* wake.h - whether there is anything to do at all: what watch mode asks before it begins a pass.
 *
 *	wake_note    remember how things stand; before a pass reads them, so that what changes
 *	             meanwhile counts as changed
 *	wake_check   whether any of it is different by now
 *
 * It costs a stat(2) for each file and one question to SQLite, whatever the number of VMs. What
 * happens in the kernel has no stamp: who watches it (pidfds, netlink) counts what it hears, and gives
 * the count. A stamp misses two writes within one tick of the file system that leave size and inode as
 * they were, so a pass is made now and then all the same.
 */
#pragma once

#include "reconciler/engine/store.h"

struct wake_stamp {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
	bool there;
};

struct wake {
	const char *const *files; /* every file that the spec was read from; borrowed */
	struct wake_stamp *stamps;
	size_t n;
	const char *state_dir;    /* borrowed */
	struct store *store;      /* opened for reading once there is one */
	int64_t version;          /* of what is in it */
	uint64_t heard;           /* the caller's count */
	bool noted;
};

/* Prepare for these files and this state directory; nothing is noted yet. wake_fini must follow. */
void wake_init(struct wake *w, struct arena *a, const char *state_dir, const char *const *files,
	size_t n);
void wake_fini(struct wake *w);

/* Remember. heard: how much the caller has heard so far. */
int wake_note(struct wake *w, uint64_t heard, struct err *e);

/* 0: as noted. 1: something is different, or nothing was noted. -1: cannot tell. */
int wake_check(struct wake *w, uint64_t heard, struct err *e);
