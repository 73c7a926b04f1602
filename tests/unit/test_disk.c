/* test_disk.c - copying files with holes, and the disk driver on real files. */
#include "drivers/driver.h"
#include "drivers/sys/copy.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct driver driver_disk;

#define MIB (1024 * 1024)

struct world {
	struct arena arena;
	struct host h;
	char root[128];
	struct vm_spec spec;
	struct object object;
	struct kvs image;
	struct step step;
	struct kvs facts;
	struct err e;
};

/* ---- a world with one image ------------------------------------------------------------- */

/* 4 MiB with 4 KiB of data at 0, 4 KiB at 2 MiB, and a hole at the end. */
static void make_image(struct world *w)
{
	char block[4096];
	int fd;

	assert_int_equal(dir_make(w->h.state_fd, "images", 0700, NULL), 0);
	fd = openat(w->h.state_fd, "images/i.ext4", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	memset(block, 'a', sizeof(block));
	assert_int_equal(pwrite(fd, block, sizeof(block), 0), sizeof(block));
	memset(block, 'b', sizeof(block));
	assert_int_equal(pwrite(fd, block, sizeof(block), 2 * MIB), sizeof(block));
	assert_int_equal(ftruncate(fd, 4 * MIB), 0);
	close(fd);
}

static const struct kvs *dep(const struct naming *in, enum kind kind, const char *name)
{
	return kind == KIND_IMAGE && !strcmp(name, "i") ? in->dep_arg : NULL;
}

static int name_it(struct world *w, uint32_t generation)
{
	struct naming in = {.host = &w->h, .object = &w->object, .generation = generation,
		.dep = dep, .dep_arg = &w->image};

	w->step = (struct step){.op = STEP_CREATE, .kind = KIND_DISK, .name = "web",
		.object = &w->object};
	return driver_disk.name_step(&in, &w->step.args, &w->e);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	snprintf(w->root, sizeof(w->root), "/tmp/test_disk.XXXXXX");
	assert_non_null(mkdtemp(w->root));
	w->h = (struct host){.arena = &w->arena, .instance = "0badcafe", .state_dir = w->root};
	w->h.state_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_image(w);
	kvs_set(&w->arena, &w->image, "file", "images/i.ext4");
	kvs_set(&w->arena, &w->image, "size", "4194304");
	w->spec = (struct vm_spec){.head = {.name = "web"}, .image = "i", .disk_size = 16 * MIB};
	w->object = (struct object){.kind = KIND_DISK, .name = "web", .spec = &w->spec.head};
	assert_int_equal(name_it(w, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close(w->h.state_fd);
	tree_remove(AT_FDCWD, w->root, NULL);
	arena_free(&w->arena);
	free(w);
	return 0;
}

static int apply(struct world *w, enum step_op op)
{
	w->step.op = op;
	err_clear(&w->e);
	return driver_disk.apply(&w->h, &w->step, &w->facts, &w->e);
}

static void apply_ok(struct world *w, enum step_op op)
{
	if (apply(w, op) < 0)
		fail_msg("%s: %s", step_op_name(op), w->e.msg);
}

static bool has(struct world *w, const char *path)
{
	return faccessat(w->h.state_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct stat stat_disk(struct world *w)
{
	struct stat st;

	assert_int_equal(fstatat(w->h.state_fd, "vms/web/root.img", &st, 0), 0);
	return st;
}

static char byte_at(struct world *w, off_t at)
{
	int fd = openat(w->h.state_fd, "vms/web/root.img", O_RDONLY | O_CLOEXEC);
	char c = '?';

	assert_int_equal(pread(fd, &c, 1, at), 1);
	close(fd);
	return c;
}

static void write_disk(struct world *w, const char *text)
{
	int fd = openat(w->h.state_fd, "vms/web/root.img", O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	close(fd);
}

static struct observed look(struct world *w, enum record_state made, bool recorded, bool desired)
{
	struct record r = {.kind = KIND_DISK, .name = "web", .state = made};
	struct view v = {.object = desired ? &w->object : NULL, .record = recorded ? &r : NULL};

	kvs_copy(&w->arena, &r.facts, &w->step.args);
	kvs_merge(&w->arena, &r.facts, &w->facts);
	assert_int_equal(driver_disk.observe(&w->h, &v, 1, &w->e), 0);
	return v.observed;
}

/* ---- names ------------------------------------------------------------------------------ */

static void test_names(void **state)
{
	struct world *w = *state;
	const struct kvs *args = &w->step.args;

	assert_string_equal(kvs_get(args, "id"), "0badcafe-web-1");
	assert_string_equal(kvs_get(args, "file"), "vms/web/root.img");
	assert_string_equal(kvs_get(args, "size"), "16777216");
	assert_string_equal(kvs_get(args, "base"), "images/i.ext4");
	assert_string_equal(kvs_get(args, "prefer"), "auto");
	assert_null(kvs_get(args, "backend"));
}

static void test_smaller_than_its_image(void **state)
{
	struct world *w = *state;

	w->spec.disk_size = 4 * MIB - 1;
	w->spec.head.pos = (struct pos){"vms.yaml", 7, 3};
	assert_int_equal(name_it(w, 1), -1);
	assert_int_equal(w->e.kind, ERR_SPEC);
	assert_non_null(strstr(w->e.msg, "4194303"));
	assert_non_null(strstr(w->e.msg, "4194304"));
	assert_int_equal(w->e.line, 7);
	w->spec.disk_size = 4 * MIB;
	assert_int_equal(name_it(w, 1), 0);
	/* The file says otherwise than its record. */
	kvs_set(&w->arena, &w->step.args, "size", "4194303");
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.kind, ERR_SPEC);
	assert_false(has(w, "vms"));
}

/* ---- make ------------------------------------------------------------------------------- */

static void test_create(void **state)
{
	struct world *w = *state;
	struct stat st;

	apply_ok(w, STEP_CREATE);
	st = stat_disk(w);
	assert_int_equal(st.st_size, 16 * MIB);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* 8 KiB of data; far less than the 4 MiB of the image, whatever the file system adds. */
	assert_true(st.st_blocks * 512 < MIB);
	assert_int_equal(byte_at(w, 0), 'a');
	assert_int_equal(byte_at(w, 2 * MIB + 4095), 'b');
	assert_int_equal(byte_at(w, MIB), 0);
	assert_int_equal(byte_at(w, 16 * MIB - 1), 0);
	assert_non_null(kvs_get(&w->facts, "backend"));
	assert_false(has(w, "vms/web/.root.img.tmp"));
	assert_int_equal(look(w, RECORD_MADE, true, true).seen, SEEN_SAME);
}

static void test_create_again_keeps_the_data(void **state)
{
	struct world *w = *state;

	apply_ok(w, STEP_CREATE);
	write_disk(w, "DATA");
	apply_ok(w, STEP_CREATE);
	assert_int_equal(byte_at(w, 0), 'D');

	/* The spec was changed between two tries: it grows. */
	kvs_set(&w->arena, &w->step.args, "size", "33554432");
	apply_ok(w, STEP_CREATE);
	assert_int_equal(stat_disk(w).st_size, 32 * MIB);
	assert_int_equal(byte_at(w, 0), 'D');
}

static void test_another_disk_is_never_touched(void **state)
{
	struct world *w = *state;

	apply_ok(w, STEP_CREATE);
	write_disk(w, "DATA");
	assert_int_equal(name_it(w, 2), 0);
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.kind, ERR_CONFLICT);
	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	assert_int_equal(byte_at(w, 0), 'D');

	/* Nor one that nobody knows. */
	assert_int_equal(unlinkat(w->h.state_fd, "vms/web/root.id", 0), 0);
	assert_int_equal(name_it(w, 1), 0);
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.kind, ERR_CONFLICT);
	assert_int_equal(look(w, RECORD_MADE, false, true).seen, SEEN_FOREIGN);
	assert_non_null(strstr(look(w, RECORD_MADE, false, true).reason, "reconcile recover"));
	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	assert_int_equal(byte_at(w, 0), 'D');
}

static void test_half_made_is_replaced(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(dir_make(w->h.state_fd, "vms/web", 0700, NULL), 0);
	fd = openat(w->h.state_fd, "vms/web/.root.img.tmp", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 99), 0);
	close(fd);
	assert_int_equal(look(w, RECORD_MAKING, true, true).seen, SEEN_ABSENT);
	assert_null(look(w, RECORD_MAKING, true, true).reason);
	apply_ok(w, STEP_CREATE);
	assert_int_equal(stat_disk(w).st_size, 16 * MIB);
	assert_false(has(w, "vms/web/.root.img.tmp"));
}

static void test_undo(void **state)
{
	struct world *w = *state;

	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	apply_ok(w, STEP_CREATE);
	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	assert_false(has(w, "vms"));
	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	assert_true(has(w, "images/i.ext4"));
}

static void test_create_fails(void **state)
{
	struct world *w = *state;

	kvs_set(&w->arena, &w->step.args, "base", "images/none.ext4");
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.errnum, ENOENT);
	kvs_set(&w->arena, &w->step.args, "base", "../../etc/passwd");
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.errnum, EXDEV);
	kvs_set(&w->arena, &w->step.args, "base", "images");
	assert_int_equal(apply(w, STEP_CREATE), -1);
	w->step.name = "../x";
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.kind, ERR_STATE);
	w->step.name = "..";
	assert_int_equal(apply(w, STEP_DELETE), -1);
	assert_int_equal(w->e.kind, ERR_STATE);
	assert_false(has(w, "vms"));
}

