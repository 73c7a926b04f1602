/* ext4.c - numbers, folders and symbolic links; see ext4.h. finish is in ext4_finish.c. */
#include "drivers/image/worker/ext4.h"

#include "drivers/image/worker/folder.h"
#include "drivers/image/worker/limits.h"
#include "schema/base/arena.h"

#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#define FAST_LINK_MAX 60u /* shorter targets stand in the inode */

static const uint8_t dirent_types[] = {
	[MERGE_FILE] = EXT2_FT_REG_FILE,
	[MERGE_DIR] = EXT2_FT_DIR,
	[MERGE_SYMLINK] = EXT2_FT_SYMLINK,
	[MERGE_CHAR] = EXT2_FT_CHRDEV,
	[MERGE_BLOCK] = EXT2_FT_BLKDEV,
	[MERGE_FIFO] = EXT2_FT_FIFO,
};

/* Version and variant bits of RFC 4122: a digest is as good as a random number. */
static void set_identity(struct ext4 *x, const uint8_t identity[32])
{
	memcpy(x->uuid, identity, 16);
	x->uuid[6] = (uint8_t)((x->uuid[6] & 0x0f) | 0x40);
	x->uuid[8] = (uint8_t)((x->uuid[8] & 0x3f) | 0x80);
	memcpy(x->hash_seed, identity + 16, 16);
	x->seed = ext2fs_crc32c_le(~0u, x->uuid, sizeof(x->uuid));
}

static bool has_lost_found(const struct merge *tree)
{
	uint32_t inode;

	for (uint32_t i = 0; (i = merge_child(tree, MERGE_ROOT, i));)
		if (!strcmp(merge_name(tree, i, &inode), "lost+found"))
			return true;
	return false;
}

static int number_inodes(struct ext4 *x, struct err *e)
{
	for (uint32_t i = MERGE_ROOT; i < merge_inodes(x->tree); i++) {
		struct merge_inode *p = merge_inode(x->tree, i);

		if (!p->links)
			continue;
		if (p->type != MERGE_DIR && p->links > EXT2_LINK_MAX)
			return err_set(e, ERR_LIMIT, "a file has %u names; ext4 allows %d", p->links,
				EXT2_LINK_MAX);
		p->number = i == MERGE_ROOT ? EXT2_ROOT_INO : x->next_number++;
		x->n_xattrs += p->xattrs != 0;
	}
	return 0;
}

void ext4_open(struct ext4 *x, int fd, uint64_t size, const uint8_t identity[32])
{
	*x = (struct ext4){.size = size};
	blocks_init(&x->blocks, fd, size ? size : LIMIT_IMAGE_SIZE);
	set_identity(x, identity);
}

void ext4_drop(struct ext4 *x)
{
	blocks_fini(&x->blocks);
	extents_free(&x->unused);
	free(x->maps);
	x->maps = NULL;
}

void ext4_restart(struct ext4 *x)
{
	const int fd = x->blocks.fd;

	blocks_fini(&x->blocks);
	blocks_init(&x->blocks, fd, x->size ? x->size : LIMIT_IMAGE_SIZE);
	extents_reset(&x->unused);
	x->n_maps = 0;
}

int ext4_tree(struct ext4 *x, struct merge *tree, struct err *e)
{
	x->tree = tree;
	x->lost_found = !has_lost_found(tree);
	x->next_number = x->lost_found ? EXT4_LOST_FOUND + 1 : EXT4_LOST_FOUND;
	return number_inodes(x, e);
}

int ext4_place(struct ext4 *x, uint32_t inode, const struct extents *extents, struct err *e)
{
	struct merge_inode *p = merge_inode(x->tree, inode);
	const uint32_t blocks = (uint32_t)((p->size + BLOCKS_SIZE - 1) / BLOCKS_SIZE);
	struct extents_map map;

	p->data = 0;
	if (!extents->n)
		return 0;
	if (extents->n == 1 && !extents->v[0].logical && extents->v[0].length == blocks) {
		p->data = extents->v[0].physical;
		return 0;
	}
	if (extents_store(extents, &x->blocks, x->seed, p->number, &map, e) < 0)
		return -1;
	ext4_set_map(x, inode, &map, 0);
	return 0;
}

