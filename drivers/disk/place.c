/* place.c - where a disk's file lies when it is not where its name says.
 *
 *	STATE_DIR/vms/NAME/root.img   at home
 *	STATE_DIR/vms/WAS/root.img    after a rename of its VM, until it was moved home
 *	STATE_DIR/kept/ID.img         of a deleted VM, until it is purged or brought back
 *
 * Each move is one rename, so the file is in exactly one of these places whenever the host dies. The
 * id beside it is written before the file comes home: a disk without its id is nobody's.
 */
#include "drivers/disk/place.h"

#include "drivers/rundir.h"
#include "drivers/sys/beneath.h"
#include "schema/base/fd.h"
#include "schema/base/point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT "kept"

/* The name below kept/; NULL when it is not one of ours. It may come from saved state. */
static const char *file_of(const char *kept)
{
	const char *name = kept && !strncmp(kept, KEPT "/", 5) ? kept + 5 : NULL;

	return name && *name && *name != '.' && !strchr(name, '/') ? name : NULL;
}

static int no_name(const char *kept, struct err *e)
{
	return err_set(e, ERR_STATE, "\"%.80s\" in saved state is no file that is kept", kept);
}

/* *fd -1: the folder is not there. */
static int open_kept(struct host *h, bool make, int *fd, struct err *e)
{
	*fd = -1;
	if (make && dir_make(h->state_fd, KEPT, 0700, e) < 0)
		return -1;
	*fd = beneath_open(h->state_fd, KEPT, O_RDONLY | O_DIRECTORY, 0);
	if (*fd < 0 && (errno != ENOENT || make))
		return err_sys(e, errno, "cannot open folder " KEPT);
	return 0;
}

static bool has_file(int dir, const char *name)
{
	struct stat st;

	return dir >= 0 && name && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode);
}

bool place_has_kept(struct host *h, const char *kept)
{
	_cleanup_fd_ int dir = -1;

	return file_of(kept) && open_kept(h, false, &dir, NULL) == 0 && has_file(dir, file_of(kept));
}

/* One rename, and both folders on the disk. */
static int move(int from, const char *name, int to, const char *as, struct err *e)
{
	if (has_file(to, as))
		return err_set(e, ERR_CONFLICT, "%s is there twice", as);
	if (point_fails("disk.move") || renameat(from, name, to, as) < 0 ||
		point_fails("disk.move done"))
		return err_sys(e, errno, "cannot move %s to %s", name, as);
	return dir_sync(to, ".", e) < 0 ? -1 : dir_sync(from, ".", e);
}

/* 0 moved, 1 there is none, -1 with e. */
static int keep_from(struct host *h, const char *vm, int kept, const char *as, struct err *e)
{
	_cleanup_fd_ int dir = -1;

	if (!vm)
		return 1;
	if (rundir_open(h->state_fd, vm, &dir, e) < 0)
		return -1;
	return has_file(dir, DISK_IMG) ? move(dir, DISK_IMG, kept, as, e) : 1;
}

int place_keep(struct host *h, const char *name, const char *was, const char *kept, const char *keep,
	struct err *e)
{
	_cleanup_fd_ int dir = -1;
	int rc;

	if (!file_of(keep))
		return no_name(keep, e);
	if (open_kept(h, true, &dir, e) < 0)
		return -1;
	rc = keep_from(h, name, dir, file_of(keep), e);
	if (rc == 1)
		rc = keep_from(h, was, dir, file_of(keep), e);
	if (rc < 1 || has_file(dir, file_of(keep)))
		return rc < 0 ? -1 : 0;
	return has_file(dir, file_of(kept)) ? move(dir, file_of(kept), dir, file_of(keep), e) : 1;
}

/* What stays behind of a disk that moved away. */
static void clean_up(struct host *h, const char *was)
{
	static const char *const files[] = {DISK_TMP, DISK_ID, "boot.img", ".boot.img.tmp"};
	_cleanup_fd_ int dir = -1;

	if (!was || rundir_open(h->state_fd, was, &dir, NULL) < 0 || dir < 0 || has_file(dir, DISK_IMG))
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dir, files[i], 0);
	rundir_prune(h->state_fd, was);
}

static int bring(struct host *h, int home, const char *was, const char *kept, const char *id,
	struct err *e)
{
	_cleanup_fd_ int old = -1, dir = -1;

	if (was && rundir_open(h->state_fd, was, &old, e) < 0)
		return -1;
	if (file_of(kept) && open_kept(h, false, &dir, e) < 0)
		return -1;
	if (!has_file(old, DISK_IMG) && !has_file(dir, file_of(kept)))
		return err_set(e, ERR_STATE, "its file is neither at %s%s nor at home",
			kept ? kept : "vms/", kept ? "" : was ? was : "?");
	if (file_replace(home, DISK_ID, id, strlen(id), 0600, e) < 0)
		return -1;
	return has_file(old, DISK_IMG) ? move(old, DISK_IMG, home, DISK_IMG, e)
				       : move(dir, file_of(kept), home, DISK_IMG, e);
}

int place_home(struct host *h, const char *name, const char *was, const char *kept, const char *id,
	struct err *e)
{
	_cleanup_fd_ int home = -1;

	if (!id)
		return err_set(e, ERR_STATE, "the step names no id");
	if (rundir_make(h->state_fd, name, &home, e) < 0)
		return -1;
	if (!has_file(home, DISK_IMG) && bring(h, home, was, kept, id, e) < 0)
		return -1;
	clean_up(h, was);
	return 0;
}

int place_drop(struct host *h, const char *kept, struct err *e)
{
	_cleanup_fd_ int dir = -1;

	if (!file_of(kept))
		return no_name(kept, e);
	if (open_kept(h, false, &dir, e) < 0)
		return -1;
	if (dir >= 0 && (point_fails("disk.drop") || (unlinkat(dir, file_of(kept), 0) < 0 &&
			errno != ENOENT) || point_fails("disk.drop done")))
		return err_sys(e, errno, "cannot remove %s", kept);
	if (dir >= 0)
		unlinkat(h->state_fd, KEPT, AT_REMOVEDIR); /* the last one turns off the light */
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int place_scan(struct host *h, struct orphans *out, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	int fd;

	if (open_kept(h, false, &fd, e) < 0)
		return -1;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return 0;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		const char *dash = strrchr(entry->d_name, '-');
		struct orphan *o;

		if (entry->d_name[0] == '.' || !dash)
			continue;
		o = vec_push(h->arena, out);
		*o = (struct orphan){
			.kind = KIND_DISK,
			.name = arena_dupn(h->arena, entry->d_name, (size_t)(dash - entry->d_name)),
			.what = arena_printf(h->arena, "file " KEPT "/%s", entry->d_name),
		};
		kvs_setf(h->arena, &o->args, "kept", KEPT "/%s", entry->d_name);
	}
	return 0;
}
