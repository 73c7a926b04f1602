/* child.c - start a process in the guest.
 *
 * Between fork and execve the child does everything that can fail, in this order: session, signals,
 * who it is to be, folder, descriptors, environment, program. What failed comes back through a
 * pipe that execve closes.
 */
#include "drivers/guest/inside/child.h"

#include "drivers/guest/inside/passwd.h"
#include "drivers/guest/inside/probe.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUILTIN_FDS 256 /* the guest program has fewer open */
#define PASSWD_FILE_MAX (1024 * 1024)
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- environment ------------------------------------------------------------------------ */

static size_t put_env(const char **out, size_t n, size_t max, const char *entry)
{
	const char *equal = strchr(entry, '=');
	size_t len;

	if (!equal || equal == entry)
		return n;
	len = (size_t)(equal - entry) + 1;
	for (size_t i = 0; i < n; i++) {
		if (!strncmp(out[i], entry, len)) {
			out[i] = entry;
			return n;
		}
	}
	if (n + 1 < max)
		out[n++] = entry;
	return n;
}

static size_t put_all(const char **out, size_t n, size_t max, const char *const *list)
{
	for (; list && *list; list++)
		n = put_env(out, n, max, *list);
	return n;
}

size_t child_env(const struct child *c, const char *home, char room[CHILD_ENV_ROOM],
	const char **out, size_t max)
{
	char *host = room + CHILD_ENV_ROOM / 2;
	size_t n = 0;

	snprintf(room, CHILD_ENV_ROOM / 2, "HOME=%s", home);
	snprintf(host, CHILD_ENV_ROOM / 2, "HOSTNAME=%s", c->hostname);
	n = put_env(out, n, max, "PATH=" DEFAULT_PATH);
	n = put_env(out, n, max, "TERM=linux");
	n = put_env(out, n, max, room);
	if (*c->hostname)
		n = put_env(out, n, max, host);
	n = put_all(out, n, max, c->env);
	n = put_all(out, n, max, c->more_env);
	out[n] = NULL;
	return n;
}

static const char *find_env(const char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			return *env + n + 1;
	return "";
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* ---- in the child ----------------------------------------------------------------------- */

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < _NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A pipe is opened anew through /dev/stdout by programs that log there, which needs it to belong
 * to whoever does so. Other devices stay whose they are. */
static void give_pipe(const struct child *c, int fd, uid_t uid)
{
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || c->tty) &&
		fchown(fd, uid, (gid_t)-1) < 0)
		return; /* it then works as before, only not through /dev/stdout */
}

static char *file_or_nothing(const char *path)
{
	struct why w;
	size_t n;

	return sysfile_read(path, PASSWD_FILE_MAX, &n, &w);
}

static int find_identity(const char *user, struct passwd_id *id, struct why *w)
{
	char *passwd = file_or_nothing("/etc/passwd");
	char *group = file_or_nothing("/etc/group");
	int rc = passwd_lookup(passwd ? passwd : "", group ? group : "", user, id, w);

	free(passwd);
	free(group);
	return rc;
}

static int become(const struct child *c, struct passwd_id *id, struct why *w)
{
	if (find_identity(c->user, id, w) < 0)
		return -1;
	/* A test runs the agent as an ordinary user, who can only be himself. */
	if (!*c->user && geteuid() != 0)
		return 0;
	if (id->uid)
		for (int i = 0; i < 3; i++)
			give_pipe(c, (const int[]){c->in, c->out, c->err}[i], id->uid);
	if (setgroups(id->n_groups, id->groups) < 0 || setresgid(id->gid, id->gid, id->gid) < 0 ||
		setresuid(id->uid, id->uid, id->uid) < 0)
		return why_set(w, errno, "cannot become user \"%s\"", c->user);
	return 0;
}

static int enter_cwd(const struct child *c, struct why *w)
{
	if (c->make_cwd && sysfile_mkdirs(c->cwd, 0755, w) < 0)
		return -1;
	return chdir(c->cwd) < 0 ? why_set(w, errno, "cannot enter folder %s", c->cwd) : 0;
}

