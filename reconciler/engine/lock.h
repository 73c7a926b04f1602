/* lock.h - one writer per state directory.
 *
 * flock(2) on STATE/lock, a file that is never renamed or removed: the lock dies with its process,
 * so it can never be stale. The file's text (pid and command of the holder) is only for people.
 */
#pragma once

#include "schema/base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Take the lock; waits at most wait_ms for the holder. *fd is the caller's: closing it gives the
 * lock back. Fails with ERR_LOCKED and the holder's pid, or ERR_CANCELLED. */
int lock_take(int state_fd, const char *who, int64_t wait_ms, const volatile sig_atomic_t *cancel,
	int *fd, struct err *e);

/* Whether somebody holds it at this moment: another reconcile, or a worker that one left behind and
 * that has not noticed yet. For who only looks; it may change at once. */
bool lock_is_held(int state_fd);
