/* unixsock.c - Unix sockets named by folder and name. */
#include "drivers/sys/unixsock.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* /proc/self/fd/N is the folder itself, so the path is short wherever the folder is. */
static int address(int dirfd, const char *name, struct sockaddr_un *sa, struct err *e)
{
	const int size = (int)sizeof(sa->sun_path);

	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (snprintf(sa->sun_path, (size_t)size, "/proc/self/fd/%d/%s", dirfd, name) >= size)
		return err_set(e, ERR_LIMIT, "%s: socket name too long", name);
	return 0;
}

int unixsock_connect(int dirfd, const char *name, int *fd, struct err *e)
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;

	if (s < 0)
		return err_sys(e, errno, "cannot make a socket");
	if (address(dirfd, name, &sa, e) < 0)
		return -1;
	if (connect(s, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return 1;
		if (errno == EAGAIN)
			return err_set(e, ERR_LOCKED, "%s: others are waiting for it already", name);
		return err_sys(e, errno, "cannot connect to %s", name);
	}
	*fd = fd_take(&s);
	return 0;
}

int unixsock_listen(int dirfd, const char *name, int *fd, struct err *e)
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;

	if (s < 0)
		return err_sys(e, errno, "cannot make a socket");
	if (address(dirfd, name, &sa, e) < 0)
		return -1;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove old socket %s", name);
	/* fchmod before bind: the socket file never exists with another mode (unix(7)). */
	if (fchmod(s, 0600) < 0 || bind(s, (const struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		listen(s, 8) < 0)
		return err_sys(e, errno, "cannot listen on %s", name);
	*fd = fd_take(&s);
	return 0;
}
