/* qemu_argv.c - the command line of QEMU's microvm machine. */
#include "drivers/vmm/qemu_argv.h"

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"

#include <string.h>

#define MARK_PREFIX "reconcile:"

/* COMMAND_LINE_SIZE of x86, with its NUL (Documentation/x86/boot.rst, cmdline_size). */
#define KERNEL_ARGS_MAX 2048

/* panic=1 with -no-reboot ends QEMU after a kernel panic, even in a guest without the pvpanic
 * module. quiet keeps the console fast; a panic is printed all the same. loglevel=3 hides one error of
 * each boot, that this machine has no PCI bus; the guest program shows errors again when it starts. */
#define KERNEL_ARGS "console=ttyS0 reboot=k panic=1 quiet loglevel=3"

struct argv {
	struct arena *a;
	VEC(const char *) v;
};

static void add(struct argv *l, const char *option, const char *value)
{
	*vec_push(l->a, &l->v) = option;
	if (value)
		*vec_push(l->a, &l->v) = value;
}

/* A value inside a comma-separated option: commas are doubled (qemu(1), "-drive"). */
static const char *quoted(struct arena *a, const char *s)
{
	char *out = arena_array(a, strlen(s) + 1, 2), *p = out;

	for (; *s; s++) {
		if (*s == ',')
			*p++ = ',';
		*p++ = *s;
	}
	return out;
}

const char *qemu_mark(struct arena *a, const char *instance, const char *vm)
{
	return arena_printf(a, MARK_PREFIX "%s:%s", instance, vm);
}

bool qemu_is_mark(const char *arg, const char *instance, const char **vm)
{
	size_t n = strlen(instance);

	if (strncmp(arg, MARK_PREFIX, strlen(MARK_PREFIX)) != 0)
		return false;
	arg += strlen(MARK_PREFIX);
	if (strncmp(arg, instance, n) != 0 || arg[n] != ':' || !arg[n + 1])
		return false;
	*vm = arg + n + 1;
	return true;
}

static int kernel_args(struct arena *a, const struct qemu_config *c, const char **out,
	struct err *e)
{
	const char *text = KERNEL_ARGS;

	/* The kernel tries whether the timer interrupts by counting a few ticks of 4 ms, which can go
	 * wrong when this host is busy meanwhile. Under KVM it knows and does not try. */
	if (!c->kvm)
		text = arena_printf(a, "%s no_timer_check", text);
	if (!c->kvm && c->tsc_khz)
		text = arena_printf(a, "%s tsc_early_khz=%llu", text,
			(unsigned long long)c->tsc_khz);
	if (c->kernel_args && *c->kernel_args)
		text = arena_printf(a, "%s %s", text, c->kernel_args);
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_SPEC,
				"the kernel's command line contains a control character");
	if (strlen(text) >= KERNEL_ARGS_MAX)
		return err_set(e, ERR_LIMIT,
			"the kernel's command line has %zu bytes, %d are possible", strlen(text),
			KERNEL_ARGS_MAX - 1);
	*out = text;
	return 0;
}

static void add_machine(struct argv *l, const struct qemu_config *c)
{
	add(l, c->qemu, NULL);
	add(l, "-name", quoted(l->a, c->mark));
	/* acpi=on: 24 device slots and a power button that really ends QEMU. */
	add(l, "-M", "microvm,acpi=on");
	add(l, "-accel", c->kvm ? "kvm" : "tcg,tb-size=64");
	add(l, "-cpu", c->kvm ? "host" : "max");
	add(l, "-smp", arena_printf(l->a, "%u", c->vcpus));
	add(l, "-m", arena_printf(l->a, "%llub", (unsigned long long)c->memory));
	add(l, "-nodefaults", NULL);
	add(l, "-no-user-config", NULL);
	add(l, "-display", "none");
	add(l, "-no-reboot", NULL);
	add(l, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
			   "resourcecontrol=deny");
	/* QEMU locks the file: a second start of the same VM ends there. */
	add(l, "-pidfile", RUN_PID);
}

