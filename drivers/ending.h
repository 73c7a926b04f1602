/* ending.h - how a VM ended, put together from what its dead VMM left in the run folder: the guest's
 * report, QEMU's own log and pid file, the console.
 *
 * The guest writes the report and the console, so they say what the guest wants us to believe. That
 * decides whether its own VM is started again and what people read; nothing else hangs on it.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum ending_kind {
	ENDING_KILLED,   /* no word from the guest: the VMM was killed or crashed */
	ENDING_EXIT,     /* the workload ended; code as a shell says it */
	ENDING_STOPPED,  /* the host had asked for it */
	ENDING_ERROR,    /* the workload could not be started */
	ENDING_PANIC,    /* the guest's kernel panicked */
	ENDING_POWEROFF, /* the guest powered off by itself */
};

struct ending {
	enum ending_kind kind;
	int code;         /* ENDING_EXIT: 0 to 255; ENDING_ERROR: 126 or 127 as shells use them, or 0 */
	const char *text; /* for people: "the workload exited with code 3" */
	bool was_ready;   /* the guest had said that its workload is started */
};

/* What the report says about the boot with that nonce: true when it tells an end, which is then in
 * *out; of out->was_ready what it says in any case. PURE.
 * Lines that do not parse, are of another boot or have impossible values are passed over. */
bool ending_from_report(struct arena *a, const char *report, size_t n, const char *nonce,
	struct ending *out);

/* How the VM whose run folder this is ended. The VMM has to be dead. nonce may be NULL: then the
 * report is not believed. */
void ending_find(struct arena *a, int run_fd, const char *nonce, struct ending *out);

/* Whether the kernel of a VM whose VMM still lives has panicked: its console ends as that of such a kernel
 * does. *text is for people, with the last lines of the console. */
bool ending_is_panicked(struct arena *a, int run_fd, const char **text);

/* The last lines of the console as plain text; NULL when there are none. */
const char *ending_last_words(struct arena *a, int run_fd);
