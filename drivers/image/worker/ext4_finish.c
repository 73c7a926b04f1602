/* ext4_finish.c - what stands at the end: geometry, inodes, bitmaps, journal; see ext4.h.
 *
 * Only libext2fs calls that depend on nothing but their arguments are used; where the library would
 * ask the clock it looks at fs->now first.
 */
#include "drivers/image/worker/ext4.h"

#include "drivers/image/worker/geometry.h"
#include "drivers/image/worker/xattr.h"
#include "schema/base/fd.h"

#include <endian.h>
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INODE_SIZE 256u
#define EXTRA_SIZE 32u
#define FLEX_LOG 4u  /* 16 groups share a place for their bitmaps */
#define MADE_AT 1    /* seconds; what is made by us has this time, so that it is not the clock's */

static int lib(struct err *e, errcode_t rc, const char *what)
{
	if (rc == ENOSPC || rc == EIO || rc == EFBIG)
		return err_sys(e, (int)rc, "cannot write the file system (%s)", what);
	if (rc == EXT2_ET_BLOCK_ALLOC_FAIL)
		return err_set(e, ERR_LIMIT, "no room in the file system (%s)", what);
	return err_set(e, ERR_FAILED, "libext2fs: %s: error %ld", what, (long)rc);
}

static void close_fs(ext2_filsys *fs)
{
	if (*fs)
		ext2fs_free(*fs);
	*fs = NULL;
}

static ext2_filsys take_fs(ext2_filsys *fs)
{
	ext2_filsys taken = *fs;

	*fs = NULL;
	return taken;
}

/* ---- superblock and tables -------------------------------------------------------------- */

static struct ext2_super_block parameters(const struct geometry *g)
{
	struct ext2_super_block s = {
		.s_log_block_size = 2,
		.s_rev_level = EXT2_DYNAMIC_REV,
		.s_inode_size = INODE_SIZE,
		.s_inodes_count = g->groups * g->inodes_per_group,
		.s_log_groups_per_flex = FLEX_LOG,
		.s_errors = EXT2_ERRORS_DEFAULT,
		.s_max_mnt_count = -1,
		.s_min_extra_isize = EXTRA_SIZE,
		.s_want_extra_isize = EXTRA_SIZE,
		.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX |
			EXT2_FEATURE_COMPAT_RESIZE_INODE,
		.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
			EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |
			EXT4_FEATURE_INCOMPAT_FLEX_BG,
		.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER |
			EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
			EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
			EXT4_FEATURE_RO_COMPAT_METADATA_CSUM,
	};

	ext2fs_blocks_count_set(&s, g->blocks);
	s.s_reserved_gdt_blocks = (__u16)(BLOCKS_GDT - (g->groups + 63) / 64);
	return s;
}

static void identify(const struct ext4 *x, ext2_filsys fs)
{
	struct ext2_super_block *s = fs->super;

	fs->now = MADE_AT;
	s->s_mkfs_time = s->s_lastcheck = s->s_wtime = MADE_AT;
	s->s_mtime = 0;
	memcpy(s->s_uuid, x->uuid, sizeof(s->s_uuid));
	memcpy(s->s_hash_seed, x->hash_seed, sizeof(s->s_hash_seed));
	s->s_def_hash_version = EXT2_HASH_HALF_MD4;
	s->s_flags = (s->s_flags & ~(__u32)EXT2_FLAGS_SIGNED_HASH) | EXT2_FLAGS_UNSIGNED_HASH;
	s->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
	s->s_checkinterval = 0;
	s->s_checksum_type = EXT2_CRC32C_CHKSUM;
	ext2fs_init_csum_seed(fs);
}

