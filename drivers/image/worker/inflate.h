/* inflate.h - the uncompressed bytes of a layer, one block after the other.
 *
 * gzip by ISA-L (twice as fast as zlib), zstd by libzstd, or none. A gzip file may have several
 * members; anything after the last one, a wrong CRC or a missing end is an error.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/range.h"

struct inflate;

/* The file of the range stays the caller's. */
int inflate_open(const struct range *from, enum compression compression, struct inflate **out, struct err *e);
void inflate_close(struct inflate *z);
static inline void inflate_drop(struct inflate **z)
{
	inflate_close(*z);
	*z = NULL;
}

/* At most size bytes more into out. *n is 0 at the end. */
int inflate_next(struct inflate *z, void *out, size_t size, size_t *n, struct err *e);

/* Bytes of the range consumed so far, for progress. */
uint64_t inflate_consumed(const struct inflate *z);
