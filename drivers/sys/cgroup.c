/* cgroup.c - cgroups of version 2 below one folder of ours. */
#include "drivers/sys/cgroup.h"

#include "drivers/sys/beneath.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int cgroup_mount(const char **path, struct err *e)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!statfs(places[i], &fs) && fs.f_type == CGROUP2_SUPER_MAGIC) {
			*path = places[i];
			return 0;
		}
	return err_set(e, ERR_FAILED, "cgroups of version 2 are not mounted");
}

int cgroup_open(int parent, const char *name, int *fd, struct err *e)
{
	const int got = beneath_open(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (got < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "cannot open cgroup %s", name);
	*fd = got;
	return 0;
}

int cgroup_make(int parent, const char *name, int *fd, struct err *e)
{
	int rc;

	if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "cannot make cgroup %s", name);
	rc = cgroup_open(parent, name, fd, e);
	return rc <= 0 ? rc : err_set(e, ERR_LOCKED, "cgroup %s was removed while it was made", name);
}

int cgroup_write(int group, const char *file, const char *value, struct err *e)
{
	_cleanup_fd_ int fd = beneath_open(group, file, O_WRONLY | O_NOFOLLOW, 0);

	if (fd < 0)
		return errno == ENOENT ? 1 : err_sys(e, errno, "cannot open %s of a cgroup", file);
	if (fd_write_all(fd, value, strlen(value)) < 0)
		return err_sys(e, errno, "cannot write %s of a cgroup", file);
	return 0;
}

static ssize_t read_small(int dirfd, const char *file, char *buf, size_t max)
{
	_cleanup_fd_ int fd = beneath_open(dirfd, file, O_RDONLY, 0);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, max - 1);

	if (n >= 0)
		buf[n] = '\0';
	return n;
}

int cgroup_populated(int group, struct err *e)
{
	char buf[256];

	if (read_small(group, "cgroup.events", buf, sizeof(buf)) < 0)
		return err_sys(e, errno, "cannot read cgroup.events");
	return strstr(buf, "populated 1") != NULL;
}

int cgroup_kill(int group, int timeout_ms, struct err *e)
{
	const int64_t until = clock_mono_ms() + timeout_ms;
	int rc = cgroup_write(group, "cgroup.kill", "1", e);

	if (rc > 0)
		return err_set(e, ERR_FAILED, "this kernel has no cgroup.kill; Linux 5.14 has");
	while (!rc) {
		rc = cgroup_populated(group, e);
		if (rc <= 0 || clock_mono_ms() >= until)
			break;
		poll(NULL, 0, 2);
		rc = 0;
	}
	return rc;
}

int64_t cgroup_count(int group)
{
	_cleanup_fd_ int fd = beneath_open(group, "cgroup.procs", O_RDONLY, 0);
	char buf[4096];
	int64_t lines = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0) {
		n = read(fd, buf, sizeof(buf));
		for (ssize_t i = 0; i < n; i++)
			lines += buf[i] == '\n';
	}
	return n < 0 ? -1 : lines;
}

int cgroup_remove(int parent, const char *name, struct err *e)
{
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == EBUSY || errno == ENOTEMPTY)
		return err_set(e, ERR_CONFLICT, "cgroup %s is not empty", name);
	return err_sys(e, errno, "cannot remove cgroup %s", name);
}

int cgroup_of(pid_t pid, char *out, size_t max, struct err *e)
{
	char path[48], buf[4096], *line, *end;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	{
		_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);

		n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	}
	if (n < 0)
		return errno == ENOENT || errno == ESRCH ? 1 : err_sys(e, errno, "cannot read %s", path);
	buf[n] = '\0';
	/* "0::/path": the only line without a controller's name (cgroups(7)). */
	line = !strncmp(buf, "0::", 3) ? buf : strstr(buf, "\n0::");
	end = line ? strchr(line + 1, '\n') : NULL;
	if (!end)
		return err_set(e, ERR_FAILED, "process %d is in no cgroup of version 2", pid);
	*end = '\0';
	line = strchr(line, '/');
	if (!line || strlen(line) >= max)
		return err_set(e, ERR_LIMIT, "the cgroup of process %d has too long a name", pid);
	memcpy(out, line, strlen(line) + 1);
	return 0;
}
