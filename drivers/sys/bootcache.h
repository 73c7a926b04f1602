/* bootcache.h - answers about this host that cost time to find and hold until it is booted again,
 * one small file each in the run folder.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

/* The answer that was kept under name in this boot, or NULL. */
const char *bootcache_get(struct arena *a, int run_fd, const char *name, const char *boot_id);

/* Keep one line of text. Failing to keep it costs only time, so the caller may go on. */
int bootcache_put(int run_fd, const char *name, const char *boot_id, const char *value,
	struct err *e);
