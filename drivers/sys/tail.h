/* tail.h - the end of a file that a guest writes: a log, a report. The size is the guest's choice,
 * so only the end is read.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdint.h>

/* The last max bytes of a regular file, NUL-terminated. When the file is longer, what stands before
 * the first line end is left out, so that the text starts with a whole line. An empty text when the
 * file is not there, is not regular or cannot be read: nothing depends on it but words. */
char *tail_read(struct arena *a, int dirfd, const char *name, size_t max, size_t *n);

/* When the file is larger than max: let only its last keep bytes remain, from the beginning of a line
 * on, at its front. Whoever writes to it goes on at its new end if he opened it with O_APPEND; what he
 * writes in that very moment may be lost. Needs no room on the disk. keep <= max. 0 also when there is
 * no such regular file. */
int tail_keep(int dirfd, const char *name, uint64_t max, uint64_t keep, struct err *e);

/* The last lines of such a file for an error message, as plain_text gives them; NULL if there is
 * nothing to show. */
const char *tail_lines(struct arena *a, int dirfd, const char *name, size_t lines);