static void test_cancel(void **state)
{
	static const volatile sig_atomic_t cancel = 1;
	struct world *w = *state;

	w->h.cancel = &cancel;
	kvs_set(&w->arena, &w->step.args, "prefer", "copy");
	assert_int_equal(apply(w, STEP_CREATE), -1);
	assert_int_equal(w->e.kind, ERR_CANCELLED);
	assert_false(has(w, "vms"));
}

/* ---- later ------------------------------------------------------------------------------ */

static void test_grow(void **state)
{
	struct world *w = *state;

	assert_int_equal(apply(w, STEP_UPDATE), -1);
	apply_ok(w, STEP_CREATE);
	kvs_set(&w->arena, &w->step.args, "size", "20971520");
	apply_ok(w, STEP_UPDATE);
	apply_ok(w, STEP_UPDATE);
	assert_int_equal(stat_disk(w).st_size, 20 * MIB);
	assert_int_equal(driver_disk.undo(&w->h, &w->step, &w->e), 0);
	assert_int_equal(stat_disk(w).st_size, 20 * MIB);
	kvs_set(&w->arena, &w->step.args, "size", "20971519");
	assert_int_equal(apply(w, STEP_UPDATE), -1);
	assert_int_equal(w->e.kind, ERR_GUARD);
	assert_int_equal(stat_disk(w).st_size, 20 * MIB);
}

