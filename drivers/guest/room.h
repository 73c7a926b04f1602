/* room.h - what the files of the guest driver share.
 *
 *	guest.c     the driver: names, dispatch, stop
 *	ready.c     WAIT: until the VM is ready, or cannot be
 *	liveness.c  observe: whether a VM that runs still does its work
 *	probe.c     one question to a VM
 *	panic.c     a kernel that panicked and hangs, noticed during a wait
 *	agent*.c    the agent's protocol
 */
#pragma once

#include "drivers/driver.h"

/* The run folder of a step's VM. */
const char *guest_run_of(struct host *h, const struct step *step);

/* Do a WAIT. 0 it is ready; ERR_TIMEOUT not in time, which is no failure of the VM; anything else: it
 * cannot be ready. */
int ready_wait(struct host *h, const struct step *step, struct kvs *facts, struct err *e);

/* Ask each VM of views, which the VMM's driver has looked at, what its liveness names, and make of a bad
 * answer a drift that a restart repairs, after restart and with longer and longer pauses. */
int liveness_observe(struct host *h, struct view *views, size_t n, struct err *e);
