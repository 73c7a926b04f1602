/* flatten.h - layers of a manifest -> one published ext4 file.
 *
 *	pass 1   lowest layer first: headers into the merge, digest of the unpacked layer
 *	pass 2   only layers that still have visible contents: these go to their final blocks
 *	close    geometry, tables, one fsync, rename
 *
 * A layer is read twice, a content is written once, and what an upper layer hides never. The memory
 * depends on the number of names, not on bytes. What a crash leaves is ".NAME.tmp", which the next
 * run replaces.
 */
#pragma once

#include "drivers/image/manifest.h"

struct flatten_job {
	const struct manifest *manifest; /* with diff_ids */
	const char *id;                  /* digest of the image: gives uuid and hash seed */
	uint64_t size;                   /* of the file system; 0: what is needed */
	int dir_fd;                      /* folder of the result */
	const char *name;                /* of the result in it */

	/* A descriptor of the layer's blob, whose digest was verified. Called once per pass. */
	int (*blob)(void *arg, size_t layer, int *fd, struct err *e);
	void *arg;
};

/* *size: of the file that was published. */
int flatten_run(const struct flatten_job *job, uint64_t *size, struct err *e);
