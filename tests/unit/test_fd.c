/* test_fd.c - whole files, atomic replacement, trees. */
#include "schema/base/fd.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

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

static bool exists(const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void assert_content(const char *name, const char *want)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	if (file_read(&a, dir, name, 1 << 20, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, want);
	assert_int_equal(n, strlen(want));
}

/* ---- descriptors ---------------------------------------------------------------------------- */

static void close_keeps_errno(void **state)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy = fd, none = -1;

	(void)state;
	errno = EXDEV;
	fd_close(&fd);
	fd_close(&fd);
	fd_close(&none);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(fd, -1);
	assert_int_equal(fcntl(copy, F_GETFD), -1);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	copy = fd_take(&fd);
	assert_int_equal(fd, -1);
	assert_true(fcntl(copy, F_GETFD) >= 0);
	fd_close(&copy);
}

static void on_alarm(int sig)
{
	(void)sig;
}

/* A pipe that takes little at once, and a signal that interrupts the write again and again. */
static int write_through_a_pipe(void *arg)
{
	static char buf[1 << 20];
	const struct sigaction act = {.sa_handler = on_alarm};
	int fds[2];
	pid_t pid;

	(void)arg;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return 1;
	pid = fork();
	if (!pid) {
		size_t got = 0;
		ssize_t n;

		close(fds[1]);
		while ((n = read(fds[0], buf, 3000)) > 0) {
			got += (size_t)n;
			kill(getppid(), SIGALRM);
		}
		_exit(got == sizeof(buf) ? 0 : 1);
	}
	sigaction(SIGALRM, &act, NULL);
	close(fds[0]);
	if (fd_write_all(fds[1], buf, sizeof(buf)) < 0)
		return 2;
	close(fds[1]);
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void write_all_goes_on(void **state)
{
	(void)state;
	assert_int_equal(in_child(write_through_a_pipe, NULL), 0);
	assert_int_equal(fd_write_all(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fd_write_all(-1, "", 0), 0);
}

/* ---- read ------------------------------------------------------------------------------------ */

static void read_whole(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	(void)state;
	put_text(dir, "empty", "");
	assert_content("empty", "");
	put_file(dir, "zeros", "a\0b", 3);
	assert_int_equal(file_read(&a, dir, "zeros", 3, &text, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(text, "a\0b", 4);
	assert_int_equal(file_read(&a, dir, "zeros", 2, &text, &n, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(symlinkat("zeros", dir, "link"), 0);
	assert_int_equal(file_read(&a, dir, "link", 3, &text, &n, &err), 0);
}

/* What is not a regular file is refused at once: nothing here may block. */
static void read_refuses_the_rest(void **state)
{
	static const struct {
		const char *name;
		enum err_kind kind;
	} cases[] = {
		{"missing", ERR_NOINPUT}, {"missing/below", ERR_NOINPUT}, {"", ERR_NOINPUT},
		{"file/below", ERR_NOINPUT}, {"folder", ERR_NOINPUT}, {"fifo", ERR_NOINPUT},
		{"socket", ERR_NOINPUT}, {"dangling", ERR_NOINPUT}, {"/dev/zero", ERR_NOINPUT},
		{"/dev/null", ERR_NOINPUT}, {"loop", ERR_NOINPUT},
	};
	const size_t fds = count_fds();
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", scratch);
	assert_int_equal(bind(s, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(s);
	put_text(dir, "file", "x");
	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(symlinkat("nowhere", dir, "dangling"), 0);
	assert_int_equal(symlinkat("loop", dir, "loop"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err err = ERR_INIT;
		char *text = NULL;
		size_t n;

		assert_int_equal(file_read(&a, dir, cases[i].name, 100, &text, &n, &err), -1);
		if (err.kind != cases[i].kind)
			fail_msg("\"%s\": kind %s (%s)", cases[i].name, err_kind_name(err.kind),
				err.msg);
		assert_true(strlen(err.msg) > 0);
		assert_null(text);
	}
	assert_int_equal(count_fds(), fds);
}

static int read_as_nobody(void *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	(void)arg;
	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 9;
	if (file_read(&a, AT_FDCWD, arg, 100, &text, &n, &err) == 0)
		return 1;
	return err.kind == ERR_DENIED ? 0 : 2;
}

static void read_without_permission(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(chmod(scratch, 0755), 0);
	put_text(dir, "secret", "x");
	assert_int_equal(fchmodat(dir, "secret", 0000, 0), 0);
	snprintf(path, sizeof(path), "%s/secret", scratch);
	assert_int_equal(in_child(read_as_nobody, path), 0);
	assert_int_equal(chmod(scratch, 0700), 0);
}

/* ---- replace --------------------------------------------------------------------------------- */

static void replace_makes_and_overwrites(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(file_replace(dir, "f", "one", 3, 0600, &err), 0);
	assert_content("f", "one");
	assert_int_equal(fstatat(dir, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(file_replace(dir, "f", "", 0, 0640, &err), 0);
	assert_content("f", "");
	assert_false(exists(".f.tmp"));
}

/* What a crash left under the temporary name is no obstacle, whatever it is, and is not written
 * through. */
static void replace_over_a_stale_temporary(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put_text(dir, "victim", "untouched");
	put_text(dir, ".f.tmp", "a longer text than the new one");
	assert_int_equal(file_replace(dir, "f", "1", 1, 0600, &err), 0);
	assert_content("f", "1");
	assert_int_equal(symlinkat("victim", dir, ".f.tmp"), 0);
	assert_int_equal(file_replace(dir, "f", "2", 1, 0600, &err), 0);
	assert_content("f", "2");
	assert_int_equal(linkat(dir, "victim", dir, ".f.tmp", 0), 0);
	assert_int_equal(file_replace(dir, "f", "3", 1, 0600, &err), 0);
	assert_content("f", "3");
	assert_int_equal(mkfifoat(dir, ".f.tmp", 0600), 0);
	assert_int_equal(file_replace(dir, "f", "4", 1, 0600, &err), 0);
	assert_content("f", "4");
	assert_content("victim", "untouched");
}

/* A link or FIFO of the final name is replaced itself. */
static void replace_never_follows(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	put_text(dir, "victim", "untouched");
	assert_int_equal(symlinkat("victim", dir, "link"), 0);
	assert_int_equal(file_replace(dir, "link", "new", 3, 0600, &err), 0);
	assert_content("victim", "untouched");
	assert_int_equal(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(file_replace(dir, "fifo", "new", 3, 0600, &err), 0);
	assert_content("fifo", "new");
}

static void replace_fails_without_a_trace(void **state)
{
	const size_t fds = count_fds();
	struct err err = ERR_INIT;
	char name[300];

	(void)state;
	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(file_replace(dir, "folder", "x", 1, 0600, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_false(exists(".folder.tmp"));
	memset(name, 'n', sizeof(name) - 1);
	name[299] = '\0';
	assert_int_equal(file_replace(dir, name, "x", 1, 0600, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	name[250] = '\0'; /* ".NAME.tmp" is just as long as a name may be */
	assert_int_equal(file_replace(dir, name, "x", 1, 0600, &err), 0);
	name[251 - 1] = 'n';
	name[251] = '\0';
	assert_int_equal(file_replace(dir, name, "x", 1, 0600, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(mkdirat(dir, ".g.tmp", 0700), 0);
	assert_int_equal(file_replace(dir, "g", "x", 1, 0600, &err), -1);
	assert_false(exists("g"));
	assert_int_equal(count_fds(), fds);
}

static int replace_with_a_limit(void *arg)
{
	const struct rlimit small = {4096, 4096};
	static char data[100000];
	struct err err = ERR_INIT;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &small) < 0)
		return 9;
	return file_replace(dir, "f", data, sizeof(data), 0600, &err) == 0 ? 1 : 0;
}

/* A disk that is full in the middle: the old file stays, nothing else does. */
static void replace_without_room(void **state)
{
	(void)state;
	put_text(dir, "f", "old");
	assert_int_equal(in_child(replace_with_a_limit, NULL), 0);
	assert_content("f", "old");
	assert_false(exists(".f.tmp"));
}

/* A reader that looks all the time sees whole files only, and so it is after a kill. */
static int write_for_ever(void *arg)
{
	static char data[2][50000];
	struct err err = ERR_INIT;

	(void)arg;
	memset(data[0], 'a', sizeof(data[0]));
	memset(data[1], 'b', sizeof(data[1]));
	for (unsigned i = 0;; i++)
		if (file_replace(dir, "f", data[i % 2], sizeof(data[0]) - i % 2, 0600, &err) < 0)
			return 1;
}

static void check_whole(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	char *text;
	size_t n;

	if (file_read(&a, dir, "f", 1 << 20, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(n, text[0] == 'a' ? 50000 : 49999);
	for (size_t i = 1; i < n; i++)
		if (text[i] != text[0])
			fail_msg("byte %zu is of another version", i);
}

static void never_a_part(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		pid_t pid = fork();

		if (!pid)
			_exit(write_for_ever(NULL));
		assert_true(pid > 0);
		while (!exists("f"))
			sched_yield();
		for (int i = 0; i < 20 + round; i++)
			check_whole();
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		check_whole();
	}
}

/* ---- folders --------------------------------------------------------------------------------- */

static void make_folders(void **state)
{
	struct err err = ERR_INIT;
	static char longest[PATH_MAX + 10];
	struct stat st;
	char path[200];

	(void)state;
	assert_int_equal(dir_make(dir, "a/b/c", 0700, &err), 0);
	assert_int_equal(dir_make(dir, "a//b/c/", 0755, &err), 0);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/x/y", scratch);
	assert_int_equal(dir_make(AT_FDCWD, path, 0700, &err), 0);
	assert_true(exists("x/y"));
	assert_int_equal(dir_make(dir, "", 0700, &err), -1);
	memset(longest, 'l', sizeof(longest) - 1);
	assert_int_equal(dir_make(dir, longest, 0700, &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_int_equal(dir_sync(dir, "a", &err), 0);
	assert_int_equal(dir_sync(dir, "missing", &err), -1);
}

static void a_file_is_no_folder(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	put_text(dir, "file", "x");
	assert_int_equal(dir_make(dir, "file/sub", 0700, &err), -1);
	assert_int_equal(err.errnum, ENOTDIR);
	err_clear(&err);
	assert_int_equal(dir_make(dir, "file", 0700, &err), -1);
	assert_int_equal(err.errnum, ENOTDIR);
}

static void remove_tree(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(dir_make(dir, "t/a/b", 0700, &err), 0);
	put_text(dir, "t/a/b/file", "x");
	put_text(dir, "t/.hidden", "x");
	assert_int_equal(mkfifoat(dir, "t/fifo", 0600), 0);
	assert_int_equal(tree_remove(dir, "t", &err), 0);
	assert_false(exists("t"));
	assert_int_equal(tree_remove(dir, "t", &err), 0); /* not there is success */
	put_text(dir, "single", "x");
	assert_int_equal(tree_remove(dir, "single", &err), 0);
	assert_false(exists("single"));
}

static void remove_never_follows(void **state)
{
	struct err err = ERR_INIT;
	char target[200];

	(void)state;
	assert_int_equal(dir_make(dir, "keep/sub", 0700, &err), 0);
	put_text(dir, "keep/sub/file", "kept");
	assert_int_equal(dir_make(dir, "t", 0700, &err), 0);
	snprintf(target, sizeof(target), "%s/keep", scratch);
	assert_int_equal(symlinkat(target, dir, "t/link"), 0);
	assert_int_equal(symlinkat("..", dir, "t/up"), 0);
	assert_int_equal(symlinkat("keep", dir, "top"), 0);
	assert_int_equal(tree_remove(dir, "top", &err), 0);
	assert_int_equal(tree_remove(dir, "t", &err), 0);
	assert_false(exists("t"));
	assert_false(exists("top"));
	assert_content("keep/sub/file", "kept");
}

static void remove_is_bounded(void **state)
{
	struct err err = ERR_INIT;
	char path[400] = "d";

	(void)state;
	for (int i = 0; i < 100; i++)
		strncat(path, "/d", sizeof(path) - strlen(path) - 1);
	assert_int_equal(dir_make(dir, path, 0700, &err), 0);
	assert_int_equal(tree_remove(dir, "d", &err), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	path[99] = '\0';
	assert_int_equal(tree_remove(dir, path, &err), 0); /* the lower half, then the upper one */
	assert_int_equal(tree_remove(dir, "d", &err), 0);
}

/* What is mounted inside the tree belongs to somebody else: another file system, or a folder of
 * the same one that was bound there. */
static int remove_with_a_mount(void *arg)
{
	const bool bind = *(const bool *)arg;
	struct err err = ERR_INIT;
	char from[200], at[200];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* in the new namespace */
	snprintf(from, sizeof(from), "%s/keep", scratch);
	snprintf(at, sizeof(at), "%s/t/mounted", scratch);
	if (bind ? mount(from, at, NULL, MS_BIND, NULL) < 0
		 : mount("none", at, "tmpfs", 0, NULL) < 0)
		return 78;
	put_text(dir, "t/mounted/precious", "x");
	if (tree_remove(dir, "t", &err) == 0)
		return 1;
	if (!exists("t/mounted/precious"))
		return 2;
	return err.kind == ERR_CONFLICT && strstr(err.msg, "mount point") ? 0 : 3;
}

static void remove_stops_at_mounts(void **state)
{
	static bool bind[] = {false, true};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int rc;

		assert_int_equal(dir_make(dir, "t/mounted", 0700, &err), 0);
		assert_int_equal(dir_make(dir, "keep", 0700, &err), 0);
		rc = in_child(remove_with_a_mount, &bind[i]);
		if (rc == 77)
			skip_because("no mount namespace of its own without root or user namespaces");
		assert_int_equal(rc, 0);
	}
}

static void remove_leaks_nothing(void **state)
{
	const size_t fds = count_fds();
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(dir_make(dir, "t/a/b/c", 0700, &err), 0);
		assert_int_equal(tree_remove(dir, "t", &err), 0);
	}
	assert_int_equal(count_fds(), fds);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_keeps_errno),
		cmocka_unit_test(write_all_goes_on),
		T(read_whole),
		T(read_refuses_the_rest),
		T(read_without_permission),
		T(replace_makes_and_overwrites),
		T(replace_over_a_stale_temporary),
		T(replace_never_follows),
		T(replace_fails_without_a_trace),
		T(replace_without_room),
		T(never_a_part),
		T(make_folders),
		T(a_file_is_no_folder),
		T(remove_tree),
		T(remove_never_follows),
		T(remove_is_bounded),
		T(remove_stops_at_mounts),
		T(remove_leaks_nothing),
	};

	return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
