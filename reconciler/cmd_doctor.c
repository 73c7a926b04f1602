/* cmd_doctor.c - what this host can and cannot do for us, one row of a table each.
 *
 * PASS was seen to be so; WARN is so and costs something; FAIL keeps VMs from running; UNKNOWN could not
 * be looked at. Nothing is ever passed that was not looked at, and nothing is changed.
 */
#include "reconciler/document.h"
#include "reconciler/print.h"

#include "drivers/helper/client.h"
#include "drivers/sys/cgroup.h"
#include "drivers/sys/copy.h"
#include "drivers/sys/kvm.h"
#include "drivers/sys/proc.h"
#include "reconciler/engine/home.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

enum health { HEALTH_UNKNOWN, HEALTH_PASS, HEALTH_WARN, HEALTH_FAIL };

struct finding {
	enum health health;
	const char *text, *next; /* next: what to do; NULL when there is nothing to do */
};

struct doctor {
	struct arena *a;
	const struct host *host;
	const struct err *home_err; /* of looking at our folders; ERR_NONE: they are well */
};

static struct finding found(enum health health, const char *text, const char *next)
{
	return (struct finding){health, text, next};
}

/* ---- our own things -------------------------------------------------------------------------------- */

static struct finding check_state(struct doctor *d)
{
	struct stat st;

	if (d->home_err->kind != ERR_NONE)
		return found(HEALTH_FAIL, d->home_err->msg, d->home_err->hint[0] ? d->home_err->hint :
			"give the folder to yourself, mode 0700, or choose another with --state-dir");
	if (d->host->state_fd < 0 || fstat(d->host->state_fd, &st) < 0)
		return found(HEALTH_UNKNOWN, arena_printf(d->a, "%s is not there yet",
			d->host->state_dir), "reconcile apply makes it");
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return found(HEALTH_FAIL, arena_printf(d->a, "%s: owner %u, mode %04o",
			d->host->state_dir, st.st_uid, st.st_mode & 07777), "chmod 0700, and make it yours");
	return found(HEALTH_PASS, arena_printf(d->a, "%s is yours alone", d->host->state_dir), NULL);
}

/* What this very process may do, from the kernel; whoever parses needs none of it. */
static struct finding check_rights(struct doctor *d)
{
	static const char key[] = "CapEff:";
	_cleanup_fd_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[8192];
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	const char *caps;

	text[n > 0 ? n : 0] = '\0';
	caps = strstr(text, key);
	if (!caps)
		return found(HEALTH_UNKNOWN, "the kernel does not say what this process may do", NULL);
	if (geteuid() == 0)
		return found(HEALTH_WARN, "specs and images are read as root: the state directory is root's, or "
			"not there", "give it to a user: reconcile system install; see docs/privileges.md");
	if (strtoull(caps + strlen(key), NULL, 16))
		return found(HEALTH_WARN, arena_printf(d->a, "uid %u has capabilities that reconcile does not need",
			(unsigned)geteuid()), "start it without them");
	return found(HEALTH_PASS, arena_printf(d->a, "uid %u, no capability", (unsigned)geteuid()), NULL);
}

static struct finding check_space(struct doctor *d)
{
	struct statvfs fs;
	uint64_t mib;

	if (d->home_err->kind != ERR_NONE || d->host->state_fd < 0 || fstatvfs(d->host->state_fd, &fs) < 0)
		return found(HEALTH_UNKNOWN, "there is no state directory to look at", NULL);
	mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	return found(mib < 100 ? HEALTH_FAIL : mib < 2048 ? HEALTH_WARN : HEALTH_PASS,
		arena_printf(d->a, "%lu MiB are free for disks", (unsigned long)mib),
		mib < 2048 ? "make room, or choose another folder with --state-dir" : NULL);
}

/* Two files without a name, so that nothing is left whatever happens. */
static struct finding check_reflink(struct doctor *d)
{
	_cleanup_fd_ int from = -1, to = -1;
	struct err err = ERR_INIT;
	int rc;

