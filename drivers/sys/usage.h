/* usage.h - what a process has used so far (proc(5)). */
#pragma once

#include "drivers/sys/proc.h"

struct usage {
	uint64_t cpu_ms;     /* of all its threads */
	uint64_t memory;     /* bytes that are in memory now */
	uint64_t read_bytes, written_bytes; /* from and to disks */
};

/* 0; 1 when the very process is gone, -1 with e when it cannot be told. What this user may not see
 * (another user's disk figures) is 0. */
int usage_read(const struct proc_id *id, struct usage *out, struct err *e);
