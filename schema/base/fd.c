/* fd.c - owned descriptors, whole files, atomic replacement, trees. */
#include "schema/base/fd.h"

#include "schema/base/point.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_DEPTH_MAX 64

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int fd_write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n) {
		ssize_t done = point_fails("file.write") ? -1 : write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int read_up_to(int fd, char *buf, size_t max, size_t *n)
{
	*n = 0;
	while (*n < max) {
		ssize_t got = read(fd, buf + *n, max - *n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		*n += (size_t)got;
	}
	return 0;
}

int file_read(struct arena *a, int dirfd, const char *path, size_t max, char **buf, size_t *n,
	struct err *e)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char *data;
	size_t got;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOINPUT, "%s: no such file", path);
	if (fd < 0 && errno == ENXIO) /* open(2): a socket, or a device without a driver */
		return err_set(e, ERR_NOINPUT, "%s: is not a regular file", path);
	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_NOINPUT, "%s: is a loop of symbolic links", path);
	if (fd < 0)
		return err_sys(e, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, ERR_NOINPUT, "%s: is a directory", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_NOINPUT, "%s: is not a regular file", path);
	if ((uint64_t)st.st_size > max)
		return err_set(e, ERR_LIMIT, "%s: is larger than %zu bytes", path, max);
	/* One byte more than stat said, to notice a file that grows meanwhile. */
	data = arena_alloc(a, (size_t)st.st_size + 2);
	if (read_up_to(fd, data, (size_t)st.st_size + 1, &got) < 0)
		return err_sys(e, errno, "cannot read %s", path);
	if (got > (size_t)st.st_size)
		return err_set(e, ERR_SYSTEM, "%s: grew while it was read; try again", path);
	data[got] = '\0';
	*buf = data;
	*n = got;
	return 0;
}

int file_replace(int dirfd, const char *name, const void *data, size_t n, mode_t mode,
	struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char tmp[NAME_MAX + 1];

	if (snprintf(tmp, sizeof(tmp), ".%s.tmp", name) >= (int)sizeof(tmp))
		return err_set(e, ERR_LIMIT, "%s: name too long", name);
	if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove old %s", tmp);
	if (!point_fails("file.open"))
		fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(e, errno, "cannot create %s", tmp);
	if (fd_write_all(fd, data, n) < 0 || point_fails("file.fsync") || fsync(fd) < 0) {
		err_sys(e, errno, "cannot write %s", tmp);
		unlinkat(dirfd, tmp, 0);
		return -1;
	}
	if (point_fails("file.rename") || renameat(dirfd, tmp, dirfd, name) < 0) {
		err_sys(e, errno, "cannot rename %s to %s", tmp, name);
		unlinkat(dirfd, tmp, 0);
		return -1;
	}
	return dir_sync(dirfd, ".", e);
}

int dir_sync(int dirfd, const char *path, struct err *e)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || point_fails("dir.fsync") || fsync(fd) < 0 || point_fails("dir.fsync done"))
		return err_sys(e, errno, "cannot sync folder %s", path);
	return 0;
}

int dir_make(int dirfd, const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	struct stat st;

	if (!n || n >= sizeof(part))
		return err_set(e, ERR_LIMIT, "folder name of %zu bytes", n);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (point_fails("dir.make") || (mkdirat(dirfd, part, mode) < 0 && errno != EEXIST))
			return err_sys(e, errno, "cannot create folder %s", part);
	}
	if (fstatat(dirfd, path, &st, 0) < 0 || !S_ISDIR(st.st_mode))
		return err_sys(e, ENOTDIR, "cannot create folder %s", path);
	return 0;
}

/* A folder of the same file system that is bound here has the same device number, but it is
 * somebody else's all the same: statx(2) tells. */
static bool is_mount(int dirfd, const char *name)
{
	struct statx st;

	return statx(dirfd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &st) == 0 &&
		st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int remove_children(int dirfd, const char *path, dev_t dev, int depth, struct err *e);

static int remove_one(int dirfd, const char *name, dev_t dev, int depth, struct err *e)
{
	struct stat st;

	if (point_fails("tree.remove"))
		return err_sys(e, errno, "cannot remove %s", name);
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(e, errno, "cannot remove %s", name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot look at %s", name);
	if (!S_ISDIR(st.st_mode))
		return err_sys(e, EPERM, "cannot remove %s", name);
	if (dev && (st.st_dev != dev || is_mount(dirfd, name)))
		return err_set(e, ERR_CONFLICT, "%s is a mount point; not removed", name);
	if (depth >= TREE_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: nested too deeply to remove", name);
	if (remove_children(dirfd, name, st.st_dev, depth + 1, e) < 0)
		return err_wrap(e, "%s", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove folder %s", name);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int remove_children(int dirfd, const char *path, dev_t dev, int depth, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "cannot open folder %s", path);
	d = fdopendir(fd);
	if (!d) {
		err_sys(e, errno, "cannot read folder %s", path);
		close(fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (remove_one(fd, entry->d_name, dev, depth, e) < 0)
			return -1;
	}
	return 0;
}

int tree_remove(int dirfd, const char *path, struct err *e)
{
	return remove_one(dirfd, path, 0, 0, e);
}
