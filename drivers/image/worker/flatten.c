/* flatten.c - layers -> one ext4 file; see flatten.h. */
#include "drivers/image/worker/flatten.h"

#include "drivers/image/worker/content.h"
#include "drivers/image/worker/ext4.h"
#include "drivers/image/worker/layer.h"
#include "drivers/image/worker/limits.h"
#include "drivers/image/worker/spool.h"
#include "drivers/image/worker/tally.h"
#include "drivers/image/worker/veil.h"
#include "drivers/sys/report.h"
#include "schema/base/fd.h"
#include "schema/base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct merge_limits limits = {LIMIT_NAMES, LIMIT_INODES, LIMIT_TEXT, LIMIT_FILE};

struct seen { /* of a blob in pass 1: pass 2 has to find the same file */
	off_t size;
	ino_t ino;
	struct timespec mtime; /* not ctime: another pull may note that it used the blob */
};

struct flatten {
	struct arena *arena;
	const struct flatten_job *job;
	struct merge *tree;
	struct ext4 fs;
	struct content content;
	struct veil veil;
	struct spool spool;
	struct seen *seen;
	uint64_t *headers;     /* of each layer: where its headers start in the spool */
	uint32_t *entries;     /* of each layer: how many */
	struct tally all;
	uint64_t counted;      /* of the layer that is unpacked: what all knows of it */
	uint64_t unpacked;
	uint64_t wasted;       /* blocks written for contents that are hidden */
	bool exact;            /* write nothing before it is known what is hidden */
	uint32_t next;         /* inode that a pass looks at */
	VEC(uint32_t) missing; /* inodes whose contents were not written in the first pass */
	uint64_t written, lacking; /* bytes of them */
};

/* A file that is replaced while it is read is another one afterwards. */
static int check_same(struct flatten *f, size_t layer, const struct range *blob, struct err *e)
{
	struct stat st;

	if (fstat(blob->fd, &st) < 0)
		return err_sys(e, errno, "cannot look at the blob of layer %zu", layer + 1);
	if (!f->seen[layer].ino) {
		f->seen[layer] = (struct seen){st.st_size, st.st_ino, st.st_mtim};
		return 0;
	}
	if (f->seen[layer].size != st.st_size || f->seen[layer].ino != st.st_ino ||
		memcmp(&f->seen[layer].mtime, &st.st_mtim, sizeof(st.st_mtim)) != 0)
		return err_set(e, ERR_CONTENT, "the blob of layer %zu changed while it was read",
			layer + 1);
	return 0;
}

static int open_blob(struct flatten *f, size_t layer, struct range *blob, struct err *e)
{
	if (f->job->blob(f->job->arg, layer, blob, e) < 0)
		return -1;
	return check_same(f, layer, blob, e);
}

/* ---- pass 1, from the top layer down ----------------------------------------------------- */

static int copy_content(struct flatten *f, struct layer_reader *r, uint64_t size, struct err *e)
{
	const void *data;
	uint64_t offset;
	size_t n;
	int rc;

	content_begin(&f->content, size);
	while ((rc = layer_data(r, &data, &n, &offset, e)) == 0)
		if (content_add(&f->content, data, n, offset, e) < 0)
			return -1;
	return rc < 0 ? -1 : content_end(&f->content, e);
}

/* Contents that nothing above seems to hide. When there is no room for them, it may be because of
 * what was written in vain: then the second pass writes everything, and only what is seen. */
static int copy_early(struct flatten *f, struct layer_reader *r, const struct merge_entry *entry,
	bool *written, struct err *e)
{
	struct err why = ERR_INIT;

	*written = false;
	if (f->exact || entry->type != MERGE_FILE || !entry->size ||
		veil_covers(&f->veil, entry->path))
		return 0;
	if (copy_content(f, r, entry->size, &why) == 0) {
		*written = true;
		return 0;
	}
	if (why.kind != ERR_LIMIT) {
		*e = why;
		return err_wrap(e, "entry \"%.250s\"", entry->path);
	}
	f->exact = true;
	return 0;
}