static void add_control(struct argv *l)
{
	add(l, "-chardev", "socket,id=qmp,path=" RUN_QMP ",server=on,wait=off");
	add(l, "-mon", "chardev=qmp,mode=control");
	/* Logged whether somebody is connected or not. */
	add(l, "-chardev", "socket,id=console,path=" RUN_CONSOLE_SOCKET ",server=on,wait=off,"
		"logfile=" RUN_CONSOLE ",logappend=on");
	add(l, "-serial", "chardev:console");
	add(l, "-device", "i8042");
	add(l, "-device", "pvpanic");
	add(l, "-device", "virtio-rng-device");
}

static void add_port(struct argv *l, const char *id, const char *name)
{
	add(l, "-device", arena_printf(l->a, "virtserialport,chardev=%s,name=%s", id, name));
}

static void add_ports(struct argv *l)
{
	struct arena *a = l->a;

	add(l, "-device", "virtio-serial-device");
	for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
		add(l, "-chardev", arena_printf(a,
			"socket,id=agent%d,path=" RUN_AGENT ",server=on,wait=off", i, i));
		add_port(l, arena_printf(a, "agent%d", i),
			arena_printf(a, GUEST_PORT_AGENT "%d", i));
	}
	add(l, "-chardev", "file,id=report,path=" RUN_REPORT ",append=on");
	add_port(l, "report", GUEST_PORT_REPORT);
	add(l, "-chardev", "file,id=output,path=" RUN_OUTPUT ",append=on");
	add_port(l, "output", GUEST_PORT_OUTPUT);
}

/* The order of the devices is the order of the names in the guest: vda, vdb. */
static void add_disk(struct argv *l, const char *id, const char *path, const char *flags)
{
	struct arena *a = l->a;

	add(l, "-blockdev", arena_printf(a, "driver=file,node-name=%s-file,filename=%s,%s", id,
		quoted(a, path), flags));
	add(l, "-blockdev", arena_printf(a, "driver=raw,node-name=%s,file=%s-file,%s", id, id,
		flags));
	add(l, "-device", arena_printf(a, "virtio-blk-device,drive=%s,serial=%s", id, id));
}

static void add_network(struct argv *l, const struct qemu_config *c)
{
	if (c->cid)
		add(l, "-device", arena_printf(l->a, "vhost-vsock-device,guest-cid=%u", c->cid));
	if (c->mac) {
		add(l, "-netdev", "user,id=net0,ipv6=off");
		add(l, "-device", arena_printf(l->a, "virtio-net-device,netdev=net0,mac=%s", c->mac));
	}
	/* Taps are there already and their bridge is set: no script has to run. */
	for (size_t i = 0; i < c->n_nics; i++) {
		add(l, "-netdev", arena_printf(l->a, "tap,id=nic%zu,ifname=%s,script=no,downscript=no", i,
			c->nics[i].tap));
		add(l, "-device", arena_printf(l->a, "virtio-net-device,netdev=nic%zu,mac=%s", i,
			c->nics[i].mac));
	}
}

int qemu_argv(struct arena *a, const struct qemu_config *c, struct strv *out, struct err *e)
{
	struct argv l = {.a = a};
	const char *append = NULL;

	if (kernel_args(a, c, &append, e) < 0)
		return -1;
	add_machine(&l, c);
	add(&l, "-kernel", c->kernel);
	add(&l, "-initrd", c->initrd);
	add(&l, "-append", append);
	add_control(&l);
	add_disk(&l, "root", c->disk, "discard=unmap");
	add_disk(&l, "boot", c->boot, "read-only=on");
	add_ports(&l);
	add_network(&l, c);
	*vec_push(a, &l.v) = NULL;
	*out = (struct strv){l.v.v, l.v.n - 1};
	return 0;
}