	if (d->home_err->kind == ERR_NONE && d->host->state_fd >= 0) {
		from = openat(d->host->state_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		to = openat(d->host->state_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	}
	if (from < 0 || to < 0 || ftruncate(from, 65536) < 0)
		return found(HEALTH_UNKNOWN, "there is no state directory to try it in", NULL);
	rc = copy_reflink(from, to, &err);
	if (rc < 0)
		return found(HEALTH_UNKNOWN, arena_dup(d->a, err.msg), NULL);
	return rc ? found(HEALTH_WARN, "files cannot share blocks here: each disk is a copy",
		"XFS and Btrfs can; choose a folder there with --state-dir") :
		found(HEALTH_PASS, "files can share blocks: disks are made at once", NULL);
}

static const char *const programs[] = {"reconcile-worker", "reconcile-guest", "reconcile-helper"};

static struct finding check_programs(struct doctor *d)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		const char *path = arena_printf(d->a, "%s/%s", d->host->program_dir, programs[i]);
		struct stat st;

		if (d->home_err->kind != ERR_NONE)
			return found(HEALTH_UNKNOWN, "not looked at: the folders are wrong", NULL);
		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || access(path, X_OK) < 0)
			return found(HEALTH_FAIL, arena_printf(d->a, "%s cannot be run", path),
				"install the package again");
		if (st.st_mode & 022 || (st.st_uid && st.st_uid != geteuid()))
			return found(HEALTH_FAIL, arena_printf(d->a, "%s: others can change it", path),
				"give it to root, mode 0755");
	}
	return found(HEALTH_PASS, arena_printf(d->a, "all are in %s; their modes let nobody else write",
		d->host->program_dir), NULL);
}

/* ---- the VMM ------------------------------------------------------------------------------------------ */

static struct finding check_kvm(struct doctor *d)
{
	const char *reason = NULL;

	/* Without a runtime folder the answer is not remembered; it is found anew. */
	if (kvm_is_usable(d->a, d->host->run_fd, d->host->boot_id ? d->host->boot_id : "", &reason))
		return found(HEALTH_PASS, "a virtual CPU ran our code", NULL);
	return found(HEALTH_WARN, arena_printf(d->a, "%s: guests run, slowly", reason),
		"switch virtualization on in the firmware or the host; join the group kvm");
}

