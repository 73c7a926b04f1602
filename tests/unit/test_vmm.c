/* test_vmm.c - the VM driver with a real QEMU and a real kernel: start, adopt, stop, kill, panic.
 *
 * Needs RECONCILE_TEST_KERNEL, the path of a bzImage with a serial console and initrd support built
 * in; the guest's init is busybox. Exit code 77: skipped, with the reason.
 */
#include "drivers/driver.h"
#include "drivers/rundir.h"
#include "drivers/sys/proc.h"
#include "drivers/sys/tail.h"
#include "drivers/vmm/qmp.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct driver driver_vm;

#define BUSYBOX "/bin/busybox"
/* Far more than a boot takes; only a broken one waits for it. */
#define PATIENCE_MS 120000

static const char init_script[] =
	"#!/bin/busybox sh\n"
	"echo guest-init-up\n"
	"/bin/busybox mount -t proc proc /proc\n"
	"case $(/bin/busybox cat /proc/cmdline) in\n"
	"*do=poweroff*) /bin/busybox poweroff -f;;\n"
	"*do=panic*) exit 3;;\n"
	"esac\n"
	"while :; do /bin/busybox sleep 1; done\n";

struct world {
	struct arena arena;
	struct host h;
	char root[256], initrd[512];
	struct vm_spec spec;
	struct object object;
	struct step step;
	struct kvs facts;
	struct err e;
};

/* ---- an initrd: cpio in its "newc" form ------------------------------------------------- */

static void cpio_pad(FILE *f)
{
	while (ftell(f) % 4)
		fputc(0, f);
}

static void cpio_entry(FILE *f, const char *name, unsigned mode, unsigned rmajor, unsigned rminor,
	const void *data, size_t n)
{
	static unsigned ino = 1;

	fprintf(f, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", ino++, mode, 0,
		0, 1, 0, n, 0, 0, rmajor, rminor, strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, f);
	cpio_pad(f);
	if (n)
		fwrite(data, 1, n, f);
	cpio_pad(f);
}

static void make_initrd(struct world *w)
{
	char *busybox;
	size_t n;
	FILE *f;

	assert_int_equal(file_read(&w->arena, AT_FDCWD, BUSYBOX, 64 << 20, &busybox, &n, NULL), 0);
	snprintf(w->initrd, sizeof(w->initrd), "%s/initrd", w->root);
	f = fopen(w->initrd, "we");
	assert_non_null(f);
	cpio_entry(f, "dev", S_IFDIR | 0755, 0, 0, NULL, 0);
	cpio_entry(f, "proc", S_IFDIR | 0755, 0, 0, NULL, 0);
	cpio_entry(f, "bin", S_IFDIR | 0755, 0, 0, NULL, 0);
	cpio_entry(f, "dev/console", S_IFCHR | 0600, 5, 1, NULL, 0);
	cpio_entry(f, "bin/busybox", S_IFREG | 0755, 0, 0, busybox, n);
	cpio_entry(f, "init", S_IFREG | 0755, 0, 0, init_script, strlen(init_script));
	cpio_entry(f, "TRAILER!!!", 0, 0, 0, NULL, 0);
	fclose(f);
}

/* ---- a world with one VM ---------------------------------------------------------------- */

static void make_disk(struct world *w, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)w;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	close(fd);
}