static ext2_filsys initialize(const struct ext4 *x, const struct geometry *g, struct err *e)
{
	_cleanup_(close_fs) ext2_filsys fs = NULL;
	struct ext2_super_block params = parameters(g);
	_cleanup_fd_ int fd = fcntl(x->blocks.fd, F_DUPFD_CLOEXEC, 3);
	char name[16];
	errcode_t rc;

	if (fd < 0) {
		err_sys(e, errno, "cannot open the file system again");
		return NULL;
	}
	snprintf(name, sizeof(name), "%d", fd);
	rc = ext2fs_initialize(name, EXT2_FLAG_64BITS, &params, unixfd_io_manager, &fs);
	if (rc) {
		lib(e, rc, "superblock");
		return NULL;
	}
	fd_take(&fd); /* closed with the channel */
	identify(x, fs);
	if (fs->desc_blocks + fs->super->s_reserved_gdt_blocks != BLOCKS_GDT ||
		fs->super->s_inodes_per_group != g->inodes_per_group ||
		fs->group_desc_count != g->groups) {
		err_set(e, ERR_FAILED, "libext2fs chose another geometry than was asked for");
		return NULL;
	}
	return take_fs(&fs);
}

/* Everything handed out is in use, but for the heads, which the library has marked already. */
static void mark_used(ext2_filsys fs, uint64_t end)
{
	for (uint64_t g = 0; g * BLOCKS_GROUP < end; g++) {
		uint64_t from = g * BLOCKS_GROUP + (blocks_has_super(g) ? BLOCKS_HEAD : 0);
		uint64_t to = (g + 1) * BLOCKS_GROUP;

		if (to > end)
			to = end;
		if (to > from)
			ext2fs_block_alloc_stats_range(fs, from, (blk_t)(to - from), +1);
	}
}

/* Where bitmaps and inode tables are: behind the contents, group after group. */
static int place_tables(struct ext4 *x, const struct geometry *g, ext2_filsys fs, struct err *e)
{
	const uint32_t table = g->inodes_per_group * INODE_SIZE / BLOCKS_SIZE;

	for (dgrp_t i = 0; i < g->groups; i++) {
		uint32_t at;

		if (blocks_take_run(&x->blocks, table + 2, &at, e) < 0)
			return -1;
		ext2fs_block_bitmap_loc_set(fs, i, at);
		ext2fs_inode_bitmap_loc_set(fs, i, at + 1);
		ext2fs_inode_table_loc_set(fs, i, at + 2);
		ext2fs_bg_flags_set(fs, i, EXT2_BG_INODE_ZEROED); /* a new file is all zeros */
	}
	return 0;
}

/* Contents that were written and then found to be in nobody's sight. */
static void free_unused(const struct ext4 *x, ext2_filsys fs)
{
	for (size_t i = 0; i < x->unused.n; i++)
		ext2fs_block_alloc_stats_range(fs, x->unused.v[i].physical, x->unused.v[i].length, -1);
}

/* A run that did not fit before a head leaves unused blocks in front of it. */
static void free_gaps(const struct geometry *g, ext2_filsys fs, uint64_t from)
{
	const uint32_t run = g->inodes_per_group * INODE_SIZE / BLOCKS_SIZE + 2;

	for (dgrp_t i = 0; i < g->groups; i++) {
		uint64_t at = ext2fs_block_bitmap_loc(fs, i);

		for (uint64_t b = from; b < at; b++)
			if (!blocks_has_super(b / BLOCKS_GROUP) || b % BLOCKS_GROUP >= BLOCKS_HEAD)
				ext2fs_block_alloc_stats2(fs, b, -1);
		from = at + run;
	}
}

/* ---- inodes ----------------------------------------------------------------------------- */

static const uint16_t mode_types[] = {
	[MERGE_FILE] = S_IFREG, [MERGE_DIR] = S_IFDIR, [MERGE_SYMLINK] = S_IFLNK,
	[MERGE_CHAR] = S_IFCHR, [MERGE_BLOCK] = S_IFBLK, [MERGE_FIFO] = S_IFIFO,
};

/* 34 bits of seconds and 30 of nanoseconds (fs/ext4/ext4.h, "Extended fields"). */
static void set_times(struct ext2_inode_large *n, int64_t s, uint32_t ns)
{
	const uint32_t extra = (uint32_t)(((s - (int32_t)s) >> 32) & 3) | ns << 2;

	n->i_atime = n->i_ctime = n->i_mtime = n->i_crtime = (uint32_t)s;
	n->i_atime_extra = n->i_ctime_extra = n->i_mtime_extra = n->i_crtime_extra = extra;
}

