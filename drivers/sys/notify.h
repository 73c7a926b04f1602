/* notify.h - tell the service manager how we are (sd_notify(3)): one datagram to $NOTIFY_SOCKET.
 *
 * Without such a socket nobody wants to know, and every call is a success that does nothing. The socket is
 * read from the environment once; what we start gets an empty environment and cannot speak for us.
 */
#pragma once

#include "schema/base/err.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NOTIFY_TEXT_MAX 512

struct notify {
	struct sockaddr_un to;
	socklen_t to_len;      /* 0: nobody wants to know */
	uint64_t watchdog_us;  /* we are killed when we say nothing for so long; 0: never */
};

/* Find the socket and how often we have to say that we live (NOTIFY_SOCKET, WATCHDOG_USEC and
 * WATCHDOG_PID). ERR_CONFIG when one of them makes no sense. */
int notify_open(struct notify *n, struct err *e);

/* What follows says one thing each. A manager that does not listen is an error that callers may ignore:
 * it will notice by itself. */

/* We work from here on. */
int notify_ready(const struct notify *n, struct err *e);

/* One line for people in "systemctl status"; line breaks in it become spaces, and what is longer than
 * NOTIFY_TEXT_MAX is cut. */
int notify_status(const struct notify *n, const char *text, struct err *e);

/* We read our configuration again; notify_ready ends it. With the time on the monotonic clock, which
 * Type=notify-reload asks for. */
int notify_reloading(const struct notify *n, struct err *e);

/* We are about to end. */
int notify_stopping(const struct notify *n, struct err *e);

/* We live. Call it at least twice in watchdog_us. */
int notify_watchdog(const struct notify *n, struct err *e);
