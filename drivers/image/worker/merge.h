/* merge.h - layers become one tree. PURE: headers in, names and inodes out; no I/O.
 *
 * Headers are applied lowest layer first and in the order of the archive, with the effect that
 * unpacking them one after the other as root in a chroot would have. What is visible is known only
 * when all have been seen; so the contents are read afterwards, and only of inodes that still have
 * a name: nothing that an upper layer hides is ever written.
 *
 * The rules, as in the OCI image specification (layer.md) and as umoci unpacks:
 *   - ".wh.NAME" removes NAME as lower layers left it; what this layer adds stays, in any order.
 *   - ".wh..wh..opq" does so with everything in its folder. Other ".wh..wh." names mean nothing.
 *   - A folder over a folder changes its attributes and keeps its content; anything else replaces
 *     the whole subtree.
 *   - A hard link shares the inode that its target has at that moment, also of a lower layer; the
 *     inode outlives its first name.
 *   - Symbolic links on the way to a name are followed inside the tree, never out of it. The last
 *     component of a name is never followed.
 *   - Missing folders on the way are made: 0755, root, time 0.
 *
 * A folder is removed in one step, however much is in it: a child counts only while it was bound
 * in the very folder (its inode) that its parent's name has now.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum merge_type {
	MERGE_FILE,
	MERGE_DIR,
	MERGE_SYMLINK,
	MERGE_CHAR,
	MERGE_BLOCK,
	MERGE_FIFO,
	MERGE_HARDLINK, /* only in entries, never in inodes */
};

#define MERGE_NAME_MAX 255
#define MERGE_PATH_MAX 4095
#define MERGE_NO_INDEX UINT32_MAX
#define MERGE_ROOT 1u /* inode, and name, of the root folder */

/* One header of an archive; borrowed. */
struct merge_entry {
	const char *path;
	const char *link;      /* MERGE_SYMLINK, MERGE_HARDLINK: the target */
	const void *xattrs;    /* packed by xattr_pack; NULL if there are none */
	size_t xattrs_len;
	uint64_t size;         /* MERGE_FILE */
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t uid, gid;
	uint32_t major, minor; /* MERGE_CHAR, MERGE_BLOCK */
	uint32_t index;        /* position in the archive, from 0, strictly growing */
	uint16_t mode;         /* permission bits, 07777 */
	enum merge_type type;
};

/* Packed: there is one for each entry of each layer, all in memory at once. */
struct merge_inode {
	union {
		uint64_t size;             /* file, folder */
		struct {
			uint32_t text, text_len; /* symlink: its target */
		};
		uint32_t device;           /* device: major * 2^20 + minor */
	};
	uint64_t mtime_1901 : 34;    /* seconds since 2^31 before 1970: all that ext4 has */
	uint64_t mtime_ns : 30;
	uint32_t uid, gid;
	uint32_t index;  /* of the entry that made it; MERGE_NO_INDEX: a folder that none made */
	uint32_t xattrs; /* 0: none */
	uint32_t links;  /* names; of a folder: 2 + subfolders. 0: nothing leads to it. After finish */
	uint32_t number; /* for the user of the tree; 0 at first */
	uint32_t data;   /* for the user of the tree; 0 at first */
	uint16_t mode : 12;
	uint16_t type : 4; /* enum merge_type */
	uint16_t layer;
};

_Static_assert(sizeof(struct merge_inode) == 48, "no holes");

static inline int64_t merge_mtime(const struct merge_inode *p)
{
	return (int64_t)p->mtime_1901 - (1ll << 31);
}

struct merge_limits {
	uint32_t names;     /* distinct paths over all layers */
	uint32_t inodes;
	uint64_t text;      /* bytes of names, link targets and xattrs */
	uint64_t file_size; /* of one file */
};

struct merge;

struct merge *merge_new(const struct merge_limits *limits);
void merge_free(struct merge *m);
static inline void merge_drop(struct merge **m)
{
	merge_free(*m);
	*m = NULL;
}

/* The entries that follow are of the next layer; the lowest is 0. */
void merge_layer(struct merge *m);

/* What can be said about a header alone: the same errors as merge_add gives, before there is a tree. */
int merge_check(const struct merge_limits *limits, const struct merge_entry *entry, struct err *e);

/* Apply one header. The error names the entry. ERR_CONTENT, ERR_LIMIT. */
int merge_add(struct merge *m, const struct merge_entry *entry, struct err *e);

/* All layers are in: count links. */
int merge_finish(struct merge *m, struct err *e);

/* After merge_finish. Inodes are numbered from MERGE_ROOT to merge_inodes() - 1, in the order of
 * (layer, index) but for the root. */
uint32_t merge_inodes(const struct merge *m);
struct merge_inode *merge_inode(struct merge *m, uint32_t inode);

/* Symlink target, or packed xattrs with their length. */
const char *merge_text(const struct merge *m, uint32_t text);
const void *merge_xattrs(const struct merge *m, uint32_t xattrs, size_t *n);

/* Walk over all folders, each before its subfolders: found gets the folder's inode, its parent's
 * inode, and a name of the folder for merge_child. Returns what found returned if not 0. */
int merge_folders(struct merge *m, int (*found)(void *arg, uint32_t folder, uint32_t inode,
	uint32_t parent, struct err *e), void *arg, struct err *e);

/* Names in a folder, in no particular order: pass 0 first, then what was returned; 0 ends. */
uint32_t merge_child(const struct merge *m, uint32_t folder, uint32_t previous);

/* Text and inode of a name that merge_child returned. */
const char *merge_name(const struct merge *m, uint32_t name, uint32_t *inode);

/* "file", "folder", "symbolic link" ... for messages. */
const char *merge_type_name(enum merge_type type);
