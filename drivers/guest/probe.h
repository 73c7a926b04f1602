/* probe.h - ask a VM the question that its ready or liveness names, once.
 *
 * tcp and http are asked inside the guest, by our program there: that needs no network between host and
 * guest, and works whatever VMM and network it has. console is looked up in the console's log.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/model.h"

#include <signal.h>

#define PROBE_INTERVAL_MS 2000
#define PROBE_TIMEOUT_MS 5000
#define PROBE_FAILURES 3
#define PROBE_HTTP_PORT 80

/* Whether there is a question: without one, an agent that answers is enough. */
bool probe_is_set(const struct probe_spec *p);

/* "http /healthz on port 80", for people. */
const char *probe_text(struct arena *a, const struct probe_spec *p);

/* run is the VM's run folder. 0: it answers well. 1: it does not, and *why (from a, plain text) says what
 * came instead. -1: ERR_CANCELLED. Never blocks for much longer than timeout_ms. */
int probe_ask(struct arena *a, const char *run, const struct probe_spec *p, int64_t timeout_ms,
	const volatile sig_atomic_t *cancel, const char **why, struct err *e);
