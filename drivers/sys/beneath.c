/* beneath.c - open a path that must stay below a folder of ours. */
#include "drivers/sys/beneath.h"

#include "drivers/sys/cage.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRIES_MAX 32

/* In the cage openat2 is refused, since its flags cannot be seen there. Folder by folder, and no link is
 * followed at all. */
static int walk(int dirfd, const char *path, int flags, mode_t mode)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int at = -1;
	int next;

	for (size_t n; path[n = strcspn(path, "/")]; path += n + 1) {
		const char *name = arena_dupn(&a, path, n);

		if (!n || !strcmp(name, "..")) {
			errno = EXDEV;
			return -1;
		}
		next = openat(at < 0 ? dirfd : at, name,
			O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -1;
		fd_close(&at);
		at = next;
	}
	if (!strcmp(path, "..")) {
		errno = EXDEV;
		return -1;
	}
	return openat(at < 0 ? dirfd : at, path, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

int beneath_open(int dirfd, const char *path, int flags, mode_t mode)
{
	const struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = mode,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	long fd = -1;

	if (cage_is_in())
		return walk(dirfd, path, flags, mode);

	/* A rename anywhere on the host can make the kernel ask for another try. */
	for (int i = 0; i < TRIES_MAX; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return (int)fd;
}
