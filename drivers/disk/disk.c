/* disk.c - the driver of KIND_DISK: a VM's own writable root disk, made from an image.
 *
 *	STATE_DIR/vms/NAME/root.img       the disk
 *	STATE_DIR/vms/NAME/root.id        the id of the disk beside it, written first
 *	STATE_DIR/vms/NAME/.root.img.tmp  a copy that is not complete yet
 *
 * place.c knows the other places where a disk may lie: kept after its VM was deleted, or still under
 * the name that its VM had before it was renamed.
 *
 * A disk may hold data that exists nowhere else, so the rule is: what is named root.img is never
 * written over. It appears by rename when it is complete; when one is there already, root.id says
 * whether this very step made it, and any other one is a conflict for people to settle.
 */
#include "drivers/driver.h"

#include "drivers/disk/place.h"
#include "drivers/rundir.h"
#include "drivers/sys/beneath.h"
#include "drivers/sys/copy.h"
#include "drivers/sys/tail.h"
#include "schema/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct driver driver_disk;

#define IMG DISK_IMG
#define TMP DISK_TMP
#define ID DISK_ID
#define ID_MAX 256

/* ---- names ------------------------------------------------------------------------------ */

static const char *const backends[] = {"auto", "copy", "reflink"};

static int too_small(uint64_t size, uint64_t image, const char *name, struct err *e)
{
	err_set(e, ERR_SPEC, "disk %s: its size of %llu bytes is smaller than its image of %llu "
		"bytes", name, (unsigned long long)size, (unsigned long long)image);
	return err_hint(e, "make disk.size at least %llu MiB",
		(unsigned long long)((image + (1 << 20) - 1) >> 20));
}

/* The place in the spec that the error is about: the field, else the VM. */
static int at_field(const struct vm_spec *vm, struct err *e)
{
	return err_at(e, vm->head.pos.file, vm->head.pos.line, vm->head.pos.col);
}

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)in->object->spec;
	const struct kvs *image = in->dep(in, KIND_IMAGE, vm->image);
	const char *base = image ? kvs_get(image, "file") : NULL, *name = in->object->name;
	uint64_t base_size = image ? kvs_u64(image, "size", 0) : 0;
	uint64_t size = vm->disk_size ? vm->disk_size : base_size;
	struct arena *a = in->host->arena;

	if (!base)
		return err_set(e, ERR_FAILED, "disk %s: image %s has no \"file\"", name, vm->image);
	if (size < base_size) {
		too_small(size, base_size, name, e);
		return vm->head.pos.line ? at_field(vm, e) : -1;
	}
	kvs_setf(a, args, "id", "%s-%s-%u", in->host->instance, name, in->generation);
	kvs_setf(a, args, "file", "vms/%s/" IMG, name);
	kvs_setf(a, args, "size", "%llu", (unsigned long long)size);
	kvs_set(a, args, "base", base);
	kvs_set(a, args, "prefer",
		backends[vm->disk_backend <= BACKEND_REFLINK ? vm->disk_backend : 0]);
	return 0;
}

/* ---- look ------------------------------------------------------------------------------- */

/* 0 it is there and a regular file; 1 it is not there; -1 something else has its name. */
static int stat_disk(struct host *h, const char *name, struct stat *st)
{
	_cleanup_fd_ int dir = -1;

	if (rundir_open(h->state_fd, name, &dir, NULL) < 0)
		return -1;
	if (dir < 0 || fstatat(dir, IMG, st, AT_SYMLINK_NOFOLLOW) < 0)
		return dir < 0 || errno == ENOENT ? 1 : -1;
	return S_ISREG(st->st_mode) ? 0 : -1;
}

/* Only apply sets backend, so it tells that a disk was once made. */
static bool was_made(const struct record *r)
{
	return r && r->state != RECORD_DELETING &&
		(r->state == RECORD_MADE || kvs_get(&r->facts, "backend"));
}

static const char *view_name(const struct view *v)
{
	return v->object ? v->object->name : v->record->name;
}

