/* figures.h - what VMs use now: of the host, and of what they were given. For stats and top. */
#pragma once

#include "reconciler/session.h"

struct figures {
	const char *vm;
	bool running;
	double cpu;              /* processors of the host in use, 1.0: one; -1: not known */
	uint64_t host_memory;    /* bytes of host memory that its VMM has */
	uint64_t memory_total, memory_used; /* as the guest sees them; total 0: the guest did not say */
	uint64_t disk_size, disk_used;
	uint64_t disk_read, disk_written;   /* bytes since the VM was started */
	int64_t uptime_ms;       /* of the guest; -1: it did not say */
	const char *load;        /* of the guest over a minute, or NULL */
};

struct figures_list {
	struct figures *v;
	size_t n, cap;
};

/* Look at the VMs that the command line names (none: all) twice, interval_ms apart, and ask their agents.
 * Everything lives in a. ERR_CANCELLED when the user asked to stop meanwhile. */
int figures_take(struct cli *c, struct arena *a, int64_t interval_ms, struct figures_list *out,
	struct err *e);

/* As a table on standard output; sorted: who uses most first. */
void figures_print(struct cli *c, struct arena *a, struct figures_list *l, bool sorted);

/* As a member of the document. */
void figures_document(struct cli *c, const struct figures_list *l);
