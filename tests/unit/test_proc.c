/* test_proc.c - processes: started, known by more than their pid, signalled, waited for. */
#include "drivers/sys/proc.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char scratch[SCRATCH_MAX];

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

/* ---- a child to play with -------------------------------------------------------------------- */

struct child {
	struct proc_id id;
	int pidfd;
};

static struct proc_spec shell(const char *const *argv)
{
	return (struct proc_spec){.path = "/bin/sh", .argv = argv, .cwd_fd = -1, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1};
}

static struct child spawn(const struct proc_spec *spec)
{
	struct child c = {.pidfd = -1};
	struct err err = ERR_INIT;

	if (proc_spawn(spec, &c.id, &c.pidfd, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(c.id.pid > 1);
	assert_true(c.id.start > 0);
	assert_true(strlen(c.id.boot_id) == 36);
	assert_true(fcntl(c.pidfd, F_GETFD) & FD_CLOEXEC);
	return c;
}

static struct child sleeper(void)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct proc_spec spec = shell(argv);

	spec.path = "/bin/sleep";
	return spawn(&spec);
}

static int reap(struct child *c)
{
	struct err err = ERR_INIT;
	int status = -1;

	if (proc_reap(c->id.pid, c->pidfd, -1, &status, &err) != 0)
		fail_msg("%s", err.msg);
	fd_close(&c->pidfd);
	return status;
}

static void end(struct child *c)
{
	kill(c->id.pid, SIGKILL);
	reap(c);
}

/* What a shell script printed. */
static char *output_of(struct arena *a, struct proc_spec *spec, int *status)
{
	struct err err = ERR_INIT;
	struct child c;
	char *text;
	size_t n;
	int dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	spec->stdout_fd = openat(dir, "out", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(spec->stdout_fd >= 0);
	c = spawn(spec);
	*status = reap(&c);
	close(spec->stdout_fd);
	if (file_read(a, dir, "out", 100000, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	close(dir);
	return text;
}

static char *run_script(struct arena *a, const char *script, bool detach, int *status)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	const char *const envp[] = {"PATH=/usr/bin:/bin", "X=1", NULL};
	struct proc_spec spec = shell(argv);

	spec.envp = envp;
	spec.detach = detach;
	return output_of(a, &spec, status);
}

/* ---- start ------------------------------------------------------------------------------------ */

static void failures_are_reported_here(void **state)
{
	static const struct {
		const char *path;
		int errnum;
	} cases[] = {{"/no/such/program", ENOENT}, {"/etc/passwd", EACCES}, {"/", EACCES},
		{"/etc/passwd/x", ENOTDIR}};
	static const char *const argv[] = {"x", NULL};
	const size_t fds = count_fds();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proc_spec spec = shell(argv);
		struct err err = ERR_INIT;
		struct proc_id id;
		int pidfd = -1;

		spec.path = cases[i].path;
		assert_int_equal(proc_spawn(&spec, &id, &pidfd, &err), -1);
		assert_int_equal(err.errnum, cases[i].errnum);
		assert_non_null(strstr(err.msg, cases[i].path));
		assert_int_equal(pidfd, -1);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
	assert_int_equal(errno, ECHILD);
	assert_int_equal(count_fds(), fds);
}

/* Whoever starts us may have closed 0, 1 and 2: the failure is reported all the same. */
static int spawn_without_stdio(void *arg)
{
	static const char *const argv[] = {"x", NULL};
	struct proc_spec spec = shell(argv);
	struct err err = ERR_INIT;
	struct proc_id id;

	spec.path = arg;
	close(0);
	close(1);
	close(2);
	return proc_spawn(&spec, &id, NULL, &err) < 0 && err.errnum == ENOENT ? 0 : 1;
}

static void failures_are_reported_without_stdio(void **state)
{
	(void)state;
	assert_int_equal(in_child(spawn_without_stdio, (void *)(uintptr_t)"/no/such/program"), 0);
}

static void a_clean_start(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	sigset_t block, before;
	int status;
	char *text;

	(void)state;
	/* What we ignore or block must not be inherited. */
	sigaction(SIGPIPE, &ignore, &old);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	/* Signals 32 and 33 are glibc's own: no program can set them, and some parents ignore them. */
	text = run_script(&a, "umask; pwd; grep -E 'Sig(Blk|Ign)' /proc/self/status |"
		" sed '/SigIgn/s/00000001800/00000000000/'; env | sort", false, &status);
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGPIPE, &old, NULL);
	assert_int_equal(status, 0);
	assert_string_equal(text, "0077\n/\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
		"PATH=/usr/bin:/bin\nPWD=/\nX=1\n");
}

static void only_three_descriptors(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int open_fd = open("/dev/null", O_RDONLY | O_CLOEXEC), status;
	char *text;

	(void)state;
	text = run_script(&a, "ls -l /proc/$$/fd; cat", false, &status);
	close(open_fd);
	assert_int_equal(status, 0);
	assert_non_null(strstr(text, " 0 -> /dev/null\n"));
	assert_non_null(strstr(text, "/out\n"));
	assert_non_null(strstr(text, " 2 -> /dev/null\n"));
	assert_null(strstr(text, " 3 -> "));
	assert_null(strstr(text, " 4 -> "));
}

/* Sources that lie where the targets are: our 1 is to be its 2 and the other way round. */
static int swap_descriptors(void *arg)
{
	static const char *const argv[] = {"sh", "-c", "echo out; echo err >&2", NULL};
	struct proc_spec spec = shell(argv);
	struct err err = ERR_INIT;
	struct proc_id id;
	int status;

	(void)arg;
	close(0);
	close(1);
	close(2);
	for (int fd = 0; fd < 3; fd++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/fd%d", scratch, fd);
		if (open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600) != fd)
			return 9;
	}
	spec.stdin_fd = 0;
	spec.stdout_fd = 2;
	spec.stderr_fd = 1;
	if (proc_spawn(&spec, &id, NULL, &err) < 0)
		return 1;
	return waitpid(id.pid, &status, 0) == id.pid && status == 0 ? 0 : 2;
}

static void assert_file(const char *name, const char *want)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	if (file_read(&a, AT_FDCWD, arena_printf(&a, "%s/%s", scratch, name), 1000, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, want);
}

static void descriptors_may_overlap(void **state)
{
	static const char *const argv[] = {"sh", "-c", "echo out; echo err >&2", NULL};
	struct proc_spec spec = shell(argv);
	struct child c;
	char path[128];
	int fd;

	(void)state;
	assert_int_equal(in_child(swap_descriptors, NULL), 0);
	assert_file("fd0", "");
	assert_file("fd1", "err\n");
	assert_file("fd2", "out\n");
	snprintf(path, sizeof(path), "%s/both", scratch);
	fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	spec.stdin_fd = spec.stdout_fd = spec.stderr_fd = fd; /* the same one for all */
	c = spawn(&spec);
	assert_int_equal(reap(&c), 0);
	fd_close(&fd);
	assert_file("both", "out\nerr\n");
}

static void own_session_when_detached(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static const char script[] = "set -- $(cat /proc/$$/stat); echo $1 $5 $6";
	int status, pid, group, session;

	(void)state;
	assert_int_equal(sscanf(run_script(&a, script, true, &status), "%d %d %d", &pid, &group,
		&session), 3);
	assert_int_equal(pid, session);
	assert_int_equal(pid, group);
	assert_int_equal(sscanf(run_script(&a, script, false, &status), "%d %d %d", &pid, &group,
		&session), 3);
	assert_int_equal(session, getsid(0));
	assert_int_equal(group, getpgrp());
}

static void file_size_is_limited(void **state)
{
	const char *const argv[] = {"sh", "-c", "head -c 100000 /dev/zero; echo $? >&2", NULL};
	const char *const envp[] = {"PATH=/usr/bin:/bin", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct proc_spec spec = shell(argv);
	struct stat st;
	char path[128];
	int status;

	(void)state;
	spec.envp = envp;
	spec.file_size_max = 4096;
	output_of(&a, &spec, &status);
	snprintf(path, sizeof(path), "%s/out", scratch);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 4096);
	assert_true(WIFEXITED(status)); /* SIGXFSZ is ignored: the write failed instead */
}

static void runs_in_the_folder(void **state)
{
	const char *const argv[] = {"sh", "-c", "pwd", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct proc_spec spec = shell(argv);
	char want[SCRATCH_MAX + 2];
	int status;

	(void)state;
	spec.cwd_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(want, sizeof(want), "%s\n", scratch);
	assert_string_equal(output_of(&a, &spec, &status), want);
	close(spec.cwd_fd);
}

/* ---- identity ---------------------------------------------------------------------------------- */

static void alive_means_the_very_process(void **state)
{
	struct child c = sleeper();
	struct proc_id other = c.id;

	(void)state;
	assert_true(proc_is_alive(&c.id));
	other.start++; /* the pid was used again */
	assert_false(proc_is_alive(&other));
	other = c.id;
	other.boot_id[0] = other.boot_id[0] == '0' ? '1' : '0'; /* after a reboot */
	assert_false(proc_is_alive(&other));
	other = c.id;
	other.boot_id[0] = '\0';
	assert_false(proc_is_alive(&other));
	for (pid_t pid = -2; pid <= 0; pid++) {
		other = c.id;
		other.pid = pid;
		assert_false(proc_is_alive(&other));
	}
	kill(c.id.pid, SIGKILL);
	waitid(P_PID, (id_t)c.id.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	assert_false(proc_is_alive(&c.id)); /* a zombie */
	assert_int_equal(reap(&c), SIGKILL);
	assert_false(proc_is_alive(&c.id));
}

static void identify_finds_what_spawn_said(void **state)
{
	struct child c = sleeper();
	struct err err = ERR_INIT;
	struct proc_id id;

	(void)state;
	assert_int_equal(proc_identify(c.id.pid, &id, &err), 0);
	assert_int_equal(id.start, c.id.start);
	assert_string_equal(id.boot_id, c.id.boot_id);
	assert_int_equal(proc_identify(getpid(), &id, &err), 0);
	assert_int_not_equal(id.start, 0);
	end(&c);
	assert_int_equal(proc_identify(c.id.pid, &id, &err), 1);
	assert_int_equal(proc_identify(0, &id, &err), 1);
	assert_int_equal(proc_identify(-1, &id, &err), 1);
	assert_int_equal(proc_identify(INT32_MAX, &id, &err), 1);
}

/* A process may call itself anything: ") Z 0 (" must not confuse who reads its stat line. */
static int odd_name(void *arg)
{
	struct err err = ERR_INIT;
	struct proc_id id, again;

	(void)arg;
	if (proc_identify(getpid(), &id, &err) != 0)
		return 1;
	prctl(PR_SET_NAME, ") Z 0 0 (x) ");
	if (proc_identify(getpid(), &again, &err) != 0)
		return 2;
	return id.start == again.start && proc_is_alive(&id) ? 0 : 3;
}

static void names_do_not_confuse(void **state)
{
	(void)state;
	assert_int_equal(in_child(odd_name, NULL), 0);
}

/* Out of descriptors nothing can be looked at. "Cannot tell" must not be taken for "gone": a second
 * VMM would be started on the same disk. */
static int without_descriptors(void *arg)
{
	const struct proc_id *id = arg;
	struct rlimit none = {3, 3};
	struct err err = ERR_INIT;
	struct proc_id out;

	if (setrlimit(RLIMIT_NOFILE, &none) < 0)
		return 9;
	while (dup(0) >= 0)
		;
	if (!proc_is_alive(id))
		return 1;
	if (proc_identify(id->pid, &out, &err) != -1)
		return 2;
	if (proc_wait_gone(id, 0, &err) == 0)
		return 3;
	return proc_signal(id, SIGTERM, &err) == 0 ? 4 : 0;
}

static void no_descriptor_is_not_gone(void **state)
{
	struct child c = sleeper();

	(void)state;
	assert_int_equal(in_child(without_descriptors, &c.id), 0);
	assert_true(proc_is_alive(&c.id));
	end(&c);
}

/* ---- signals ------------------------------------------------------------------------------------ */

static void signals_that_are_refused(void **state)
{
	static const int never[] = {0, SIGSTOP, SIGCONT, SIGTSTP, SIGSEGV, SIGCHLD, SIGPIPE, -1, 64, 999};
	struct child c = sleeper();
	struct err err = ERR_INIT;
	struct proc_id id = c.id;

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		assert_int_equal(proc_signal(&c.id, never[i], &err), -1);
		assert_int_equal(err.kind, ERR_DENIED);
	}
	for (id.pid = -2; id.pid <= 1; id.pid++) {
		assert_int_equal(proc_signal(&id, SIGTERM, &err), -1);
		assert_int_equal(err.kind, ERR_DENIED);
	}
	assert_int_equal(proc_identify(getpid(), &id, &err), 0);
	assert_int_equal(proc_signal(&id, SIGTERM, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_true(proc_is_alive(&c.id));
	end(&c);
}

static void signals_reach_the_very_process(void **state)
{
	static const int allowed[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
		SIGABRT};

	(void)state;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		struct child c = sleeper();
		struct err err = ERR_INIT;
		struct proc_id other = c.id;
		int status;

		other.start--; /* somebody else who has the pid now is not hit */
		assert_int_equal(proc_signal(&other, allowed[i], &err), 0);
		assert_true(proc_is_alive(&c.id));
		assert_int_equal(proc_signal(&c.id, allowed[i], &err), 0);
		status = reap(&c);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), allowed[i]);
		assert_int_equal(proc_signal(&c.id, allowed[i], &err), 0); /* gone already */
	}
}

/* ---- wait --------------------------------------------------------------------------------------- */

static void reap_waits_and_times_out(void **state)
{
	struct child c = sleeper();
	struct err err = ERR_INIT;
	int status = 77;

	(void)state;
	assert_int_equal(proc_reap(c.id.pid, c.pidfd, 0, &status, &err), 1);
	assert_int_equal(proc_reap(c.id.pid, c.pidfd, 20, &status, &err), 1);
	assert_int_equal(status, 77);
	end(&c);
	assert_int_equal(proc_reap(getpid(), -1, 0, &status, &err), 1);
}

static void statuses_are_told(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int status;

	(void)state;
	run_script(&a, "exit 3", false, &status);
	assert_string_equal(proc_status_text(&a, status), "exited with code 3");
	run_script(&a, "kill -9 $$", false, &status);
	assert_string_equal(proc_status_text(&a, status), "was killed by signal 9 (Killed)");
	assert_string_equal(proc_status_text(&a, 0x137f), "ended with wait status 0x137f");
}

static void wait_until_gone(void **state)
{
	struct child c = sleeper();
	struct err err = ERR_INIT;
	struct proc_id id = c.id;

	(void)state;
	assert_int_equal(proc_wait_gone(&id, 0, &err), 1);
	id.start++;
	assert_int_equal(proc_wait_gone(&id, 0, &err), 0); /* that one is gone for long */
	id = c.id;
	kill(c.id.pid, SIGKILL);
	assert_int_equal(proc_wait_gone(&id, -1, &err), 0);
	/* it was a child of ours and is not left as a zombie */
	assert_int_equal(waitpid(c.id.pid, NULL, WNOHANG), -1);
	assert_int_equal(proc_wait_gone(&id, -1, &err), 0);
	fd_close(&c.pidfd);
}

/* Somebody else's child that nobody reaps: gone as far as we are concerned. */
static void a_zombie_is_gone(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct proc_id id;
	int fds[2];
	pid_t parent, child;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	if (!parent) {
		child = fork();
		if (!child)
			for (;;)
				pause();
		if (write(fds[1], &child, sizeof(child)) < 0)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(fds[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(proc_identify(child, &id, &err), 0);
	assert_int_equal(proc_wait_gone(&id, 10, &err), 1);
	kill(child, SIGKILL);
	assert_int_equal(proc_wait_gone(&id, -1, &err), 0);
	assert_false(proc_is_alive(&id));
	assert_int_equal(kill(child, 0), 0); /* it is still there, as a zombie */
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	close(fds[0]);
	close(fds[1]);
}

/* "No process" must not mean "any child of mine", as it does for waitpid(2). */
static void nobody_is_reaped_by_mistake(void **state)
{
	struct child c = sleeper();
	struct err err = ERR_INIT;
	struct proc_id id = {0};

	(void)state;
	kill(c.id.pid, SIGKILL);
	waitid(P_PID, (id_t)c.id.pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
	for (id.pid = -1; id.pid <= 0; id.pid++)
		assert_int_equal(proc_wait_gone(&id, 0, &err), 0);
	id = c.id;
	id.start--; /* an earlier process of this pid */
	assert_int_equal(proc_wait_gone(&id, 0, &err), 0);
	assert_int_equal(reap(&c), SIGKILL);
}

/* ---- scan --------------------------------------------------------------------------------------- */

struct search {
	const char *mark;
	struct proc_id found[8];
	size_t n, stop_at;
};

static bool has_mark(const char *arg, void *ctx)
{
	return !strcmp(arg, ((struct search *)ctx)->mark);
}

static int note(const struct proc_id *id, const char *arg, void *ctx)
{
	struct search *s = ctx;

	assert_string_equal(arg, s->mark);
	if (s->n < 8)
		s->found[s->n++] = *id;
	return s->n == s->stop_at;
}

/* The shells wait in "read" for what never comes: a shell that forks is there twice for a moment. */
static void scan_finds_marks(void **state)
{
	char mark[64];
	const char *const argv[] = {"first", "-c", "read x", "x", mark, NULL};
	const char *const named[] = {mark, "-c", "read x", NULL};
	struct proc_spec spec = shell(argv), not = shell(named);
	struct search s = {.mark = mark};
	struct err err = ERR_INIT;
	struct child a, b, c;
	size_t fds;
	int nothing[2];

	(void)state;
	snprintf(mark, sizeof(mark), "mark-%d", (int)getpid());
	assert_int_equal(pipe2(nothing, O_CLOEXEC), 0);
	spec.stdin_fd = not.stdin_fd = nothing[0];
	assert_int_equal(proc_scan(has_mark, note, &s, &err), 0);
	assert_int_equal(s.n, 0);
	a = spawn(&spec);
	b = spawn(&spec);
	c = spawn(&not); /* has it as argv[0]: that is not an argument */
	fds = count_fds();
	assert_int_equal(proc_scan(has_mark, note, &s, &err), 0);
	assert_int_equal(s.n, 2);
	assert_true(s.found[0].pid == a.id.pid || s.found[1].pid == a.id.pid);
	assert_int_equal(s.found[0].pid == a.id.pid ? s.found[0].start : s.found[1].start, a.id.start);
	s.n = 0;
	s.stop_at = 1;
	assert_int_equal(proc_scan(has_mark, note, &s, &err), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(count_fds(), fds);
	end(&a);
	end(&b);
	end(&c);
	s.n = s.stop_at = 0;
	assert_int_equal(proc_scan(has_mark, note, &s, &err), 0);
	assert_int_equal(s.n, 0);
	close(nothing[0]);
	close(nothing[1]);
}

static void *write_cmdline(void *arg)
{
	const struct timespec nap = {.tv_nsec = 30000000};

	nanosleep(&nap, NULL);
	put_file(*(int *)arg, "7/cmdline", "qemu\0-mark", 10);
	return NULL;
}

/* In a folder that looks like /proc: a process that is in the middle of execve has a program and no
 * command line yet; one without a program never gets one. */
static void the_middle_of_execve(void **state)
{
	char dir[] = "/tmp/proc-XXXXXX", text[64];
	pthread_t later;
	size_t n = 9;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "7", 0700), 0);
	put_file(fd, "7/cmdline", "", 0);
	assert_int_equal(proc_cmdline(fd, "7", text, sizeof(text), &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(symlinkat("/bin/sh", fd, "7/exe"), 0);
	assert_int_equal(pthread_create(&later, NULL, write_cmdline, &fd), 0);
	assert_int_equal(proc_cmdline(fd, "7", text, sizeof(text), &n), 0);
	assert_int_equal(pthread_join(later, NULL), 0);
	assert_int_equal(n, 10);
	assert_memory_equal(text, "qemu\0-mark", 10);
	assert_int_equal(proc_cmdline(fd, "8", text, sizeof(text), &n), -1);
	assert_int_equal(unlinkat(fd, "7/cmdline", 0) | unlinkat(fd, "7/exe", 0) |
		unlinkat(fd, "7", AT_REMOVEDIR) | rmdir(dir), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_are_reported_here),
		cmocka_unit_test(failures_are_reported_without_stdio),
		cmocka_unit_test(a_clean_start),
		cmocka_unit_test(only_three_descriptors),
		cmocka_unit_test(descriptors_may_overlap),
		cmocka_unit_test(own_session_when_detached),
		cmocka_unit_test(file_size_is_limited),
		cmocka_unit_test(runs_in_the_folder),
		cmocka_unit_test(alive_means_the_very_process),
		cmocka_unit_test(identify_finds_what_spawn_said),
		cmocka_unit_test(names_do_not_confuse),
		cmocka_unit_test(no_descriptor_is_not_gone),
		cmocka_unit_test(signals_that_are_refused),
		cmocka_unit_test(signals_reach_the_very_process),
		cmocka_unit_test(reap_waits_and_times_out),
		cmocka_unit_test(statuses_are_told),
		cmocka_unit_test(wait_until_gone),
		cmocka_unit_test(a_zombie_is_gone),
		cmocka_unit_test(nobody_is_reaped_by_mistake),
		cmocka_unit_test(scan_finds_marks),
		cmocka_unit_test(the_middle_of_execve),
	};

	return cmocka_run_group_tests_name("proc", tests, set_up, tear_down);
}
