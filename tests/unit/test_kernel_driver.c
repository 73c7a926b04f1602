/* test_kernel_driver.c - the kernel driver with the worker's task called directly. */
#include "drivers/driver.h"
#include "drivers/kernel/worker/make.h"
#include "drivers/sys/worker.h"
#include "schema/base/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include <cmocka.h>

extern const struct driver driver_kernel;

/* ---- the worker's twin ------------------------------------------------------------------ */

static int worker_calls;

int worker_run(const struct worker_task *task, json_t **result, struct err *e)
{
	worker_calls++;
	assert_non_null(task->verb);
	return kernel_make_run(task->request, result, e);
}

/* ---- a world ---------------------------------------------------------------------------- */

static struct arena a;
static struct host h;
static char dir[64];
static struct kernel_spec spec;
static struct object object;

static const char *path(const char *name)
{
	return arena_printf(&a, "%s/%s", dir, name);
}

static void put(const char *name, const void *data, size_t n)
{
	FILE *f = fopen(path(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	fclose(f);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* What make_stamp compares; a test that changes a file waits for nothing. */
static void age(const char *name, time_t to)
{
	assert_int_equal(utime(path(name), &(struct utimbuf){to, to}), 0);
}

static size_t module(char *file, const char *name, const char *depends)
{
	static const char sections[] = "\0.shstrtab\0.modinfo";
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB}, .e_shoff = sizeof(eh),
		.e_shentsize = sizeof(Elf64_Shdr), .e_shnum = 3, .e_shstrndx = 1};
	Elf64_Shdr sh[3] = {0};
	char *info = arena_printf(&a, "depends=%s_name=%s", depends, name);
	size_t at = sizeof(eh) + sizeof(sh), n = strlen(info) + 1;

	strchr(info, '=')[strlen(depends) + 1] = '\0';
	sh[1] = (Elf64_Shdr){.sh_name = 1, .sh_type = 3, .sh_offset = at, .sh_size = sizeof(sections)};
	sh[2] = (Elf64_Shdr){.sh_name = 11, .sh_type = 1, .sh_offset = at + sizeof(sections), .sh_size = n};
	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), sh, sizeof(sh));
	memcpy(file + at, sections, sizeof(sections));
	memcpy(file + at + sizeof(sections), info, n);
	return at + sizeof(sections) + n;
}

static void put_module(const char *file, const char *name, const char *depends)
{
	char data[1024];

	put(file, data, module(data, name, depends));
}

