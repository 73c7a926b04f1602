/* extents.h - where the blocks of one file are, as ext4 stores it (Documentation/filesystems/ext4,
 * "The Contents of inode.i_block").
 */
#pragma once

#include "drivers/image/worker/blocks.h"

struct extent {
	uint32_t logical, physical, length;
};

struct extents {
	struct extent *v;
	size_t n, cap;
};

/* What goes into an inode. */
struct extents_map {
	uint8_t block[60];
	uint64_t blocks; /* in use, tree included */
};

void extents_reset(struct extents *x);
void extents_free(struct extents *x);

/* Blocks in growing logical order; what follows on is joined. */
void extents_add(struct extents *x, uint32_t logical, uint32_t physical, uint32_t length);

/* Write what does not fit in the inode and give the rest. seed: checksum seed of the file system. */
int extents_store(const struct extents *x, struct blocks *b, uint32_t seed, uint32_t number,
	struct extents_map *out, struct err *e);

/* The checksum seed of one inode (generation 0). */
uint32_t extents_inode_seed(uint32_t seed, uint32_t number);

/* The map of one run of blocks from logical 0; length 0: of an empty file. PURE. */
void extents_single(uint32_t physical, uint32_t length, struct extents_map *out);
