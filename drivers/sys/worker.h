/* worker.h - start reconcile-worker for one task and read its answer.
 *
 * What parses hostile bytes (registry answers, layers, kernel packages) or is heavy to link runs in
 * a process of its own. It gets one request and ends with one answer:
 *
 *	argv      reconcile-worker VERB
 *	stdin     the request: one JSON object
 *	stdout    lines, each one JSON object: any number of
 *	            {"progress": {"what": "layer 2/5", "done": 123, "total": 456}}, "of" which thing, if
 *	            there are several
 *	          and then exactly one of
 *	            {"result": {...}}
 *	            {"error": {"kind": "remote", "msg": "...", "hint": "..."}}
 *	stderr    ours
 *
 * The worker dies with us (PR_SET_PDEATHSIG) and is killed when the task is cancelled. It inherits
 * the lock of the state directory as descriptor 3: when we are killed, the lock is free only after
 * the worker is dead too, and no two workers ever write to the same temporary file.
 */
#pragma once

#include "schema/base/json.h"

#include <signal.h>

struct worker_task {
	const char *program_dir;             /* folder of reconcile-worker */
	const char *verb;
	const json_t *request;
	int lock_fd;                         /* of the state directory; below 3: none is held */
	const volatile sig_atomic_t *cancel; /* may be NULL */
	void (*progress)(void *arg, const char *what, uint64_t done, uint64_t total); /* may be NULL */
	/* The same for a task of several things, instead of progress when a line says of which; may be NULL. */
	void (*progress_of)(void *arg, const char *of, const char *what, uint64_t done, uint64_t total);
	void *progress_arg;
};

/* Run the task to its end. *result is the caller's (json_decref). The kind, message and hint of a
 * worker's error come back in e; a worker that dies or says nothing sensible is ERR_FAILED with
 * how it ended. */
int worker_run(const struct worker_task *task, json_t **result, struct err *e);
