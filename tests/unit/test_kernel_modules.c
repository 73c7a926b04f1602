/* test_kernel_modules.c - .modinfo, dependency order, cpio. */
#include "drivers/kernel/worker/cpio.h"
#include "drivers/kernel/worker/modinfo.h"
#include "drivers/kernel/worker/modules.h"
#include "drivers/kernel/worker/modtree.h"

#include "tests/lib/unit.h"

#include <elf.h>

/* ---- a module file with nothing but what matters ---------------------------------------- */

static const char names[] = "\0.shstrtab\0.modinfo";

#define FILE_MAX 1024
#define N_SECTIONS 3

static size_t make_module(unsigned char file[FILE_MAX], const char *info, size_t n)
{
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_REL, .e_shoff = sizeof(eh), .e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = N_SECTIONS, .e_shstrndx = 1};
	Elf64_Shdr sh[N_SECTIONS] = {0};
	size_t at = sizeof(eh) + sizeof(sh);

	sh[1] = (Elf64_Shdr){.sh_name = 1, .sh_type = SHT_STRTAB, .sh_offset = at,
		.sh_size = sizeof(names)};
	sh[2] = (Elf64_Shdr){.sh_name = 11, .sh_type = SHT_PROGBITS,
		.sh_offset = at + sizeof(names), .sh_size = n};
	memcpy(file, &eh, sizeof(eh));
	memcpy(file + sizeof(eh), sh, sizeof(sh));
	memcpy(file + at, names, sizeof(names));
	memcpy(file + at + sizeof(names), info, n);
	return at + sizeof(names) + n;
}

#define INFO(s) (s), sizeof(s)

static void test_modinfo(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	unsigned char file[FILE_MAX];
	struct modinfo info;
	struct err e = ERR_INIT;
	size_t n = make_module(file, INFO("license=GPL\0\0depends=virtio,virtio_ring\0softdep=pre: crc32c b-c post: "
		"late\0name=virtio_blk\0softdep=post: x\0softdep=pre: last"));

	(void)state;
	assert_int_equal(modinfo_read(&a, file, n, "x.ko", &info, &e), 0);
	assert_string_equal(info.name, "virtio_blk");
	assert_string_equal(info.depends, "virtio,virtio_ring");
	assert_non_null(strstr(info.soft_pre, "crc32c b-c"));
	assert_non_null(strstr(info.soft_pre, "last"));
	assert_null(strstr(info.soft_pre, "late"));
	assert_null(strstr(info.soft_pre, "post"));
	n = make_module(file, INFO("license=GPL"));
	assert_int_equal(modinfo_read(&a, file, n, "x.ko", &info, &e), 0);
	assert_null(info.name);
	assert_string_equal(info.depends, "");
	n = make_module(file, INFO("name=../../etc/passwd"));
	assert_int_equal(modinfo_read(&a, file, n, "x.ko", &info, &e), -1);
	assert_int_equal(e.kind, ERR_CONTENT);
}

/* Every truncation and every damaged byte of the headers: no crash (ASan), at most an error. The
 * copy is exactly as large as the file, so that a read behind it is seen. */
static void test_modinfo_damaged(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	unsigned char file[FILE_MAX];
	struct modinfo info;
	size_t n = make_module(file, INFO("depends=a\0name=b"));
	size_t refused = 0;

	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		unsigned char *copy = malloc(cut ? cut : 1);

		memcpy(copy, file, cut);
		refused += modinfo_read(&a, copy, cut, "x", &info, NULL) < 0;
		free(copy);
	}
	assert_int_equal(refused, n);
	for (size_t i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			unsigned char *copy = malloc(n);

			memcpy(copy, file, n);
			copy[i] ^= (unsigned char)(1 << bit);
			modinfo_read(&a, copy, n, "x", &info, NULL);
			free(copy);
		}
	}
}

