/* confine.h - what the helper may do at all, taken from it before it reads the first request.
 *
 *	environment   none; umask 077; folder /
 *	capabilities  NET_ADMIN links and addresses; SYS_ADMIN loop devices; KILL VMMs of other uids
 *	files         written only in /dev and in our part of the cgroup tree, made only there, nothing
 *	              run (Landlock, where the kernel has it)
 *	system calls  a list; ioctl only with the requests that the verbs use; any other ends the process
 *	programs      none: no execve, no new privileges
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>

/* In this order. cgroup_fd as in struct op_host. *landlock says whether the kernel had it. */
int confine_process(int cgroup_fd, bool *landlock, struct err *e);