static int open_folder(struct world *w, const char *name, const char **path)
{
	*path = arena_printf(&w->arena, "%s/%s", w->root, name);
	assert_int_equal(dir_make(AT_FDCWD, *path, 0700, NULL), 0);
	return open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void set_step(struct world *w, const char *does)
{
	struct arena *a = &w->arena;

	w->step = (struct step){.op = STEP_START, .kind = KIND_VM, .name = "web",
		.object = &w->object};
	kvs_set(a, &w->step.args, "id", "0badcafe-web");
	kvs_set(a, &w->step.args, "cid", "3");
	kvs_set(a, &w->step.args, "kernel", getenv("RECONCILE_TEST_KERNEL"));
	kvs_set(a, &w->step.args, "initrd", w->initrd);
	kvs_set(a, &w->step.args, "disk", "vms/web/root.img");
	kvs_set(a, &w->step.args, "config", "{\"Cmd\":[\"/bin/true\"],\"Env\":[\"A=1\"]}");
	if (does)
		kvs_setf(a, &w->step.args, "kernel_args", "do=%s", does);
}

static int setup(void **state)
{
	/* Longer than sun_path, with a comma and a space: none of it may matter. */
	static const char long_name[] = "run, and a very long folder name that alone is nearly as "
		"long as the path of a Unix socket may be";
	struct world *w = calloc(1, sizeof(*w));
	char boot_id[PROC_BOOT_ID_MAX];

	*state = w;
	snprintf(w->root, sizeof(w->root), "%s/rc, vmm.XXXXXX",
		getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(w->root));
	assert_int_equal(proc_boot_id(boot_id, NULL), 0);
	w->h = (struct host){.arena = &w->arena, .instance = "0badcafe",
		.boot_id = arena_dup(&w->arena, boot_id)};
	w->h.state_fd = open_folder(w, "state", &w->h.state_dir);
	w->h.run_fd = open_folder(w, long_name, &w->h.run_dir);
	make_initrd(w);
	assert_int_equal(dir_make(w->h.state_fd, "vms/web", 0700, NULL), 0);
	make_disk(w, arena_printf(&w->arena, "%s/vms/web/root.img", w->h.state_dir));
	w->spec = (struct vm_spec){.head = {.name = "web"}, .image = "i", .kernel = "k",
		.vcpus = 1, .memory = 128 << 20, .disk_size = 8 << 20, .running = true,
		.restart = RESTART_NEVER, .network = NETWORK_USER, .stop_timeout_ms = 300,
		.ready_timeout_ms = 1000};
	w->object = (struct object){.kind = KIND_VM, .name = "web", .spec = &w->spec.head};
	set_step(w, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	set_step(w, NULL);
	driver_vm.undo(&w->h, &w->step, NULL);
	close(w->h.state_fd);
	close(w->h.run_fd);
	tree_remove(AT_FDCWD, w->root, NULL);
	arena_free(&w->arena);
	free(w);
	return 0;
}

static void apply_ok(struct world *w, enum step_op op)
{
	w->step.op = op;
	if (driver_vm.apply(&w->h, &w->step, &w->facts, &w->e) < 0)
		fail_msg("%s: %s", step_op_name(op), w->e.msg);
}

static struct observed look(struct world *w, bool desired)
{
	struct record r = {.kind = KIND_VM, .name = "web", .state = RECORD_MADE,
		.facts = w->facts};
	struct view v = {.object = desired ? &w->object : NULL, .record = &r};

	assert_int_equal(driver_vm.observe(&w->h, &v, 1, &w->e), 0);
	return v.observed;
}

static void recorded(struct world *w, struct proc_id *id)
{
	*id = (struct proc_id){.pid = (pid_t)kvs_u64(&w->facts, "pid", 0),
		.start = kvs_u64(&w->facts, "start", 0)};
	snprintf(id->boot_id, sizeof(id->boot_id), "%s", kvs_get(&w->facts, "boot_id"));
}

static bool console_has(struct world *w, const char *text)
{
	int fd = -1;
	size_t n;
	bool has;

	assert_int_equal(rundir_open(w->h.run_fd, "web", &fd, NULL), 0);
	has = strstr(tail_read(&w->arena, fd, RUN_CONSOLE, 65536, &n), text) != NULL;
	close(fd);
	return has;
}

static void wait_console(struct world *w, const char *text)
{
	int64_t end = clock_mono_ms() + PATIENCE_MS;

	while (!console_has(w, text)) {
		if (clock_mono_ms() > end)
			fail_msg("the console never said \"%s\"", text);
		usleep(50000);
	}
}

static void wait_dead(struct world *w)
{
	struct proc_id id;

	recorded(w, &id);
	assert_int_equal(proc_wait_gone(&id, PATIENCE_MS, NULL), 0);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void test_start_adopt_stop_delete(void **state)
{
	struct world *w = *state;
	struct orphans orphans = {0};
	struct kvs again = {0};
	struct observed o;
	const char *pid;

	apply_ok(w, STEP_START);
	pid = kvs_get(&w->facts, "pid");
	assert_non_null(pid);
	assert_int_equal(strlen(kvs_get(&w->facts, "nonce")), 16);
	assert_string_equal(kvs_get(&w->facts, "cid"), "3");
	assert_non_null(kvs_get(&w->facts, "accel"));
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_SAME);
	assert_true(o.running);
	assert_int_equal(driver_vm.scan(&w->h, &orphans, &w->e), 0);
	assert_int_equal(orphans.n, 1);
	assert_string_equal(orphans.v[0].name, "web");
	wait_console(w, "guest-init-up");

	/* Done again, as after a crash before the outcome was recorded: the same process. */
	assert_int_equal(driver_vm.apply(&w->h, &w->step, &again, &w->e), 0);
	assert_string_equal(kvs_get(&again, "pid"), pid);
	assert_string_equal(kvs_get(&again, "nonce"), kvs_get(&w->facts, "nonce"));

	w->spec.memory = 192 << 20;
	assert_int_equal(driver_vm.apply(&w->h, &w->step, &again, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_CONFLICT);
	err_clear(&w->e);

	w->step.op = STEP_DELETE;
	assert_int_equal(driver_vm.apply(&w->h, &w->step, &again, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_CONFLICT);

	apply_ok(w, STEP_STOP);
	assert_string_equal(kvs_get(&w->facts, "pid"), "0");
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_false(o.running);
	apply_ok(w, STEP_STOP);

	apply_ok(w, STEP_DELETE);
	apply_ok(w, STEP_DELETE);
	o = look(w, false);
	assert_int_equal(o.seen, SEEN_ABSENT);
	assert_int_equal(faccessat(w->h.run_fd, "vms", F_OK, 0), -1);
	assert_int_equal(faccessat(w->h.state_fd, "vms/web/boot.img", F_OK, 0), -1);
	/* The disk belongs to another driver. */
	assert_int_equal(faccessat(w->h.state_fd, "vms/web/root.img", F_OK, 0), 0);
}

static void test_killed_and_started_again(void **state)
{
	struct world *w = *state;
	struct proc_id id;
	struct observed o;

	apply_ok(w, STEP_START);
	recorded(w, &id);
	assert_int_equal(proc_signal(&id, SIGKILL, NULL), 0);
	wait_dead(w);
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_int_equal(o.cost, CHANGE_RESTART);
	assert_non_null(strstr(o.reason, "is gone (the VMM was killed or crashed)"));
	o = look(w, false);
	assert_int_equal(o.seen, SEEN_SAME);
	assert_false(o.running);

	apply_ok(w, STEP_START);
	assert_int_not_equal(kvs_u64(&w->facts, "pid", 0), id.pid);
	o = look(w, true);
	assert_true(o.running);
	/* Its record was lost, but not its mark. */
	kvs_set(&w->arena, &w->facts, "pid", "1");
	o = look(w, true);
	assert_true(o.running);
	assert_non_null(kvs_get(&o.facts, "nonce"));
}

static void test_guest_powers_off(void **state)
{
	struct world *w = *state;
	struct observed o;

	set_step(w, "poweroff");
	apply_ok(w, STEP_START);
	wait_dead(w);
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_SAME);
	assert_true(o.finished);
	assert_string_equal(kvs_get(&o.facts, "exit"), "the guest powered off");
	w->spec.restart = RESTART_ALWAYS;
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
}

static void test_guest_panics(void **state)
{
	struct world *w = *state;
	struct observed o;

	set_step(w, "panic");
	w->spec.restart = RESTART_ON_FAILURE;
	apply_ok(w, STEP_START);
	wait_dead(w);
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_non_null(strstr(o.reason, "Kernel panic - not syncing: Attempted to kill init"));
}

static void test_qemu_refuses(void **state)
{
	struct world *w = *state;
	struct orphans orphans = {0};

	kvs_set(&w->arena, &w->step.args, "kernel", "/nowhere/vmlinuz");
	assert_int_equal(driver_vm.apply(&w->h, &w->step, &w->facts, &w->e), -1);
	assert_non_null(strstr(w->e.msg, "cannot start VM web: QEMU exited with code 1"));
	assert_non_null(strstr(w->e.msg, "/nowhere/vmlinuz"));
	assert_int_equal(driver_vm.scan(&w->h, &orphans, NULL), 0);
	assert_int_equal(orphans.n, 0);
}

static void test_undo(void **state)
{
	struct world *w = *state;
	struct proc_id id;

	apply_ok(w, STEP_START);
	recorded(w, &id);
	assert_true(proc_is_alive(&id));
	assert_int_equal(driver_vm.undo(&w->h, &w->step, &w->e), 0);
	assert_false(proc_is_alive(&id));
	assert_int_equal(driver_vm.undo(&w->h, &w->step, &w->e), 0);
	assert_int_equal(faccessat(w->h.state_fd, "vms/web/boot.img", F_OK, 0), -1);
}

/* Another client keeps QMP busy: stopping still works, by signals. */
static void test_stop_without_qmp(void **state)
{
	struct world *w = *state;
	struct qmp *q;
	int fd;

	apply_ok(w, STEP_START);
	assert_int_equal(rundir_open(w->h.run_fd, "web", &fd, NULL), 0);
	assert_int_equal(qmp_open(fd, RUN_QMP, clock_mono_ms() + 5000, NULL, &q, &w->e), 0);
	apply_ok(w, STEP_STOP);
	qmp_close(q);
	close(fd);
}

/* Stopped by a signal: STOP lets it run on, so that it ends in order and not by KILL. */
static void test_stopped_by_a_signal(void **state)
{
	struct world *w = *state;
	struct proc_id id;
	struct observed o;
	int fd = -1;

	apply_ok(w, STEP_START);
	recorded(w, &id);
	assert_int_equal(kill(id.pid, SIGSTOP), 0);
	while (proc_look(&id) == PROC_ALIVE)
		usleep(1000);
	o = look(w, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_non_null(strstr(o.reason, "was stopped by a signal"));
	apply_ok(w, STEP_STOP);
	assert_int_equal(rundir_open(w->h.run_fd, "web", &fd, NULL), 0);
	assert_int_equal(faccessat(fd, RUN_PID, F_OK, 0), -1);
	close(fd);
	apply_ok(w, STEP_START);
	assert_int_equal(look(w, true).seen, SEEN_SAME);
}

static void test_run_folder_is_gone(void **state)
{
	struct world *w = *state;
	struct proc_id id;

	apply_ok(w, STEP_START);
	recorded(w, &id);
	assert_int_equal(tree_remove(w->h.run_fd, "vms", NULL), 0);
	assert_int_equal(look(w, true).seen, SEEN_DRIFTED);
	w->spec.stop_timeout_ms = 3600000; /* nothing could be said to the guest: not waited for */
	apply_ok(w, STEP_STOP);
	assert_false(proc_is_alive(&id));
	apply_ok(w, STEP_START);
	assert_int_equal(look(w, true).seen, SEEN_SAME);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_start_adopt_stop_delete),
		T(test_killed_and_started_again),
		T(test_guest_powers_off),
		T(test_guest_panics),
		T(test_qemu_refuses),
		T(test_undo),
		T(test_stop_without_qmp),
		T(test_stopped_by_a_signal),
		T(test_run_folder_is_gone),
	};

	if (!getenv("RECONCILE_TEST_KERNEL")) {
		fprintf(stderr, "skipped: RECONCILE_TEST_KERNEL names no kernel\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
