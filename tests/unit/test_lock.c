/* test_lock.c - one writer per state directory. No duration is asserted. */
#include "reconciler/engine/lock.h"

#include "tests/lib/unit.h"

#include <signal.h>

static char scratch[SCRATCH_MAX];
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	fd_close(&dir);
	scratch_remove(scratch);
	return 0;
}

static int take(int64_t wait_ms, int *fd, struct err *e)
{
	return lock_take(dir, "test", wait_ms, NULL, fd, e);
}

/* A child that takes the lock, says so, and holds it until it is killed. */
static pid_t holder(void)
{
	int fds[2], fd;
	char said;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct err err = ERR_INIT;

		if (take(0, &fd, &err) < 0 || write(fds[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], &said, 1), 1);
	close(fds[0]);
	return pid;
}

static void taken_and_given_back(void **state)
{
	struct err err = ERR_INIT;
	int first = -1, second = -1;

	(void)state;
	assert_int_equal(take(0, &first, &err), 0);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(take(0, &second, &err), -1); /* also within one process */
	assert_int_equal(err.kind, ERR_LOCKED);
	assert_int_equal(second, -1);
	fd_close(&first);
	assert_int_equal(take(0, &second, &err), 0);
	fd_close(&second);
}

/* Looking neither makes the file nor keeps anybody from the lock. */
static void held_or_not(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1, again = -1;

	(void)state;
	assert_false(lock_is_held(dir));
	assert_int_equal(faccessat(dir, "lock", F_OK, 0), -1);
	assert_int_equal(take(0, &fd, &err), 0);
	assert_true(lock_is_held(dir));
	fd_close(&fd);
	assert_false(lock_is_held(dir));
	assert_int_equal(take(0, &again, &err), 0);
	fd_close(&again);
}

static void the_holder_is_named(void **state)
{
	pid_t pid = holder();
	struct err err = ERR_INIT;
	char want[32];
	int fd = -1;

	(void)state;
	assert_int_equal(take(50, &fd, &err), -1);
	assert_int_equal(err.kind, ERR_LOCKED);
	snprintf(want, sizeof(want), "pid %d,", (int)pid);
	assert_non_null(strstr(err.msg, want));
	assert_non_null(strstr(err.hint, "--lock-timeout"));
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(take(0, &fd, &err), 0); /* death has released it; nothing is stale */
	fd_close(&fd);
}

/* Whoever waits gets it when the holder goes. */
static void waiting_is_rewarded(void **state)
{
	pid_t pid = holder(), killer;
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	fflush(NULL);
	killer = fork();
	if (!killer) {
		usleep(50000);
		_exit(kill(pid, SIGKILL) == 0 ? 0 : 1);
	}
	assert_int_equal(take(3600000, &fd, &err), 0);
	assert_int_equal(waitpid(killer, NULL, 0), killer);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fd_close(&fd);
}

static void the_longest_wait_is_not_none(void **state)
{
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(take(INT64_MAX, &fd, &err), 0); /* must not overflow */
	fd_close(&fd);
}

static void cancelled_while_waiting(void **state)
{
	static volatile sig_atomic_t cancel = SIGINT;
	pid_t pid = holder();
	struct err err = ERR_INIT;
	int fd = -1;

	(void)state;
	assert_int_equal(lock_take(dir, "test", 3600000, &cancel, &fd, &err), -1);
	assert_int_equal(err.kind, ERR_CANCELLED);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* What stands in the file is only shown, never believed, and never obeyed by a terminal. */
static void the_text_is_only_text(void **state)
{
	static char longest[500];
	const char *const texts[] = {"", "\n", "\033[2Jboo\a\xff\n", "no newline",
		longest};
	struct err err = ERR_INIT;
	int held = -1, fd = -1;

	(void)state;
	memset(longest, '7', sizeof(longest) - 1);
	assert_int_equal(take(0, &held, &err), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put_text(dir, "lock", texts[i]);
		assert_int_equal(take(0, &fd, &err), -1);
		assert_int_equal(err.kind, ERR_LOCKED);
		for (const char *p = err.msg; *p; p++)
			assert_true(*p >= ' ' && *p <= '~');
	}
	fd_close(&held);
	assert_int_equal(take(0, &fd, &err), 0);
	fd_close(&fd);
}

static void odd_lock_files(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;
	int fd = -1;

	(void)state;
	put_text(dir, "victim", "untouched");
	assert_int_equal(symlinkat("victim", dir, "lock"), 0);
	assert_int_equal(take(0, &fd, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_int_equal(fstatat(dir, "victim", &st, 0), 0);
	assert_int_equal(st.st_size, 9);
	assert_int_equal(unlinkat(dir, "lock", 0), 0);
	assert_int_equal(mkdirat(dir, "lock", 0700), 0);
	assert_int_equal(take(0, &fd, &err), -1);
	assert_int_equal(take(0, &fd, &err), -1);
}

/* Twenty at once, each looks whether it is alone. */
static int work_alone(void *arg)
{
	struct err err = ERR_INIT;

	(void)arg;
	for (int i = 0; i < 5; i++) {
		int fd = -1, mark;

		if (take(3600000, &fd, &err) < 0)
			return 1;
		mark = openat(dir, "alone", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (mark < 0 || unlinkat(dir, "alone", 0) < 0)
			return 2;
		close(mark);
		fd_close(&fd);
	}
	return 0;
}

static void many_at_once(void **state)
{
	pid_t pids[20];
	int status;

	(void)state;
	fflush(NULL);
	for (size_t i = 0; i < 20; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(work_alone(NULL));
	}
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(taken_and_given_back),
		T(held_or_not),
		T(the_holder_is_named),
		T(waiting_is_rewarded),
		T(the_longest_wait_is_not_none),
		T(cancelled_while_waiting),
		T(the_text_is_only_text),
		T(odd_lock_files),
		T(many_at_once),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
