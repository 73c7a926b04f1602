/* stamp.h - whether files of the user are still what they were, by stat alone.
 *
 * A stamp is a text with size, inode, mtime and ctime of some files: equal stamps mean equal
 * contents, if no file was changed while the contents were read (stamp_is_old). ctime is in it
 * because nobody can set it back.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct stamp {
	struct arena *arena;
	const char *text;
	int64_t newest_ms; /* latest change of any of the files */
};

/* head: what else has to be the same, such as the names of the files. */
void stamp_begin(struct stamp *s, struct arena *a, const char *head);

/* One file more; a missing one is an answer too. */
void stamp_file(struct stamp *s, const char *path);

/* Whether every change was surely over by then (milliseconds, real time): file times are coarser
 * than the clock. */
bool stamp_is_old(const struct stamp *s, int64_t ms);
