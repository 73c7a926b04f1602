/* tarball.h - the members of an image archive (a tar file), found by name, read where they are.
 *
 * docker-archive and oci-archive files are plain tar files of a few members, and layers are read
 * from the top down. So the headers are read once, and a member is a range of the file: nothing is
 * unpacked and nothing written. The layers inside are read by libarchive (layer.h).
 *
 * ustar, pax and GNU names and sizes are understood. A link leads to another member. Of two members
 * with one name the later one counts, as in every tar. A compressed archive is refused by name: it
 * cannot be read from the middle.
 */
#pragma once

#include "drivers/image/worker/range.h"
#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stddef.h>

struct member {
	const char *name; /* without "./" before it */
	const char *link; /* of a link: the name it leads to; else NULL */
	uint64_t at, n;
};

struct tarball {
	struct arena *arena;
	int fd;
	const char *path; /* for messages */
	struct member *v;
	size_t n, cap;
};

/* ERR_NOINPUT: no such file, or not a regular one; ERR_CONTENT: not a tar archive, compressed, or
 * damaged; ERR_LIMIT: too many members. */
int tarball_open(struct arena *a, const char *path, struct tarball **out, struct err *e);
void tarball_close(struct tarball *t);

/* The file of that name, links followed; NULL if there is none. */
const struct member *tarball_find(const struct tarball *t, const char *name);

/* The bytes of a member, with a descriptor of their own. ERR_CONTENT: no such member. */
int tarball_range(const struct tarball *t, const char *name, struct range *out, struct err *e);

/* A small member whole, NUL-terminated. */
int tarball_read(const struct tarball *t, struct arena *a, const char *name, size_t max, char **buf,
	size_t *n, struct err *e);

/* Open a file that has to be a regular one. */
int tarball_open_file(const char *path, int *fd, struct err *e);
