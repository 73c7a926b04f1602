/* lock.c - one writer per state directory. */
#include "reconciler/engine/lock.h"

#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 20

static int held_by_other(int fd, struct err *e)
{
	char who[128];
	ssize_t n = pread(fd, who, sizeof(who) - 1, 0);

	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
	for (char *p = who; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	err_set(e, ERR_LOCKED, "another reconcile is at work on this state directory%s%s%s",
		who[0] ? " (" : "", who, who[0] ? ")" : "");
	return err_hint(e, "wait for it, or give --lock-timeout a longer time");
}

int lock_take(int state_fd, const char *who, int64_t wait_ms, const volatile sig_atomic_t *cancel,
	int *out, struct err *e)
{
	const int64_t begun = clock_mono_ms();
	_cleanup_fd_ int fd = openat(state_fd, "lock",
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, errno, "cannot open the lock file of the state directory");
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		struct timespec nap = {.tv_nsec = POLL_MS * 1000000L};

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, errno, "cannot lock the state directory");
		if (cancel && *cancel)
			return err_set(e, ERR_CANCELLED, "cancelled while waiting for the lock");
		if (clock_mono_ms() - begun >= wait_ms)
			return held_by_other(fd, e);
		nanosleep(&nap, NULL);
	}
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "pid %d, %s\n", (int)getpid(), who);
	*out = fd_take(&fd);
	return 0;
}

/* A shared lock is had for as long as nobody writes, and given back at once. A writer that comes in
 * this moment tries again (POLL_MS), unless it waits for nothing at all. */
bool lock_is_held(int state_fd)
{
	_cleanup_fd_ int fd = openat(state_fd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}
