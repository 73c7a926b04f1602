/* again.h - show something again and again, when it is different from the last time: status --watch.
 *
 * Each look is a process of its own: it may enter the cage, and memory stays what it is. On a terminal the
 * screen is cleared first; elsewhere an empty line stands between two looks.
 */
#pragma once

#include "reconciler/cli.h"

/* Call show, which prints on stdout, every period_ms until a signal comes or nobody reads any more. Returns
 * the exit code; 1 when show failed, which has said why by then. */
int again_run(struct cli *c, int (*show)(struct cli *c, struct err *e), int64_t period_ms,
	struct err *e);
