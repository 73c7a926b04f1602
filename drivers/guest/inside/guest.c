/* guest.c - the main loop of the guest program. */
#include "drivers/guest/inside/guest.h"

#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Signals that mean "stop" to PID 1, the kernel's numbers: ctrl-alt-del, kill, busybox and sysvinit
 * tools (halt, poweroff), systemd's halt, poweroff and reboot.target, a power failure. */
static const int stop_signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPWR, 34 + 3, 34 + 4,
	34 + 5};

#define N_STOP (sizeof(stop_signals) / sizeof(stop_signals[0]))

/* ---- children --------------------------------------------------------------------------- */

/* Who ended is looked at before it is reaped: until then its number is its own, so its process
 * group can be killed without hitting another. */
static void reap_all(struct guest *g)
{
	siginfo_t info;
	int status;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
			return;
		serve_bury(&g->serve, info.si_pid);
		if (waitpid(info.si_pid, &status, 0) < 0)
			continue;
		if (g->work.state == WORKLOAD_RUNNING && info.si_pid == g->work.pid) {
			workload_exited(g, status);
			power_workload_gone(g);
		} else {
			serve_exited(&g->serve, info.si_pid, status);
		}
	}
}

/* ---- signals ---------------------------------------------------------------------------- */

static void on_signal(struct guest *g, uint32_t sig)
{
	if (sig == SIGCHLD)
		reap_all(g);
	else if (g->mode == GUEST_INIT)
		power_ask(g, g->boot.stop_grace_ms);
	else
		g->power.done = g->power.quit = true;
}

static void signals_ready(void *arg, uint32_t events)
{
	struct signalfd_siginfo info;
	struct guest *g = arg;

	(void)events;
	while (read(g->signals, &info, sizeof(info)) == sizeof(info))
		on_signal(g, info.ssi_signo);
}

int guest_init(struct guest *g, enum guest_mode mode, struct why *w)
{
	sigset_t set;

	g->mode = mode;
	g->signal_source = (struct source){.ready = signals_ready, .arg = g};
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < N_STOP; i++)
		sigaddset(&set, stop_signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || loop_init(&g->loop) < 0)
		return why_set(w, errno, "cannot set up the loop");
	g->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (g->signals < 0 || loop_add(&g->loop, g->signals, &g->signal_source) < 0)
		return why_set(w, errno, "cannot set up signals");
	sysfile_line("/proc/sys/kernel/random/boot_id", g->boot_id, sizeof(g->boot_id));
	output_init(&g->output, -1);
	report_init(&g->report, -1, "");
	boot_empty(&g->boot);
	return 0;
}

/* ---- the loop --------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static int timeout(const struct guest *g)
{
	int64_t at = earlier(output_deadline(&g->output), power_deadline(&g->power));
	int64_t left;

	if (g->output.again || serve_again(&g->serve))
		return 0;
	at = earlier(at, serve_deadline(&g->serve));
	if (!at)
		return -1;
	left = at - loop_now_ms();
	return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void guest_run(struct guest *g)
{
	while (!g->power.done) {
		int64_t stalled = output_deadline(&g->output);

		loop_once(&g->loop, timeout(g));
		serve_tick(&g->serve);
		if (g->output.again || (stalled && loop_now_ms() >= stalled))
			output_pump(&g->output);
		power_tick(g);
	}
}
