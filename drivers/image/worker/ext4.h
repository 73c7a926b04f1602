/* ext4.h - a merged tree becomes an ext4 file system, written once from front to back.
 *
 *	ext4_open       an identity, and room for blocks
 *	content_*       contents, in any order of files, into the next free blocks (content.h)
 *	ext4_tree       the tree is known: numbers for its inodes
 *	ext4_place      the contents of an inode are in these blocks
 *	ext4_folders    folders and long symbolic links
 *	ext4_close_fs   now the size is known: geometry, inode tables, bitmaps, journal, superblock
 *
 * No mount, no root, no second copy. The same tree, contents and identity give the same bytes: no
 * clock and no random number goes in. libext2fs makes what needs its knowledge (superblock,
 * descriptors, bitmaps, resize inode, journal, attributes); folders and extents are built here in
 * one go, because the library inserts names one by one (n^2) and blocks one by one.
 *
 * The result can be grown while mounted to 1 TiB and more: room for group descriptors is reserved,
 * and inodes come with each group.
 */
#pragma once

#include "drivers/image/worker/extents.h"
#include "drivers/image/worker/merge.h"

#include <stdbool.h>

#define EXT4_LOST_FOUND 11u /* inode, unless the image has a folder of that name */

struct ext4 {
	struct blocks blocks;
	struct merge *tree;
	uint64_t size;           /* asked for; 0: what is needed */
	uint8_t uuid[16];
	uint32_t hash_seed[4];
	uint32_t seed;           /* of checksums */
	uint32_t next_number;    /* the first unused inode */
	uint32_t n_xattrs;       /* inodes with attributes */
	bool lost_found;         /* the folder is ours to make */
	uint32_t lost_found_block;
	struct extents_map *maps; /* of inodes whose data field has EXT4_MAPPED set */
	uint32_t n_maps, cap_maps;
	struct extents unused;    /* blocks handed out for contents that nobody has; logical means nothing */
};

/* merge_inode.data: 0 no blocks; the first of a run that covers the whole; or an index into maps. */
#define EXT4_MAPPED 0x80000000u
#define EXT4_INDEXED 0x40000000u /* with EXT4_MAPPED: a folder with a hash index */
#define EXT4_INDEX 0x3fffffffu

/* fd: an empty file, borrowed. identity: 32 bytes (the image's digest) that uuid and hash seed are
 * taken from. */
void ext4_open(struct ext4 *x, int fd, uint64_t size, const uint8_t identity[32]);
void ext4_drop(struct ext4 *x);
#define _cleanup_ext4_ _cleanup_(ext4_drop)

/* Forget all blocks that were handed out so far. The caller empties the file. */
void ext4_restart(struct ext4 *x);

/* The tree is borrowed. ERR_LIMIT when a file has too many names. */
int ext4_tree(struct ext4 *x, struct merge *tree, struct err *e);

/* Where the contents of a file of the tree are. */
int ext4_place(struct ext4 *x, uint32_t inode, const struct extents *extents, struct err *e);

/* These blocks have no use after all. */
int ext4_unplace(struct ext4 *x, const struct extents *extents, struct err *e);

int ext4_folders(struct ext4 *x, struct err *e);

/* Note where an inode's blocks are. */
void ext4_set_map(struct ext4 *x, uint32_t inode, const struct extents_map *map, uint32_t flags);

/* *size: of the file system, which is the length the file has now. ERR_LIMIT says how large it would
 * have to be. */
int ext4_close_fs(struct ext4 *x, uint64_t *size, struct err *e);
