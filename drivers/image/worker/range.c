/* range.c - bytes of a file; see range.h. */
#include "drivers/image/worker/range.h"

#include <errno.h>
#include <unistd.h>

ssize_t range_read(const struct range *r, void *buf, size_t size, uint64_t offset)
{
	const uint64_t left = offset < r->n ? r->n - offset : 0;
	ssize_t n;

	if (size > left)
		size = (size_t)left;
	if (offset > (uint64_t)INT64_MAX - r->at) {
		errno = EOVERFLOW;
		return -1;
	}
	do
		n = pread(r->fd, buf, size, (off_t)(r->at + offset));
	while (n < 0 && errno == EINTR);
	return n;
}
