/* flatten.h - layers of a manifest -> one published ext4 file.
 *
 *	pass 1   the top layer first: digest of the unpacked layer, headers to a spool, and contents
 *	         to their final blocks unless names of the layers above hide them (veil.h)
 *	merge    the lowest layer first, from the spool: now it is known what is seen
 *	pass 2   contents that are seen and were not written, if there are any
 *	close    folders, geometry, tables, one fsync, rename
 *
 * Nearly always a layer is read once and a content is written once or not at all. What the veil gets
 * wrong costs time only: a file that was wrongly left out is written in pass 2; blocks written in
 * vain become holes, and when they are many, or the room did not suffice, everything is done anew
 * with what is known then. All of it depends on the layers only, never on time, so the bytes are
 * the same each time.
 *
 * The memory depends on the number of names, not on bytes. What a crash leaves is ".NAME.tmp", which
 * the next run replaces.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/range.h"

struct flatten_job {
	const struct manifest *manifest; /* with diff_ids */
	const char *id;                  /* digest of the image: gives uuid and hash seed */
	uint64_t size;                   /* of the file system; 0: what is needed */
	int dir_fd;                      /* folder of the result */
	const char *name;                /* of the result in it */

	/* The layer's blob, verified unless its diff_id says enough. Called once per pass. */
	int (*blob)(void *arg, size_t layer, struct range *out, struct err *e);
	void *arg;
};

/* *size: of the file that was published. */
int flatten_run(const struct flatten_job *job, uint64_t *size, struct err *e);
