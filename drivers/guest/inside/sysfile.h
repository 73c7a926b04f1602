/* sysfile.h - small files as a whole: sysfs, /etc, the boot record. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* close(2) for what may be -1. errno is kept. */
void sysfile_close(int *fd);
#define _cleanup_fd_ __attribute__((cleanup(sysfile_close)))

/* Close *fd and make it -1; a _cleanup_fd_ may come afterwards. Hand over: sysfile_take. */
static inline int sysfile_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* All n bytes, over short writes and EINTR. 0, or -1 with errno. */
int sysfile_write_all(int fd, const void *data, size_t n);

/* The first bytes of a file or block device, at most max; the caller frees them. NUL-terminated
 * behind *n. A FIFO, socket or character device is refused. NULL with w on failure. */
char *sysfile_read(const char *path, size_t max, size_t *n, struct why *w);

/* The first line of a small file, without its newline, into out; false if it cannot be read. */
bool sysfile_line(const char *path, char *out, size_t size);

/* Write a file so that a reader sees the old or the new one: temporary file, fsync, rename. */
int sysfile_write(const char *path, const void *data, size_t n, mode_t mode, struct why *w);

/* mkdir -p; what exists is left as it is. */
int sysfile_mkdirs(const char *path, mode_t mode, struct why *w);