int ext4_unplace(struct ext4 *x, const struct extents *extents, struct err *e)
{
	if (extents->n && blocks_flush(&x->blocks, e) < 0)
		return -1;
	for (size_t i = 0; i < extents->n; i++) {
		const struct extent *one = &extents->v[i];

		if (blocks_forget(&x->blocks, one->physical, one->length, e) < 0)
			return -1;
		extents_add(&x->unused, one->physical, one->physical, one->length);
	}
	return 0;
}

void ext4_set_map(struct ext4 *x, uint32_t inode, const struct extents_map *map, uint32_t flags)
{
	if (x->n_maps == x->cap_maps) {
		x->cap_maps = x->cap_maps ? x->cap_maps * 2 : 256;
		x->maps = xrealloc(x->maps, x->cap_maps * sizeof(*x->maps));
	}
	x->maps[x->n_maps] = *map;
	merge_inode(x->tree, inode)->data = EXT4_MAPPED | flags | x->n_maps++;
}

/* ---- folders ---------------------------------------------------------------------------- */

static size_t count_names(const struct merge *tree, uint32_t folder)
{
	size_t n = 1; /* lost+found */

	for (uint32_t i = 0; (i = merge_child(tree, folder, i));)
		n++;
	return n;
}

static struct folder_entry *list_names(struct ext4 *x, uint32_t folder, size_t *n)
{
	struct folder_entry *v = xcalloc(count_names(x->tree, folder), sizeof(*v));

	*n = 0;
	for (uint32_t i = 0; (i = merge_child(x->tree, folder, i));) {
		uint32_t inode;
		const char *name = merge_name(x->tree, i, &inode);
		const struct merge_inode *p = merge_inode(x->tree, inode);

		v[(*n)++] = (struct folder_entry){.name = name, .number = p->number,
			.len = (uint8_t)strlen(name), .type = dirent_types[p->type]};
	}
	if (folder == MERGE_ROOT && x->lost_found)
		v[(*n)++] = (struct folder_entry){.name = "lost+found", .len = 10,
			.number = EXT4_LOST_FOUND, .type = EXT2_FT_DIR};
	return v;
}

static int write_folder(void *arg, uint32_t folder, uint32_t inode, uint32_t parent, struct err *e)
{
	struct ext4 *x = arg;
	struct folder_made made;
	struct folder_spec f = {.number = merge_inode(x->tree, inode)->number,
		.parent = merge_inode(x->tree, parent)->number, .seed = x->seed,
		.hash_seed = x->hash_seed};
	int rc;

	f.v = list_names(x, folder, &f.n);
	rc = folder_write(&f, &x->blocks, &made, e);
	free(f.v);
	if (rc < 0)
		return -1;
	merge_inode(x->tree, inode)->size = (uint64_t)made.blocks * BLOCKS_SIZE;
	ext4_set_map(x, inode, &made.map, made.indexed ? EXT4_INDEXED : 0);
	return 0;
}

static int write_lost_found(struct ext4 *x, struct err *e)
{
	struct folder_spec f = {.number = EXT4_LOST_FOUND, .parent = EXT2_ROOT_INO, .seed = x->seed,
		.hash_seed = x->hash_seed};
	struct folder_made made;

	x->lost_found_block = (uint32_t)x->blocks.next;
	return folder_write(&f, &x->blocks, &made, e);
}

static int write_links(struct ext4 *x, struct err *e)
{
	for (uint32_t i = MERGE_ROOT; i < merge_inodes(x->tree); i++) {
		struct merge_inode *p = merge_inode(x->tree, i);
		char block[BLOCKS_SIZE] = {0};
		uint32_t at, n;

		if (!p->links || p->type != MERGE_SYMLINK || p->text_len < FAST_LINK_MAX)
			continue;
		memcpy(block, merge_text(x->tree, p->text), p->text_len);
		if (blocks_take(&x->blocks, 1, &at, &n, e) < 0 ||
			blocks_write(&x->blocks, at, block, 1, e) < 0)
			return -1;
		p->data = at;
	}
	return 0;
}

int ext4_folders(struct ext4 *x, struct err *e)
{
	if (x->lost_found && write_lost_found(x, e) < 0)
		return -1;
	if (merge_folders(x->tree, write_folder, x, e) < 0)
		return -1;
	return write_links(x, e);
}
