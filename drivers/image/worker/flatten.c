/* flatten.c - layers -> one ext4 file; see flatten.h. */
#include "drivers/image/worker/flatten.h"

#include "drivers/image/worker/content.h"
#include "drivers/image/worker/layer.h"
#include "drivers/image/worker/limits.h"
#include "drivers/sys/report.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seen { /* of a blob in pass 1: pass 2 has to find the same file */
	off_t size;
	ino_t ino;
	struct timespec mtime, ctime;
};

struct flatten {
	const struct flatten_job *job;
	struct merge *tree;
	struct ext4 fs;
	struct content content;
	struct seen *seen;
	uint64_t unpacked;
	uint32_t next; /* inode that the data pass looks at */
};

static int open_blob(struct flatten *f, size_t layer, int *fd, struct err *e)
{
	struct stat st;

	if (f->job->blob(f->job->arg, layer, fd, e) < 0)
		return -1;
	if (fstat(*fd, &st) < 0)
		return err_sys(e, errno, "cannot look at the blob of layer %zu", layer + 1);
	if (!f->seen[layer].ino) {
		f->seen[layer] = (struct seen){st.st_size, st.st_ino, st.st_mtim, st.st_ctim};
		return 0;
	}
	if (f->seen[layer].size != st.st_size || f->seen[layer].ino != st.st_ino ||
		memcmp(&f->seen[layer].mtime, &st.st_mtim, sizeof(st.st_mtim)) != 0 ||
		memcmp(&f->seen[layer].ctime, &st.st_ctim, sizeof(st.st_ctim)) != 0)
		return err_set(e, ERR_CONTENT, "the blob of layer %zu changed while it was read",
			layer + 1);
	return 0;
}

static void report(const struct flatten *f, const char *verb, size_t layer,
	const struct layer_reader *r)
{
	char what[64];

	snprintf(what, sizeof(what), "%s layer %zu/%zu", verb, layer + 1,
		f->job->manifest->n_layers);
	report_progress(what, layer_consumed(r), f->job->manifest->layers[layer].blob.size);
}

/* ---- pass 1 ----------------------------------------------------------------------------- */

static int scan_entries(struct flatten *f, struct layer_reader *r, size_t layer, struct err *e)
{
	struct merge_entry entry;
	int rc;

	merge_layer(f->tree);
	while ((rc = layer_next(r, &entry, e)) == 0) {
		if (merge_add(f->tree, &entry, e) < 0)
			return -1;
		if (entry.index % 256 == 0)
			report(f, "reading", layer, r);
	}
	return rc < 0 ? -1 : layer_finish(r, e);
}

static int scan_layer(struct flatten *f, size_t layer, struct err *e)
{
	_cleanup_(layer_drop) struct layer_reader *r = NULL;
	_cleanup_fd_ int fd = -1;

	if (open_blob(f, layer, &fd, e) < 0 ||
		layer_open(fd, &f->job->manifest->layers[layer], true, &r, e) < 0 ||
		scan_entries(f, r, layer, e) < 0)
		return err_wrap(e, "layer %zu", layer + 1);
	f->unpacked += layer_unpacked(r);
	if (f->unpacked > LIMIT_UNPACKED)
		return err_set(e, ERR_LIMIT, "the layers unpack to more than %llu bytes",
			LIMIT_UNPACKED);
	return 0;
}

static int scan(struct flatten *f, struct err *e)
{
	for (size_t i = 0; i < f->job->manifest->n_layers; i++)
		if (scan_layer(f, i, e) < 0)
			return -1;
	return merge_finish(f->tree, e);
}

/* ---- pass 2 ----------------------------------------------------------------------------- */

static bool has_content(const struct merge_inode *p)
{
	return p->links && p->type == MERGE_FILE && p->size;
}

/* The next inode of the layer whose contents are wanted; 0 if there is none. Inodes stand in the
 * order of layers and entries. */
static uint32_t next_wanted(struct flatten *f, size_t layer)
{
	for (; f->next < merge_inodes(f->tree); f->next++) {
		const struct merge_inode *p = merge_inode(f->tree, f->next);

		if (p->layer > layer)
			return 0;
		if (has_content(p))
			return f->next;
	}
	return 0;
}

static int copy_content(struct flatten *f, struct layer_reader *r, uint32_t inode, struct err *e)
{
	const void *data;
	uint64_t offset;
	size_t n;
	int rc;

	content_begin(&f->content, inode);
	while ((rc = layer_data(r, &data, &n, &offset, e)) == 0)
		if (content_add(&f->content, data, n, offset, e) < 0)
			return -1;
	return rc < 0 ? -1 : content_end(&f->content, e);
}