static void test_file_names(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(modinfo_file_name(&a, "kernel/a/virtio-rng.ko"), "virtio_rng");
	assert_string_equal(modinfo_file_name(&a, "x.ko.xz"), "x");
	assert_null(modinfo_file_name(&a, "x.kob"));
	assert_null(modinfo_file_name(&a, "modules.dep"));
	assert_null(modinfo_file_name(&a, "a/.ko"));
	assert_null(modinfo_file_name(&a, "a b.ko"));
	assert_true(modules_is_builtin("kernel/fs/ext4/ext4.ko\nkernel/a/b-c.ko", "b_c"));
	assert_true(modules_is_builtin("kernel/fs/ext4/ext4.ko\n", "ext4"));
	assert_false(modules_is_builtin("kernel/fs/ext4/ext4.ko\n", "ext"));
	assert_false(modules_is_builtin("", "ext4"));
}

/* ---- order ------------------------------------------------------------------------------ */

struct fake {
	const char *name, *depends, *soft;
	enum module_where where;
};

static int look(void *arg, const char *name, struct module_facts *facts, struct err *e)
{
	struct fake *f = arg;

	if (!strcmp(name, "broken"))
		return err_set(e, ERR_CONTENT, "broken is broken");
	for (; f->name; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		facts->where = f->where;
		facts->depends = f->depends ? f->depends : "";
		facts->soft_pre = f->soft ? f->soft : "";
		facts->file = f;
		return 0;
	}
	facts->where = MODULE_MISSING;
	return 0;
}

#define M .where = MODULE_FILE

/* The order as one string, or the error's message. */
static const char *order(struct arena *a, struct fake *world, const struct module_want *want, size_t n)
{
	struct module_list l = {0};
	struct err e = ERR_INIT;
	const char *s = "";

	if (modules_order(a, want, n, look, world, &l, &e) < 0)
		return arena_printf(a, "%s: %s", err_kind_name(e.kind), e.msg);
	vec_each(m, &l)
		s = m->device ? arena_printf(a, "%s%s:%u ", s, m->name, m->device)
			: arena_printf(a, "%s%s ", s, m->name);
	return s;
}

static void test_order(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct fake world[] = {
		{"net", "ring,core,failover", NULL, M}, {"ring", "core", NULL, M}, {"core", NULL, NULL, M},
		{"failover", NULL, NULL, M}, {"blk", "ring", NULL, M}, {"ext4", "jbd2", "crc nothing", M},
		{"jbd2", NULL, NULL, .where = MODULE_BUILTIN}, {"crc", NULL, NULL, M},
		{"half", "core,gone", NULL, M}, {"loop", "loop2", NULL, M}, {"loop2", "loop", NULL, M},
		{"odd", "core b/c", NULL, M}, {"dash", "failover", NULL, M}, {NULL, NULL, NULL, M},
	};
	const struct module_want blk = {"blk", true, 0, "x"}, net = {"net", false, 1, "x"}, ext4 = {"ext4", true, 0, "x"},
		jbd2 = {"jbd2", true, 0, "x"}, gone = {"gone", true, 0, "disks"}, maybe = {"gone", false, 0, "x"},
		half = {"half", true, 0, "x"}, maybe_half = {"half", false, 0, "x"}, loop = {"loop", true, 0, "x"},
		rng = {"dash", false, 4, "x"},
		broken = {"broken", true, 0, "x"}, odd = {"odd", true, 0, "x"};

	(void)state;
#define ORDER(...)                                                                                 \
	order(&a, world, (const struct module_want[]){__VA_ARGS__},                                \
		sizeof((const struct module_want[]){__VA_ARGS__}) / sizeof(struct module_want))
	assert_string_equal(ORDER(blk, net), "core ring blk failover:1 net:1 ");
	assert_string_equal(ORDER(net, blk, net), "core ring failover:1 net:1 blk ");
	assert_string_equal(ORDER(net, rng), "core ring failover net:1 dash:4 ");
	assert_string_equal(ORDER(ext4), "crc ext4 ");
	assert_string_equal(ORDER(jbd2), "");
	assert_string_equal(ORDER(maybe, blk), "core ring blk ");
	assert_string_equal(ORDER(maybe_half, blk), "core ring blk ");
	assert_string_equal(ORDER(gone), "no-input: module gone is missing and not built in (disks)");
	assert_string_equal(ORDER(half), "content: module half depends on gone, which is missing");
	assert_string_equal(ORDER(loop), "content: module loop depends on itself");
	assert_string_equal(ORDER(broken), "content: broken is broken");
	assert_string_equal(ORDER(odd), "content: module odd depends on \"b/c\", which is no name");
}

