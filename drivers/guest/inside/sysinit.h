/* sysinit.h - images with an init of their own: recognise it, hand over to it, ask it to stop.
 *
 * Before the image's init is started as PID 1, this program and the boot record are put into
 * /run/reconcile (a tmpfs: nothing is installed in the image). Then the program becomes a service:
 *
 *	systemd   a unit in /run/systemd/system, wanted by sysinit.target and multi-user.target, so
 *	          that the agent answers early and also when the machine stops at emergency mode
 *	others    a process that is started before the init; it is not started again when it dies
 *
 * Powering off is asked of PID 1 the way it understands (sysinit_ask). If it has not done it when
 * the grace is over, the service syncs and calls reboot(2) itself.
 */
#pragma once

#include "drivers/guest/inside/boot.h"
#include "drivers/guest/inside/why.h"

#include <stdbool.h>

#define SYSINIT_DIR "/run/reconcile"
#define SYSINIT_PROGRAM SYSINIT_DIR "/reconcile-guest"
#define SYSINIT_RECORD SYSINIT_DIR "/boot"

/* PURE. Whether a path is one that an init has: /sbin/init, /init, or any .../systemd. */
bool sysinit_is_init(const char *path);

/* The image's init that is to run as PID 1 after the rule of proto.h, NULL: ours stays. Looks into
 * the root. */
const char *sysinit_choose(const struct boot *b);

/* Put program (an open descriptor of this program's file) in place, arrange the service and
 * execve init. Returns only on failure. */
int sysinit_hand_over(const char *init, const struct boot *b, int program, struct why *w);

/* Ask PID 1 to power off or reboot. -1 when we do not know how. */
int sysinit_ask(bool reboot);
