/* range.h - bytes of a file that hold a blob: a whole file, or a member of an archive.
 *
 * Read by pread only, so that several threads can share the descriptor.
 */
#pragma once

#include "schema/base/fd.h"

#include <stdint.h>

#define RANGE_TO_END UINT64_MAX

struct range {
	int fd;      /* owned by whoever was given the range */
	uint64_t at; /* where it starts */
	uint64_t n;  /* how many bytes; RANGE_TO_END: all that follow */
};

#define RANGE_NONE {-1, 0, 0}

static inline void range_close(struct range *r)
{
	fd_close(&r->fd);
}
#define _cleanup_range_ _cleanup_(range_close)

/* Up to size bytes from an offset in the range. As pread(2), but over EINTR; 0 at its end. */
ssize_t range_read(const struct range *r, void *buf, size_t size, uint64_t offset);
