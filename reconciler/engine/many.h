/* many.h - independent steps at the same time, each in a process of its own.
 *
 * The children share nothing with us but the lock of the state directory and what they inherit: state is
 * read and written by the parent alone, which hears of a step's end, its facts and its progress over a
 * pipe. A child dies with us (so does a worker that it started); a VMM does not, it has been detached
 * from both. It is a group of processes of its own: Ctrl-C at a terminal reaches the parent, and the
 * parent asks each child to stop.
 */
#pragma once

#include "drivers/driver.h"

struct many {
	struct host *host;
	unsigned at_once;  /* how many steps, at least 1 */
	void *arg;

	/* The step with that number, NULL when it is not to be done. */
	const struct step *(*step)(void *arg, uint32_t i);

	/* In the child: do it. */
	int (*work)(void *arg, uint32_t i, struct host *h, struct kvs *facts, struct err *e);

	/* In the parent. ended takes over *e, which is empty when rc is 0. */
	void (*began)(void *arg, uint32_t i);
	void (*ended)(void *arg, uint32_t i, int rc, const struct kvs *facts, const struct err *e,
		int64_t took_ms);

	/* In the parent: some have ended and others go on. */
	int (*settle)(void *arg, struct err *e);
};

/* How many steps run at the same time on this machine when nobody says: one a processor, but at least 2
 * and at most 8. */
unsigned many_usual(void);

/* Do the steps [from, to), whatever becomes of each. When the host is cancelled no further one begins,
 * those that run are asked to stop, and the others end with ERR_CANCELLED without having begun. -1 when
 * settle failed; by then every child has ended. */
int many_run(const struct many *m, uint32_t from, uint32_t to, struct err *e);
