/* tsc.h - the rate of the host's time stamp counter.
 *
 * Without KVM a guest kernel has to find out the rate itself, against an emulated timer, and on a
 * busy host it fails and hangs. The guest sees the host's counter, so the host can tell it:
 * tsc_early_khz on the kernel's command line.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

/* The rate in kHz, measured once in each boot of the host; 0 where there is no such counter. */
int tsc_khz(struct arena *a, int run_fd, const char *boot_id, uint64_t *khz, struct err *e);
