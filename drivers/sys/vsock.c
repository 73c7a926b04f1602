/* vsock.c - stream connections to a guest of this host. */
#include "drivers/sys/vsock.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

/* What connect(2) says of a guest that is not there, not up yet, or does not listen; and of a host
 * without any vsock. */
static bool is_absence(int errnum)
{
	static const int absences[] = {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ENODEV,
		ETIMEDOUT, EADDRNOTAVAIL, EAFNOSUPPORT, EPROTONOSUPPORT};

	for (size_t i = 0; i < sizeof(absences) / sizeof(absences[0]); i++)
		if (errnum == absences[i])
			return true;
	return false;
}

/* 0 or the errno of the connection that is being made. */
static int await(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int errnum = 0, r = poll(&p, 1, timeout_ms);
	socklen_t n = sizeof(errnum);

	/* A signal ends the wait too: this way is only tried. */
	if (r == 0 || (r < 0 && errno == EINTR))
		return ETIMEDOUT;
	if (r < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &n) < 0)
		return errno;
	return errnum;
}

int vsock_connect(uint32_t cid, uint32_t port, int timeout_ms, int *fd, struct err *e)
{
	const struct sockaddr_vm sa = {.svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port};
	_cleanup_fd_ int s = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int errnum = 0;

	if (s < 0)
		errnum = errno;
	else if (connect(s, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		errnum = errno == EINPROGRESS ? await(s, timeout_ms) : errno;
	if (is_absence(errnum))
		return 1;
	if (errnum)
		return err_sys(e, errnum, "cannot connect to vsock %u:%u", cid, port);
	*fd = fd_take(&s);
	return 0;
}