/* First line that a program prints; NULL: it says nothing, or nothing within two seconds. */
static const char *first_line(struct arena *a, const char *path)
{
	const char *const argv[] = {path, "--version", NULL};
	struct proc_spec spec = {.path = path, .argv = argv, .cwd_fd = -1, .stdin_fd = -1,
		.stderr_fd = -1, .dies_with_us = true};
	_cleanup_fd_ int out = -1, in = -1, pidfd = -1;
	char *line = NULL, text[256];
	struct proc_id id;
	int pair[2], status;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return NULL;
	in = pair[0];
	out = spec.stdout_fd = pair[1];
	if (proc_spawn(&spec, &id, &pidfd, NULL) < 0)
		return NULL;
	fd_close(&out);
	if (poll(&(struct pollfd){.fd = in, .events = POLLIN}, 1, 2000) > 0) {
		const ssize_t n = read(in, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		line = n > 0 ? arena_dup(a, text) : NULL;
	}
	fd_close(&in);
	if (proc_reap(id.pid, pidfd, 2000, &status, NULL) > 0) {
		(void)proc_signal(&id, SIGKILL, NULL);
		(void)proc_reap(id.pid, pidfd, -1, &status, NULL);
	}
	return line;
}

static struct finding check_qemu(struct doctor *d)
{
	static const char *const places[] = {"/usr/bin/qemu-system-x86_64",
		"/usr/local/bin/qemu-system-x86_64"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *line = access(places[i], X_OK) ? NULL : first_line(d->a, places[i]);

		if (line)
			return found(HEALTH_PASS, print_safe(d->a, line), NULL);
		if (!access(places[i], X_OK))
			return found(HEALTH_FAIL, arena_printf(d->a, "%s does not say its version",
				places[i]), "install QEMU again");
	}
	return found(HEALTH_FAIL, "qemu-system-x86_64 is in neither /usr/bin nor /usr/local/bin",
		"install QEMU; in Debian the package qemu-system-x86");
}

/* ---- the kernel ----------------------------------------------------------------------------------------- */

/* Opened, not looked up: a node says nothing about the driver behind it. */
static struct finding check_node(struct doctor *d, const char *path, const char *module,
	const char *without)
{
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return found(HEALTH_PASS, arena_printf(d->a, "%s opens", path), NULL);
	if (errno == EACCES || errno == EPERM)
		return found(HEALTH_UNKNOWN, arena_printf(d->a, "%s is there and not for you to open",
			path), "ask as root, or ask the helper");
	return found(HEALTH_WARN, arena_printf(d->a, "%s: %s; %s", path, strerror(errno), without),
		arena_printf(d->a, "modprobe %s", module));
}

static struct finding check_vsock(struct doctor *d)
{
	return check_node(d, "/dev/vhost-vsock", "vhost_vsock", "agents are reached over a serial port");
}

static struct finding check_tun(struct doctor *d)
{
	return check_node(d, "/dev/net/tun", "tun", "no taps");
}

static struct finding check_loop(struct doctor *d)
{
	return check_node(d, "/dev/loop-control", "loop", "no loop devices");
}

static struct finding check_dm(struct doctor *d)
{
	return check_node(d, "/dev/mapper/control", "dm_mod", "no device-mapper snapshots");
}

static struct finding check_cgroups(struct doctor *d)
{
	static const char *const needed[] = {"memory", "pids", "cpu"};
	struct err err = ERR_INIT;
	char text[1024];
	const char *path;
	ssize_t n;

	if (cgroup_mount(&path, &err) < 0)
		return found(HEALTH_WARN, arena_dup(d->a, err.msg), "boot with "
			"systemd.unified_cgroup_hierarchy=1");
	_cleanup_fd_ int fd = open(arena_printf(d->a, "%s/cgroup.controllers", path),
		O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return found(HEALTH_UNKNOWN, "the list of controllers cannot be read", NULL);
	text[n] = '\0';
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!strstr(text, needed[i]))
			return found(HEALTH_WARN, arena_printf(d->a, "%s has no controller %s: no such "
				"limit for a VM", path, needed[i]),
				"boot with systemd.unified_cgroup_hierarchy=1");
	return found(HEALTH_PASS, arena_printf(d->a, "%s has memory, pids and cpu", path), NULL);
}

static struct finding check_clock(struct doctor *d)
{
	struct timex t = {.modes = 0};
	const int state = adjtimex(&t);

	(void)d;
	if (state < 0)
		return found(HEALTH_UNKNOWN, "the kernel does not say", NULL);
	/* Before this was written: certificates of registries are not valid yet. */
	if (t.time.tv_sec < 1735689600)
		return found(HEALTH_FAIL, "the clock is years behind", "set it; registries refuse it");
	if (state == TIME_ERROR || (t.status & STA_UNSYNC))
		return found(HEALTH_WARN, "no time service keeps the clock", "install one, such as chrony");
	return found(HEALTH_PASS, "a time service keeps it", NULL);
}

/* ---- the helper --------------------------------------------------------------------------------------------- */

static struct finding check_helper(struct doctor *d)
{
	_cleanup_helper_ struct helper h = {.fd = -1, .child_fd = -1};
	union helper_request request = {0};
	union helper_answer answer;
	struct err err = ERR_INIT;
	int rc = helper_connect(&h, d->host->instance ? d->host->instance : "00000000", &err);

	if (rc > 0)
		return found(HEALTH_WARN, "no root helper runs: no taps, bridges, loop devices or cgroups",
			"install it as docs/privileges.md says; not needed for network none and user");
	if (rc < 0 || helper_call(&h, HELPER_HELLO, &request, -1, &answer, &err) < 0)
		return found(HEALTH_FAIL, arena_dup(d->a, err.msg),
			err.hint[0] ? arena_dup(d->a, err.hint) : "see its log: journalctl -u reconcile-helper");
	if (answer.hello.uid != geteuid())
		return found(HEALTH_FAIL, "it takes you for somebody else", NULL);
	return found(HEALTH_PASS, arena_printf(d->a, "it answers, protocol %u",
		(unsigned)answer.hello.version), NULL);
}

/* Who may knock: root's socket in root's folder, not for everybody. */
static struct finding check_socket(struct doctor *d)
{
	struct stat st;

	if (stat(HELPER_SOCKET, &st) < 0)
		return errno == ENOENT ? found(HEALTH_UNKNOWN, HELPER_SOCKET " is not there", NULL) :
			found(HEALTH_UNKNOWN, HELPER_SOCKET " cannot be looked at", NULL);
	if (!S_ISSOCK(st.st_mode) || st.st_uid || (st.st_mode & 07))
		return found(HEALTH_FAIL, arena_printf(d->a, HELPER_SOCKET ": owner %u, mode %06o",
			st.st_uid, st.st_mode), "restart reconcile-helper.socket");
	return found(HEALTH_PASS, "it is root's, and not for everybody", NULL);
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	struct finding (*run)(struct doctor *d);
} checks[] = {
	{"state", check_state},
	{"rights", check_rights},
	{"space", check_space},
	{"reflink", check_reflink},
	{"programs", check_programs},
	{"qemu", check_qemu},
	{"kvm", check_kvm},
	{"vsock", check_vsock},
	{"tun", check_tun},
	{"loop", check_loop},
	{"device-mapper", check_dm},
	{"cgroups", check_cgroups},
	{"clock", check_clock},
	{"helper", check_helper},
	{"helper-socket", check_socket},
};

#define N_CHECKS (sizeof(checks) / sizeof(checks[0]))

static const char *const health_names[] = {"UNKNOWN", "PASS", "WARN", "FAIL"};

static void show_json(struct cli *c, const struct finding *f)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < N_CHECKS; i++)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:s?}", "check", checks[i].name,
			"status", health_names[f[i].health], "text", json_lossy(f[i].text), "next",
			f[i].next));
	document_set(c, json_pack("{s:o}", "checks", rows));
}

