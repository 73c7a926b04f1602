/* fd.h - owned descriptors, whole files, atomic replacement, trees.
 *
 * Every descriptor is O_CLOEXEC. Paths are relative to a directory descriptor where the caller
 * has one (AT_FDCWD otherwise).
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/types.h>

/* Close *fd if it is open and make it -1; errno is kept. */
void fd_close(int *fd);
#define _cleanup_fd_ _cleanup_(fd_close)

/* Hand a descriptor over: returns it, the source becomes -1. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Write all n bytes, over short writes and EINTR. 0, or -1 with errno. */
int fd_write_all(int fd, const void *buf, size_t n);

/* Read a whole regular file of at most max bytes. *buf is NUL-terminated behind *n.
 * Fails: ERR_NOINPUT not there, a directory or another kind of file; ERR_DENIED; ERR_LIMIT larger
 * than max; ERR_SYSTEM. Never blocks on a FIFO or a device: what is not a regular file is refused. */
int file_read(struct arena *a, int dirfd, const char *path, size_t max, char **buf, size_t *n,
	struct err *e);

/* Replace a file so that a reader, also after a power cut, sees the old or the new one, never a
 * part: temporary file ".NAME.tmp" in the same directory, fsync, rename, fsync of the directory
 * (rename(2), fsync(2)). name is a single component. A temporary file that a crash left is
 * overwritten by the next call. The caller holds the lock of the directory's owner. */
int file_replace(int dirfd, const char *name, const void *data, size_t n, mode_t mode,
	struct err *e);

/* mkdir -p: make each missing component of path with this mode; a folder that exists is left as it
 * is. Something else of that name is an error. */
int dir_make(int dirfd, const char *path, mode_t mode, struct err *e);

/* fsync a directory given by path. */
int dir_sync(int dirfd, const char *path, struct err *e);

/* Remove a file or a whole tree, never following a symbolic link, never entering what is mounted in
 * it (ERR_CONFLICT). Not there is success. */
int tree_remove(int dirfd, const char *path, struct err *e);
