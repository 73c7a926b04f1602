/* mounts.h - file systems: of the initramfs, the root, and what a root needs. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdbool.h>

/* Whether / is the initramfs of this kernel, which we may empty. */
bool mounts_in_initramfs(void);

/* proc, sys and devtmpfs, as far as the initramfs needs them. */
int mounts_early(struct why *w);

/* Mount the root disk on dir and make its file system as large as the disk. Not being able to
 * grow it is said, but no failure. */
int mounts_root(const char *dev, const char *dir, struct why *w);

/* Make dir the root: what is in the initramfs is removed (its memory becomes free), the early
 * mounts go, dir is moved to / (switch_root(8) without an exec). */
int mounts_switch(const char *dir, struct why *w);

/* What every root has: proc, sys, dev, devpts, shm, run, cgroup2, with missing folders made. */
int mounts_full(struct why *w);