static void put_packed(const char *file, const char *name, const char *depends)
{
	char data[1024];
	size_t n = module(data, name, depends);
	struct archive *w = archive_write_new();
	struct archive_entry *entry = archive_entry_new();

	archive_write_add_filter_xz(w);
	archive_write_set_format_raw(w);
	assert_int_equal(archive_write_open_filename(w, path(file)), ARCHIVE_OK);
	archive_entry_set_pathname(entry, "x");
	archive_entry_set_filetype(entry, S_IFREG);
	assert_int_equal(archive_write_header(w, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(w, data, n), n);
	archive_entry_free(entry);
	assert_int_equal(archive_write_free(w), ARCHIVE_OK);
}

static int setup(void **state)
{
	char kernel[4096] = {0};

	(void)state;
	worker_calls = 0;
	snprintf(dir, sizeof(dir), "/tmp/kernel-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	memcpy(kernel + 0x202, "HdrS", 4);
	put("vmlinuz", kernel, sizeof(kernel));
	mkdir(path("bin"), 0755);
	put_text("bin/reconcile-guest", "\177ELF guest");
	mkdir(path("state"), 0700);
	mkdir(path("mod"), 0755);
	mkdir(path("mod/kernel"), 0755);
	put_text("mod/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
	put_module("mod/kernel/virtio_mmio.ko", "virtio_mmio", "virtio");
	put_packed("mod/kernel/virtio.ko.xz", "virtio", "");
	put_module("mod/kernel/virtio_blk.ko", "virtio_blk", "virtio");
	put_module("mod/kernel/virtio_console.ko", "virtio_console", "virtio");
	put_module("mod/kernel/virtio-rng.ko", "virtio_rng", "virtio");
	h = (struct host){.arena = &a, .instance = "1a2b3c4d", .state_dir = path("state"),
		.program_dir = path("bin"), .run_fd = -1,
		.state_fd = open(path("state"), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	spec = (struct kernel_spec){.head = {.name = "k"}, .file = path("vmlinuz"), .modules = path("mod")};
	object = (struct object){.kind = KIND_KERNEL, .name = "k", .spec = &spec.head};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(h.state_fd);
	tree_remove(AT_FDCWD, dir, NULL);
	arena_free(&a);
	return 0;
}

static struct kvs resolve(const struct record *record)
{
	struct kvs facts = {0};
	struct err e = ERR_INIT;

	if (driver_kernel.resolve(&h, &object, record, &facts, &e) < 0)
		fail_msg("resolve: %s", e.msg);
	return facts;
}

static struct step step_of(enum step_op op, const char *name, const struct kvs *resolved,
	const struct record *record)
{
	const struct naming in = {.host = &h, .object = &object, .resolved = resolved, .record = record};
	struct step s = {.op = op, .kind = KIND_KERNEL, .name = name,
		.object = op == STEP_CREATE ? &object : NULL};
	struct err e = ERR_INIT;

	assert_int_equal(driver_kernel.name_step(&in, &s.args, &e), 0);
	return s;
}

/* Make kernel name as the engine does; the record of it. */
static struct record make(const char *name)
{
	struct kvs resolved = resolve(NULL), facts = {0};
	struct step s = step_of(STEP_CREATE, name, &resolved, NULL);
	struct record r = {.kind = KIND_KERNEL, .name = name};
	struct err e = ERR_INIT;

	if (driver_kernel.apply(&h, &s, &facts, &e) < 0)
		fail_msg("apply: %s", e.msg);
	kvs_copy(&a, &r.facts, &s.args);
	kvs_merge(&a, &r.facts, &facts);
	return r;
}

static void destroy(const char *name, const struct record *r)
{
	struct step s = step_of(STEP_DELETE, name, NULL, r);
	struct kvs facts = {0};
	struct err e = ERR_INIT;

	if (driver_kernel.apply(&h, &s, &facts, &e) < 0)
		fail_msg("apply: %s", e.msg);
}

static struct observed look(const struct record *r)
{
	struct view v = {.object = &object, .record = r};
	struct err e = ERR_INIT;

	assert_int_equal(driver_kernel.observe(&h, &v, 1, &e), 0);
	return v.observed;
}

static const char *refused(const char *field, const char *value)
{
	struct kernel_spec broken = spec;
	struct kvs facts = {0};
	struct err e = ERR_INIT;

	if (!strcmp(field, "file"))
		broken.file = value;
	else
		broken.modules = value;
	object.spec = &broken.head;
	assert_int_equal(driver_kernel.resolve(&h, &object, NULL, &facts, &e), -1);
	object.spec = &spec.head;
	return arena_printf(&a, "%s: %s%s%s", err_kind_name(e.kind), e.msg, *e.hint ? "; " : "", e.hint);
}

/* ---- tests ------------------------------------------------------------------------------ */

static void test_life(void **state)
{
	struct record r = make("k");
	struct stat st;

	(void)state;
	assert_int_equal(look(&r).seen, SEEN_SAME);
	assert_int_equal(look(NULL).seen, SEEN_ABSENT);
	assert_int_equal(stat(path(arena_printf(&a, "state/%s", kvs_get(&r.facts, "file"))), &st), 0);
	assert_int_equal(st.st_size, 4096);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(kvs_get(&r.facts, "kernel_size"), "4096");
	assert_string_equal(kvs_get(&r.facts, "modules"), "kernel/virtio.ko.xz kernel/virtio_mmio.ko "
		"kernel/virtio_blk.ko kernel/virtio_console.ko kernel/virtio-rng.ko");
	destroy("k", &r);
	assert_int_equal(look(&r).seen, SEEN_ABSENT);
	assert_int_equal(access(path(arena_printf(&a, "state/kernels/%s", kvs_get(&r.facts, "id"))), F_OK), -1);
	destroy("k", &r);
}

static void test_again_is_the_same(void **state)
{
	struct record r = make("k"), again = make("k");

	(void)state;
	assert_string_equal(kvs_get(&r.facts, "id"), kvs_get(&again.facts, "id"));
	assert_int_equal(look(&again).seen, SEEN_SAME);
}

/* Nothing asked, nothing read, while no file changed; any change of any file is seen. */
static void test_stamp(void **state)
{
	static const char *const files[] = {"vmlinuz", "bin/reconcile-guest", "mod/modules.builtin",
		"mod/kernel/virtio.ko.xz", "mod/kernel/virtio-rng.ko"};
	struct record r = make("k");
	struct kvs facts;

	(void)state;
	/* The files are new, so their stamp is not trusted yet; one from later is put in. */
	assert_null(kvs_get(&r.facts, "stamp"));
	worker_calls = 0;
	facts = resolve(&r);
	assert_int_equal(worker_calls, 1);
	assert_string_equal(kvs_get(&facts, "id"), kvs_get(&r.facts, "id"));
	sleep(2);
	facts = resolve(&r);
	assert_non_null(kvs_get(&facts, "stamp"));
	kvs_set(&a, &r.facts, "stamp", kvs_get(&facts, "stamp"));
	worker_calls = 0;
	facts = resolve(&r);
	assert_int_equal(worker_calls, 0);
	assert_string_equal(kvs_get(&facts, "initrd"), kvs_get(&r.facts, "initrd"));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		worker_calls = 0;
		age(files[i], 1000 + (time_t)i);
		facts = resolve(&r);
		assert_int_equal(worker_calls, 1);
		assert_string_equal(kvs_get(&facts, "id"), kvs_get(&r.facts, "id"));
		kvs_set(&a, &r.facts, "stamp", kvs_get(&facts, "stamp"));
	}
}

static void test_id_is_the_content(void **state)
{
	struct kvs before = resolve(NULL), after;
	const char *id = kvs_get(&before, "id");

	(void)state;
	assert_int_equal(strlen(id), 32);
	age("vmlinuz", 12345);
	after = resolve(NULL);
	assert_string_equal(kvs_get(&after, "id"), id);
	put_text("bin/reconcile-guest", "\177ELF other");
	after = resolve(NULL);
	assert_string_not_equal(kvs_get(&after, "id"), id);
	put_text("bin/reconcile-guest", "\177ELF guest");
	after = resolve(NULL);
	assert_string_equal(kvs_get(&after, "id"), id);
	put_module("mod/kernel/virtio-rng.ko", "virtio_rng", "virtio,");
	after = resolve(NULL);
	assert_string_not_equal(kvs_get(&after, "id"), id);
	assert_int_equal(access(path("state/kernels"), F_OK), -1); /* looking writes nothing */
}

static void test_shared(void **state)
{
	struct record one = make("one"), two = make("two");
	struct orphans found = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(driver_kernel.scan(&h, &found, &e), 0);
	assert_int_equal(found.n, 2);
	destroy("one", &one);
	assert_int_equal(look(&two).seen, SEEN_SAME);
	destroy("two", &two);
	assert_int_equal(look(&two).seen, SEEN_ABSENT);
	found.n = 0;
	assert_int_equal(driver_kernel.scan(&h, &found, &e), 0);
	assert_int_equal(found.n, 0);
}

static void test_damage(void **state)
{
	struct record r = make("k");
	const char *kernel = path(arena_printf(&a, "state/%s", kvs_get(&r.facts, "file")));
	const char *initrd = path(arena_printf(&a, "state/%s", kvs_get(&r.facts, "initrd")));
	struct observed o;

	(void)state;
	assert_int_equal(truncate(initrd, 5), 0);
	o = look(&r);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_int_equal(o.cost, CHANGE_REPLACE);
	assert_non_null(strstr(o.reason, "has 5 bytes"));
	r = make("k");
	assert_int_equal(look(&r).seen, SEEN_SAME);
	unlink(kernel);
	o = look(&r);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_non_null(strstr(o.reason, "is missing"));
	r = make("k");
	assert_int_equal(look(&r).seen, SEEN_SAME);
	unlink(kernel);
	assert_int_equal(mkdir(kernel, 0700), 0);
	assert_int_equal(look(&r).seen, SEEN_DRIFTED);
	r = make("k");
	assert_int_equal(look(&r).seen, SEEN_SAME);
}

/* What a crash leaves is replaced by the next apply and removed by undo. */
static void test_leftovers(void **state)
{
	struct kvs resolved = resolve(NULL);
	const char *id = kvs_get(&resolved, "id"), *tmp = arena_printf(&a, "state/kernels/.%s.tmp", id);
	struct step s = step_of(STEP_CREATE, "k", &resolved, NULL);
	struct orphans found = {0};
	struct err e = ERR_INIT;

	(void)state;
	mkdir(path("state/kernels"), 0700);
	mkdir(path(tmp), 0700);
	put_text(arena_printf(&a, "%s/kernel", tmp), "half");
	assert_int_equal(driver_kernel.scan(&h, &found, &e), 0);
	assert_int_equal(found.n, 1);
	assert_int_equal(driver_kernel.undo(&h, &s, &e), 0);
	assert_int_equal(access(path(tmp), F_OK), -1);
	assert_int_equal(driver_kernel.undo(&h, &s, &e), 0);
	mkdir(path(tmp), 0700);
	put_text(arena_printf(&a, "%s/kernel", tmp), "half");
	assert_int_equal(look(&(struct record){.facts = make("k").facts}).seen, SEEN_SAME);
	assert_int_equal(access(path(tmp), F_OK), -1);
	assert_int_equal(driver_kernel.undo(&h, &s, &e), 0);
	assert_int_equal(access(path(arena_printf(&a, "state/kernels/%s", id)), F_OK), -1);
}

static void test_changed_since_plan(void **state)
{
	struct kvs resolved = resolve(NULL), facts = {0};
	struct step s = step_of(STEP_CREATE, "k", &resolved, NULL);
	struct err e = ERR_INIT;

	(void)state;
	put_text("bin/reconcile-guest", "\177ELF newer");
	assert_int_equal(driver_kernel.apply(&h, &s, &facts, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	assert_int_equal(access(path("state/kernels"), F_OK), -1);
	kvs_set(&a, &s.args, "id", "../../../etc");
	assert_int_equal(driver_kernel.apply(&h, &s, &facts, &e), -1);
	assert_int_equal(driver_kernel.undo(&h, &s, &e), -1);
}

static void test_without_modules(void **state)
{
	struct kvs with = resolve(NULL), without;

	(void)state;
	spec.modules = NULL;
	without = resolve(NULL);
	assert_string_not_equal(kvs_get(&with, "id"), kvs_get(&without, "id"));
	assert_string_equal(kvs_get(&without, "modules"), "");
}

/* The initrd that the user has is taken as it is, and its content counts. */
static void test_own_initrd(void **state)
{
	struct kvs with = resolve(NULL), own, other;
	struct record r;
	char *data;
	size_t n;

	(void)state;
	put_text("initrd", "an initrd");
	spec.modules = NULL;
	spec.initrd = path("initrd");
	own = resolve(NULL);
	assert_string_not_equal(kvs_get(&own, "id"), kvs_get(&with, "id"));
	put_text("bin/reconcile-guest", "\177ELF other");
	other = resolve(NULL); /* it is not in there */
	assert_string_equal(kvs_get(&own, "id"), kvs_get(&other, "id"));
	r = make("k");
	assert_int_equal(file_read(&a, h.state_fd, kvs_get(&r.facts, "initrd"), 100, &data, &n, NULL), 0);
	assert_string_equal(data, "an initrd");
	put_text("initrd", "another one");
	other = resolve(NULL);
	assert_string_not_equal(kvs_get(&own, "id"), kvs_get(&other, "id"));
	put_text("initrd", "");
	object.spec = &spec.head;
	assert_int_equal(driver_kernel.resolve(&h, &object, NULL, &other, NULL), -1);
	spec.initrd = NULL;
	put_text("bin/reconcile-guest", "\177ELF guest");
}

/* A bzImage whose payload is packed by nothing that is known: refused only when it has to be unpacked. An
 * ELF kernel stays what it is. */
static void test_elf(void **state)
{
	struct kvs facts = {0}, as_is;
	struct err e = ERR_INIT;

	(void)state;
	spec.format = KERNEL_ELF;
	assert_int_equal(driver_kernel.resolve(&h, &object, NULL, &facts, &e), -1);
	assert_non_null(strstr(e.msg, "does not say where its ELF file is"));
	put_text("elf", "\177ELF and so on");
	spec.file = path("elf");
	facts = resolve(NULL);
	spec.format = KERNEL_AUTO;
	as_is = resolve(NULL);
	assert_string_equal(kvs_get(&facts, "id"), kvs_get(&as_is, "id"));
}

static void test_refused(void **state)
{
	(void)state;
	put_text("text", "just text, longer than nothing");
	put_text("empty", "");
	assert_int_equal(mkfifo(path("fifo"), 0600), 0);
	mkdir(path("none"), 0755);
	mkdir(path("few"), 0755);
	put_module("few/virtio_mmio.ko", "virtio_mmio", "");
#define SAYS(got, want) assert_non_null(strstr((got), (want)))
	SAYS(refused("file", path("gone")), "no-input: kernel ");
	SAYS(refused("file", path("text")), "is neither a bzImage nor an ELF kernel; name the file that a boot loader");
	SAYS(refused("file", path("empty")), "is neither a bzImage");
	SAYS(refused("file", path("mod")), "is not a regular file");
	SAYS(refused("file", path("fifo")), "is not a regular file");
	SAYS(refused("modules", path("gone")), "no such folder of kernel modules; name the folder lib/modules");
	SAYS(refused("modules", path("text")), "no such folder");
	SAYS(refused("modules", path("none")), "holds no kernel modules; name the folder");
	SAYS(refused("modules", path("few")), "module virtio_blk is missing and not built in (disks); name the folder");
	put_text("mod/kernel/virtio_blk.ko", "not a module");
	SAYS(refused("modules", path("mod")), "content: ");
	put_text("mod/kernel/virtio_blk.ko", "");
	SAYS(refused("modules", path("mod")), "is not an ELF file");
	unlink(path("mod/kernel/virtio_blk.ko"));
	put_text("mod/kernel/virtio_blk.ko.xz", "not compressed");
	SAYS(refused("modules", path("mod")), "is not an ELF file");
	put_text("bin/reconcile-guest", "#!/bin/sh");
	SAYS(refused("file", spec.file), "is not a program; reconcile-guest belongs beside reconcile");
	unlink(path("bin/reconcile-guest"));
	SAYS(refused("file", spec.file), "no-input: guest program: ");
	assert_int_equal(access(path("state/kernels"), F_OK), -1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_life), T(test_again_is_the_same), T(test_stamp), T(test_id_is_the_content),
		T(test_shared), T(test_damage), T(test_leftovers), T(test_changed_since_plan),
		T(test_without_modules), T(test_own_initrd), T(test_elf), T(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
