/* test_cage.c - from the cage nothing can be changed: each call of the kernel that would, and each
 * operation of ours that does, tried by a child in the cage while its parent looks that nothing came
 * of it.
 */
#include "drivers/sys/cage.h"

#include "drivers/driver.h"
#include "drivers/sys/beneath.h"
#include "drivers/sys/proc.h"
#include "drivers/sys/rtnl.h"
#include "reconciler/engine/handles.h"
#include "reconciler/engine/home.h"
#include "reconciler/engine/lock.h"
#include "reconciler/engine/store.h"
#include "schema/spec.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>

static char dir[SCRATCH_MAX];
static int dir_fd = -1, kept_fd = -1;
static pid_t sleeper;

/* ---- calls of the kernel ---------------------------------------------------------------------- */

static long open_write(void) { return openat(dir_fd, "file", O_WRONLY | O_CLOEXEC); }
static long open_both(void) { return openat(dir_fd, "file", O_RDWR | O_CLOEXEC); }
static long open_create(void) { return openat(dir_fd, "new", O_RDONLY | O_CREAT | O_CLOEXEC, 0600); }
static long open_truncate(void) { return openat(dir_fd, "file", O_RDONLY | O_TRUNC | O_CLOEXEC); }
static long open_unnamed(void) { return openat(dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600); }
static long open_two(void)
{
	const uint64_t how[3] = {O_RDWR | O_CLOEXEC, 0, 0};

	return syscall(SYS_openat2, dir_fd, "file", how, sizeof(how));
}
static long remove_file(void) { return unlinkat(dir_fd, "file", 0); }
static long remove_folder(void) { return unlinkat(dir_fd, "folder", AT_REMOVEDIR); }
static long rename_file(void) { return renameat(dir_fd, "file", dir_fd, "new"); }
static long exchange(void) { return renameat2(dir_fd, "file", dir_fd, "folder", RENAME_EXCHANGE); }
static long make_folder(void) { return mkdirat(dir_fd, "new", 0700); }
static long make_link(void) { return linkat(dir_fd, "file", dir_fd, "new", 0); }
static long make_symlink(void) { return symlinkat("file", dir_fd, "new"); }
static long make_fifo(void) { return mknodat(dir_fd, "new", S_IFIFO | 0600, 0); }
static long change_mode(void) { return fchmodat(dir_fd, "file", 0777, 0); }
static long change_mode_fd(void) { return fchmod(kept_fd, 0777); }
static long change_owner(void) { return fchownat(dir_fd, "file", 1, 1, 0); }
static long change_owner_fd(void) { return fchown(kept_fd, 1, 1); }
static long change_times(void) { return utimensat(dir_fd, "file", NULL, 0); }
static long shorten(void) { return ftruncate(kept_fd, 0); }
static long reserve(void) { return fallocate(kept_fd, 0, 0, 4096); }
static long set_attribute(void) { return fsetxattr(kept_fd, "user.x", "1", 1, 0); }
static long mount_there(void) { return mount("none", dir, "tmpfs", 0, NULL); }
static long unmount(void) { return umount2("/", MNT_DETACH); }
static long new_namespace(void) { return syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */); }
static long kill_it(void) { return kill(sleeper, SIGKILL); }
static long kill_thread(void) { return syscall(SYS_tgkill, sleeper, sleeper, SIGKILL); }
static long kill_by_handle(void)
{
	return syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, sleeper, 0), SIGKILL, NULL, 0);
}
static long trace_it(void) { return ptrace(PTRACE_ATTACH, sleeper, NULL, NULL); }
static long load_module(void) { return syscall(SYS_init_module, "", 0, ""); }
static long load_program(void) { return syscall(SYS_bpf, 0, NULL, 0); }
static long other_ring(void) { return syscall(SYS_io_uring_setup, 1, NULL); }
static long set_host_name(void) { return sethostname("x", 1); }
static long firewall(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 12 /* NETLINK_NETFILTER */); }
/* What the link has already: where it is not refused it changes nothing. */
static long set_link(void)
{
	struct rtnl_link link;
	struct rtnl nl = {0};
	struct err err = ERR_INIT;

	if (rtnl_open(&nl, &err) < 0 || rtnl_get(&nl, "lo", &link, &err) != 0)
		return 0;
	if (rtnl_set_mtu(&nl, link.index, link.mtu, &err) == 0)
		return 0;
	errno = err.errnum;
	return -1;
}
static long packets(void) { return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); }
static long device_request(void) { return ioctl(kept_fd, _IOW(0x94, 9, int) /* FICLONE */, kept_fd); }
static long bind_name(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/socket", dir);
	return bind(fd, (struct sockaddr *)&at, sizeof(at));
}

