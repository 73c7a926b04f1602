/* confine.h - take away from this process what its task does not need, before it reads foreign bytes.
 *
 *	confine_files    Landlock: what may be read and written by path. A kernel without it (before
 *	                 5.13, or not enabled) confines nothing, and that is no error.
 *	confine_calls    seccomp: the system calls of a worker. What a worker never does kills it
 *	                 (execve, ptrace, mount ...); anything else that is not on the list fails with
 *	                 ENOSYS, so that a newer C library finds its older way.
 *
 * Both are for the calling thread and those that it starts afterwards: a thread that is there already
 * keeps what it had. Neither can be taken back. Descriptors that are open stay usable.
 *
 * Builds with sanitizers are not confined: their runtime needs more than the program does.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>

struct confine {
	const char *const *read;  /* NULL-terminated; files or folders. NULL: everything */
	const char *const *write; /* the same, folders; NULL: nothing */
};

/* A path that is not there is left out. */
int confine_files(const struct confine *c, struct err *e);

enum confine_calls {
	CONFINE_NETWORK, /* files, threads, memory, and clients of the internet */
	CONFINE_LOCAL,   /* the same without the network */
};

int confine_calls(enum confine_calls what, struct err *e);

/* Whether this build confines at all. */
bool confine_is_real(void);
