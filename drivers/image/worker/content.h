/* content.h - the contents of files, as they stream out of a layer, into blocks.
 *
 * Each file's data goes once, in order, to the next free blocks. Pieces of 64 KiB that are all zero
 * become holes, whether the archive said so or not. Nothing of the tree is needed for it.
 */
#pragma once

#include "drivers/image/worker/extents.h"

struct content {
	struct blocks *blocks;
	struct extents extents; /* of the file, after content_end */
	uint64_t size;   /* of the file */
	uint64_t at;     /* where the piece in buf starts */
	uint64_t end;    /* everything before has been given */
	uint8_t *buf;    /* one piece */
};

void content_init(struct content *c, struct blocks *blocks);
void content_fini(struct content *c);
#define _cleanup_content_ _cleanup_(content_fini)

/* Contents of a file of this size follow. */
void content_begin(struct content *c, uint64_t size);

/* Bytes at an offset that is not before the end of those given last. */
int content_add(struct content *c, const void *data, size_t n, uint64_t offset, struct err *e);

int content_end(struct content *c, struct err *e);