#define CALL(f) {#f, f}
static const struct {
	const char *name;
	long (*call)(void);
} calls[] = {
	CALL(open_write), CALL(open_both), CALL(open_create), CALL(open_truncate), CALL(open_unnamed),
	CALL(open_two), CALL(remove_file), CALL(remove_folder), CALL(rename_file), CALL(exchange),
	CALL(make_folder), CALL(make_link), CALL(make_symlink), CALL(make_fifo), CALL(change_mode),
	CALL(change_mode_fd), CALL(change_owner), CALL(change_owner_fd), CALL(change_times),
	CALL(shorten), CALL(reserve), CALL(set_attribute), CALL(mount_there), CALL(unmount),
	CALL(new_namespace), CALL(kill_it), CALL(kill_thread), CALL(kill_by_handle), CALL(trace_it),
	CALL(load_module), CALL(load_program), CALL(other_ring), CALL(set_host_name), CALL(firewall), CALL(set_link),
	CALL(packets), CALL(device_request), CALL(bind_name),
};

/* ---- set up ------------------------------------------------------------------------------------ */

static int set_up(void **state)
{
	(void)state;
	scratch_make(dir);
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	put_file(dir_fd, "file", "old", 3);
	assert_int_equal(mkdirat(dir_fd, "folder", 0700), 0);
	kept_fd = openat(dir_fd, "file", O_RDWR | O_CLOEXEC);
	assert_true(kept_fd >= 0);
	sleeper = fork();
	if (!sleeper)
		for (;;)
			pause();
	return 0;
}

/* The sleeper was not hit, and ends now. */
static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(waitpid(sleeper, NULL, WNOHANG), 0);
	assert_int_equal(kill(sleeper, SIGKILL), 0);
	assert_int_equal(waitpid(sleeper, NULL, 0), sleeper);
	close(kept_fd);
	close(dir_fd);
	scratch_remove(dir);
	return 0;
}

static int bad_thing(const char *name, const char *what)
{
	fprintf(stderr, "%s: %s\n", name, what);
	return 1;
}

static int enter(void)
{
	struct err err = ERR_INIT;

	return cage_enter(&err) < 0 ? bad_thing("cage_enter", err.msg) : 0;
}

/* ---- tests ------------------------------------------------------------------------------------- */

static int try_calls(void *arg)
{
	int bad = enter();

	(void)arg;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		errno = 0;
		if (calls[i].call() != -1)
			bad |= bad_thing(calls[i].name, "was not refused");
		else if (errno != EPERM)
			bad |= bad_thing(calls[i].name, strerror(errno));
	}
	return bad;
}

static void each_call_is_refused(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(in_child(try_calls, NULL), 0);
	assert_int_equal(fstatat(dir_fd, "file", &st, 0), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(dir_fd, "folder", &st, 0), 0);
	assert_int_equal(fstatat(dir_fd, "new", &st, 0), -1);
	assert_int_equal(fstatat(dir_fd, "socket", &st, 0), -1);
}