/* At home, else where a rename or an undelete left it: 0 with the size, 1, -1 as stat_disk. */
static int find_disk(struct host *h, const struct view *v, struct stat *st)
{
	const struct kvs *facts = v->record ? &v->record->facts : NULL;
	const char *was = facts ? kvs_get(facts, "was") : NULL;
	const char *kept = facts ? kvs_get(facts, "kept") : NULL;
	int r = stat_disk(h, view_name(v), st);

	if (r > 0 && was)
		r = stat_disk(h, was, st);
	if (r > 0 && kept && place_has_kept(h, kept) && fstatat(h->state_fd, kept, st, AT_SYMLINK_NOFOLLOW) == 0)
		r = 0;
	return r;
}

static void judge(struct host *h, struct view *v)
{
	const char *name = view_name(v);
	struct observed *o = &v->observed;
	uint64_t size = v->record ? kvs_u64(&v->record->facts, "size", 0) : 0;
	struct stat st;
	int r = find_disk(h, v, &st);

	*o = (struct observed){.seen = SEEN_SAME};
	if (r < 0) {
		o->seen = SEEN_FOREIGN;
		o->reason = arena_printf(h->arena, "vms/%s/" IMG " is not a regular file", name);
	} else if (r > 0) {
		o->seen = SEEN_ABSENT;
		if (!was_made(v->record))
			return;
		o->cost = CHANGE_DATA_LOSS;
		o->reason = arena_printf(h->arena, "the disk file vms/%s/" IMG " is gone, and the "
			"data on it", name);
	} else if (!v->record) {
		o->seen = SEEN_FOREIGN;
		o->reason = arena_printf(h->arena, "vms/%s/" IMG " exists, but no record says "
			"whose it is; if the database was lost: reconcile recover", name);
	} else if ((uint64_t)st.st_size < size) {
		o->seen = SEEN_DRIFTED;
		o->cost = CHANGE_DATA_LOSS;
		o->reason = arena_printf(h->arena, "the disk file has %llu of its %llu bytes; the "
			"rest is lost", (unsigned long long)st.st_size, (unsigned long long)size);
	}
}

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < n; i++)
		judge(h, &views[i]);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void scan_one(struct host *h, int vms, const char *vm, struct orphans *out)
{
	static const char *const files[] = {IMG, TMP, ID};
	_cleanup_fd_ int dir = beneath_open(vms, vm, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	for (size_t i = 0; dir >= 0 && i < sizeof(files) / sizeof(files[0]); i++) {
		if (faccessat(dir, files[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*vec_push(h->arena, out) = (struct orphan){
			.kind = KIND_DISK, .name = arena_dup(h->arena, vm),
			.what = arena_printf(h->arena, "file vms/%s/%s", vm, files[i])};
		return;
	}
}

static int scan(struct host *h, struct orphans *out, struct err *e)
{
	int fd = beneath_open(h->state_fd, "vms", O_RDONLY | O_DIRECTORY, 0);
	_cleanup_(close_dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		return errno == ENOENT ? place_scan(h, out, e)
				       : err_sys(e, errno, "cannot read folder vms");
	if (!d) {
		err_sys(e, errno, "cannot read folder vms");
		close(fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.')
			scan_one(h, fd, entry->d_name, out);
	return place_scan(h, out, e);
}

/* ---- make ------------------------------------------------------------------------------- */

struct make {
	struct host *h;
	const struct step *step;
	int dir;              /* vms/NAME */
	uint64_t size;
	const char *id, *prefer, *backend;
};

static bool id_matches(struct arena *a, int dir, const char *id)
{
	size_t n;

	return id && !strcmp(tail_read(a, dir, ID, ID_MAX, &n), id);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
	const struct make *m = arg;

	if (m->h->progress)
		m->h->progress(m->h->progress_arg, m->step, "copy", done, total);
}

static int open_base(const struct make *m, uint64_t *size, int *fd, struct err *e)
{
	const char *base = kvs_get(&m->step->args, "base");
	struct stat st;

	if (!base)
		return err_set(e, ERR_STATE, "the step names no image");
	*fd = beneath_open(m->h->state_fd, base, O_RDONLY, 0);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return err_sys(e, errno, "cannot open image %s", base);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "image %s is not a regular file", base);
	*size = (uint64_t)st.st_size;
	return *size > m->size ? too_small(m->size, *size, m->step->name, e) : 0;
}

/* Fill the empty file, by the backend asked for or the first that works here. */
static int fill(struct make *m, int from, uint64_t from_size, int to, struct err *e)
{
	const struct copy_watch watch = {m->h->cancel, on_progress, m};
	int r = strcmp(m->prefer, "copy") != 0 ? copy_reflink(from, to, e) : 1;

	if (r < 0)
		return -1;
	m->backend = r ? "copy" : "reflink";
	if (r && !strcmp(m->prefer, "reflink")) {
		err_set(e, ERR_FAILED, "the file system of the state directory cannot share "
			"blocks between files");
		return err_hint(e, "leave disk.backend out, or use one on Btrfs or XFS");
	}
	if (r && copy_sparse(from, to, from_size, &watch, e) < 0)
		return -1;
	if (ftruncate(to, (off_t)m->size) < 0 || fsync(to) < 0)
		return errno == ENOSPC ? err_set(e, ERR_LIMIT, "no space left on the disk")
			: err_sys(e, errno, "cannot write %s", TMP);
	return 0;
}

static int make_tmp(struct make *m, struct err *e)
{
	_cleanup_fd_ int from = -1, to = -1;
	uint64_t from_size = 0;

	if (open_base(m, &from_size, &from, e) < 0)
		return -1;
	to = openat(m->dir, TMP, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(e, errno, "cannot create %s", TMP);
	return fill(m, from, from_size, to, e);
}

/* The id first, the disk second: a disk without its id is nobody's. RENAME_NOREPLACE would not be
 * enough: not every file system has it, and the caller has looked under the lock already. */
static int publish(const struct make *m, struct err *e)
{
	if (file_replace(m->dir, ID, m->id, strlen(m->id), 0600, e) < 0)
		return -1;
	if (renameat(m->dir, TMP, m->dir, IMG) < 0)
		return err_sys(e, errno, "cannot rename %s", TMP);
	return dir_sync(m->dir, ".", e);
}

static int apply_grow(struct make *m, struct err *e)
{
	_cleanup_fd_ int dir = -1, fd = -1;
	struct stat st;

	if (rundir_open(m->h->state_fd, m->step->name, &dir, e) < 0)
		return -1;
	fd = dir < 0 ? -1 : openat(dir, IMG, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, ERR_STATE, "there is no disk file to grow");
	if ((uint64_t)st.st_size > m->size)
		return err_set(e, ERR_GUARD, "a disk is not made smaller: it has %llu bytes, %llu "
			"are asked for", (unsigned long long)st.st_size,
			(unsigned long long)m->size);
	if (ftruncate(fd, (off_t)m->size) < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "cannot grow the disk file");
	return 0;
}

/* 0 the disk of this very step is there; 1 none is; -1 another one is. */
static int find_made(struct make *m, struct err *e)
{
	struct stat st;
	int r = stat_disk(m->h, m->step->name, &st);

	if (r > 0)
		return 1;
	/* Smaller: the spec asks for more than when an earlier try of this step made it. */
	if (r == 0 && id_matches(m->h->arena, m->dir, m->id) && (uint64_t)st.st_size <= m->size)
		return apply_grow(m, e);
	err_set(e, ERR_CONFLICT, "vms/%s/" IMG " exists already and is not the disk to be made",
		m->step->name);
	return err_hint(e, "it may hold data: move it away yourself if it is not needed");
}

static int create(struct make *m, struct err *e)
{
	int r = find_made(m, e);

	if (r < 0)
		return -1;
	if (r == 0) {
		/* Which way it was made is only of interest to people. */
		m->backend = !strcmp(m->prefer, "reflink") ? "reflink" : "copy";
		return 0;
	}
	if (unlinkat(m->dir, TMP, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove old %s", TMP);
	if (make_tmp(m, e) == 0 && publish(m, e) == 0)
		return 0;
	unlinkat(m->dir, TMP, 0);
	return -1;
}

static int apply_create(struct make *m, struct kvs *facts, struct err *e)
{
	_cleanup_fd_ int dir = -1;

	m->id = kvs_get(&m->step->args, "id");
	m->prefer = kvs_get(&m->step->args, "prefer");
	if (!m->prefer)
		m->prefer = "auto";
	if (!m->id || !m->size)
		return err_set(e, ERR_STATE, "the step names no id or size");
	if (rundir_make(m->h->state_fd, m->step->name, &dir, e) < 0)
		return -1;
	m->dir = dir;
	if (create(m, e) < 0) {
		rundir_prune(m->h->state_fd, m->step->name);
		return -1;
	}
	kvs_set(m->h->arena, facts, "backend", m->backend);
	return 0;
}

/* ---- update ----------------------------------------------------------------------------- */

/* Home first, when it lies elsewhere; then it may grow. */
static int apply_update(struct make *m, struct kvs *facts, struct err *e)
{
	const struct kvs *args = &m->step->args;
	const char *was = kvs_get(args, "was"), *kept = kvs_get(args, "kept");

	if ((was || kept) && place_home(m->h, m->step->name, was, kept, kvs_get(args, "id"), e) < 0)
		return -1;
	kvs_setf(m->h->arena, facts, "file", "vms/%s/" IMG, m->step->name);
	return apply_grow(m, e);
}

/* ---- remove ----------------------------------------------------------------------------- */

static int remove_files(struct host *h, const char *name, struct err *e)
{
	/* The disk before its id: what a crash leaves is never a disk that is nobody's. */
	static const char *const files[] = {TMP, IMG, ID, "." ID ".tmp"};
	_cleanup_fd_ int dir = -1;

	if (rundir_open(h->state_fd, name, &dir, e) < 0)
		return -1;
	for (size_t i = 0; dir >= 0 && i < sizeof(files) / sizeof(files[0]); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "cannot remove %s", files[i]);
	rundir_prune(h->state_fd, name);
	return 0;
}

/* What is kept stays or goes as the args say; then nothing is left in vms/NAME and vms/WAS. */
static int apply_delete(struct make *m, struct kvs *facts, struct err *e)
{
	const struct kvs *args = &m->step->args;
	const char *was = kvs_get(args, "was"), *kept = kvs_get(args, "kept");
	const char *keep = kvs_get(args, "keep");
	int rc;

	if (keep) {
		rc = place_keep(m->h, m->step->name, was, kept, keep, e);
		if (rc < 0)
			return -1;
		kvs_set(m->h->arena, facts, "kept_as", rc ? "nothing" : keep);
	} else if (kept && place_drop(m->h, kept, e) < 0) {
		return -1;
	}
	/* No more is named: a disk of that name is another one. */
	if (kept && !keep && !kvs_get(args, "file"))
		return 0;
	if (was && remove_files(m->h, was, e) < 0)
		return -1;
	return remove_files(m->h, m->step->name, e);
}

/* Only what this step made. A disk that has another id was there before. */
static int undo_create(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	struct stat st;

	if (rundir_open(h->state_fd, step->name, &dir, e) < 0)
		return -1;
	if (dir < 0)
		return 0;
	if (stat_disk(h, step->name, &st) > 0 ||
		id_matches(h->arena, dir, kvs_get(&step->args, "id")))
		return remove_files(h, step->name, e);
	if (unlinkat(dir, TMP, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove %s", TMP);
	return 0;
}

/* ---- slots ------------------------------------------------------------------------------ */

static int do_step(struct make *m, struct kvs *facts, struct err *e)
{
	switch (m->step->op) {
	case STEP_CREATE:
		return apply_create(m, facts, e);
	case STEP_UPDATE:
		return apply_update(m, facts, e);
	case STEP_DELETE:
		return apply_delete(m, facts, e);
	default:
		return err_set(e, ERR_FAILED, "a disk has no step \"%s\"",
			step_op_name(m->step->op));
	}
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	struct make m = {.h = h, .step = step, .dir = -1,
		.size = kvs_u64(&step->args, "size", 0)};

	if (do_step(&m, facts, e) < 0)
		return err_wrap(e, "disk %s", step->name);
	return 0;
}

/* Growing is not reversed: a guest may have used the new room already, and more room harms
 * nothing. A deleted disk cannot come back. */
static int undo(struct host *h, const struct step *step, struct err *e)
{
	if (step->op == STEP_CREATE && undo_create(h, step, e) < 0)
		return err_wrap(e, "disk %s", step->name);
	return 0;
}

const struct driver driver_disk = {
	.name = "disk",
	.kind = KIND_DISK,
	.observe = observe,
	.scan = scan,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
