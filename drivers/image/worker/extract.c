/* extract.c - the kernel of an image as files; see extract.h. */
#include "drivers/image/worker/extract.h"

#include "drivers/image/worker/layer.h"
#include "drivers/image/worker/limits.h"
#include "drivers/image/worker/origin.h"
#include "drivers/image/worker/pick.h"
#include "drivers/image/worker/tally.h"
#include "drivers/sys/copy.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define KERNEL_MAX (512ull << 20)
#define MODULE_MAX (64ull << 20)
#define ALL_MAX (2ull << 30)

static const struct merge_limits limits = {LIMIT_NAMES, LIMIT_INODES, LIMIT_TEXT, LIMIT_FILE};

struct extract {
	struct origin origin;
	const char *id, *cache_dir, *into;
	int dir_fd;
	struct merge *tree;
	struct picks picks;
	size_t next;   /* file that is looked for */
	struct tally all;
	uint64_t counted, unpacked;
};

static void extract_fini(struct extract *x)
{
	origin_close(&x->origin);
	merge_free(x->tree);
	fd_close(&x->dir_fd);
}

/* ---- headers, from the lowest layer up --------------------------------------------------- */

static int read_headers(struct extract *x, struct layer_reader *r, size_t layer, struct err *e)
{
	struct merge_entry entry;
	int rc;

	merge_layer(x->tree);
	while ((rc = layer_next(r, &entry, e)) == 0) {
		if (merge_add(x->tree, &entry, e) < 0)
			return -1;
		tally_layer(&x->all, layer, &x->counted, layer_consumed(r));
	}
	if (rc < 0 || layer_finish(r, e) < 0)
		return -1;
	tally_layer(&x->all, layer, &x->counted, layer_consumed(r));
	x->unpacked += layer_unpacked(r);
	return x->unpacked <= LIMIT_UNPACKED ? 0 :
		err_set(e, ERR_LIMIT, "the layers unpack to more than %llu bytes", LIMIT_UNPACKED);
}

/* ---- contents --------------------------------------------------------------------------- */

