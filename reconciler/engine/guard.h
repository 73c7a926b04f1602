/* guard.h - the guards of a source: what its spec says about itself, and what it said when it was last
 * applied.
 *
 * A guard that a spec drops still holds for the pass that drops it: whoever takes out the line and the
 * VMs in one go is stopped as if the line were there. A guard that is written holds as it is written.
 * What is in force is kept in the state database with the source.
 */
#pragma once

#include "reconciler/engine/store.h"

#define GUARD_UNDELETE_MS (24ull * 3600 * 1000)

struct guard {
	const char *max_delete;  /* "5" or "20%"; NULL: nobody said anything */
	const char *max_place;   /* "file:line:col" of it */
	bool max_recalled;       /* it is from the last apply: the spec no longer says it */
	uint64_t undelete_ms;
};

/* Both sources of truth joined; spec and s may be NULL. */
int guard_load(struct arena *a, struct store *s, const struct spec *spec, const char *source,
	struct guard *out, struct err *e);

/* Keep what the spec says, in the caller's transaction; *changed, if not NULL, says whether that is
 * other than what is kept, and then nothing is written. */
int guard_keep(struct arena *a, struct store *s, const struct spec *spec, const char *source,
	bool *changed, struct err *e);
