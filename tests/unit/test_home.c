/* test_home.c - where an instance lives. */
#include "reconciler/engine/home.h"

#include "tests/lib/unit.h"

static char scratch[SCRATCH_MAX];
static int dir = -1;

static const char *const variables[] = {"RECONCILE_STATE_DIR", "RECONCILE_CACHE_DIR",
	"RECONCILE_RUN_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "HOME",
	"RECONCILE_PROGRAM_DIR"};

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	umask(022);
	return dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (chdir("/") < 0)
		return -1;
	fd_close(&dir);
	scratch_remove(scratch);
	return 0;
}

static void set_below(const char *name, const char *sub)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	setenv(name, arena_printf(&a, "%s/%s", scratch, sub), 1);
}

static void assert_below(const char *path, const char *sub)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	assert_string_equal(path, arena_printf(&a, "%s/%s", scratch, sub));
}

static bool exists(const char *sub)
{
	struct stat st;

	return fstatat(dir, sub, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(const char *sub)
{
	struct stat st;

	assert_int_equal(fstatat(dir, sub, &st, 0), 0);
	return st.st_mode & 07777;
}

static struct home open_home(struct arena *a, const char *state_dir, bool write)
{
	struct err err = ERR_INIT;
	struct home h;

	if (home_open(a, state_dir, write, 0, NULL, &h, &err) < 0)
		fail_msg("%s", err.msg);
	return h;
}

static void assert_refused(const char *state_dir, bool write, enum err_kind kind)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const size_t fds = count_fds();
	struct err err = ERR_INIT;
	struct home h;

	assert_int_equal(home_open(&a, state_dir, write, 0, NULL, &h, &err), -1);
	if (err.kind != kind)
		fail_msg("refused as %s: %s", err_kind_name(err.kind), err.msg);
	home_close(&h);
	assert_int_equal(count_fds(), fds);
}

/* ---- where ------------------------------------------------------------------------------------- */

static void the_environment_decides(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h;

	(void)state;
	set_below("RECONCILE_STATE_DIR", "s");
	set_below("RECONCILE_CACHE_DIR", "c/d");
	set_below("RECONCILE_RUN_DIR", "r");
	set_below("RECONCILE_PROGRAM_DIR", "p");
	h = open_home(&a, NULL, true);
	assert_below(h.host.state_dir, "s");
	assert_below(h.host.cache_dir, "c/d");
	assert_below(h.host.run_dir, "r");
	assert_below(h.host.program_dir, "p");
	assert_int_equal(mode_of("s"), 0700);
	assert_int_equal(mode_of("c/d"), 0700);
	assert_int_equal(mode_of("r"), 0700);
	assert_true(h.host.state_fd >= 0 && h.host.run_fd >= 0 && h.host.lock_fd >= 0);
	assert_int_equal(strlen(h.host.instance), 8);
	assert_int_equal(strlen(h.host.boot_id), 36);
	home_close(&h);
	assert_int_equal(h.host.state_fd, -1);
	assert_int_equal(h.host.lock_fd, -1);
	home_close(&h);
}

/* Two state directories never share a runtime folder by accident. */
static void a_chosen_place_brings_its_own(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h;

	(void)state;
	set_below("XDG_RUNTIME_DIR", "xdg");
	set_below("RECONCILE_CACHE_DIR", "c");
	set_below("RECONCILE_STATE_DIR", "s");
	h = open_home(&a, NULL, true);
	assert_below(h.host.run_dir, "s/run");
	home_close(&h);
	h = open_home(&a, arena_printf(&a, "%s/flag", scratch), true); /* the flag wins */
	assert_below(h.host.state_dir, "flag");
	assert_below(h.host.run_dir, "flag/run");
	home_close(&h);
	set_below("RECONCILE_RUN_DIR", "r");
	h = open_home(&a, arena_printf(&a, "%s/flag", scratch), true);
	assert_below(h.host.run_dir, "r");
	home_close(&h);
}

/* A variable that is set but empty counts as not set, for each of them. */
static void empty_is_not_set(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h;

	(void)state;
	setenv("RECONCILE_RUN_DIR", "", 1);
	setenv("RECONCILE_CACHE_DIR", "", 1);
	set_below("HOME", "home");
	h = open_home(&a, arena_printf(&a, "%s/flag", scratch), false);
	assert_below(h.host.run_dir, "flag/run");
	home_close(&h);
}

static int as_user(void *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	struct home h;

	if (setgid(12345) < 0 || setuid(12345) < 0)
		return 77;
	if (home_open(&a, NULL, false, 0, NULL, &h, &err) < 0)
		return err.kind == ERR_CONFIG && !arg ? 0 : 1;
	if (!arg)
		return 2;
	return strcmp(h.host.state_dir, arg) ? 3 : 0;
}

/* What an ordinary user gets. Needs root to become one. */
static void an_ordinary_user(void **state)
{
	char want[128];

	(void)state;
	if (geteuid() != 0)
		skip_because("only root can become another user");
	assert_int_equal(chmod(scratch, 0755), 0);
	assert_int_equal(in_child(as_user, NULL), 0); /* no HOME, nothing: a clear error */
	set_below("HOME", "h");
	snprintf(want, sizeof(want), "%s/h/.local/state/reconcile", scratch);
	assert_int_equal(in_child(as_user, want), 0);
	set_below("XDG_STATE_HOME", "x");
	snprintf(want, sizeof(want), "%s/x/reconcile", scratch);
	assert_int_equal(in_child(as_user, want), 0);
	setenv("XDG_STATE_HOME", "relative", 1); /* the XDG specification: to be ignored */
	snprintf(want, sizeof(want), "%s/h/.local/state/reconcile", scratch);
	assert_int_equal(in_child(as_user, want), 0);
}

/* A relative place is taken from where we stand; workers run elsewhere, so all is absolute. */
static void relative_becomes_absolute(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h;

	(void)state;
	assert_int_equal(chdir(scratch), 0);
	setenv("RECONCILE_CACHE_DIR", "c", 1);
	for (int write = 0; write < 2; write++) {
		h = open_home(&a, "flag", write);
		assert_below(h.host.state_dir, "flag");
		assert_below(h.host.run_dir, "flag/run");
		assert_below(h.host.cache_dir, "c");
		home_close(&h);
	}
	setenv("RECONCILE_STATE_DIR", "env", 1);
	h = open_home(&a, NULL, true);
	assert_below(h.host.state_dir, "env");
	home_close(&h);
}

/* ---- looking makes nothing ------------------------------------------------------------------------ */

static void reading_makes_nothing(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h;

	(void)state;
	set_below("RECONCILE_STATE_DIR", "s");
	set_below("RECONCILE_CACHE_DIR", "c");
	h = open_home(&a, NULL, false);
	assert_int_equal(h.host.state_fd, -1);
	assert_int_equal(h.host.run_fd, -1);
	assert_int_equal(h.host.lock_fd, -1);
	home_close(&h);
	assert_false(exists("s"));
	assert_false(exists("c"));
}

/* ---- whose ---------------------------------------------------------------------------------------- */

static void folders_must_be_ours_alone(void **state)
{
	static const mode_t bad[] = {0720, 0702, 0777, 01777};
	char path[128];

	(void)state;
	set_below("RECONCILE_CACHE_DIR", "c");
	snprintf(path, sizeof(path), "%s/s", scratch);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(chmod(path, bad[i]), 0);
		assert_refused(path, true, ERR_CONFIG);
		assert_refused(path, false, ERR_CONFIG);
	}
	assert_int_equal(chmod(path, 0755), 0); /* to be read is fine */
	set_below("RECONCILE_RUN_DIR", "r");
	assert_int_equal(mkdirat(dir, "r", 0700), 0);
	assert_int_equal(fchmodat(dir, "r", 0770, 0), 0);
	assert_refused(path, true, ERR_CONFIG); /* the runtime folder as well */
}

