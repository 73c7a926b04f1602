/* progress.h - what is going on, on stderr: a live line on a terminal, plain lines elsewhere. */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"

struct progress_view {
	const struct cli *cli;
	enum progress how;       /* never PROGRESS_AUTO */
	int64_t begun_ms, last_ms;
	int64_t asked_ms;        /* spent on asking guests to stop, not yet shown */
	bool line_open;          /* a live line is on the screen */
	const char *last_what;
	struct arena *arena;
};

/* Decide how to show progress and hook it into the pass. */
void progress_start(struct progress_view *v, const struct cli *c, struct pass *p);

/* Remove a live line, before anything else is printed. */
void progress_clear(struct progress_view *v);