static void test_damage_is_seen(void **state)
{
	struct world *w = *state;
	struct observed o;

	apply_ok(w, STEP_CREATE);
	assert_int_equal(truncate(arena_printf(&w->arena, "%s/vms/web/root.img", w->root), 5), 0);
	o = look(w, RECORD_MADE, true, true);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_int_equal(o.cost, CHANGE_DATA_LOSS);
	assert_non_null(strstr(o.reason, "5 of its 16777216 bytes"));

	assert_int_equal(unlinkat(w->h.state_fd, "vms/web/root.img", 0), 0);
	o = look(w, RECORD_MADE, true, true);
	assert_int_equal(o.seen, SEEN_ABSENT);
	assert_int_equal(o.cost, CHANGE_DATA_LOSS);
	assert_non_null(strstr(o.reason, "is gone"));
	o = look(w, RECORD_FAILED, true, true);
	assert_int_equal(o.cost, CHANGE_DATA_LOSS);

	assert_int_equal(symlinkat("/etc/passwd", w->h.state_fd, "vms/web/root.img"), 0);
	assert_int_equal(look(w, RECORD_MADE, true, true).seen, SEEN_FOREIGN);
}

static void test_delete_and_scan(void **state)
{
	struct world *w = *state;
	struct orphans found = {0}, none = {0};

	assert_int_equal(driver_disk.scan(&w->h, &none, &w->e), 0);
	apply_ok(w, STEP_CREATE);
	assert_int_equal(driver_disk.scan(&w->h, &found, &w->e), 0);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.v[0].name, "web");
	assert_string_equal(found.v[0].what, "file vms/web/root.img");
	apply_ok(w, STEP_DELETE);
	apply_ok(w, STEP_DELETE);
	assert_false(has(w, "vms"));
	assert_int_equal(driver_disk.scan(&w->h, &none, &w->e), 0);
	assert_int_equal(none.n, 0);
	assert_int_equal(look(w, RECORD_DELETING, true, false).seen, SEEN_ABSENT);
	assert_null(look(w, RECORD_DELETING, true, false).reason);
}