static int write_contents(struct flatten *f, struct layer_reader *r, size_t layer, struct err *e)
{
	struct merge_entry entry;
	uint32_t inode;

	while ((inode = next_wanted(f, layer))) {
		const struct merge_inode *p = merge_inode(f->tree, inode);
		int rc = layer_next(r, &entry, e);

		if (rc < 0)
			return -1;
		if (rc || entry.index > p->index)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (entry.index < p->index)
			continue;
		if (entry.type != MERGE_FILE || entry.size != p->size)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (copy_content(f, r, inode, e) < 0)
			return err_wrap(e, "entry \"%.250s\"", entry.path);
		f->next++;
		report(f, "writing", layer, r);
	}
	return 0;
}

static int write_layer(struct flatten *f, size_t layer, struct err *e)
{
	_cleanup_(layer_drop) struct layer_reader *r = NULL;
	_cleanup_fd_ int fd = -1;

	if (!next_wanted(f, layer))
		return 0;
	if (open_blob(f, layer, &fd, e) < 0 ||
		layer_open(fd, &f->job->manifest->layers[layer], false, &r, e) < 0 ||
		write_contents(f, r, layer, e) < 0)
		return err_wrap(e, "layer %zu", layer + 1);
	return 0;
}

/* ---- the file --------------------------------------------------------------------------- */

static void identity(const char *id, uint8_t out[32])
{
	const char *hex = ref_hex(id);

	for (size_t i = 0; i < 32; i++) {
		const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		out[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
}

static void hint_size(struct flatten *f, struct err *e)
{
	uint64_t total = 0;

	for (uint32_t i = MERGE_ROOT; i < merge_inodes(f->tree); i++)
		if (has_content(merge_inode(f->tree, i)))
			total += merge_inode(f->tree, i)->size;
	if (f->job->size && e && e->kind == ERR_LIMIT)
		err_hint(e, "the image's files have %llu MiB; without \"size\" the file system gets "
			"what it needs", (unsigned long long)(total >> 20) + 1);
}

static int fill(struct flatten *f, int fd, uint64_t *size, struct err *e)
{
	uint8_t id[32];

	identity(f->job->id, id);
	if (ext4_open(&f->fs, fd, f->tree, f->job->size, id, e) < 0 || ext4_folders(&f->fs, e) < 0)
		return -1;
	content_init(&f->content, &f->fs);
	f->next = MERGE_ROOT;
	for (size_t i = 0; i < f->job->manifest->n_layers; i++)
		if (write_layer(f, i, e) < 0)
			return -1;
	report_progress("finishing", 0, 0);
	return ext4_close_fs(&f->fs, size, e);
}

static int publish(struct flatten *f, int fd, const char *tmp, struct err *e)
{
	if (fsync(fd) < 0)
		return err_sys(e, errno, "cannot write %s", f->job->name);
	if (fchmod(fd, 0400) < 0)
		return err_sys(e, errno, "cannot protect %s", f->job->name);
	if (renameat(f->job->dir_fd, tmp, f->job->dir_fd, f->job->name) < 0)
		return err_sys(e, errno, "cannot publish %s", f->job->name);
	return dir_sync(f->job->dir_fd, ".", e);
}

static int make_file(struct flatten *f, uint64_t *size, struct err *e)
{
	const struct flatten_job *job = f->job;
	_cleanup_fd_ int fd = -1;
	char tmp[NAME_MAX + 1];

	if (snprintf(tmp, sizeof(tmp), ".%s.tmp", job->name) >= (int)sizeof(tmp))
		return err_set(e, ERR_LIMIT, "file name %s is too long", job->name);
	if (unlinkat(job->dir_fd, tmp, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove the old %s", tmp);
	fd = openat(job->dir_fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot create %s", tmp);
	if (fill(f, fd, size, e) < 0 || publish(f, fd, tmp, e) < 0) {
		hint_size(f, e);
		unlinkat(job->dir_fd, tmp, 0);
		return -1;
	}
	return 0;
}

int flatten_run(const struct flatten_job *job, uint64_t *size, struct err *e)
{
	static const struct merge_limits limits = {LIMIT_NAMES, LIMIT_INODES, LIMIT_TEXT, LIMIT_FILE};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct flatten f = {.job = job, .tree = merge_new(&limits)};
	int rc;

	f.seen = arena_array(&a, job->manifest->n_layers, sizeof(*f.seen));
	rc = scan(&f, e);
	if (!rc)
		rc = make_file(&f, size, e);
	content_fini(&f.content);
	ext4_drop(&f.fs);
	merge_free(f.tree);
	return rc;
}
