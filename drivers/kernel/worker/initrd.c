/* initrd.c - the initrd of a guest. It is not compressed: unpacking costs an emulated CPU more than
 * reading two megabytes from memory does, and the file is shared by all VMs of a kernel. */
#include "drivers/kernel/worker/initrd.h"

#include "drivers/kernel/worker/cpio.h"
#include "drivers/kernel/worker/modinfo.h"
#include "drivers/kernel/worker/modtree.h"
#include "drivers/kernel/worker/modules.h"
#include "schema/base/fd.h"

#include <stdio.h>
#include <string.h>

#define GUEST_MAX (16u * 1024 * 1024)

/* A module whose content is in memory. */
struct loaded {
	const struct modtree_file *file;
	char *data;
	size_t n;
};

struct source {
	struct arena *arena;
	const struct modtree *tree;
};

/* What is said about a module that the tree has: called once per module. */
static int look(void *arg, const char *name, struct module_facts *facts, struct err *e)
{
	struct source *s = arg;
	const struct modtree_file *f = modtree_find(s->tree, name);
	struct modinfo info;
	struct loaded *l;

	if (!f) {
		facts->where = modules_is_builtin(s->tree->builtin, name) ? MODULE_BUILTIN
			: MODULE_MISSING;
		return 0;
	}
	l = arena_new(s->arena, struct loaded);
	l->file = f;
	if (modtree_read(s->arena, s->tree, f, &l->data, &l->n, e) < 0 ||
		modinfo_read(s->arena, l->data, l->n, f->path, &info, e) < 0)
		return -1;
	facts->where = MODULE_FILE;
	facts->depends = info.depends;
	facts->soft_pre = info.soft_pre;
	facts->file = l;
	return 0;
}

static int check_guest(const char *path, const char *data, size_t n, struct err *e)
{
	if (n < 4 || memcmp(data, "\177ELF", 4) != 0)
		return err_set(e, ERR_CONTENT, "%s: is not a program", path);
	return 0;
}

static void put_skeleton(struct cpio *c, const char *guest, size_t n, struct initrd *out)
{
	static const char *const dirs[] = {"dev", "proc", "sys", "sysroot", "lib", "lib/modules"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		cpio_dir(c, dirs[i], 0755);
	/* The kernel opens it as PID 1's standard input and output. */
	cpio_char_device(c, "dev/console", 0600, 5, 1);
	out->guest_at = c->out.n;
	cpio_file(c, "init", 0755, guest, n);
	out->guest_end = c->out.n;
}

static void put_modules(struct arena *a, struct cpio *c, const struct module_list *l,
	struct initrd *out)
{
	const char *list = "";

	vec_each(m, l) {
		const struct loaded *file = m->file;

		cpio_file(c, arena_printf(a, "lib/modules/%s.ko", m->name), 0644, file->data, file->n);
		list = m->device ? arena_printf(a, "%s%s.ko %u\n", list, m->name, m->device)
			: arena_printf(a, "%s%s.ko\n", list, m->name);
		*vec_push(a, &out->used) = file->file->path;
	}
	if (*list)
		cpio_file(c, "lib/modules.list", 0644, list, strlen(list));
}

static int find_modules(struct arena *a, const char *dir, struct modtree *tree,
	struct module_list *list, struct err *e)
{
	struct source s = {.arena = a, .tree = tree};

	if (modtree_open(a, dir, tree, e) < 0)
		return -1;
	if (modules_order(a, modules_wanted, modules_wanted_n, look, &s, list, e) == 0)
		return 0;
	err_wrap(e, "%s", dir);
	if (e->kind == ERR_NOINPUT)
		err_hint(e, "name the folder lib/modules/VERSION that belongs to the kernel file, with "
			"its modules.builtin");
	return -1;
}

int initrd_build(struct arena *a, const char *guest, const char *modules_dir, struct initrd *out,
	struct err *e)
{
	_cleanup_modtree_ struct modtree tree = {.fd = -1};
	struct module_list list = {0};
	struct cpio c = {.arena = a, .ino = 1};
	char *program;
	size_t n;

	if (file_read(a, AT_FDCWD, guest, GUEST_MAX, &program, &n, e) < 0 ||
		check_guest(guest, program, n, e) < 0) {
		err_wrap(e, "guest program");
		return err_hint(e, "reconcile-guest belongs beside reconcile; install it there");
	}
	if (modules_dir && find_modules(a, modules_dir, &tree, &list, e) < 0)
		return -1;
	*out = (struct initrd){0};
	put_skeleton(&c, program, n, out);
	put_modules(a, &c, &list, out);
	out->end = c.out.n;
	cpio_end(&c);
	out->data = c.out.v;
	out->n = c.out.n;
	return 0;
}
