/* copy.h - copy a file into another one on the same host: shared blocks where the file system can,
 * otherwise only the parts that hold data.
 */
#pragma once

#include "schema/base/err.h"

#include <signal.h>
#include <stdint.h>

struct copy_watch {
	const volatile sig_atomic_t *cancel;             /* may be NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* may be NULL */
	void *arg;
};

/* Make to share all blocks of from (ioctl_ficlone(2)). 0; 1 when these two files cannot share
 * (another file system, or one that cannot at all); -1 with e. */
int copy_reflink(int from, int to, struct err *e);

/* Copy the first size bytes of from to the empty file to; holes stay holes, to gets the same size.
 * Fails: ERR_LIMIT no space left, ERR_CANCELLED, ERR_SYSTEM. watch may be NULL. */
int copy_sparse(int from, int to, uint64_t size, const struct copy_watch *watch, struct err *e);
