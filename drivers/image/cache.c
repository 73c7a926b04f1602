/* cache.c - blobs of images; see cache.h. */
#include "drivers/image/cache.h"

#include "drivers/image/ref.h"
#include "schema/base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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
