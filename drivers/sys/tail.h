/* tail.h - the end of a file that a guest writes: a log, a report. The size is the guest's choice,
 * so only the end is read.
 */
#pragma once

#include "schema/base/arena.h"

/* The last max bytes of a regular file, NUL-terminated. When the file is longer, what stands before
 * the first line end is left out, so that the text starts with a whole line. An empty text when the
 * file is not there, is not regular or cannot be read: nothing depends on it but words. */
char *tail_read(struct arena *a, int dirfd, const char *name, size_t max, size_t *n);

/* The last lines of such a file for an error message, as plain_text gives them; NULL if there is
 * nothing to show. */
const char *tail_lines(struct arena *a, int dirfd, const char *name, size_t lines);
