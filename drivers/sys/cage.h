/* cage.h - a process that can only look: what plan, status, drift and validate run in.
 *
 * A filter in the kernel (seccomp(2)) refuses every system call that changes something: files and
 * folders, their modes, owners and times, mounts, other processes, devices, kernel objects over
 * netlink. It cannot be taken off, and what the process starts has it too. Refused calls fail with
 * EPERM, so that a bug reads as an error and not as a crash.
 *
 * What stays: reading, memory, pipes and sockets to Unix, vsock and Internet addresses (the guest's agent,
 * a registry), rtnetlink(7) without CAP_NET_ADMIN (which links are there), writing to descriptors that are open already (the output). SQLite has to have opened its
 * files before: a reader maps the index of the log for writing (store.c).
 *
 * The table of refused calls is written by hand: one list of numbers is all that is needed, and each start of
 * each command would load one library more.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>

/* From now on and for ever: nothing but looking. Again is success. */
int cage_enter(struct err *e);

/* Whether this process is in it. */
bool cage_is_in(void);