/* ---- full disk, reflink ----------------------------------------------------------------- */

static int mount_tmpfs(struct world *w, const char *options)
{
	const char *at = arena_printf(&w->arena, "%s/small", w->root);

	assert_int_equal(mkdir(at, 0700), 0);
	if (mount("tmpfs", at, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return -1;
	return open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_no_space(void **state)
{
	struct world *w = *state;
	int small = mount_tmpfs(w, "size=64k"), from, to;
	char block[256 * 1024];
	struct err e = ERR_INIT;

	if (small < 0) {
		print_message("skipped: no right to mount a tmpfs\n");
		skip();
	}
	memset(block, 'x', sizeof(block));
	from = openat(w->h.state_fd, "full", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(from, block, sizeof(block)), sizeof(block));
	to = openat(small, "to", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(copy_reflink(from, to, &e), 1);
	assert_int_equal(copy_sparse(from, to, sizeof(block), NULL, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	close(from);
	close(to);
	close(small);
	assert_int_equal(umount(arena_printf(&w->arena, "%s/small", w->root)), 0);
}

/* ---- elsewhere -------------------------------------------------------------------------- */

#define KEPT_FILE "kept/web-1.img"

static void move_folder(struct world *w, const char *from, const char *to)
{
	assert_int_equal(renameat(w->h.state_fd, from, w->h.state_fd, to), 0);
}

static void keep_disk(struct world *w)
{
	apply_ok(w, STEP_CREATE);
	write_disk(w, "mine");
	kvs_set(&w->arena, &w->step.args, "keep", KEPT_FILE);
	apply_ok(w, STEP_DELETE);
	assert_string_equal(kvs_get(&w->facts, "kept_as"), KEPT_FILE);
	kvs_set(&w->arena, &w->step.args, "keep", NULL);
}

static void test_keep_and_bring_back(void **state)
{
	struct world *w = *state;
	struct orphans found = {0};

	keep_disk(w);
	assert_false(has(w, "vms"));
	assert_true(has(w, KEPT_FILE));
	assert_int_equal(driver_disk.scan(&w->h, &found, &w->e), 0);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.v[0].name, "web");
	assert_string_equal(kvs_get(&found.v[0].args, "kept"), KEPT_FILE);
	kvs_set(&w->arena, &w->step.args, "keep", KEPT_FILE);
	apply_ok(w, STEP_DELETE); /* done already */
	assert_string_equal(kvs_get(&w->facts, "kept_as"), KEPT_FILE);
	kvs_set(&w->arena, &w->step.args, "keep", NULL);
	kvs_set(&w->arena, &w->step.args, "kept", KEPT_FILE);
	for (int i = 0; i < 2; i++) { /* again: done already */
		apply_ok(w, STEP_UPDATE);
		assert_string_equal(kvs_get(&w->facts, "file"), "vms/web/root.img");
		assert_int_equal(byte_at(w, 0), 'm');
		assert_false(has(w, KEPT_FILE));
	}
	kvs_set(&w->arena, &w->step.args, "kept", NULL);
	apply_ok(w, STEP_CREATE); /* its id is beside it: this is the disk of that step */
	assert_int_equal(byte_at(w, 0), 'm');
}

/* What is kept goes alone: a disk that has that name by now is another one. */
static void test_purge_leaves_the_living(void **state)
{
	struct world *w = *state;
	struct step purge = {.op = STEP_DELETE, .kind = KIND_DISK, .name = "web"};

	keep_disk(w);
	apply_ok(w, STEP_CREATE);
	kvs_set(&w->arena, &purge.args, "kept", KEPT_FILE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(driver_disk.apply(&w->h, &purge, &w->facts, &w->e), 0);
	assert_false(has(w, "kept"));
	assert_true(has(w, "vms/web/root.img"));
	kvs_set(&w->arena, &purge.args, "kept", "kept/../vms/web/root.img");
	assert_int_equal(driver_disk.apply(&w->h, &purge, &w->facts, &w->e), -1);
	assert_true(has(w, "vms/web/root.img"));
}

static void test_nothing_to_keep(void **state)
{
	struct world *w = *state;

	kvs_set(&w->arena, &w->step.args, "keep", KEPT_FILE);
	apply_ok(w, STEP_DELETE);
	assert_string_equal(kvs_get(&w->facts, "kept_as"), "nothing");
	kvs_set(&w->arena, &w->step.args, "kept", KEPT_FILE);
	assert_int_equal(apply(w, STEP_UPDATE), -1); /* nowhere: nothing is made up */
	assert_false(has(w, "vms/web/root.img"));
}

static void test_another_name(void **state)
{
	struct world *w = *state;

	apply_ok(w, STEP_CREATE);
	write_disk(w, "mine");
	move_folder(w, "vms/web", "vms/old");
	kvs_set(&w->arena, &w->step.args, "was", "old");
	for (int i = 0; i < 2; i++) {
		apply_ok(w, STEP_UPDATE);
		assert_int_equal(byte_at(w, 0), 'm');
		assert_false(has(w, "vms/old"));
	}
	move_folder(w, "vms/web", "vms/old");
	kvs_set(&w->arena, &w->step.args, "keep", KEPT_FILE);
	apply_ok(w, STEP_DELETE); /* deleted before it had moved */
	assert_true(has(w, KEPT_FILE));
	assert_false(has(w, "vms/old/root.img"));
}

static void test_copy_shrinking_source(void **state)
{
	struct world *w = *state;
	int from = openat(w->h.state_fd, "images/i.ext4", O_RDWR | O_CLOEXEC);
	int to = openat(w->h.state_fd, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err e = ERR_INIT;

	/* Asked for more than there is: the rest is a hole. */
	assert_int_equal(copy_sparse(from, to, 5 * MIB, NULL, &e), 0);
	assert_int_equal(lseek(to, 0, SEEK_END), 5 * MIB);
	close(from);
	close(to);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_names),
		T(test_smaller_than_its_image),
		T(test_create),
		T(test_create_again_keeps_the_data),
		T(test_another_disk_is_never_touched),
		T(test_half_made_is_replaced),
		T(test_undo),
		T(test_create_fails),
		T(test_cancel),
		T(test_grow),
		T(test_damage_is_seen),
		T(test_delete_and_scan),
		T(test_no_space),
		T(test_keep_and_bring_back),
		T(test_purge_leaves_the_living),
		T(test_nothing_to_keep),
		T(test_another_name),
		T(test_copy_shrinking_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