static void test_order_is_bounded(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct fake *chain = arena_array(&a, 42, sizeof(*chain));
	const struct module_want first = {"m0", true, 0, "x"};

	(void)state;
	for (int i = 0; i < 40; i++)
		chain[i] = (struct fake){arena_printf(&a, "m%d", i), arena_printf(&a, "m%d", i + 1), NULL, M};
	chain[40] = (struct fake){"m40", NULL, NULL, M};
	assert_non_null(strstr(order(&a, chain, &first, 1), "too many dependencies"));
	assert_string_equal(order(&a, chain + 30, &(struct module_want){"m30", true, 0, "x"}, 1),
		"m40 m39 m38 m37 m36 m35 m34 m33 m32 m31 m30 ");
}

static void test_wanted(void **state)
{
	bool conditional = false;

	(void)state;
	for (size_t i = 0; i < modules_wanted_n; i++) {
		assert_true(modinfo_is_name(modules_wanted[i].name));
		assert_non_null(modules_wanted[i].why);
		conditional |= modules_wanted[i].device != 0;
		assert_true(!conditional || (modules_wanted[i].device && !modules_wanted[i].required));
	}
}

/* ---- cpio ------------------------------------------------------------------------------- */

static void test_cpio(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct cpio c = {.arena = &a, .ino = 1};
	/* The bytes of newc, written down by hand. */
	static const char want[] =
		"070701" "00000001" "000041ED" "00000000" "00000000" "00000002" "00000000" "00000000"
		"00000000" "00000000" "00000000" "00000000" "00000004" "00000000" "dev\0" "\0\0"
		"070701" "00000002" "00002180" "00000000" "00000000" "00000001" "00000000" "00000000"
		"00000000" "00000000" "00000005" "00000001" "0000000C" "00000000" "dev/console\0" "\0\0"
		"070701" "00000003" "000081ED" "00000000" "00000000" "00000001" "00000000" "00000005"
		"00000000" "00000000" "00000000" "00000000" "00000005" "00000000" "init\0" "\0" "hello\0\0\0"
		"070701" "00000000" "00000000" "00000000" "00000000" "00000001" "00000000" "00000000"
		"00000000" "00000000" "00000000" "00000000" "0000000B" "00000000" "TRAILER!!!\0" "\0\0\0";

	(void)state;
	cpio_dir(&c, "dev", 0755);
	cpio_char_device(&c, "dev/console", 0600, 5, 1);
	cpio_file(&c, "init", 0755, "hello", 5);
	cpio_end(&c);
	assert_int_equal(c.out.n % 512, 0);
	assert_true(c.out.n >= sizeof(want) - 1);
	assert_memory_equal(c.out.v, want, sizeof(want) - 1);
	for (size_t i = sizeof(want) - 1; i < c.out.n; i++)
		assert_int_equal(c.out.v[i], 0);
}

/* As an ordinary user, who cannot open a folder below. */
static int open_modules(void *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct modtree tree;
	struct err e = ERR_INIT;

	if (geteuid() == 0 && setuid(65534) < 0)
		return 1;
	if (modtree_open(&a, arg, &tree, &e) == 0 || e.kind != ERR_DENIED)
		return 2;
	return strstr(e.msg, "/closed") ? 0 : 3;
}

static void test_closed_folder(void **state)
{
	char dir[SCRATCH_MAX], below[SCRATCH_MAX + 16];
	int rc;

	(void)state;
	scratch_make(dir);
	snprintf(below, sizeof(below), "%s/closed", dir);
	assert_int_equal(mkdir(below, 0), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	rc = in_child(open_modules, dir);
	assert_int_equal(rmdir(below), 0);
	scratch_remove(dir);
	assert_int_equal(rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modinfo), cmocka_unit_test(test_modinfo_damaged),
		cmocka_unit_test(test_file_names), cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_is_bounded), cmocka_unit_test(test_wanted),
		cmocka_unit_test(test_cpio), cmocka_unit_test(test_closed_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