static void folders_of_another_user(void **state)
{
	char path[128];

	(void)state;
	if (geteuid() != 0)
		skip_because("only root can give a folder away");
	set_below("RECONCILE_CACHE_DIR", "c");
	snprintf(path, sizeof(path), "%s/s", scratch);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, 12345, 12345), 0);
	assert_refused(path, true, ERR_CONFIG);
	assert_refused(path, false, ERR_CONFIG);
	assert_false(exists("s/lock"));
}

static void not_a_folder(void **state)
{
	char path[128];

	(void)state;
	set_below("RECONCILE_CACHE_DIR", "c");
	put_text(dir, "file", "x");
	snprintf(path, sizeof(path), "%s/file", scratch);
	assert_refused(path, true, ERR_CONFIG);
	assert_refused(path, false, ERR_CONFIG);
	snprintf(path, sizeof(path), "%s/file/below", scratch);
	assert_refused(path, true, ERR_CONFIG);
	assert_int_equal(symlinkat("nowhere", dir, "dangling"), 0);
	snprintf(path, sizeof(path), "%s/dangling", scratch);
	assert_refused(path, true, ERR_CONFIG);
	put_text(dir, "c", "x");
	snprintf(path, sizeof(path), "%s/s", scratch);
	assert_refused(path, true, ERR_CONFIG); /* the cache */
}

/* ---- who is who ------------------------------------------------------------------------------------ */

static void instances_differ(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *one, *again, *link, *two;
	struct home h;

	(void)state;
	set_below("RECONCILE_CACHE_DIR", "c");
	h = open_home(&a, arena_printf(&a, "%s/one", scratch), true);
	one = h.host.instance;
	home_close(&h);
	h = open_home(&a, arena_printf(&a, "%s/one/", scratch), false);
	again = h.host.instance;
	home_close(&h);
	assert_int_equal(symlinkat("one", dir, "link"), 0);
	h = open_home(&a, arena_printf(&a, "%s/link", scratch), false);
	link = h.host.instance;
	home_close(&h);
	h = open_home(&a, arena_printf(&a, "%s/two", scratch), true);
	two = h.host.instance;
	home_close(&h);
	assert_string_equal(one, again);
	assert_string_equal(one, link);
	assert_string_not_equal(one, two);
}

static void the_lock_is_taken(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct home h, reader;
	char path[128];

	(void)state;
	set_below("RECONCILE_CACHE_DIR", "c");
	snprintf(path, sizeof(path), "%s/s", scratch);
	h = open_home(&a, path, true);
	assert_refused(path, true, ERR_LOCKED);
	reader = open_home(&a, path, false); /* looking needs no lock */
	home_close(&reader);
	home_close(&h);
	h = open_home(&a, path, true);
	home_close(&h);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_environment_decides),
		T(a_chosen_place_brings_its_own),
		T(empty_is_not_set),
		T(an_ordinary_user),
		T(relative_becomes_absolute),
		T(reading_makes_nothing),
		T(folders_must_be_ours_alone),
		T(folders_of_another_user),
		T(not_a_folder),
		T(instances_differ),
		T(the_lock_is_taken),
	};

	return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