static int make_file(struct extract *x, const char *to, int *fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *slash = strrchr(to, '/');

	if (slash && dir_make(x->dir_fd, arena_dupn(&a, to, (size_t)(slash - to)), 0700, e) < 0)
		return -1;
	*fd = openat(x->dir_fd, to, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *fd < 0 ? err_sys(e, errno, "cannot create %.200s", to) : 0;
}

static int write_content(struct layer_reader *r, int fd, uint64_t size, struct err *e)
{
	const void *data;
	uint64_t offset;
	size_t n;
	int rc;

	while ((rc = layer_data(r, &data, &n, &offset, e)) == 0) {
		if (offset > size || n > size - offset)
			return err_set(e, ERR_CONTENT, "contents outside of the file");
		if (lseek(fd, (off_t)offset, SEEK_SET) < 0 || fd_write_all(fd, data, n) < 0)
			return err_sys(e, errno, "cannot write the kernel");
	}
	if (rc > 0 && ftruncate(fd, (off_t)size) < 0)
		return err_sys(e, errno, "cannot write the kernel");
	return rc < 0 ? -1 : 0;
}

/* The file of the entry that the reader is at, under each name that was picked for it. */
static int copy_picked(struct extract *x, struct layer_reader *r, uint64_t size, struct err *e)
{
	const uint32_t inode = x->picks.files.v[x->next].inode;
	_cleanup_fd_ int first = -1;

	if (make_file(x, x->picks.files.v[x->next].to, &first, e) < 0 ||
		write_content(r, first, size, e) < 0)
		return -1;
	for (x->next++; x->next < x->picks.files.n && x->picks.files.v[x->next].inode == inode; x->next++) {
		_cleanup_fd_ int other = -1;

		if (make_file(x, x->picks.files.v[x->next].to, &other, e) < 0 ||
			copy_sparse(first, other, size, NULL, e) < 0)
			return -1;
	}
	return 0;
}

/* The inode that is looked for, when it is of this layer. */
static const struct merge_inode *wanted(struct extract *x, size_t layer)
{
	const struct merge_inode *p = x->next < x->picks.files.n ?
		merge_inode(x->tree, x->picks.files.v[x->next].inode) : NULL;

	return p && p->layer == layer ? p : NULL;
}

static int read_contents(struct extract *x, struct layer_reader *r, size_t layer, struct err *e)
{
	const struct merge_inode *p;
	struct merge_entry entry;

	while ((p = wanted(x, layer))) {
		const int rc = layer_next(r, &entry, e);

		if (rc < 0)
			return -1;
		if (rc || entry.index > p->index)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (entry.index < p->index)
			continue;
		if (entry.type != MERGE_FILE || entry.size != p->size)
			return err_set(e, ERR_CONTENT, "reads differently the second time");
		if (copy_picked(x, r, p->size, e) < 0)
			return err_wrap(e, "entry \"%.250s\"", entry.path);
	}
	while (layer_next(r, &entry, e) == 0)
		;
	return layer_finish(r, e);
}

/* ---- all of it -------------------------------------------------------------------------- */

static int each_layer(struct extract *x, int (*f)(struct extract *x, struct layer_reader *r,
	size_t layer, struct err *e), bool all, struct err *e)
{
	for (size_t i = 0; i < x->origin.manifest.n_layers; i++) {
		_cleanup_(layer_drop) struct layer_reader *r = NULL;
		_cleanup_range_ struct range blob = RANGE_NONE;

		if (!all && !wanted(x, i))
			continue;
		if (origin_layer(&x->origin, i, &blob, e) < 0 ||
			layer_open(&blob, &x->origin.manifest.layers[i], true, &r, e) < 0 ||
			f(x, r, i, e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	}
	return 0;
}

static int check_sizes(struct extract *x, struct err *e)
{
	uint64_t all = 0;

	vec_each(p, &x->picks.files) {
		const uint64_t size = merge_inode(x->tree, p->inode)->size;

		all += size;
		if (size > (strcmp(p->to, PICK_KERNEL) != 0 ? MODULE_MAX : KERNEL_MAX) || all > ALL_MAX)
			return err_set(e, ERR_LIMIT, "%.200s of its kernel is larger than any that is known",
				p->to);
	}
	return 0;
}

static int extract(struct extract *x, struct err *e)
{
	int rc;

	x->tree = merge_new(&limits);
	tally_init(&x->all, "unpacking", &x->origin.manifest);
	rc = each_layer(x, read_headers, true, e);
	tally_fini(&x->all);
	if (rc < 0 || merge_finish(x->tree, e) < 0 ||
		pick_kernel(x->origin.arena, x->tree, &x->picks, e) < 0 || check_sizes(x, e) < 0)
		return -1;
	return each_layer(x, read_contents, false, e);
}

static int open_into(struct extract *x, struct err *e)
{
	if (!ref_is_digest(x->id) || !x->into || *x->into != '/')
		return err_set(e, ERR_USAGE, "id or into is missing or not usable");
	x->dir_fd = open(x->into, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return x->dir_fd < 0 ? err_sys(e, errno, "cannot open folder %s", x->into) : 0;
}

static int run(struct extract *x, const json_t *request, struct err *e)
{
	x->id = json_str(request, "id", NULL);
	x->cache_dir = json_str(request, "cache_dir", NULL);
	x->into = json_str(request, "into", NULL);
	if (origin_parse(&x->origin, request, e) < 0 || open_into(x, e) < 0 ||
		origin_confine_making(&x->origin, x->cache_dir, x->into, e) < 0 ||
		origin_open(&x->origin, e) < 0 || origin_load(&x->origin, x->id, x->cache_dir, e) < 0 ||
		origin_start(&x->origin, e) < 0)
		return -1;
	return extract(x, e);
}

int extract_run(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct extract x = {.origin = SOURCE_INIT(&a), .dir_fd = -1};
	int rc = run(&x, request, e);

	if (!rc)
		*result = json_pack("{s:o, s:o}", "kernel", json_lossy(x.picks.kernel), "modules",
			json_lossy(x.picks.version));
	else if (x.origin.name && e && !strstr(e->msg, x.origin.name))
		err_wrap(e, "image %s", x.origin.name);
	extract_fini(&x);
	return rc;
}
