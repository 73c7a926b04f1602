/* test_confine.c - a confined process can do its work and nothing else. Each case is a child process,
 * since what is taken away does not come back. */
#include "drivers/sys/confine.h"
#include "schema/base/fd.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_confine.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(AT_FDCWD, dir, NULL);
}

/* How a child ends that does this: its status, or minus the signal. */
static int outcome(int (*work)(void))
{
	int status;
	const pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 0);
		_exit(work());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void *nothing(void *arg)
{
	return arg;
}

#define MUST(what) do { if (!(what)) return __LINE__ % 200 + 1; } while (0)

/* 0, or the error of what could not be opened; nothing stays open. */
static int try_socket(int family, int type)
{
	_cleanup_fd_ int fd = socket(family, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? errno : 0;
}

static int try_open(const char *path, int flags)
{
	_cleanup_fd_ int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int works(enum confine_calls what)
{
	pthread_t t;
	int fd;

	MUST(confine_calls(what, NULL) == 0);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	MUST(fd >= 0);
	MUST(close(fd) == 0);
	MUST(pthread_create(&t, NULL, nothing, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
	free(malloc(1 << 20));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(fd >= 0);
	return file_replace(fd, "x", "y", 1, 0600, NULL) == 0 ? 0 : 1;
}

static int local_works(void)
{
	return works(CONFINE_LOCAL);
}

static int network_works(void)
{
	const int rc = works(CONFINE_NETWORK);

	if (rc)
		return rc;
	MUST(try_socket(AF_INET, SOCK_STREAM) == 0);
	/* No other kind of socket, and nobody is let in. */
	MUST(try_socket(AF_PACKET, SOCK_RAW) == ENOSYS);
	MUST(listen(0, 1) < 0 && errno == ENOSYS);
	return 0;
}

static int local_has_no_network(void)
{
	MUST(confine_calls(CONFINE_LOCAL, NULL) == 0);
	MUST(try_socket(AF_INET, SOCK_STREAM) == ENOSYS);
	return 0;
}

static int runs_a_program(void)
{
	char *argv[] = {"true", NULL}, *envp[] = {NULL};

	MUST(confine_calls(CONFINE_NETWORK, NULL) == 0);
	execve("/bin/true", argv, envp);
	return 1;
}

static int mounts(void)
{
	MUST(confine_calls(CONFINE_LOCAL, NULL) == 0);
	syscall(SYS_mount, "none", dir, "tmpfs", 0, NULL);
	return 1;
}

/* Network first, and then no longer: as a pull does. */
static int second_filter(void)
{
	MUST(confine_calls(CONFINE_NETWORK, NULL) == 0);
	return local_has_no_network();
}

static void calls(void **state)
{
	(void)state;
	if (!confine_is_real())
		skip_because("builds with sanitizers are not confined");
	assert_int_equal(outcome(local_works), 0);
	assert_int_equal(outcome(network_works), 0);
	assert_int_equal(outcome(local_has_no_network), 0);
	assert_int_equal(outcome(second_filter), 0);
	assert_int_equal(outcome(runs_a_program), -SIGSYS);
	assert_int_equal(outcome(mounts), -SIGSYS);
}

static int files_are_confined(void)
{
	char in[100], out[100], moved[100];
	const char *const read[] = {"/etc/passwd", in, "/nothing/here", NULL}, *const write[] = {out, NULL};
	const struct confine c = {read, write};

	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	snprintf(moved, sizeof(moved), "%s/out/x", dir);
	MUST(mkdir(in, 0700) == 0 && mkdir(out, 0700) == 0);
	MUST(confine_files(&c, NULL) == 0);
	MUST(try_open("/etc/passwd", O_RDONLY) == 0);
	MUST(try_open("/etc/group", O_RDONLY) == EACCES);
	MUST(try_open(in, O_RDONLY | O_DIRECTORY) == 0);
	MUST(try_open(moved, O_WRONLY | O_CREAT) == 0);
	MUST(unlink(moved) == 0);
	MUST(mkdir(strncat(in, "/y", 3), 0700) < 0 && errno == EACCES);
	MUST(symlink("a", moved) < 0 && errno == EACCES);
	MUST(mkfifo(moved, 0600) < 0 && errno == EACCES);
	return 0;
}

static int only_writing_is_confined(void)
{
	const char *const write[] = {dir, NULL};
	const struct confine c = {NULL, write};
	char path[100];

	MUST(confine_files(&c, NULL) == 0);
	MUST(try_open("/etc/group", O_RDONLY) == 0);
	snprintf(path, sizeof(path), "%s/a", dir);
	MUST(try_open(path, O_RDWR | O_CREAT | O_TRUNC) == 0);
	MUST(mkdir("/tmp/test_confine.never", 0700) < 0 && errno == EACCES);
	return 0;
}

static void files(void **state)
{
	(void)state;
	if (!confine_is_real() ||
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		skip_because("no Landlock, or a build with sanitizers");
	assert_int_equal(outcome(files_are_confined), 0);
	assert_int_equal(outcome(only_writing_is_confined), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(calls, setup, teardown),
		cmocka_unit_test_setup_teardown(files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
