/* guest.h - the whole of the running guest program, and its main loop.
 *
 * Three ways to run: as PID 1 of a guest without an init of its own (GUEST_INIT), as a service
 * beside the image's init (GUEST_SERVICE), and on a Unix socket for tests (GUEST_TEST).
 *
 * One thread, one loop (loop.h). When nothing happens it does not wake up: a timeout exists only
 * while something is being stopped or a port is stalled.
 */
#pragma once

#include "drivers/guest/inside/boot.h"
#include "drivers/guest/inside/button.h"
#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/output.h"
#include "drivers/guest/inside/power.h"
#include "drivers/guest/inside/report.h"
#include "drivers/guest/inside/serve.h"
#include "drivers/guest/inside/workload.h"

#ifndef RC_VERSION
#define RC_VERSION "0.1.0"
#endif

enum guest_mode { GUEST_INIT, GUEST_SERVICE, GUEST_TEST };

struct guest {
	enum guest_mode mode;
	struct boot boot;
	char boot_id[40]; /* of the running kernel */
	struct loop loop;
	int signals;      /* signalfd */
	struct source signal_source;
	struct report report;
	struct output output;
	struct workload work;
	struct power power;
	struct button buttons[BUTTON_MAX];
	struct serve serve;
	char scratch[GUEST_DATA_MAX]; /* for one handler at a time */
};

/* Make the loop and take over the signals. 0, or -1 with w. */
int guest_init(struct guest *g, enum guest_mode mode, struct why *w);

/* Run until power.done. */
void guest_run(struct guest *g);