static int set_stdio(const struct child *c, struct why *w)
{
	const int want[3] = {c->in, c->out, c->err};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), from[3];

	if (null < 0)
		return why_set(w, errno, "cannot open /dev/null");
	/* All are lifted above 2 first, so that no dup2 hits one that is still needed. */
	for (int i = 0; i < 3; i++) {
		from[i] = fcntl(want[i] < 0 ? null : want[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			return why_set(w, errno, "cannot set up standard input and output");
	}
	for (int i = 0; i < 3; i++)
		if (dup2(from[i], i) < 0)
			return why_set(w, errno, "cannot set up standard input and output");
	return 0;
}

/* execvp(3) with the PATH of the new environment; the last error that says something is kept. */
static void exec_path(const struct child *c, const char *const *env)
{
	const char *path = find_env(env, "PATH"), *name = c->argv[0];
	int said = ENOENT;
	char full[PATH_MAX];

	if (strchr(name, '/')) {
		execve(name, (char *const *)c->argv, (char *const *)env);
		return;
	}
	while (*name && *path) {
		size_t n = strcspn(path, ":");

		if (snprintf(full, sizeof(full), "%.*s/%s", (int)n, n ? path : ".", name) <
			(int)sizeof(full))
			execve(full, (char *const *)c->argv, (char *const *)env);
		if (errno != ENOENT && errno != ENOTDIR)
			said = errno;
		path += n + (path[n] == ':');
	}
	errno = said;
}

/* Nothing is executed, so that no file of the image is needed: the parent is told by hand that all
 * went well, and the descriptors that an execve would close are not the builtin's to use. */
static void run_builtin(const struct child *c, int report)
{
	close(report);
	for (int fd = 3; fd < BUILTIN_FDS; fd++)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	_exit(probe_run(c->argv));
}

static void run_child(const struct child *c, int report, struct why *w)
{
	size_t max = count(c->env) + count(c->more_env) + CHILD_ENV_DEFAULTS + 1;
	const char **env = calloc(max, sizeof(*env));
	struct passwd_id id = {.home = "/"};
	char room[CHILD_ENV_ROOM];

	setsid();
	if (c->tty && ioctl(c->in, TIOCSCTTY, 0) < 0) {
		why_set(w, errno, "cannot take the terminal");
		return;
	}
	default_signals();
	umask(022);
	if (!env) {
		why_set(w, ENOMEM, "environment");
		return;
	}
	/* The folder first: root may enter it where the user may not, as other runtimes do. */
	if (enter_cwd(c, w) < 0 || become(c, &id, w) < 0 || set_stdio(c, w) < 0)
		return;
	if (probe_is_builtin(c->argv[0]))
		run_builtin(c, report);
	child_env(c, id.home, room, env, max);
	exec_path(c, env);
	why_set(w, errno, "cannot run %s", c->argv[0]);
}

/* ---- in the parent ---------------------------------------------------------------------- */

static ssize_t read_why(int fd, struct why *w)
{
	ssize_t n;

	do
		n = read(fd, w, sizeof(*w));
	while (n < 0 && errno == EINTR);
	return n;
}

pid_t child_start(const struct child *c, struct why *w)
{
	_cleanup_fd_ int report_r = -1, report_w = -1;
	struct why failed = {0};
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return why_set(w, errno, "cannot start %s", c->argv[0]);
	report_r = fds[0];
	report_w = fds[1];
	pid = fork();
	if (pid < 0)
		return why_set(w, errno, "cannot start %s", c->argv[0]);
	if (!pid) {
		run_child(c, report_w, &failed);
		sysfile_write_all(report_w, &failed, sizeof(failed));
		_exit(127);
	}
	sysfile_close(&report_w);
	if (read_why(report_r, &failed) <= 0)
		return pid;
	waitpid(pid, NULL, 0);
	failed.msg[sizeof(failed.msg) - 1] = '\0';
	*w = failed;
	return -1;
}

int child_exit_code(const struct why *w)
{
	return w->errnum == ENOENT ? 127 : 126;
}
