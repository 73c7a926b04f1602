/* folder.h - the blocks of one folder, made once from the finished list of its names.
 *
 * A folder that fits one block is a plain list, sorted by name. A larger one gets the hash index
 * (htree) that the kernel would make: names sorted by hash in leaf blocks, one root, and a level of
 * index blocks between if need be. Nothing is inserted, so a folder of n names costs n log n.
 */
#pragma once

#include "drivers/image/worker/extents.h"

#include <stdbool.h>

struct folder_entry {
	const char *name;
	uint32_t number;     /* inode */
	uint32_t hash, minor; /* filled here */
	uint8_t len, type;   /* type as in EXT2_FT_* */
};

struct folder_spec {
	struct folder_entry *v; /* sorted here */
	size_t n;
	uint32_t number, parent; /* inodes of the folder and of the one above it */
	uint32_t seed;           /* checksum seed of the file system */
	const uint32_t *hash_seed; /* 4 words */
};

struct folder_made {
	struct extents_map map;
	uint32_t blocks; /* of content: the folder's size */
	bool indexed;    /* EXT4_INDEX_FL */
};

int folder_write(struct folder_spec *f, struct blocks *b, struct folder_made *out, struct err *e);
