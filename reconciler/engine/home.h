/* home.h - where this instance lives: state, cache and runtime folders, its id, its programs.
 *
 * Folders come from the flag, else the environment (RECONCILE_STATE_DIR, RECONCILE_CACHE_DIR,
 * RECONCILE_RUN_DIR), else for root and for the owner of /var/lib/reconcile that, /var/cache/reconcile and
 * /run/reconcile, else below XDG_STATE_HOME, XDG_CACHE_HOME, XDG_RUNTIME_DIR (without that: STATE/run).
 * A state directory that was chosen by flag or environment has its runtime folder inside it, unless
 * that is chosen too.
 */
#pragma once

#include "drivers/driver.h"

struct home {
	struct host host; /* what drivers get; arena, cancel and progress are set by the pass */
};

/* Whose the state directory is that home_open would open; false: it is not there. Reads no file. */
bool home_owner(struct arena *a, const char *state_dir, uid_t *uid, gid_t *gid);

/* Where the helper programs are: RECONCILE_PROGRAM_DIR, else beside this program, else ../libexec/reconcile
 * from there. */
const char *home_program_dir(struct arena *a);

/* Find the folders. write: make what is missing (0700) and take the lock, waiting at most wait_ms;
 * without it nothing is made and a folder that is not there leaves its descriptor -1.
 * Fails: ERR_DENIED, ERR_CONFIG (no place for it, no folder, a folder of another user, or others may
 * write to it), ERR_LOCKED. */
int home_open(struct arena *a, const char *state_dir, bool write, int64_t wait_ms,
	const volatile sig_atomic_t *cancel, struct home *out, struct err *e);
void home_close(struct home *h);
