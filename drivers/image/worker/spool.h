/* spool.h - headers of layers and where their contents went, kept on disk until all are read.
 *
 * Layers are read from the top, and merged from the bottom. In between their headers are in a file
 * without a name, some 150 bytes each, so that memory does not depend on them. Nobody else has the
 * file; what comes back is what was put in.
 */
#pragma once

#include "drivers/image/worker/extents.h"
#include "drivers/image/worker/merge.h"

struct spool {
	int fd;
	uint64_t at;    /* byte in the file where buf belongs, or where it came from */
	uint8_t *buf;
	size_t fill, taken;
	bool reading;
};

/* In this folder. */
int spool_open(struct spool *s, int dir_fd, struct err *e);
void spool_close(struct spool *s);

/* Where the next one will be. */
uint64_t spool_tell(const struct spool *s);

/* written: contents are in the blocks of extents (all zero: none). */
int spool_put(struct spool *s, const struct merge_entry *entry, bool written,
	const struct extents *extents, struct err *e);

/* Go to where spool_tell was; after it only spool_get. */
int spool_seek(struct spool *s, uint64_t at, struct err *e);

/* entry is valid until the next call; extents is replaced. */
int spool_get(struct spool *s, struct merge_entry *entry, bool *written, struct extents *extents,
	struct err *e);
