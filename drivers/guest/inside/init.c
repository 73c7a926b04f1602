/* init.c - from the kernel's first process to a running guest. */
#include "drivers/guest/inside/init.h"

#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/hostfiles.h"
#include "drivers/guest/inside/kmod.h"
#include "drivers/guest/inside/mounts.h"
#include "drivers/guest/inside/net.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/inside/sysinit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define ROOT_DISK "/dev/vda"
#define BOOT_DISK "/dev/vdb"
#define NEW_ROOT "/sysroot"
#define MODULES_DIR "/lib/modules"
#define MODULES_LIST "/lib/modules.list"
#define DISK_WAIT_MS 10000
#define PORTS_WAIT_MS 5000
#define REPORT_WAIT_MS 1000

static int wait_for(const char *dev, struct why *w)
{
	const struct timespec step = {.tv_nsec = 2000000};
	int64_t end = loop_now_ms() + DISK_WAIT_MS;

	while (access(dev, F_OK) < 0) {
		if (loop_now_ms() >= end)
			return why_set(w, 0, "there is no %s; is virtio_blk in the kernel or the initrd?",
				dev);
		nanosleep(&step, NULL);
	}
	return 0;
}

/* What has no ports and no console yet, or is the end of the story. */
static void die(struct guest *g, const struct why *w)
{
	say("%s", w->msg);
	report_event(&g->report, "error", "msg", w->msg, 0);
	report_flush(&g->report, REPORT_WAIT_MS);
	power_off(g->boot.reboot);
}

static void use_report(struct guest *g, struct ports *p)
{
	int fd = sysfile_take(&p->report);

	report_init(&g->report, fd, g->boot.nonce);
	if (fd >= 0)
		loop_add(&g->loop, fd, &g->report.source);
}

/* The VMM has the kernel boot with loglevel=3 (drivers/vmm/qemu_argv.c); from here on its errors are
 * worth showing. Without /proc/sys it stays as it is. */
static void show_errors(void)
{
	_cleanup_fd_ int fd = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		sysfile_write_all(fd, "4\n", 2);
}

/* Without an output port the console gets the workload's output. */
static void use_output(struct guest *g, struct ports *p)
{
	int fd = sysfile_take(&p->output);
	bool is_port = fd >= 0;

	if (!is_port)
		fd = open("/dev/console", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	output_init(&g->output, fd);
	g->output.marks = is_port;
	if (fd >= 0)
		loop_add(&g->loop, fd, &g->output.source);
}

static int outside(struct guest *g, struct ports *p, struct why *w)
{
	kmod_load(MODULES_LIST, MODULES_DIR);
	if (guest_init(g, GUEST_INIT, w) < 0 || wait_for(ROOT_DISK, w) < 0 ||
		wait_for(BOOT_DISK, w) < 0 || boot_read(BOOT_DISK, NULL, &g->boot, w) < 0)
		return -1;
	ports_open(p, PORTS_WAIT_MS);
	use_report(g, p);
	report_event(&g->report, "boot", "boot_id", g->boot_id, 0);
	return 0;
}

static int root(const struct guest *g, struct why *w)
{
	if (mounts_root(ROOT_DISK, NEW_ROOT, w) < 0 || mounts_switch(NEW_ROOT, w) < 0 ||
		mounts_full(w) < 0)
		return -1;
	hostfiles_write(&g->boot);
	net_setup(&g->boot);
	return 0;
}

static void hand_over(struct guest *g, const char *init, struct ports *p, int program)
{
	struct why w;

	/* The service opens the ports anew, and a port can be open only once. */
	report_flush(&g->report, REPORT_WAIT_MS);
	sysfile_close(&g->report.fd);
	ports_close(p);
	sysinit_hand_over(init, &g->boot, program, &w);
	ports_open(p, PORTS_WAIT_MS);
	use_report(g, p);
	die(g, &w);
}

static void serve(struct guest *g, struct ports *p)
{
	serve_ports(&g->serve, p);
	serve_vsock(&g->serve);
	report_event(&g->report, "ready", NULL, NULL, 0);
}

void init_run(struct guest *g)
{
	struct ports p = {0};
	const char *init;
	struct why w;
	int program;

	if (!mounts_in_initramfs()) {
		say("this is not our initramfs; not touching anything");
		exit(1);
	}
	report_init(&g->report, -1, "");
	boot_empty(&g->boot);
	if (mounts_early(&w) < 0)
		die(g, &w);
	show_errors();
	/* Ctrl-alt-del is SIGINT to us from here on, not an instant reboot. */
	reboot(RB_DISABLE_CAD);
	program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (outside(g, &p, &w) < 0 || root(g, &w) < 0)
		die(g, &w);
	init = sysinit_choose(&g->boot);
	if (init)
		hand_over(g, init, &p, program);
	sysfile_close(&program);
	use_output(g, &p);
	serve_init(&g->serve, g);
	button_watch(g);
	/* First the workload, then the agent: that the agent answers proves that it was started. */
	workload_start(g);
	if (g->work.state == WORKLOAD_EXITED)
		g->power.done = true;
	else
		serve(g, &p);
	guest_run(g);
	power_end(g);
}

int init_service(struct guest *g)
{
	struct ports p = {0};
	struct why w;

	if (guest_init(g, GUEST_SERVICE, &w) < 0 ||
		boot_read(SYSINIT_RECORD, NULL, &g->boot, &w) < 0) {
		say("%s", w.msg);
		return 1;
	}
	ports_open(&p, PORTS_WAIT_MS);
	use_report(g, &p);
	sysfile_close(&p.output); /* there is no workload of ours to fill it */
	serve_init(&g->serve, g);
	serve(g, &p);
	guest_run(g);
	power_end(g);
	return 0;
}
