/* cpio.h - write a cpio archive as the kernel unpacks it (newc; Documentation/driver-api/early-
 * userspace/buffer-format.rst).
 *
 * PURE. The same calls give the same bytes, wherever and whenever: inode numbers count up, times
 * are 0, everything belongs to root.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/vec.h"

#include <stdint.h>

struct cpio {
	struct arena *arena;
	VEC(char) out;
	uint32_t ino;
};

/* Paths are relative, without a leading "/"; a folder comes before what is in it. */
void cpio_dir(struct cpio *c, const char *path, uint32_t mode);
void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t n);
void cpio_char_device(struct cpio *c, const char *path, uint32_t mode, uint32_t major,
	uint32_t minor);

/* The trailer and the padding; then c->out is the archive. */
void cpio_end(struct cpio *c);