/* Without the cage they are refused for other reasons, or not at all: the list above tests something. */
static int try_outside(void *arg)
{
	size_t done = 0;

	(void)arg;
	done += open_write() >= 0;
	done += make_folder() == 0;
	done += change_mode() == 0;
	done += remove_folder() == 0;
	done += kill(sleeper, 0) == 0;
	return (int)done;
}

static void outside_they_work(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_outside, NULL), 5);
}

static int try_looking(void *arg)
{
	struct rtnl nl = {0};
	struct rtnl_link link;
	struct stat st;
	char text[8];
	int ends[2], bad = enter(), fd = openat(dir_fd, "file", O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (fd < 0 || read(fd, text, sizeof(text)) != 3 || fstat(fd, &st) < 0)
		bad |= bad_thing("reading", strerror(errno));
	fd = beneath_open(dir_fd, "folder", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		bad |= bad_thing("beneath_open", strerror(errno));
	if (beneath_open(dir_fd, "folder/../file", O_RDONLY, 0) >= 0 || errno != EXDEV)
		bad |= bad_thing("beneath_open", "left its folder");
	if (beneath_open(dir_fd, "new", O_RDWR | O_CREAT, 0600) >= 0)
		bad |= bad_thing("beneath_open", "made a file");
	if (flock(kept_fd, LOCK_EX | LOCK_NB) < 0)
		bad |= bad_thing("flock", strerror(errno));
	if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ||
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
		bad |= bad_thing("socket", strerror(errno));
	if (rtnl_open(&nl, NULL) < 0 || rtnl_get(&nl, "lo", &link, NULL) != 0)
		bad |= bad_thing("rtnetlink", strerror(errno));
	if (pipe2(ends, O_CLOEXEC) < 0 || write(ends[1], "x", 1) != 1)
		bad |= bad_thing("pipe", strerror(errno));
	if (kill(sleeper, 0) < 0)
		bad |= bad_thing("kill 0", strerror(errno));
	return bad | enter(); /* again is success */
}

static void looking_still_works(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_looking, NULL), 0);
}

static int raise_in_cage(void *arg)
{
	(void)arg;
	return enter() ? 1 : raise(SIGTERM);
}

/* A second Ctrl-C ends the program by raise. */
static void it_can_end_itself(void **state)
{
	(void)state;
	assert_int_equal(in_child(raise_in_cage, NULL), 256 + SIGTERM);
}

/* What is started from it is in it as well. */
static int start_from_cage(void *arg)
{
	static const char *const argv[] = {"touch", "new", NULL};
	struct proc_spec spec = {.path = "/bin/touch", .argv = argv, .cwd_fd = dir_fd, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1, .dies_with_us = true};
	struct err err = ERR_INIT;
	struct proc_id id;
	int status = 0, pidfd = -1, bad = enter();

	(void)arg;
	if (proc_spawn(&spec, &id, &pidfd, &err) == 0 || err.kind != ERR_DENIED)
		bad |= bad_thing("proc_spawn", "was not refused");
	err_clear(&err);
	spec.looks = true;
	if (proc_spawn(&spec, &id, &pidfd, &err) < 0)
		return bad_thing("proc_spawn", err.msg);
	if (proc_reap(id.pid, pidfd, -1, &status, &err) < 0 || !WIFEXITED(status) ||
		!WEXITSTATUS(status))
		bad |= bad_thing("touch", "was not refused");
	return bad;
}

static void what_it_starts_is_in_it(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(in_child(start_from_cage, NULL), 0);
	assert_int_equal(fstatat(dir_fd, "new", &st, 0), -1);
}

/* ---- our own operations ---------------------------------------------------------------------- */

static const char spec_text[] = "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n"
	"kernels: {k: {file: /boot/k}}\nnetworks: {web: {subnet: 10.213.7.0/29}}\n"
	"vms: {web: {image: base, kernel: k, memory: 128MiB, network: {web: {}}}}\n";

