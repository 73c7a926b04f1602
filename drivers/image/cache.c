/* cache.c - blobs of images; see cache.h. */
#include "drivers/image/cache.h"

#include "drivers/image/manifest.h"
#include "schema/base/fd.h"
#include "schema/base/vec.h"
#include "schema/field.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUDGET (20ull << 30)

int cache_open(const char *cache_dir, int *dir_fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "%s/oci/blobs/sha256", cache_dir);

	*dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "cannot open the cache %s", path);
	return 0;
}

int cache_lock(int dir_fd, struct err *e)
{
	if (flock(dir_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(e, errno, "cannot lock the cache");
	err_set(e, ERR_LOCKED, "an image is being pulled; its blobs are in use");
	return err_hint(e, "try again when that pull has ended");
}

/* <hex>, .<hex>.tmp or .<hex>.pruned */
static bool is_ours(const char *name, bool *whole)
{
	*whole = name[0] != '.';
	name += !*whole;
	if (strspn(name, "0123456789abcdef") != REF_HEX)
		return false;
	name += REF_HEX;
	return *whole ? !*name : !strcmp(name, ".tmp") || !strcmp(name, ".pruned");
}

/* Rests first, then by time; the name decides between equals, so that a list is always the same. */
static int by_use(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	if (x->whole != y->whole)
		return x->whole ? 1 : -1;
	if (x->used_at != y->used_at)
		return x->used_at < y->used_at ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int open_list(int dir_fd, DIR **d, struct err *e)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*d = fd < 0 ? NULL : fdopendir(fd);
	if (*d)
		return 0;
	err_sys(e, errno, "cannot read the cache");
	if (fd >= 0)
		close(fd);
	return -1;
}

int cache_list(struct arena *a, int dir_fd, struct cached **out, size_t *n, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	VEC(struct cached) list = {0};

	if (open_list(dir_fd, &d, e) < 0)
		return -1;
	for (struct dirent *entry; (entry = readdir(d));) {
		struct stat st;
		bool whole;

		if (!is_ours(entry->d_name, &whole) ||
			fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode))
			continue;
		*vec_push(a, &list) = (struct cached){arena_dup(a, entry->d_name), whole,
			(uint64_t)st.st_size, st.st_atim.tv_sec};
	}
	if (list.n)
		qsort(list.v, list.n, sizeof(*list.v), by_use);
	*out = list.v;
	*n = list.n;
	return 0;
}

size_t cache_surplus(const struct cached *v, size_t n, uint64_t max)
{
	uint64_t total = 0;
	size_t keep = n;

	while (keep > 0 && v[keep - 1].whole && v[keep - 1].size <= max - total)
		total += v[--keep].size;
	return keep;
}

int cache_budget(uint64_t *max, struct err *e)
{
	const char *text = getenv("RECONCILE_CACHE_MAX");

	*max = BUDGET;
	if (!text || !*text || size_parse(text, max, e) == 0)
		return 0;
	return err_wrap(e, "RECONCILE_CACHE_MAX");
}

static int trim(int dir_fd, uint64_t max, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	uint64_t total = 0;
	struct cached *v;
	size_t n, gone;

	if (cache_lock(dir_fd, e) < 0)
		return e->kind == ERR_LOCKED ? (err_clear(e), 0) : -1;
	if (cache_list(&a, dir_fd, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		total += v[i].size;
	/* With room enough, half a blob may stay: the next pull goes on with it. */
	gone = total > max ? cache_surplus(v, n, max) : 0;
	for (size_t i = 0; i < gone; i++)
		if (cache_remove(dir_fd, &v[i], e) < 0)
			return -1;
	return 0;
}

int cache_trim(const char *cache_dir, struct err *e)
{
	_cleanup_fd_ int dir_fd = -1;
	uint64_t max;
	int rc;

	if (cache_budget(&max, e) < 0)
		return -1;
	rc = cache_open(cache_dir, &dir_fd, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	return trim(dir_fd, max, e);
}

void cache_blobs(struct arena *a, int dir_fd, const char *id, struct cache_names *out)
{
	_cleanup_json_ json_t *j = NULL;
	struct manifest m;
	char *buf;
	size_t n;

	*vec_push(a, out) = ref_hex(id);
	if (file_read(a, dir_fd, ref_hex(id), MANIFEST_BYTES_MAX, &buf, &n, NULL) < 0 ||
		json_parse(buf, n, "manifest", &j, NULL) < 0 || manifest_parse(a, j, &m, NULL) < 0)
		return;
	*vec_push(a, out) = ref_hex(m.config.digest);
	for (size_t i = 0; i < m.n_layers; i++)
		*vec_push(a, out) = ref_hex(m.layers[i].blob.digest);
}

int cache_remove(int dir_fd, const struct cached *one, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *aside = one->name;

	if (one->whole) {
		aside = arena_printf(&a, ".%s.pruned", one->name);
		if (renameat(dir_fd, one->name, dir_fd, aside) < 0)
			return errno == ENOENT ? 0 : err_sys(e, errno, "cannot move %s aside", one->name);
	}
	if (unlinkat(dir_fd, aside, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove %s", aside);
	return 0;
}