static void set_blocks(struct ext2_inode_large *n, const struct extents_map *map)
{
	const uint64_t sectors = map->blocks * (BLOCKS_SIZE / 512);

	memcpy(n->i_block, map->block, sizeof(map->block));
	n->i_blocks = (uint32_t)sectors;
	n->osd2.linux2.l_i_blocks_hi = (uint16_t)(sectors >> 32);
	n->i_flags |= EXT4_EXTENTS_FL;
}

/* Old numbers in the first word, others in the second (fs/ext4/inode.c, include/linux/kdev_t.h). */
static void set_device(struct ext2_inode_large *n, uint32_t device)
{
	const uint32_t major = device >> 20, minor = device & 0xfffff;

	if (major < 256 && minor < 256)
		n->i_block[0] = major << 8 | minor;
	else
		n->i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

static void set_content(const struct ext4 *x, struct ext2_inode_large *n,
	const struct merge_inode *p)
{
	struct extents_map map;

	if (p->type == MERGE_CHAR || p->type == MERGE_BLOCK) {
		set_device(n, p->device);
	} else if (p->type == MERGE_SYMLINK && !p->data) {
		memcpy(n->i_block, merge_text(x->tree, p->text), p->text_len);
	} else if (p->data & EXT4_MAPPED) {
		set_blocks(n, &x->maps[p->data & EXT4_INDEX]);
		if (p->data & EXT4_INDEXED)
			n->i_flags |= EXT2_INDEX_FL;
	} else if (p->type == MERGE_SYMLINK) {
		extents_single(p->data, 1, &map);
		set_blocks(n, &map);
	} else if (p->type != MERGE_FIFO) {
		extents_single(p->data, p->data ? (uint32_t)((p->size + BLOCKS_SIZE - 1) /
			BLOCKS_SIZE) : 0, &map);
		set_blocks(n, &map);
	}
}

static int put_inode(ext2_filsys fs, struct ext2_inode_large *n, uint32_t number, struct err *e)
{
	errcode_t rc;

	n->i_extra_isize = EXTRA_SIZE;
	rc = ext2fs_write_inode_full(fs, number, (struct ext2_inode *)n, sizeof(*n));
	if (rc)
		return lib(e, rc, "inode");
	ext2fs_inode_alloc_stats2(fs, number, +1, S_ISDIR(n->i_mode));
	return 0;
}

static int write_inode(const struct ext4 *x, ext2_filsys fs, const struct merge_inode *p,
	struct err *e)
{
	const bool sized = p->type == MERGE_FILE || p->type == MERGE_DIR;
	const uint64_t size = sized ? p->size : p->type == MERGE_SYMLINK ? p->text_len : 0;
	const uint32_t links = p->links + (p->number == EXT2_ROOT_INO && x->lost_found);
	struct ext2_inode_large n = {
		.i_mode = mode_types[p->type] | p->mode,
		.i_uid = (uint16_t)p->uid,
		.i_gid = (uint16_t)p->gid,
		.i_size = (uint32_t)size,
		.i_size_high = (uint32_t)(size >> 32),
		.i_links_count = (uint16_t)(links > EXT2_LINK_MAX ? 1 : links), /* dir_nlink */
	};

	n.osd2.linux2.l_i_uid_high = (uint16_t)(p->uid >> 16);
	n.osd2.linux2.l_i_gid_high = (uint16_t)(p->gid >> 16);
	set_times(&n, merge_mtime(p), (uint32_t)p->mtime_ns);
	set_content(x, &n, p);
	return put_inode(fs, &n, p->number, e);
}

static int write_own_inodes(const struct ext4 *x, ext2_filsys fs, struct err *e)
{
	struct ext2_inode_large n = {.i_mode = S_IFDIR | 0700, .i_size = BLOCKS_SIZE,
		.i_links_count = 2};
	struct extents_map map;

	for (ext2_ino_t i = 1; i < EXT2_GOOD_OLD_FIRST_INO; i++)
		if (i != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(fs, i, +1, 0);
	if (!x->lost_found)
		return 0;
	extents_single(x->lost_found_block, 1, &map);
	set_blocks(&n, &map);
	return put_inode(fs, &n, EXT4_LOST_FOUND, e);
}

static int write_inodes(const struct ext4 *x, ext2_filsys fs, struct err *e)
{
	if (write_own_inodes(x, fs, e) < 0)
		return -1;
	for (uint32_t i = MERGE_ROOT; i < merge_inodes(x->tree); i++) {
		const struct merge_inode *p = merge_inode(x->tree, i);

		if (p->links && write_inode(x, fs, p, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- attributes ------------------------------------------------------------------------- */

static int write_xattrs_of(const struct ext4 *x, ext2_filsys fs, const struct merge_inode *p,
	struct err *e)
{
	struct ext2_xattr_handle *h = NULL;
	size_t n, at = 0;
	const void *packed = merge_xattrs(x->tree, p->xattrs, &n);
	struct xattr one = {.name = ""};
	errcode_t rc = ext2fs_xattrs_open(fs, p->number, &h);

	if (!rc)
		rc = ext2fs_xattrs_read(h);
	while (!rc && xattr_unpack(packed, n, &at, &one))
		rc = ext2fs_xattr_set(h, one.name, one.value, one.size);
	if (h)
		ext2fs_xattrs_close(&h);
	if (rc == EXT2_ET_EA_NO_SPACE)
		return err_set(e, ERR_LIMIT, "the extended attributes of a file are too large for "
			"ext4 (%s)", one.name);
	if (rc == EXT2_ET_INVALID_ARGUMENT)
		return err_set(e, ERR_CONTENT, "extended attribute %s is malformed", one.name);
	return rc ? lib(e, rc, "extended attribute") : 0;
}

static int write_xattrs(const struct ext4 *x, ext2_filsys fs, struct err *e)
{
	for (uint32_t i = MERGE_ROOT; x->n_xattrs && i < merge_inodes(x->tree); i++) {
		const struct merge_inode *p = merge_inode(x->tree, i);

		if (p->links && p->xattrs && write_xattrs_of(x, fs, p, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it -------------------------------------------------------------------------- */

static int write_late(struct ext4 *x, ext2_filsys fs, const struct geometry *g, struct err *e)
{
	struct ext2fs_journal_params journal = {.num_journal_blocks = g->journal};
	errcode_t rc = ext2fs_create_resize_inode(fs);

	if (rc)
		return lib(e, rc, "resize inode");
	if (g->journal) {
		rc = ext2fs_add_journal_inode3(fs, &journal, x->blocks.next,
			EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK);
		if (rc)
			return lib(e, rc, "journal");
	}
	return write_xattrs(x, fs, e);
}

static int fill_fs(struct ext4 *x, ext2_filsys fs, const struct geometry *g, struct err *e)
{
	const uint64_t contents_end = x->blocks.next;

	x->blocks.end = g->blocks;
	if (place_tables(x, g, fs, e) < 0)
		return -1;
	mark_used(fs, x->blocks.next);
	free_gaps(g, fs, contents_end);
	free_unused(x, fs);
	if (write_inodes(x, fs, e) < 0 || write_late(x, fs, g, e) < 0)
		return -1;
	for (dgrp_t i = 0; i < g->groups; i++)
		ext2fs_group_desc_csum_set(fs, i);
	return 0;
}

int ext4_close_fs(struct ext4 *x, uint64_t *size, struct err *e)
{
	const struct geometry_need need = {.size = x->size, .used = x->blocks.next,
		.inodes = x->next_number - 1, .extra = x->n_xattrs};
	_cleanup_(close_fs) ext2_filsys fs = NULL;
	struct geometry g;
	errcode_t rc;

	if (geometry_choose(&need, &g, e) < 0 || blocks_flush(&x->blocks, e) < 0)
		return -1;
	*size = x->size ? x->size : g.blocks * BLOCKS_SIZE;
	if (ftruncate(x->blocks.fd, (off_t)*size) < 0)
		return err_sys(e, errno, "cannot set the size of the file system");
	fs = initialize(x, &g, e);
	if (!fs || fill_fs(x, fs, &g, e) < 0)
		return -1;
	ext2fs_mark_super_dirty(fs);
	rc = ext2fs_close2(take_fs(&fs), EXT2_FLAG_FLUSH_NO_SYNC);
	return rc ? lib(e, rc, "superblock") : 0;
}
