/* sysfile.c - small files as a whole. */
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sysfile_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

int sysfile_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static ssize_t read_up_to(int fd, char *buf, size_t max)
{
	size_t n = 0;

	while (n < max) {
		ssize_t got = read(fd, buf + n, max - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

char *sysfile_read(const char *path, size_t max, size_t *n, struct why *w)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	ssize_t got;
	char *buf;

	if (fd < 0 || fstat(fd, &st) < 0) {
		why_set(w, errno, "cannot open %s", path);
		return NULL;
	}
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		why_set(w, 0, "%s is not a regular file", path);
		return NULL;
	}
	buf = malloc(max + 1);
	if (!buf) {
		why_set(w, ENOMEM, "cannot read %s", path);
		return NULL;
	}
	got = read_up_to(fd, buf, max);
	if (got < 0) {
		why_set(w, errno, "cannot read %s", path);
		free(buf);
		return NULL;
	}
	buf[got] = '\0';
	*n = (size_t)got;
	return buf;
}

bool sysfile_line(const char *path, char *out, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read_up_to(fd, out, size - 1);

	if (n < 0)
		return false;
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

int sysfile_write(const char *path, const void *data, size_t n, mode_t mode, struct why *w)
{
	_cleanup_fd_ int fd = -1;
	char tmp[PATH_MAX];

	if (snprintf(tmp, sizeof(tmp), "%s.reconcile-tmp", path) >= (int)sizeof(tmp))
		return why_set(w, ENAMETOOLONG, "%s", path);
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return why_set(w, errno, "cannot create %s", tmp);
	if (fchmod(fd, mode) < 0 || sysfile_write_all(fd, data, n) < 0 || fsync(fd) < 0 ||
		rename(tmp, path) < 0) {
		why_set(w, errno, "cannot write %s", path);
		unlink(tmp);
		return -1;
	}
	return 0;
}

int sysfile_mkdirs(const char *path, mode_t mode, struct why *w)
{
	char part[PATH_MAX];
	size_t n = strlen(path);

	if (!n || n >= sizeof(part))
		return why_set(w, ENAMETOOLONG, "folder name of %zu bytes", n);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return why_set(w, errno, "cannot create folder %s", part);
	}
	return 0;
}
