/* op_loop.c - loop devices over files that the caller owns.
 *
 * The file comes as a descriptor, so no path is ever looked up here. It has to be a plain file with one
 * name, on a file system that root trusts (never FUSE: its server could be the caller), belong to the
 * caller and be open the way it will be used. The caller gets the device's number, never the device: a
 * descriptor of it would reach whatever is attached there later.
 */
#include "drivers/helper/op.h"

#include "drivers/sys/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define XFS_MAGIC 0x58465342

static bool is_trusted(const struct statfs *fs)
{
	static const uint32_t magics[] = {EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, XFS_MAGIC,
		F2FS_SUPER_MAGIC, TMPFS_MAGIC};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if ((uint32_t)fs->f_type == magics[i])
			return true;
	return false;
}

static int check_file(const struct op *op, bool read_only, struct stat *st, struct err *e)
{
	const int flags = fcntl(op->fd, F_GETFL);
	struct statfs fs;

	if (flags < 0 || fstat(op->fd, st) < 0 || fstatfs(op->fd, &fs) < 0)
		return err_sys(e, errno, "cannot look at the file");
	if (flags & O_PATH)
		return err_set(e, ERR_DENIED, "the descriptor names a file and is not open");
	if (!S_ISREG(st->st_mode))
		return err_set(e, ERR_DENIED, "the descriptor is of no plain file");
	if (st->st_uid != op->owner->uid)
		return err_set(e, ERR_DENIED, "the file belongs to another");
	if (st->st_nlink != 1)
		return err_set(e, ERR_DENIED, "the file has %lu names, not one",
			(unsigned long)st->st_nlink);
	if (!is_trusted(&fs))
		return err_set(e, ERR_DENIED, "the file is on a file system that is not trusted");
	if ((flags & O_ACCMODE) == O_WRONLY || (!read_only && (flags & O_ACCMODE) != O_RDWR))
		return err_set(e, ERR_DENIED, "the file is not open for %s",
			read_only ? "reading" : "reading and writing");
	if (st->st_size < 512 || st->st_size % 512)
		return err_set(e, ERR_DENIED, "the file's size is no multiple of 512 bytes");
	return 0;
}

struct search {
	const struct op *op;
	uint64_t key, owned;
	const struct stat *st;      /* a file; NULL: of any */
	struct loop_device found;     /* with the key */
	bool has_key, writable;     /* the file is attached elsewhere and may be written there */
	bool foreign;               /* that is not ours */
};

static int search_loop(const struct loop_device *info, void *arg)
{
	struct search *s = arg;
	char mine[HELPER_LOOP_MARK_MAX], *end;
	uint64_t key;

	snprintf(mine, sizeof(mine), "rc:%u:", s->op->owner->uid);
	end = mine + strlen(mine);
	s->owned += !strncmp(info->mark, mine, (size_t)(end - mine));
	if (helper_loop_parse(s->op->owner, info->mark, &key) && key == s->key) {
		s->found = *info;
		s->has_key = true;
	} else if (s->st && info->dev == s->st->st_dev && info->ino == s->st->st_ino) {
		s->writable |= !info->read_only;
		s->foreign = true;
	}
	return 0;
}

int op_loop_attach(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	const bool read_only = r->loop.read_only == 1;
	char mark[HELPER_LOOP_MARK_MAX];
	struct stat st;
	struct search s = {.op = op, .key = r->loop.key, .st = &st};
	int number = -1;

	if (check_file(op, read_only, &st, e) < 0 || loop_each(search_loop, &s, e) < 0)
		return -1;
	if (s.has_key) {
		if (s.found.dev != st.st_dev || s.found.ino != st.st_ino ||
			s.found.read_only != read_only)
			return err_set(e, ERR_CONFLICT, "that key is attached to another file");
		a->loop.number = (uint64_t)s.found.number;
		return 0;
	}
	/* Two devices that write to one file ruin it; so does one that writes under a reader. */
	if (s.writable || (s.foreign && !read_only))
		return err_set(e, ERR_CONFLICT, "the file is attached to another loop device");
	if (s.owned >= op->limits->loops)
		return err_set(e, ERR_LIMIT, "uid %u has %lu loop devices, and may have no more",
			op->owner->uid, (unsigned long)s.owned);
	helper_loop_mark(op->owner, r->loop.key, mark);
	if (loop_attach(op->fd, mark, read_only, &number, e) < 0)
		return -1;
	a->loop.number = (uint64_t)number;
	return 0;
}

int op_loop_detach(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct search s = {.op = op, .key = r->loop.key};
	char mark[HELPER_LOOP_MARK_MAX];

	(void)a;
	if (loop_each(search_loop, &s, e) < 0)
		return -1;
	helper_loop_mark(op->owner, r->loop.key, mark);
	return s.has_key ? loop_detach(s.found.number, mark, e) : 0;
}

/* ---- list ----------------------------------------------------------------------------------------- */

struct listing {
	struct op *op;
	uint64_t from;
	union helper_answer *a;
};

static int list_loop(const struct loop_device *info, void *arg)
{
	struct listing *l = arg;
	uint64_t key;

	if (helper_loop_parse(l->op->owner, info->mark, &key))
		op_list_add(l->a, l->from, key, (uint64_t)info->number);
	return 0;
}

int op_list_loops(struct op *op, uint64_t from, union helper_answer *a, struct err *e)
{
	struct listing l = {op, from, a};

	return loop_each(list_loop, &l, e);
}
