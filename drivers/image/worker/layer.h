/* layer.h - read one layer: blob -> inflate -> digest -> tar headers and contents.
 *
 * Only the tar format and none of libarchive's filters are compiled in by use; what libarchive
 * gives is still checked here: types, ranges, names.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/merge.h"
#include "drivers/image/worker/range.h"

struct layer_reader;

/* blob is borrowed until layer_close. verify: compare the diff_id, if there is one, at the end (first
 * pass). */
int layer_open(const struct range *blob, const struct layer *layer, bool verify,
	struct layer_reader **out, struct err *e);
void layer_close(struct layer_reader *r);
static inline void layer_drop(struct layer_reader **r)
{
	layer_close(*r);
	*r = NULL;
}

/* The next header; 1 at the end of the archive. The entry is valid until the next call. */
int layer_next(struct layer_reader *r, struct merge_entry *entry, struct err *e);

/* Contents of the entry that layer_next gave: blocks with growing offsets, holes left out; 1 at
 * the end. */
int layer_data(struct layer_reader *r, const void **data, size_t *n, uint64_t *offset,
	struct err *e);

/* Read the rest of the blob and compare the diff_id. After the 1 of layer_next. */
int layer_finish(struct layer_reader *r, struct err *e);

/* Uncompressed bytes, and bytes of the blob, read so far. */
uint64_t layer_unpacked(const struct layer_reader *r);
uint64_t layer_consumed(struct layer_reader *r);
