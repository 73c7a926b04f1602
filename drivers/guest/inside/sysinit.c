/* sysinit.c - images with an init of their own. */
#include "drivers/guest/inside/sysinit.h"

#include "drivers/guest/inside/child.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNIT_DIR "/run/systemd/system"
#define UNIT "reconcile-guest.service"
#define BOOT_DISK "/dev/vdb"

static const char unit_text[] =
	"[Unit]\n"
	"Description=Agent for the host of this virtual machine\n"
	"DefaultDependencies=no\n"
	"Conflicts=shutdown.target\n"
	"Before=shutdown.target\n"
	"\n"
	"[Service]\n"
	"ExecStart=" SYSINIT_PROGRAM " --service\n"
	"Restart=always\n"
	"RestartSec=1\n"
	"KillMode=process\n";

/* ---- which one -------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool sysinit_is_init(const char *path)
{
	return !strcmp(path, "/sbin/init") || !strcmp(path, "/init") ||
		(*path == '/' && !strcmp(base_name(path), "systemd"));
}

const char *sysinit_choose(const struct boot *b)
{
	switch (b->init) {
	case BOOT_INIT_BUILTIN:
		return NULL;
	case BOOT_INIT_IMAGE:
		return b->argc ? b->argv[0] : "/sbin/init";
	case BOOT_INIT_AUTO:
		break;
	}
	if (b->argc)
		return sysinit_is_init(b->argv[0]) ? b->argv[0] : NULL;
	return access("/sbin/init", X_OK) == 0 ? "/sbin/init" : NULL;
}

/* ---- hand over -------------------------------------------------------------------------- */

static int copy_program(int program, struct why *w)
{
	_cleanup_fd_ int to = open(SYSINIT_PROGRAM, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	off_t at = 0;
	struct stat st;

	if (to < 0 || fstat(program, &st) < 0)
		return why_set(w, errno, "cannot create %s", SYSINIT_PROGRAM);
	while (at < st.st_size)
		if (sendfile(to, program, &at, (size_t)(st.st_size - at)) <= 0)
			return why_set(w, errno, "cannot write %s", SYSINIT_PROGRAM);
	return 0;
}

static int copy_record(struct why *w)
{
	struct boot copy;

	if (boot_read(BOOT_DISK, SYSINIT_RECORD, &copy, w) < 0)
		return -1;
	boot_fini(&copy);
	return 0;
}

static int write_unit(struct why *w)
{
	static const char *const wants[][2] = {
		{UNIT_DIR "/sysinit.target.wants", UNIT_DIR "/sysinit.target.wants/" UNIT},
		{UNIT_DIR "/multi-user.target.wants", UNIT_DIR "/multi-user.target.wants/" UNIT},
	};

	if (sysfile_mkdirs(UNIT_DIR, 0755, w) < 0 ||
		sysfile_write(UNIT_DIR "/" UNIT, unit_text, strlen(unit_text), 0644, w) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		if (sysfile_mkdirs(wants[i][0], 0755, w) < 0)
			return -1;
		if (symlink("../" UNIT, wants[i][1]) < 0 && errno != EEXIST)
			return why_set(w, errno, "cannot create %s", wants[i][1]);
	}
	return 0;
}

static int start_beside(struct why *w)
{
	static const char *const argv[] = {SYSINIT_PROGRAM, "--service", NULL};
	const struct child c = {
		.argv = argv, .hostname = "", .cwd = "/", .user = "", .in = -1, .out = -1,
		.err = STDERR_FILENO,
	};

	return child_start(&c, w) < 0 ? -1 : 0;
}

static bool is_systemd(const char *init)
{
	char real[PATH_MAX];

	return realpath(init, real) && !strcmp(base_name(real), "systemd");
}

static void exec_init(const char *init, const struct boot *b)
{
	const char *alone[] = {init, NULL};
	const char **env = calloc(4096, sizeof(*env));
	const struct child c = {.env = b->env, .hostname = ""};
	char room[CHILD_ENV_ROOM];
	sigset_t none;

	if (!env)
		return;
	child_env(&c, "/", room, env, 4096);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execve(init, (char *const *)(b->argc ? b->argv : alone), (char *const *)env);
}

int sysinit_hand_over(const char *init, const struct boot *b, int program, struct why *w)
{
	if (access(init, X_OK) < 0)
		return why_set(w, errno, "cannot run the image's init %s", init);
	if (sysfile_mkdirs(SYSINIT_DIR, 0700, w) < 0 || copy_program(program, w) < 0 ||
		copy_record(w) < 0)
		return -1;
	if ((is_systemd(init) ? write_unit(w) : start_beside(w)) < 0)
		return -1;
	exec_init(init, b);
	return why_set(w, errno, "cannot run the image's init %s", init);
}

/* ---- ask it to stop --------------------------------------------------------------------- */

static const struct {
	const char *name; /* of PID 1's program */
	int off, again;   /* the kernel's signal numbers; systemd: SIGRTMIN+4 and +5 */
} inits[] = {
	{"systemd", 34 + 4, 34 + 5},
	{"busybox", SIGUSR2, SIGTERM},
};

static int ask_program(bool reboot)
{
	static const char *const off[] = {"poweroff", NULL}, *const again[] = {"reboot", NULL};
	const struct child c = {
		.argv = reboot ? again : off, .hostname = "", .cwd = "/", .user = "", .in = -1,
		.out = -1, .err = -1,
	};
	struct why w;

	if (child_start(&c, &w) >= 0)
		return 0;
	say("%s", w.msg);
	return -1;
}

int sysinit_ask(bool reboot)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/1/exe", exe, sizeof(exe) - 1);

	if (n > 0) {
		exe[n] = '\0';
		for (size_t i = 0; i < sizeof(inits) / sizeof(inits[0]); i++)
			if (!strcmp(base_name(exe), inits[i].name))
				return kill(1, reboot ? inits[i].again : inits[i].off);
	}
	return ask_program(reboot);
}