/* Arguments that name something for every kind. */
static void fill_args(struct arena *a, struct kvs *args)
{
	static const char *const pairs[][2] = {
		{"id", "sha256:0000000000000000000000000000000000000000000000000000000000000000"},
		{"file", "vms/web/root.img"}, {"initrd", "vms/web/initrd"}, {"size", "4096"},
		{"backend", "copy"}, {"base", "file"}, {"cid", "3"}, {"kernel", "file"},
		{"ref", "registry.example/base:1"}, {"config", "{}"}, {"shared", "0"},
		{"accel", "tcg"}, {"generation", "1"}, {"base_id", "x"}, {"image", "file"},
		{"bridge", "999999"}, {"address", "10.213.7.1/29"}, {"mtu", "1500"},
		{"nics", "[{\"index\":999999,\"bridge\":999999,\"mtu\":1500}]"}, {"has.999999", "tap"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		kvs_set(a, args, pairs[i][0], pairs[i][1]);
}

static const struct object *object_of(const struct objects *all, enum kind kind)
{
	vec_each(o, all)
		if (o->kind == (kind == KIND_GUEST ? KIND_VM : kind))
			return o;
	return NULL;
}

/* Every mutating slot of every driver; what it answers is its own affair ("already gone" is success),
 * what matters is that the parent finds nothing changed. Making something cannot succeed. */
static int try_drivers(struct arena *a, struct host *h, const struct objects *objects)
{
	int bad = 0;

	for (int kind = 0; kind < KIND_N; kind++)
		for (int op = 0; op < STEP_OP_N; op++) {
			struct step step = {.op = (enum step_op)op, .kind = (enum kind)kind,
				.name = "web", .object = object_of(objects, (enum kind)kind)};
			struct kvs facts = {0};
			struct err err = ERR_INIT;
			int rc;

			fill_args(a, &step.args);
			kvs_set(a, &step.args, "run", arena_printf(a, "%s/vms/web", h->run_dir));
			rc = driver_for(step.kind)->apply(h, &step, &facts, &err);
			if (rc == 0 && op == (kind == KIND_VM ? STEP_START : STEP_CREATE) && kind != KIND_GUEST)
				bad |= bad_thing(kind_name(step.kind), step_op_name(step.op));
			err_clear(&err);
			driver_for(step.kind)->undo(h, &step, &err);
		}
	return bad;
}

static int refused(const char *name, int rc, const struct err *err)
{
	if (rc == 0)
		return bad_thing(name, "was not refused");
	return err->kind == ERR_DENIED || err->kind == ERR_STATE || err->kind == ERR_SYSTEM
		? 0 : bad_thing(name, err->msg);
}

#define REFUSED(call) do { struct err e_ = ERR_INIT, *e = &e_; int rc_ = (call); \
	bad |= refused(#call, rc_, e); } while (0)

static int try_state(struct store *reader, struct host *h)
{
	const struct record row = {.kind = KIND_VM, .name = "new", .source = "s"};
	const struct lease lease = {"cid", "vm/new", 9};
	const struct step step = {.kind = KIND_VM, .name = "new"};
	const struct handles handles = {0};
	struct proc_id now;
	struct store *writer = NULL;
	int64_t intent;
	int bad = 0, lock;

	/* SQLite opens for reading what it may not open for writing. */
	if (store_open(h->state_dir, true, &writer, NULL) == 0)
		REFUSED(store_meta_set(writer, "k", "v", e));
	store_close(writer);
	REFUSED(store_put(reader, &row, e));
	REFUSED(store_forget(reader, KIND_VM, "web", "s", e));
	REFUSED(store_lease(reader, &lease, e));
	REFUSED(store_release(reader, "cid", "vm/web", e));
	REFUSED(store_intent(reader, "pass", &step, &intent, e));
	REFUSED(store_close_intents(reader, e));
	REFUSED(store_meta_set(reader, "k", "v", e));
	REFUSED(handles_write(h->state_fd, h->instance, "web", &handles, e));
	REFUSED(handles_remove(h->state_fd, "web", e));
	REFUSED(file_replace(dir_fd, "file", "new", 3, 0600, e));
	REFUSED(dir_make(dir_fd, "new/folder", 0700, e));
	REFUSED(tree_remove(dir_fd, "folder", e));
	REFUSED(lock_take(h->state_fd, "test", 0, NULL, &lock, e));
	if (proc_identify(sleeper, &now, NULL) < 0)
		bad |= bad_thing("proc_identify", "cannot look");
	REFUSED(proc_signal(&now, SIGKILL, e));
	return bad;
}

static int try_operations(void *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_store_ struct store *reader = NULL;
	struct objects objects = {0};
	struct diags diags = {0};
	struct err err = ERR_INIT;
	struct home home;
	struct spec *spec;
	int bad;

	(void)arg;
	if (spec_parse(&a, "t.yaml", "/", spec_text, strlen(spec_text), &spec, &diags, &err) < 0 ||
		home_open(&a, NULL, false, 0, NULL, &home, &err) < 0 ||
		store_open(home.host.state_dir, false, &reader, &err) < 0)
		return bad_thing("set up", err.msg);
	spec_expand(&a, spec, &objects);
	bad = enter();
	bad |= try_drivers(&a, &home.host, &objects);
	bad |= try_state(reader, &home.host);
	home_close(&home);
	return bad;
}

/* Name, size, mode, times and content of everything below the folder. */
static void describe(struct arena *a, const char *path, char **out)
{
	static const char *const names[] = {"", "/file", "/folder", "/state", "/state/state.db",
		"/state/vms", "/state/vms/web", "/state/vms/web/root.img", "/state/vms/web/boot.img",
		"/state/vms/web/handles.json", "/state/images", "/state/kernels", "/state/new",
		"/state/lock", "/state/run", "/state/run/vms", "/state/run/vms/web", "/new"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat st = {0};
		int there = stat(arena_printf(a, "%s%s", path, names[i]), &st) == 0;

		*out = arena_printf(a, "%s%s %d %llu %llu %o %lld.%09ld\n", *out, names[i], there,
			(unsigned long long)st.st_ino, (unsigned long long)st.st_size, st.st_mode,
			(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	}
}

static void make_state(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static const char *const variables[][2] = {{"RECONCILE_STATE_DIR", "state"},
		{"RECONCILE_CACHE_DIR", "cache"}, {"RECONCILE_RUN_DIR", "state/run"}};
	struct err err = ERR_INIT;
	struct store *s = NULL;
	struct handles handles = {0};
	struct home home;

	for (size_t i = 0; i < 3; i++)
		setenv(variables[i][0], arena_printf(&a, "%s/%s", dir, variables[i][1]), 1);
	if (home_open(&a, NULL, true, 0, NULL, &home, &err) < 0 ||
		store_open(home.host.state_dir, true, &s, &err) < 0 ||
		handles_write(home.host.state_fd, home.host.instance, "web", &handles, &err) < 0)
		fail_msg("%s", err.msg);
	put_file(home.host.state_fd, "file", "base", 4);
	put_file(home.host.state_fd, "vms/web/root.img", "disk", 4);
	put_file(home.host.state_fd, "vms/web/boot.img", "boot", 4);
	store_close(s);
	home_close(&home);
}

static void each_operation_changes_nothing(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *before = "", *after = "";

	(void)state;
	make_state();
	describe(&a, dir, &before);
	assert_int_equal(in_child(try_operations, NULL), 0);
	describe(&a, dir, &after);
	assert_string_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_call_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(outside_they_work, set_up, tear_down),
		cmocka_unit_test_setup_teardown(looking_still_works, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_can_end_itself, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_it_starts_is_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_operation_changes_nothing, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("cage", tests, NULL, NULL);
}