static int scan_entries(struct flatten *f, struct layer_reader *r, size_t layer, struct err *e)
{
	struct merge_entry entry;
	bool written;
	int rc;

	f->headers[layer] = spool_tell(&f->spool);
	while ((rc = layer_next(r, &entry, e)) == 0) {
		if (merge_check(&limits, &entry, e) < 0 || copy_early(f, r, &entry, &written, e) < 0 ||
			spool_put(&f->spool, &entry, written, &f->content.extents, e) < 0)
			return -1;
		if (layer) /* nothing is below the first */
			veil_add(&f->veil, &entry);
		if (spool_tell(&f->spool) > LIMIT_SPOOL)
			return err_set(e, ERR_LIMIT, "the layers have more headers than we can keep");
		f->entries[layer]++;
		tally_layer(&f->all, layer, &f->counted, layer_consumed(r));
	}
	veil_lower(&f->veil);
	return rc < 0 ? -1 : layer_finish(r, e);
}

static int scan_layer(struct flatten *f, size_t layer, struct err *e)
{
	_cleanup_(layer_drop) struct layer_reader *r = NULL;
	_cleanup_range_ struct range blob = RANGE_NONE;

	f->counted = 0;
	if (open_blob(f, layer, &blob, e) < 0 ||
		layer_open(&blob, &f->job->manifest->layers[layer], true, &r, e) < 0 ||
		scan_entries(f, r, layer, e) < 0 || check_same(f, layer, &blob, e) < 0)
		return err_wrap(e, "layer %zu", layer + 1);
	tally_layer(&f->all, layer, &f->counted, layer_consumed(r));
	f->unpacked += layer_unpacked(r);
	if (f->unpacked > LIMIT_UNPACKED)
		return err_set(e, ERR_LIMIT, "the layers unpack to more than %llu bytes",
			LIMIT_UNPACKED);
	return 0;
}

static int scan(struct flatten *f, struct err *e)
{
	for (size_t i = f->job->manifest->n_layers; i-- > 0;)
		if (scan_layer(f, i, e) < 0)
			return -1;
	veil_fini(&f->veil);
	return 0;
}

/* ---- merge, from the bottom up ---------------------------------------------------------- */

static int merge_headers(struct flatten *f, size_t layer, struct err *e)
{
	struct merge_entry entry;
	bool written;

	merge_layer(f->tree);
	if (spool_seek(&f->spool, f->headers[layer], e) < 0)
		return -1;
	for (uint32_t i = 0; i < f->entries[layer]; i++)
		if (spool_get(&f->spool, &entry, &written, &f->content.extents, e) < 0 ||
			merge_add(f->tree, &entry, e) < 0)
			return err_wrap(e, "layer %zu", layer + 1);
	return 0;
}

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

static void add_missing(struct flatten *f, uint32_t inode)
{
	*vec_push(f->arena, &f->missing) = inode;
	f->lacking += merge_inode(f->tree, inode)->size;
}

/* What the first pass did with one entry, and what has become of the entry. */
static int settle(struct flatten *f, size_t layer, uint32_t index, bool written, struct err *e)
{
	const uint32_t inode = next_wanted(f, layer);
	const bool seen = inode && merge_inode(f->tree, inode)->index == index;

	f->next += seen;
	if (seen && written)
		return ext4_place(&f->fs, inode, &f->content.extents, e);
	if (seen)
		add_missing(f, inode);
	if (seen || !written)
		return 0;
	for (size_t i = 0; i < f->content.extents.n; i++)
		f->wasted += f->content.extents.v[i].length;
	return ext4_unplace(&f->fs, &f->content.extents, e);
}

static int settle_layer(struct flatten *f, size_t layer, struct err *e)
{
	struct merge_entry entry;
	bool written;

	if (spool_seek(&f->spool, f->headers[layer], e) < 0)
		return -1;
	for (uint32_t i = 0; i < f->entries[layer]; i++)
		if (spool_get(&f->spool, &entry, &written, &f->content.extents, e) < 0 ||
			settle(f, layer, entry.index, written && !f->exact, e) < 0)
			return -1;
	return 0;
}

static int merge_all(struct flatten *f, struct err *e)
{
	const size_t n = f->job->manifest->n_layers;

	f->tree = merge_new(&limits);
	for (size_t i = 0; i < n; i++)
		if (merge_headers(f, i, e) < 0)
			return -1;
	if (merge_finish(f->tree, e) < 0)
		return -1;
	return ext4_tree(&f->fs, f->tree, e);
}

