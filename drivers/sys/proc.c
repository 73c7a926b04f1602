/* proc.c - processes: start, identify, signal, wait. */
#include "drivers/sys/proc.h"

#include "drivers/sys/cage.h"

#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/point.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXEC_TRIES 200 /* milliseconds that a process may be in the middle of execve */
#define CMDLINE_MAX (128u * 1024)

static int sys_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- start ------------------------------------------------------------------------------ */

static int child_stdio(const struct proc_spec *s)
{
	const int want[3] = {s->stdin_fd, s->stdout_fd, s->stderr_fd};
	int null = open("/dev/null", (cage_is_in() ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	int from[3];

	if (null < 0)
		return -1;
	/* Lift everything above 2 first, so that no dup2 below overwrites a later source. */
	for (int i = 0; i < 3; i++) {
		from[i] = fcntl(want[i] < 0 ? null : want[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			return -1;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return -1;
	/* Last: descriptor 3 may have been one of the sources. dup3 refuses equal numbers, and then
	 * the flag has to go. */
	if (s->keep_fd == 3)
		return fcntl(3, F_SETFD, 0);
	return s->keep_fd > 2 ? dup2(s->keep_fd, 3) : 0;
}

/* The kernel's promise holds from this call on; a parent that died before is noticed by the change
 * of our parent (prctl(2), PR_SET_PDEATHSIG). The promise survives execve. */
static int child_follow(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	if (getppid() != parent)
		_exit(126);
	return 0;
}

static void child_signals(bool ignore_xfsz)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	if (ignore_xfsz)
		signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Runs in the child. Returns only to report errno of what failed. */
static void child_exec(const struct proc_spec *s, pid_t parent)
{
	static const char *const empty[] = {NULL};
	const struct rlimit fsize = {s->file_size_max, s->file_size_max};

	child_signals(s->file_size_max != 0);
	umask(077);
	if (s->dies_with_us && child_follow(parent) < 0)
		return;
	if (s->detach && setsid() < 0)
		return;
	if (s->cwd_fd >= 0 ? fchdir(s->cwd_fd) < 0 : chdir("/") < 0)
		return;
	if (s->file_size_max && setrlimit(RLIMIT_FSIZE, &fsize) < 0)
		return;
	if (child_stdio(s) < 0)
		return;
	/* Ours are close-on-exec; what we were started with may not be, and a VM must not hold it. */
	if (syscall(SYS_close_range, s->keep_fd > 2 ? 4 : 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return;
	execve(s->path, (char *const *)s->argv, (char *const *)(s->envp ? s->envp : empty));
}

static _Noreturn void child(const struct proc_spec *s, pid_t parent, int report)
{
	int errnum;

	/* Out of the way of 0, 1 and 2 (our own may have been closed, and then it is one of them)
	 * and of 3, which may be given to the child. */
	report = fcntl(report, F_DUPFD_CLOEXEC, 4);
	child_exec(s, parent);
	errnum = errno;
	if (write(report, &errnum, sizeof(errnum)) < 0)
		_exit(126);
	_exit(127);
}

static int read_errno(int fd, int *errnum)
{
	ssize_t got;

	do
		got = read(fd, errnum, sizeof(*errnum));
	while (got < 0 && errno == EINTR);
	return got == sizeof(*errnum);
}

static int stat_process(pid_t pid, char *state, uint64_t *start);

/* A child that nobody has reaped keeps its entry under /proc, even if it ended at once. */
static int identify_child(pid_t pid, struct proc_id *id, struct err *e)
{
	char state;

	*id = (struct proc_id){.pid = pid};
	if (stat_process(pid, &state, &id->start) < 0)
		return err_sys(e, errno, "cannot look at process %d", (int)pid);
	return proc_boot_id(id->boot_id, e);
}

int proc_spawn(const struct proc_spec *spec, struct proc_id *id, int *pidfd, struct err *e)
{
	_cleanup_fd_ int report_r = -1, report_w = -1, handle = -1;
	int pipefd[2], errnum = 0;
	const pid_t parent = getpid();
	bool watched;
	pid_t pid;

	if (cage_is_in() && !spec->looks)
		return err_set(e, ERR_DENIED, "refusing to start %s: this command only looks", spec->path);
	if (point_fails("proc.spawn") || pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot start %s", spec->path);
	report_r = pipefd[0];
	report_w = pipefd[1];
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "cannot start %s", spec->path);
	if (!pid)
		child(spec, parent, report_w);
	fd_close(&report_w);
	/* The child is ours and not reaped yet: its pid cannot be somebody else's. */
	handle = sys_pidfd_open(pid);
	if (read_errno(report_r, &errnum)) {
		waitpid(pid, NULL, 0);
		return err_sys(e, errnum, "cannot start %s", spec->path);
	}
	watched = handle >= 0 && !point_fails("proc.spawn done");
	if (!watched)
		err_sys(e, errno, "cannot watch %s", spec->path);
	if (!watched || identify_child(pid, id, e) < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	if (pidfd)
		*pidfd = fd_take(&handle);
	return 0;
}

static _Noreturn void branch(int (*work)(void *arg, int fd), void *arg, pid_t parent, int fd)
{
	if (setpgid(0, 0) < 0 || child_follow(parent) < 0)
		_exit(126);
	_exit(work(arg, fd) < 0 ? 1 : 0);
}

int proc_branch(int (*work)(void *arg, int fd), void *arg, struct proc_id *id, int *pidfd, int *out,
	struct err *e)
{
	_cleanup_fd_ int read_end = -1, write_end = -1, handle = -1;
	const pid_t parent = getpid();
	int pipefd[2];
	pid_t pid;

	if (cage_is_in())
		return err_set(e, ERR_DENIED, "refusing to start a step: this command only looks");
	if (point_fails("proc.branch") || pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot start a process for a step");
	read_end = pipefd[0];
	write_end = pipefd[1];
	fflush(NULL); /* or the child would have our output too */
	pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "cannot start a process for a step");
	if (!pid)
		branch(work, arg, parent, write_end);
	handle = sys_pidfd_open(pid);
	if (handle < 0 || identify_child(pid, id, NULL) < 0) {
		err_sys(e, errno, "cannot watch the process of a step");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	*pidfd = fd_take(&handle);
	*out = fd_take(&read_end);
	return 0;
}

/* ---- wait ------------------------------------------------------------------------------- */

static int wait_readable(int pidfd, int timeout_ms)
{
	const int64_t end = clock_mono_ms() + timeout_ms;
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	for (;;) {
		int64_t left = timeout_ms < 0 ? -1 : end - clock_mono_ms();
		int n = poll(&p, 1, timeout_ms < 0 ? -1 : left > 0 ? (int)left : 0);

		if (n < 0 && errno == EINTR)
			continue;
		return n;
	}
}

int proc_reap(pid_t pid, int pidfd, int timeout_ms, int *status, struct err *e)
{
	int n = wait_readable(pidfd, timeout_ms);
	pid_t got;

	if (n < 0)
		return err_sys(e, errno, "cannot wait for process %d", (int)pid);
	if (!n)
		return 1;
	do
		got = waitpid(pid, status, 0);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(e, errno, "cannot wait for process %d", (int)pid) : 0;
}

const char *proc_status_text(struct arena *a, int status)
{
	if (WIFEXITED(status))
		return arena_printf(a, "exited with code %d", WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		return arena_printf(a, "was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	return arena_printf(a, "ended with wait status 0x%x", (unsigned)status);
}

/* ---- identity --------------------------------------------------------------------------- */

static int read_small(const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	do
		n = read(fd, buf, size - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	buf[n] = '\0';
	return 0;
}

int proc_boot_id(char out[PROC_BOOT_ID_MAX], struct err *e)
{
	if (read_small("/proc/sys/kernel/random/boot_id", out, PROC_BOOT_ID_MAX) < 0)
		return err_sys(e, errno, "cannot read the host's boot id");
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

/* State letter and start time from /proc/PID/stat. The command name in parentheses may itself
 * contain parentheses and spaces: the last ')' ends it. */
static int parse_stat(const char *text, char *state, uint64_t *start)
{
	const char *p = strrchr(text, ')');

	errno = EBADMSG;
	if (!p || p[1] != ' ' || !p[2])
		return -1;
	*state = p[2];
	p += 2;
	for (int field = 3; field < 22; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -1;
		p++;
	}
	*start = strtoull(p, NULL, 10);
	return 0;
}

static int stat_process(pid_t pid, char *state, uint64_t *start)
{
	char path[64], text[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_small(path, text, sizeof(text)) < 0)
		return -1;
	return parse_stat(text, state, start);
}

/* Only these say that there is no such process; anything else (no descriptor is left) says nothing. */
static bool is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ESRCH;
}

static int identify(pid_t pid, struct proc_id *id, char *state, struct err *e)
{
	*id = (struct proc_id){.pid = pid};
	if (pid <= 0)
		return 1;
	if (stat_process(pid, state, &id->start) < 0)
		return is_gone(errno) ? 1 : err_sys(e, errno, "cannot look at process %d", (int)pid);
	if (*state == 'Z' || *state == 'X')
		return 1;
	return proc_boot_id(id->boot_id, e);
}

int proc_identify(pid_t pid, struct proc_id *id, struct err *e)
{
	char state;

	return identify(pid, id, &state, e);
}

/* 0 alive, 1 gone, -1 with e: cannot tell. */
static int look_at(const struct proc_id *id, char *state, struct err *e)
{
	struct proc_id now;
	int rc = identify(id->pid, &now, state, e);

	return rc ? rc : now.start != id->start || strcmp(now.boot_id, id->boot_id);
}

enum proc_life proc_look(const struct proc_id *id)
{
	char state = 0;
	int rc = look_at(id, &state, NULL);

	return rc == 1 ? PROC_GONE : rc == 0 && state == 'T' ? PROC_STOPPED : PROC_ALIVE;
}

bool proc_is_alive(const struct proc_id *id)
{
	return proc_look(id) != PROC_GONE;
}

/* A pidfd of the very process. Opened first, checked after: from then on the descriptor cannot mean
 * another process. Returns as look_at. */
static int open_process(const struct proc_id *id, int *out, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char state;
	int rc = look_at(id, &state, e);

	if (rc)
		return rc;
	fd = sys_pidfd_open(id->pid);
	if (fd < 0)
		return is_gone(errno) ? 1 : err_sys(e, errno, "cannot watch process %d", (int)id->pid);
	rc = look_at(id, &state, e);
	if (rc == 0)
		*out = fd_take(&fd);
	return rc;
}

static int send_signal(const struct proc_id *id, int sig, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int rc;

	if (id->pid <= 1 || id->pid == getpid())
		return err_set(e, ERR_DENIED, "refusing to signal process %d", (int)id->pid);
	rc = open_process(id, &fd, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (point_fails("proc.signal") ||
		(syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0 && errno != ESRCH) ||
		point_fails("proc.signal done"))
		return err_sys(e, errno, "cannot signal process %d", (int)id->pid);
	return 0;
}

int proc_continue(const struct proc_id *id, struct err *e)
{
	return proc_look(id) == PROC_STOPPED ? send_signal(id, SIGCONT, e) : 0;
}

int proc_signal(const struct proc_id *id, int sig, struct err *e)
{
	static const int allowed[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
		SIGABRT};
	bool ok = false;

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		ok |= allowed[i] == sig;
	if (!ok)
		return err_set(e, ERR_DENIED, "signal %d is not one that we send", sig);
	return send_signal(id, sig, e);
}

/* A child that has ended is reaped; another process that has its pid by now is not. */
static void reap_very(const struct proc_id *id)
{
	uint64_t start;
	char state;

	if (id->pid > 0 && stat_process(id->pid, &state, &start) == 0 && start == id->start)
		waitpid(id->pid, NULL, WNOHANG);
}

int proc_wait_gone(const struct proc_id *id, int timeout_ms, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	int rc = open_process(id, &fd, e), n;

	if (rc < 0)
		return -1;
	if (rc == 0) {
		n = wait_readable(fd, timeout_ms);
		if (n < 0)
			return err_sys(e, errno, "cannot wait for process %d", (int)id->pid);
		if (!n)
			return 1;
	}
	reap_very(id);
	return 0;
}

bool proc_runs(const struct proc_id *id, const char *program)
{
	char path[64], exe[PATH_MAX];
	const char *base;
	size_t len = strlen(program);
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)id->pid);
	n = readlink(path, exe, sizeof(exe) - 1);
	if (n < 0)
		return false;
	exe[n] = '\0';
	base = strrchr(exe, '/');
	base = base ? base + 1 : exe;
	/* The kernel adds " (deleted)" when the file was replaced, as an upgrade does. */
	return !strncmp(base, program, len) && (!base[len] || base[len] == ' ') && proc_is_alive(id);
}

/* ---- scan ------------------------------------------------------------------------------- */

static int read_cmdline(int proc_fd, const char *pid, char *buf, size_t size, size_t *n)
{
	_cleanup_fd_ int fd = -1;
	char path[64];

	*n = 0;
	snprintf(path, sizeof(path), "%.20s/cmdline", pid);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (*n < size - 1) {
		ssize_t got = read(fd, buf + *n, size - 1 - *n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		*n += (size_t)got;
	}
	buf[*n] = '\0';
	return 0;
}

/* In the middle of execve the process has its new program and no command line yet, and its descriptors
 * with close-on-exec, the lock of the state directory among them, are closed already (fs/exec.c,
 * begin_new_exec; fs/binfmt_elf.c, create_elf_tables). What has no program is a thread of the kernel or
 * dead. */
static bool is_in_exec(int proc_fd, const char *pid)
{
	char path[64], exe[2];

	snprintf(path, sizeof(path), "%.20s/exe", pid);
	return readlinkat(proc_fd, path, exe, sizeof(exe)) > 0;
}

int proc_cmdline(int proc_fd, const char *pid, char *buf, size_t size, size_t *n)
{
	const struct timespec nap = {.tv_nsec = 1000000};

	for (int i = 0; i < EXEC_TRIES; i++) {
		if (read_cmdline(proc_fd, pid, buf, size, n) < 0)
			return -1;
		if (*n || !is_in_exec(proc_fd, pid))
			return 0;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static const char *matching_arg(const char *cmdline, size_t n,
	bool (*match)(const char *arg, void *ctx), void *ctx)
{
	const char *p = cmdline;

	for (p += strlen(p) + 1; p < cmdline + n; p += strlen(p) + 1)
		if (match(p, ctx))
			return p;
	return NULL;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

int proc_scan(bool (*match)(const char *arg, void *ctx), int (*found)(const struct proc_id *id,
	const char *arg, void *ctx), void *ctx, struct err *e)
{
	_cleanup_(close_dir) DIR *d = opendir("/proc");
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *cmdline = arena_alloc(&a, CMDLINE_MAX);

	if (!d)
		return err_sys(e, errno, "cannot read /proc");
	for (struct dirent *entry; (entry = readdir(d));) {
		struct proc_id id;
		const char *arg;
		struct stat st;
		size_t n;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		if (fstatat(dirfd(d), entry->d_name, &st, 0) < 0 || st.st_uid != geteuid())
			continue;
		if (proc_cmdline(dirfd(d), entry->d_name, cmdline, CMDLINE_MAX, &n) < 0 || !n)
			continue;
		arg = matching_arg(cmdline, n, match, ctx);
		if (!arg || proc_identify(atoi(entry->d_name), &id, NULL) != 0)
			continue;
		if (found(&id, arg, ctx))
			break;
	}
	return 0;
}
