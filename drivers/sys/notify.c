/* notify.c - tell the service manager how we are. */
#include "drivers/sys/notify.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- opening ------------------------------------------------------------------------------- */

/* "/path", or "@name" for one in the abstract name space, whose first byte is a zero (unix(7)). */
static int set_address(const char *name, struct notify *n, struct err *e)
{
	const size_t len = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(n->to.sun_path))
		return err_set(e, ERR_CONFIG, "NOTIFY_SOCKET: %.80s is no socket's name", name);
	memcpy(n->to.sun_path, name, len + 1);
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->to_len++;
	return 0;
}

/* The variable may be meant for who started us. */
static int set_watchdog(struct notify *n, struct err *e)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long v;
	char *end;

	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	v = strtoull(usec, &end, 10);
	if (errno || *end || usec[0] < '0' || usec[0] > '9' || !v)
		return err_set(e, ERR_CONFIG, "WATCHDOG_USEC: %.40s is no time", usec);
	n->watchdog_us = v;
	return 0;
}

int notify_open(struct notify *n, struct err *e)
{
	const char *name = getenv("NOTIFY_SOCKET");

	*n = (struct notify){.to = {.sun_family = AF_UNIX}};
	if (!name || !name[0])
		return 0;
	if (set_address(name, n, e) < 0 || set_watchdog(n, e) < 0) {
		n->to_len = 0;
		return -1;
	}
	return 0;
}

/* ---- saying -------------------------------------------------------------------------------- */

static int say(const struct notify *n, const char *text, struct err *e)
{
	_cleanup_fd_ int fd = -1;

	if (!n->to_len)
		return 0;
	/* A socket for each word: the manager may have been started anew in between. It never waits: a
	 * manager that does not read must not hold us up. */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, errno, "cannot make a socket");
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->to_len) < 0)
		return err_sys(e, errno, "cannot tell the service manager");
	return 0;
}

int notify_ready(const struct notify *n, struct err *e)
{
	return say(n, "READY=1", e);
}

int notify_status(const struct notify *n, const char *text, struct err *e)
{
	char line[NOTIFY_TEXT_MAX + sizeof("STATUS=")] = "STATUS=";
	char *to = line + strlen(line);

	/* A line break would begin another assignment. */
	for (size_t i = 0; i < NOTIFY_TEXT_MAX && text[i]; i++)
		*to++ = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
	*to = '\0';
	return say(n, line, e);
}

int notify_reloading(const struct notify *n, struct err *e)
{
	char text[80];
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)t.tv_sec * 1000000 + (unsigned long long)t.tv_nsec / 1000);
	return say(n, text, e);
}

int notify_stopping(const struct notify *n, struct err *e)
{
	return say(n, "STOPPING=1", e);
}

int notify_watchdog(const struct notify *n, struct err *e)
{
	return say(n, "WATCHDOG=1", e);
}
