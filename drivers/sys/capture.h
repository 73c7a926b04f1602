/* capture.h - run a program to its end and take what it prints. */
#pragma once

#include "drivers/sys/proc.h"

struct capture {
	const char *const *argv; /* argv[0] is the absolute path; NULL-terminated */
	const char *const *envp; /* NULL-terminated; NULL: empty */
	const char *folder;      /* to run in */
	size_t max;              /* bytes that it may print */
	int timeout_ms;          /* for all of it */
};

/* What it printed on standard output, in a, NUL-terminated behind *n. Its standard input is empty,
 * its standard error is ours. It is killed when it takes too long or prints more than max, and when
 * we die. No message holds a byte of what it printed.
 * Fails: ERR_SYSTEM, also when there is no such program; ERR_DENIED; ERR_TIMEOUT; ERR_LIMIT; ERR_FAILED it
 * ended with another status than 0. */
int capture_run(struct arena *a, const struct capture *what, char **text, size_t *n, struct err *e);
