/* power.h - how a guest ends.
 *
 *	running --ask--> stopping --workload gone, or grace over--> done --> power_end
 *
 * As PID 1: StopSignal to the workload, grace, SIGKILL, then everything else is killed, sync, root
 * read-only, reboot(2). The workload's own end goes the same way from "done" on. As a service: the
 * image's init is asked (sysinit.h) and does all that; when the grace passes and we still run, sync
 * and reboot(2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct guest;

struct power {
	bool asked, killed;
	bool done;        /* leave the loop */
	bool quit;        /* and only end this process, not the machine */
	int64_t deadline; /* 0: none */
};

/* Somebody wants this guest to end: the host, ctrl-alt-del, the power button. Later calls do
 * nothing. */
void power_ask(struct guest *g, int64_t grace_ms);

void power_workload_gone(struct guest *g);
void power_tick(struct guest *g);
int64_t power_deadline(const struct power *p);

/* The end. Returns only when this is not the one who ends the machine. */
void power_end(struct guest *g);

/* The machine, now: sync, root read-only, reboot(2). Does not return. */
void power_off(bool reboot);