/* Forget what the first pass has written. */
static int start_over(struct flatten *f, int fd, struct err *e)
{
	f->exact = true;
	ext4_restart(&f->fs);
	if (ftruncate(fd, 0) < 0)
		return err_sys(e, errno, "cannot empty %s", f->job->name);
	return 0;
}

static int settle_all(struct flatten *f, struct err *e)
{
	f->next = MERGE_ROOT;
	f->missing.n = 0;
	f->lacking = 0;
	for (size_t i = 0; i < f->job->manifest->n_layers; i++)
		if (settle_layer(f, i, e) < 0)
			return -1;
	return 0;
}

/* ---- pass 2: what is missing, from the bottom up ------------------------------------------ */

static int write_contents(struct flatten *f, struct layer_reader *r, size_t layer, struct err *e)
{
	struct merge_entry entry;

	while (f->next < f->missing.n) {
		const uint32_t inode = f->missing.v[f->next];
		const struct merge_inode *p = merge_inode(f->tree, inode);
		int rc;

		if (p->layer != layer)
			return 0;
		rc = layer_next(r, &entry, e);
		if (rc < 0)
			return -1;
		if (rc || entry.index > p->index)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (entry.index < p->index)
			continue;
		if (entry.type != MERGE_FILE || entry.size != p->size)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (copy_content(f, r, p->size, e) < 0 ||
			ext4_place(&f->fs, inode, &f->content.extents, e) < 0)
			return err_wrap(e, "entry \"%.250s\"", entry.path);
		f->next++;
		f->written += p->size;
		report_progress("writing", f->written, f->lacking);
	}
	return 0;
}

static int write_layer(struct flatten *f, size_t layer, struct err *e)
{
	_cleanup_(layer_drop) struct layer_reader *r = NULL;
	_cleanup_range_ struct range blob = RANGE_NONE;

	if (f->next == f->missing.n ||
		merge_inode(f->tree, f->missing.v[f->next])->layer != layer)
		return 0;
	if (open_blob(f, layer, &blob, e) < 0 ||
		layer_open(&blob, &f->job->manifest->layers[layer], false, &r, e) < 0 ||
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

	for (uint32_t i = MERGE_ROOT; f->tree && i < merge_inodes(f->tree); i++)
		if (has_content(merge_inode(f->tree, i)))
			total += merge_inode(f->tree, i)->size;
	if (f->tree && f->job->size && e && e->kind == ERR_LIMIT)
		err_hint(e, "the image's files have %llu MiB; without \"size\" the file system gets "
			"what it needs", (unsigned long long)(total >> 20) + 1);
}

/* A little waste is left as holes that nobody owns. Much of it would make the file system larger
 * than its content asks for, so then everything is written anew. */
static bool is_wasteful(const struct flatten *f)
{
	return f->wasted * 64 > f->fs.blocks.next;
}

static int fill(struct flatten *f, int fd, uint64_t *size, struct err *e)
{
	uint8_t id[32];

	identity(f->job->id, id);
	ext4_open(&f->fs, fd, f->job->size, id);
	content_init(&f->content, &f->fs.blocks);
	if (scan(f, e) < 0 || merge_all(f, e) < 0)
		return -1;
	if (f->exact && start_over(f, fd, e) < 0)
		return -1;
	if (settle_all(f, e) < 0)
		return -1;
	if (is_wasteful(f) && (start_over(f, fd, e) < 0 || settle_all(f, e) < 0))
		return -1;
	f->next = 0;
	for (size_t i = 0; i < f->job->manifest->n_layers; i++)
		if (write_layer(f, i, e) < 0)
			return -1;
	if (ext4_folders(&f->fs, e) < 0)
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
	const size_t n = job->manifest->n_layers;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct flatten f = {.arena = &a, .job = job, .spool = {.fd = -1}};
	int rc;

	tally_init(&f.all, "unpacking", job->manifest);
	f.seen = arena_array(&a, n, sizeof(*f.seen));
	f.headers = arena_array(&a, n, sizeof(*f.headers));
	f.entries = arena_array(&a, n, sizeof(*f.entries));
	rc = spool_open(&f.spool, job->dir_fd, e);
	if (!rc)
		rc = make_file(&f, size, e);
	content_fini(&f.content);
	ext4_drop(&f.fs);
	spool_close(&f.spool);
	veil_fini(&f.veil);
	merge_free(f.tree);
	tally_fini(&f.all);
	return rc;
}
