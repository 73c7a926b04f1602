/* power.c - how a guest ends. */
#include "drivers/guest/inside/power.h"

#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysinit.h"

#include <errno.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_WAIT_MS 2000
#define REPORT_WAIT_MS 1000

void power_ask(struct guest *g, int64_t grace_ms)
{
	struct power *p = &g->power;

	if (p->asked)
		return;
	p->asked = true;
	p->deadline = loop_now_ms() + grace_ms;
	report_event(&g->report, "stop", NULL, NULL, 0);
	if (g->mode == GUEST_TEST) {
		p->done = p->quit = true;
	} else if (g->mode == GUEST_SERVICE) {
		if (sysinit_ask(g->boot.reboot) < 0)
			p->deadline = loop_now_ms();
	} else if (g->work.state == WORKLOAD_RUNNING) {
		kill(g->work.pid, g->boot.stop_signal);
		kill(g->work.pid, SIGCONT); /* one that is stopped would not see it */
	} else {
		p->done = true;
	}
}

void power_workload_gone(struct guest *g)
{
	g->power.done = true;
}

void power_tick(struct guest *g)
{
	struct power *p = &g->power;

	if (!p->deadline || p->done || loop_now_ms() < p->deadline)
		return;
	if (g->mode == GUEST_INIT && !p->killed) {
		say("the workload did not stop in time; killing it");
		kill(-g->work.pid, SIGKILL);
		p->killed = true;
		p->deadline = loop_now_ms() + KILL_WAIT_MS;
		return;
	}
	p->done = true;
}

int64_t power_deadline(const struct power *p)
{
	return p->done ? 0 : p->deadline;
}

static void kill_all(void)
{
	const struct timespec step = {.tv_nsec = 1000000};
	int64_t end = loop_now_ms() + KILL_WAIT_MS;
	pid_t pid = 0;

	kill(-1, SIGKILL);
	while (loop_now_ms() < end) {
		pid = waitpid(-1, NULL, WNOHANG);
		if (pid < 0 && errno == ECHILD)
			return;
		if (!pid)
			nanosleep(&step, NULL);
	}
	say("some processes did not end");
}

void power_off(bool reboot_it)
{
	sync();
	if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0 && errno != EINVAL)
		say("the root file system could not be made read-only; it is synced");
	reboot(reboot_it ? RB_AUTOBOOT : RB_POWER_OFF);
	say("reboot(2) failed");
	/* PID 1 may not return: the kernel panics then, which ends the VM too. */
	_exit(1);
}

void power_end(struct guest *g)
{
	report_flush(&g->report, REPORT_WAIT_MS);
	if (g->power.quit)
		return;
	if (g->mode == GUEST_INIT)
		kill_all();
	serve_close(&g->serve);
	power_off(g->boot.reboot);
}