static void show(const struct finding *f)
{
	const char *cells[(N_CHECKS + 1) * 3] = {"CHECK", "STATUS", "FOUND"};

	for (size_t i = 0; i < N_CHECKS; i++) {
		cells[3 * i + 3] = checks[i].name;
		cells[3 * i + 4] = health_names[f[i].health];
		cells[3 * i + 5] = f[i].text;
	}
	print_table(cells, N_CHECKS + 1, 3, false, stdout);
	for (size_t i = 0; i < N_CHECKS; i++)
		if (f[i].next && f[i].health != HEALTH_PASS)
			printf("\n%s: %s", checks[i].name, f[i].next);
	puts("");
}

static int run(struct cli *c, struct err *e)
{
	struct home home = {.host = {.state_fd = -1, .run_fd = -1, .lock_fd = -1}};
	struct err home_err = ERR_INIT;
	struct doctor d = {.a = &c->arena, .host = &home.host, .home_err = &home_err};
	struct finding f[N_CHECKS];
	int code = 0;

	(void)e;
	if (home_open(&c->arena, c->state_dir, false, 0, &cli_cancel, &home, &home_err) < 0 &&
		home_err.kind == ERR_NONE)
		err_set(&home_err, ERR_FAILED, "our folders cannot be opened");
	for (size_t i = 0; i < N_CHECKS; i++) {
		f[i] = checks[i].run(&d);
		if (f[i].health == HEALTH_FAIL)
			code = 1;
	}
	if (c->output == OUTPUT_JSON)
		show_json(c, f);
	else
		show(f);
	home_close(&home);
	return code;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "",
	.caption = "check what this host can do",
	.help = "Looks at what VMs need on this host and says what to do about what is missing. PASS was\n"
		"tried and works; WARN costs something; FAIL keeps VMs from running; UNKNOWN could not be\n"
		"looked at. Changes nothing. Ends with 1 when something fails.\n\n"
		"  reconcile doctor",
	.run = run,
};
