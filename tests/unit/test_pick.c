/* test_pick.c - which kernel and which modules an image has. */
#include "drivers/image/worker/pick.h"

#include "tests/lib/unit.h"

#include <string.h>

static const struct merge_limits limits = {10000, 10000, 1 << 20, 1 << 30};

/* A path that ends with "/" is a folder, one with "->" a link; others are files of one byte, "=0" of
 * none. */
static struct merge *tree_of(struct arena *a, const char *const *paths)
{
	struct merge *m = merge_new(&limits);
	struct err e = ERR_INIT;

	merge_layer(m);
	for (uint32_t i = 0; paths[i]; i++) {
		struct merge_entry t = {.path = paths[i], .type = MERGE_FILE, .size = 1, .index = i};
		const char *arrow = strstr(paths[i], "->"), *empty = strstr(paths[i], "=0");

		if (arrow) {
			t.type = MERGE_SYMLINK;
			t.link = arrow + 2;
		}
		if (paths[i][strlen(paths[i]) - 1] == '/')
			t.type = MERGE_DIR;
		if (arrow || empty)
			t.path = arena_dupn(a, paths[i], (size_t)((arrow ? arrow : empty) - paths[i]));
		t.size = t.type == MERGE_FILE && !empty;
		if (merge_add(m, &t, &e) < 0)
			fail_msg("%s", e.msg);
	}
	assert_int_equal(merge_finish(m, &e), 0);
	return m;
}

/* "kernel|version|to to ..." or what is wrong. */
static const char *pick(struct arena *a, const char *const *paths)
{
	_cleanup_(merge_drop) struct merge *m = tree_of(a, paths);
	struct err e = ERR_INIT;
	struct picks p;
	const char *text;

	if (pick_kernel(a, m, &p, &e) < 0)
		return arena_printf(a, "%s: %s", err_kind_name(e.kind), e.msg);
	text = arena_printf(a, "%s|%s|", p.kernel, p.version ? p.version : "-");
	for (size_t i = 0; i < p.files.n; i++) {
		if (i)
			assert_true(p.files.v[i - 1].inode <= p.files.v[i].inode);
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", p.files.v[i].to);
	}
	return text;
}

#define PICK(...) pick(&a, (const char *const[]){__VA_ARGS__, NULL})

static void places(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(PICK("boot/vmlinuz-6.1", "lib/modules/6.1/kernel/fs/ext4.ko",
		"lib/modules/6.1/modules.builtin", "lib/modules/6.1/modules.dep"),
		"/boot/vmlinuz-6.1|6.1|kernel modules/kernel/fs/ext4.ko modules/modules.builtin");
	assert_string_equal(PICK("usr/lib/modules/6.9-x/vmlinuz", "usr/lib/modules/6.9-x/a.ko.xz", "lib->usr/lib"),
		"/usr/lib/modules/6.9-x/vmlinuz|6.9-x|kernel modules/a.ko.xz");
	assert_string_equal(PICK("kernel", "etc/x"), "/kernel|-|kernel");
	assert_string_equal(PICK("vmlinux-5", "bin/kernel"), "/vmlinux-5|-|kernel");
	/* A link to it is not another one, and what is empty is none. */
	assert_string_equal(PICK("boot/vmlinuz-6", "vmlinuz->boot/vmlinuz-6", "boot/vmlinuz->vmlinuz-6",
		"boot/vmlinux=0", "boot/vmlinuz.old", "boot/initrd.img-6"), "/boot/vmlinuz-6|-|kernel");
	/* The first place counts. */
	assert_string_equal(PICK("boot/vmlinuz-6", "lib/modules/6/vmlinuz", "lib/modules/6/a.ko", "vmlinuz"),
		"/boot/vmlinuz-6|6|kernel modules/a.ko");
}

static void versions(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(PICK("boot/vmlinuz-6.1", "lib/modules/5/b.ko", "lib/modules/6.1/a.ko"),
		"/boot/vmlinuz-6.1|6.1|kernel modules/a.ko");
	assert_string_equal(PICK("boot/vmlinuz", "lib/modules/5/b.ko"), "/boot/vmlinuz|5|kernel modules/b.ko");
	assert_string_equal(PICK("boot/vmlinuz", "lib/modules/5/b.ko", "lib/modules/6/a.ko"),
		"content: it has modules of several kernels, and none are those of /boot/vmlinuz");
	/* "16.1" ends like "6.1" and is another. */
	assert_string_equal(PICK("boot/vmlinuz-16.1", "lib/modules/6.1/b.ko", "lib/modules/7/a.ko"),
		"content: it has modules of several kernels, and none are those of /boot/vmlinuz-16.1");
}

static void wrong(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(PICK("etc/passwd"), "content: it has no kernel");
	assert_string_equal(PICK("boot/", "boot/grub/x", "vmlinuz->boot/none"), "content: it has no kernel");
	assert_non_null(strstr(PICK("boot/vmlinuz-6.1", "boot/vmlinuz-6.2"), "content: it has several kernels: "));
	assert_non_null(strstr(PICK("lib/modules/1/vmlinuz", "lib/modules/2/vmlinuz"), "several kernels"));
	assert_non_null(strstr(PICK("vmlinuz", "lib/modules/1/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/a.ko"),
		"limit: its folders of modules are nested"));
	/* A file of a name that leads out is not possible, and a folder is not a kernel. */
	assert_string_equal(PICK("boot/vmlinuz/"), "content: it has no kernel");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(versions),
		cmocka_unit_test(wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
