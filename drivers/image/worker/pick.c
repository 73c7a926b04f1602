/* pick.c - the kernel in the tree of an image, and the modules that belong to it; see pick.h. */
#include "drivers/image/worker/pick.h"

#include <stdlib.h>
#include <string.h>

#define FILES_MAX 20000u
#define DEPTH_MAX 16

static const char *const names[] = {"vmlinuz", "vmlinux", "bzImage", "kernel", NULL};
static const char *const module_folders[] = {"usr/lib/modules", "lib/modules"};

struct search {
	struct arena *arena;
	struct merge *tree;
	struct picks *out;
	uint32_t kernel;        /* inode; 0: none yet */
	const char *version;    /* of the folder that the kernel was in; or NULL */
};

static const struct merge_inode *inode_of(const struct search *s, uint32_t name, uint32_t *inode,
	const char **text)
{
	*text = merge_name(s->tree, name, inode);
	return merge_inode(s->tree, *inode);
}

/* The name of a folder below another one; 0: there is none. Links are not followed. */
static uint32_t find_folder(const struct search *s, uint32_t from, const char *path)
{
	while (*path) {
		const size_t n = strcspn(path, "/");
		uint32_t child = 0, inode;
		const char *text;

		while ((child = merge_child(s->tree, from, child))) {
			const struct merge_inode *p = inode_of(s, child, &inode, &text);

			if (p->type == MERGE_DIR && !strncmp(text, path, n) && !text[n])
				break;
		}
		if (!child)
			return 0;
		from = child;
		path += n + (path[n] == '/');
	}
	return from;
}

/* ---- kernel ----------------------------------------------------------------------------- */

/* "vmlinuz" or "vmlinuz-VERSION". */
static bool is_kernel(const char *text)
{
	for (size_t i = 0; names[i]; i++) {
		const size_t n = strlen(names[i]);

		if (!strncmp(text, names[i], n) && (!text[n] || text[n] == '-'))
			return true;
	}
	return false;
}

static int look_in(struct search *s, uint32_t folder, const char *path, const char *version,
	struct err *e)
{
	uint32_t child = 0, inode;
	const char *text;

	while ((child = merge_child(s->tree, folder, child))) {
		const struct merge_inode *p = inode_of(s, child, &inode, &text);

		if (p->type != MERGE_FILE || !p->size || !is_kernel(text))
			continue;
		text = arena_printf(s->arena, "%s/%s", path, text);
		if (s->kernel)
			return err_set(e, ERR_CONTENT, "it has several kernels: %.200s and %.200s",
				s->out->kernel, text);
		s->kernel = inode;
		s->version = version;
		s->out->kernel = text;
	}
	return 0;
}

/* Call f for each folder of a version. */
static int each_version(struct search *s, int (*f)(struct search *s, uint32_t folder, const char *path,
	const char *version, struct err *e), struct err *e)
{
	for (size_t i = 0; i < sizeof(module_folders) / sizeof(module_folders[0]); i++) {
		const uint32_t top = find_folder(s, MERGE_ROOT, module_folders[i]);
		uint32_t child = 0, inode;
		const char *text;

		while (top && (child = merge_child(s->tree, top, child)))
			if (inode_of(s, child, &inode, &text)->type == MERGE_DIR &&
				f(s, child, arena_printf(s->arena, "/%s/%s", module_folders[i], text),
					arena_dup(s->arena, text), e) < 0)
				return -1;
	}
	return 0;
}

static int find_kernel(struct search *s, struct err *e)
{
	const uint32_t boot = find_folder(s, MERGE_ROOT, "boot");

	if (boot && look_in(s, boot, "/boot", NULL, e) < 0)
		return -1;
	if (!s->kernel && each_version(s, look_in, e) < 0)
		return -1;
	if (!s->kernel && look_in(s, MERGE_ROOT, "", NULL, e) < 0)
		return -1;
	if (s->kernel)
		return 0;
	err_set(e, ERR_CONTENT, "it has no kernel");
	return err_hint(e, "a kernel is /boot/vmlinuz-VERSION, /lib/modules/VERSION/vmlinuz or /vmlinuz, a file "
		"and no link");
}

/* ---- modules ---------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
	const size_t n = strlen(text), k = strlen(end);

	return n > k && text[n - k - 1] == '-' && !strcmp(text + n - k, end);
}

/* Out of all versions that of the kernel; else the only one. */
static int choose_version(struct search *s, uint32_t *folder, struct err *e)
{
	uint32_t n = 0;

	*folder = 0;
	for (size_t i = 0; i < sizeof(module_folders) / sizeof(module_folders[0]); i++) {
		const uint32_t top = find_folder(s, MERGE_ROOT, module_folders[i]);
		uint32_t child = 0, inode;
		const char *text;

		while (top && (child = merge_child(s->tree, top, child))) {
			if (inode_of(s, child, &inode, &text)->type != MERGE_DIR)
				continue;
			n++;
			*folder = child;
			s->out->version = arena_dup(s->arena, text);
			if (s->version ? !strcmp(s->version, text) : ends_with(s->out->kernel, text))
				return 0;
		}
	}
	if (n > 1)
		return err_set(e, ERR_CONTENT, "it has modules of several kernels, and none are those of %.200s",
			s->out->kernel);
	return 0;
}

static bool is_module_file(const char *text)
{
	const char *ko = strstr(text, ".ko");

	return (ko && (!ko[3] || ko[3] == '.')) || !strcmp(text, "modules.builtin");
}

static int add(struct search *s, uint32_t inode, const char *to, struct err *e)
{
	if (s->out->files.n >= FILES_MAX)
		return err_set(e, ERR_LIMIT, "it has more than %u modules", FILES_MAX);
	*vec_push(s->arena, &s->out->files) = (struct pick){inode, to};
	return 0;
}

static int add_modules(struct search *s, uint32_t folder, const char *to, int depth, struct err *e)
{
	uint32_t child = 0, inode;
	const char *text;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "its folders of modules are nested too deeply");
	while ((child = merge_child(s->tree, folder, child))) {
		const struct merge_inode *p = inode_of(s, child, &inode, &text);
		const char *path = arena_printf(s->arena, "%s/%s", to, text);

		if (p->type == MERGE_DIR && add_modules(s, child, path, depth + 1, e) < 0)
			return -1;
		if (p->type == MERGE_FILE && is_module_file(text) && add(s, inode, path, e) < 0)
			return -1;
	}
	return 0;
}

static int by_inode(const void *pa, const void *pb)
{
	const struct pick *a = pa, *b = pb;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return strcmp(a->to, b->to);
}

int pick_kernel(struct arena *a, struct merge *tree, struct picks *out, struct err *e)
{
	struct search s = {.arena = a, .tree = tree, .out = out};
	uint32_t folder;

	*out = (struct picks){0};
	if (find_kernel(&s, e) < 0 || choose_version(&s, &folder, e) < 0 ||
		add(&s, s.kernel, PICK_KERNEL, e) < 0 ||
		(folder && add_modules(&s, folder, PICK_MODULES, 0, e) < 0))
		return -1;
	qsort(out->files.v, out->files.n, sizeof(*out->files.v), by_inode);
	return 0;
}
