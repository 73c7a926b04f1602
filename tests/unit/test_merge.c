/* test_merge.c - layers become one tree: whiteouts, opaque folders, links, replaced types, limits.
 *
 * A case is a text. Entries are separated by blanks; "|" starts the next layer:
 *
 *	d:PATH  f:PATH=SIZE  l:PATH>TARGET (symbolic)  h:PATH>TARGET (hard)  c:PATH  p:PATH
 *
 * The result is listed as "PATH" with "/" for folders, ">TARGET" for symbolic links, "=SIZE#LINKS"
 * for files, sorted, blank between. "!TEXT": the last entry has to be refused with that text.
 */
#include "drivers/image/worker/merge.h"

#include "schema/base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct merge_limits limits = {1000, 1000, 1 << 20, 1 << 30};

struct listing {
	struct merge *m;
	struct arena *a;
	const char *paths[256]; /* of folders, by name */
	const char *lines[256];
	size_t n;
};

static int add_word(struct merge *m, struct arena *a, const char *word, uint32_t index,
	struct err *e)
{
	struct merge_entry t = {.index = index, .mode = 0644};
	char *path = arena_dup(a, word + 2), *split = strpbrk(path, "=>");

	if (split)
		*split++ = '\0';
	t.path = path;
	t.link = split;
	t.type = word[0] == 'd' ? MERGE_DIR : word[0] == 'l' ? MERGE_SYMLINK :
		word[0] == 'h' ? MERGE_HARDLINK : word[0] == 'c' ? MERGE_CHAR :
		word[0] == 'p' ? MERGE_FIFO : MERGE_FILE;
	if (t.type == MERGE_FILE)
		t.size = split ? strtoull(split, NULL, 10) : 0;
	return merge_add(m, &t, e);
}

static int apply(struct merge *m, struct arena *a, const char *text, struct err *e)
{
	char *copy = arena_dup(a, text), *rest = NULL;
	uint32_t index = 0;

	merge_layer(m);
	for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		if (!strcmp(w, "|")) {
			merge_layer(m);
			index = 0;
		} else if (add_word(m, a, w, index++, e) < 0) {
			return -1;
		}
	}
	return merge_finish(m, e);
}

static const char *line_of(struct listing *l, const char *path, uint32_t inode)
{
	const struct merge_inode *p = merge_inode(l->m, inode);

	switch (p->type) {
	case MERGE_DIR:
		return arena_printf(l->a, "%s/", path);
	case MERGE_SYMLINK:
		return arena_printf(l->a, "%s>%s", path, merge_text(l->m, p->text));
	case MERGE_FILE:
		return arena_printf(l->a, "%s=%llu#%u", path, (unsigned long long)p->size, p->links);
	default:
		return arena_printf(l->a, "%s(%s)", path, merge_type_name(p->type));
	}
}

static int list_folder(void *arg, uint32_t folder, uint32_t inode, uint32_t parent, struct err *e)
{
	struct listing *l = arg;
	const char *in = l->paths[folder] ? l->paths[folder] : "";

	(void)inode;
	(void)parent;
	(void)e;
	for (uint32_t i = 0; (i = merge_child(l->m, folder, i));) {
		uint32_t child;
		const char *name = merge_name(l->m, i, &child);
		const char *path = arena_printf(l->a, "%s%s%s", in, *in ? "/" : "", name);

		if (merge_inode(l->m, child)->type == MERGE_DIR)
			l->paths[i] = path;
		l->lines[l->n++] = line_of(l, path, child);
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *list(struct merge *m, struct arena *a)
{
	struct listing l = {.m = m, .a = a};
	const char *text = "";

	assert_int_equal(merge_folders(m, list_folder, &l, NULL), 0);
	qsort(l.lines, l.n, sizeof(l.lines[0]), by_text);
	for (size_t i = 0; i < l.n; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", l.lines[i]);
	return text;
}

static const struct {
	const char *name, *layers, *result;
} cases[] = {
	{"nothing", "", ""},
	{"one layer", "d:a f:a/x=3 l:b>a/x p:q c:n", "a/ a/x=3#1 b>a/x n(character device) q(FIFO)"},
	{"missing folders are made", "f:a/b/c=1", "a/ a/b/ a/b/c=1#1"},
	{"dots and slashes", "d:./ d:./a/ f:/a//x=1 f:a/./y=2", "a/ a/x=1#1 a/y=2#1"},
	{"upper wins", "f:x=1 | f:x=2", "x=2#1"},
	{"folders join", "d:a f:a/x=1 | d:a f:a/y=2", "a/ a/x=1#1 a/y=2#1"},
	{"file over folder", "d:a f:a/x=1 | f:a=2", "a=2#1"},
	{"folder over file", "f:a=2 | d:a f:a/x=1", "a/ a/x=1#1"},
	{"folder, file, folder", "d:a f:a/x=1 | f:a=2 | d:a f:a/y=3", "a/ a/y=3#1"},
	{"symlink over folder", "d:a f:a/x=1 d:b | l:a>b", "a>b b/"},
	{"folder over symlink", "d:b l:a>b | d:a f:a/x=1", "a/ a/x=1#1 b/"},
	{"file over leaf symlink", "l:bin/ls>busybox f:bin/busybox=9 | f:bin/ls=5",
		"bin/ bin/busybox=9#1 bin/ls=5#1"},
	{"device over file", "f:a=1 | c:a", "a(character device)"},
	{"last of two in a layer wins", "f:a=1 f:a=2", "a=2#1"},
	{"whiteout", "f:a=1 f:b=1 | f:.wh.a", "b=1#1"},
	{"whiteout of a folder", "d:a f:a/b/c=1 f:x=1 | f:.wh.a", "x=1#1"},
	{"whiteout of nothing", "f:a=1 | f:.wh.zz f:q/.wh.zz", "a=1#1"},
	{"whiteout spares its own layer, before", "f:a=1 | f:.wh.a f:a=2", "a=2#1"},
	{"whiteout spares its own layer, after", "f:a=1 | f:a=2 f:.wh.a", "a=2#1"},
	{"whiteout of a folder with new content", "f:a/x=1 f:a/y=1 | f:a/x=2 f:.wh.a",
		"a/ a/x=2#1"},
	{"whiteout in the lowest layer", "f:.wh.a f:a=1", "a=1#1"},
	{"whiteout, then lower names stay hidden", "f:a/x=1 | f:.wh.a | d:a", "a/"},
	{"opaque first", "f:a/x=1 f:a/b/y=1 | f:a/.wh..wh..opq f:a/z=2", "a/ a/z=2#1"},
	{"opaque last", "f:a/x=1 f:a/b/y=1 | f:a/z=2 f:a/b/w=3 f:a/.wh..wh..opq",
		"a/ a/b/ a/b/w=3#1 a/z=2#1"},
	{"opaque twice", "f:a/x=1 | f:a/.wh..wh..opq f:a/z=2 f:a/.wh..wh..opq", "a/ a/z=2#1"},
	{"opaque root", "f:a/x=1 f:b=1 | f:.wh..wh..opq f:c=1", "c=1#1"},
	{"opaque of a folder that is not there", "f:a=1 | f:q/.wh..wh..opq", "a=1#1"},
	{"opaque keeps what upper layers add", "f:a/x=1 | f:a/.wh..wh..opq | f:a/x=3", "a/ a/x=3#1"},
	{"aufs names mean nothing", "f:plnk=1 | f:.wh..wh.plnk f:.wh..wh.aufs", "plnk=1#1"},
	{"hard link", "f:a=5 h:b>a", "a=5#2 b=5#2"},
	{"hard link, target absolute", "f:d/a=5 h:b>/d/a", "b=5#2 d/ d/a=5#2"},
	{"hard link to a lower layer", "f:a=5 | h:b>a", "a=5#2 b=5#2"},
	{"hard link outlives its target", "f:a=5 h:b>a | f:.wh.a", "b=5#1"},
	{"hard link, target replaced", "f:a=5 h:b>a | f:a=6", "a=6#1 b=5#1"},
	{"hard link, target replaced in the layer", "f:a=5 h:b>a f:a=6", "a=6#1 b=5#1"},
	{"hard link to a symlink", "l:a>x h:b>a", "a>x b>x"},
	{"hard link of a hidden lower file", "f:a=5 | h:b>a f:.wh.a", "b=5#1"},
	{"hard link again in an upper layer", "f:a=5 h:b>a | f:a=6 h:b>a", "a=6#2 b=6#2"},
	{"through a symlink", "d:usr/lib l:lib>usr/lib | f:lib/x=1",
		"lib>usr/lib usr/ usr/lib/ usr/lib/x=1#1"},
	{"through an absolute symlink", "d:usr/lib l:lib>/usr/lib | f:lib/x=1",
		"lib>/usr/lib usr/ usr/lib/ usr/lib/x=1#1"},
	{"through a symlink out of the tree", "l:a>../../../etc | f:a/passwd=1",
		"a>../../../etc etc/ etc/passwd=1#1"},
	{"through a symlink to the root", "l:a>/ | f:a/x=1", "a>/ x=1#1"},
	{"through a chain", "d:c l:b>c l:a>b f:a/x=1", "a>b b>c c/ c/x=1#1"},
	{"whiteout through a symlink", "f:usr/lib/x=1 l:lib>usr/lib | f:lib/.wh.x",
		"lib>usr/lib usr/ usr/lib/"},
	{"hard link through a symlink", "f:usr/lib/x=1 l:lib>usr/lib | h:y>lib/x",
		"lib>usr/lib usr/ usr/lib/ usr/lib/x=1#2 y=1#2"},
	{"symlink comes back in a third layer", "d:usr/lib l:lib>usr/lib | f:lib/x=1 | l:lib>usr/lib",
		"lib>usr/lib usr/ usr/lib/ usr/lib/x=1#1"},
	{"whiteout below a file does nothing", "f:a=1 | f:a/.wh.x", "a=1#1"},
	{"names that look like whiteouts", "f:.wh=1 f:a.wh.b=2 f:wh.c=3",
		".wh=1#1 a.wh.b=2#1 wh.c=3#1"},
	{"same folder, new attributes, content stays", "f:a/x=1 | d:a | d:a", "a/ a/x=1#1"},
	{"removed, made again, removed again",
		"f:a/x=1 | f:.wh.a | f:a/x=2 f:a/y=2 | f:.wh.a | d:a f:a/z=1", "a/ a/z=1#1"},

	{"dot dot", "f:../x=1", "!\"..\" in a path"},
	{"dot dot inside", "f:a/../../x=1", "!\"..\" in a path"},
	{"whiteout of dot dot", "f:a/.wh...", "!whiteout"},
	{"whiteout of dot", "f:.wh..", "!whiteout"},
	{"whiteout of no name", "f:a/.wh.", "!whiteout"},
	{"whiteout with content", "f:a=1 | f:.wh.a=1", "!cannot hold a file"},
	{"whiteout with content, of nothing", "f:d/.wh.conf=7", "!cannot hold a file"},
	{"whiteout without content, of nothing", "f:a=1 f:.wh.conf=0", "a=1#1"},
	{"aufs names with content mean nothing", "f:a=1 f:.wh..wh.aufs=5", "a=1#1"},
	{"root as a file", "f:./=1", "!the root"},
	{"root as a symlink", "l:/>x", "!the root"},
	{"root as a hard link", "f:a=1 h:.>a", "!the root"},
	{"below a file", "f:a=1 f:a/b=1", "!not a folder"},
	{"below a lower file", "f:a=1 | f:a/b=1", "!not a folder"},
	{"symlinks in a circle", "l:a>b l:b>a f:a/x=1", "!too many symbolic links"},
	{"symlink to itself", "l:a>a f:a/x=1", "!too many symbolic links"},
	{"hard link to nothing", "h:b>a", "!not there"},
	{"hard link to a later entry", "h:b>a f:a=1", "!not there"},
	{"hard link to a folder", "d:a h:b>a", "!folder"},
	{"hard link to itself", "f:a=1 h:a>a", "!itself"},
	{"hard link to dot dot", "f:a=1 h:b>../a", "!\"..\" in a path"},
	{"hard link to a removed file", "f:a=1 | f:.wh.a h:b>a", "!not there"},
	{"file too large", "f:a=1073741825", "!1073741825"},
};

static void run_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_(merge_drop) struct merge *m = merge_new(&limits);
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		int rc = apply(m, &a, cases[i].layers, &e);

		if (cases[i].result[0] == '!') {
			if (!rc || !strstr(e.msg, cases[i].result + 1))
				fail_msg("%s: got \"%s\"", cases[i].name, rc ? e.msg : "no error");
			continue;
		}
		if (rc)
			fail_msg("%s: %s", cases[i].name, e.msg);
		if (strcmp(list(m, &a), cases[i].result) != 0)
			fail_msg("%s: got \"%s\"", cases[i].name, list(m, &a));
	}
}

/* ---- bounds ----------------------------------------------------------------------------- */

static int add_file(struct merge *m, const char *path, uint32_t index, struct err *e)
{
	const struct merge_entry t = {.path = path, .index = index, .type = MERGE_FILE};

	return merge_add(m, &t, e);
}

static void long_names(void **state)
{
	_cleanup_(merge_drop) struct merge *m = merge_new(&limits);
	struct err e = ERR_INIT;
	char name[5000];

	(void)state;
	merge_layer(m);
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	assert_int_equal(add_file(m, name, 0, &e), 0);
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(add_file(m, name, 1, &e), -1);
	assert_non_null(strstr(e.msg, "256 bytes"));
	for (size_t i = 0; i < 4095; i++)
		name[i] = i % 2 ? '/' : 'd';
	name[4095] = '\0';
	assert_int_equal(add_file(m, name, 2, &e), -1); /* too many names */
	assert_int_equal(e.kind, ERR_LIMIT);
	name[4095] = 'd';
	name[4096] = '\0';
	assert_int_equal(add_file(m, name, 3, &e), -1);
	assert_non_null(strstr(e.msg, "4096 bytes"));
	assert_int_equal(add_file(m, "", 4, &e), -1);
}

static void number_of_names(void **state)
{
	_cleanup_(merge_drop) struct merge *m = merge_new(&limits);
	struct err e = ERR_INIT;
	uint32_t i;

	(void)state;
	merge_layer(m);
	for (i = 0; i < 2000; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%u", i);
		if (add_file(m, name, i, &e) < 0)
			break;
	}
	assert_int_equal(e.kind, ERR_LIMIT);
	assert_in_range(i, 990, 1001);
}

/* A folder with many names that is removed and made again many times must not cost their product;
 * 20,000 x 20,000 would not end in the time of a test run. */
static void removal_is_cheap(void **state)
{
	const struct merge_limits many = {100000, 1000000, 1 << 24, 1};
	_cleanup_(merge_drop) struct merge *m = merge_new(&many);
	struct err e = ERR_INIT;
	uint32_t index = 0;

	(void)state;
	merge_layer(m);
	for (int i = 0; i < 20000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a/f%d", i);
		assert_int_equal(add_file(m, name, index++, &e), 0);
	}
	merge_layer(m);
	for (int i = 0; i < 200000; i++) {
		const struct merge_entry dir = {.path = "a", .index = index++, .type = MERGE_DIR};

		assert_int_equal(add_file(m, "a/.wh..wh..opq", index++, &e), 0);
		assert_int_equal(add_file(m, ".wh.a", index++, &e), 0);
		assert_int_equal(add_file(m, "a", index++, &e), 0);
		assert_int_equal(merge_add(m, &dir, &e), 0);
	}
	assert_int_equal(merge_finish(m, &e), 0);
	assert_int_equal(merge_inode(m, MERGE_ROOT)->links, 3);
}

static int count_folder(void *arg, uint32_t folder, uint32_t inode, uint32_t parent, struct err *e)
{
	(void)folder;
	(void)inode;
	(void)parent;
	(void)e;
	++*(int *)arg;
	return 0;
}

/* A path can go on where a symbolic link leads: trees far deeper than one path is long. They are
 * walked and removed without recursion. */
static void deep_tree(void **state)
{
	const struct merge_limits many = {100000, 100000, 1 << 24, 1};
	_cleanup_(merge_drop) struct merge *m = merge_new(&many);
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct merge_entry link = {.path = "deep", .index = 1, .type = MERGE_SYMLINK};
	struct err e = ERR_INIT;
	char *path = arena_alloc(&a, 4001);
	int folders = 0;

	(void)state;
	for (size_t i = 0; i < 4000; i++)
		path[i] = i % 2 ? '/' : 'd';
	link.link = path;
	merge_layer(m);
	assert_int_equal(add_file(m, arena_printf(&a, "%sf", path), 0, &e), 0);
	assert_int_equal(merge_add(m, &link, &e), 0);
	assert_int_equal(add_file(m, arena_printf(&a, "deep/%.4000sg", path), 2, &e), 0);
	assert_int_equal(merge_finish(m, &e), 0);
	assert_int_equal(merge_folders(m, count_folder, &folders, &e), 0);
	assert_int_equal(folders, 1 + 2 * 2000);
	merge_layer(m);
	assert_int_equal(add_file(m, "d/.wh..wh..opq", 0, &e), 0);
	assert_int_equal(add_file(m, arena_printf(&a, "%sh", path), 1, &e), 0);
	assert_int_equal(add_file(m, ".wh.d", 2, &e), 0);
	folders = 0;
	assert_int_equal(merge_folders(m, count_folder, &folders, &e), 0);
	assert_int_equal(folders, 1 + 2000);
}

static void attributes(void **state)
{
	_cleanup_(merge_drop) struct merge *m = merge_new(&limits);
	const struct merge_entry first = {.path = "a", .type = MERGE_DIR, .mode = 0700, .uid = 1,
		.gid = 2, .mtime = 3, .mtime_ns = 4};
	const struct merge_entry second = {.path = "a", .type = MERGE_DIR, .mode = 07755, .uid = 70000,
		.gid = 6, .mtime = -7, .mtime_ns = 8, .xattrs = "xyz", .xattrs_len = 3};
	const struct merge_inode *p = NULL;
	struct err e = ERR_INIT;
	uint32_t inode;
	size_t n;

	(void)state;
	assert_int_equal(merge_mtime(merge_inode(m, MERGE_ROOT)), 0);
	assert_int_equal(merge_inode(m, MERGE_ROOT)->mode, 0755);
	merge_layer(m);
	assert_int_equal(merge_add(m, &first, &e), 0);
	merge_layer(m);
	assert_int_equal(merge_add(m, &second, &e), 0);
	assert_int_equal(merge_finish(m, &e), 0);
	merge_name(m, merge_child(m, MERGE_ROOT, 0), &inode);
	p = merge_inode(m, inode);
	assert_int_equal(p->mode, 07755);
	assert_int_equal(p->uid, 70000);
	assert_int_equal(merge_mtime(p), -7);
	assert_int_equal(p->mtime_ns, 8);
	assert_memory_equal(merge_xattrs(m, p->xattrs, &n), "xyz", 3);
	assert_int_equal(n, 3);
}

/* The data pass relies on it: inodes stand in the order in which entries are read. */
static void inodes_are_in_order(void **state)
{
	_cleanup_(merge_drop) struct merge *m = merge_new(&limits);
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	uint64_t last = 0;

	(void)state;
	assert_int_equal(apply(m, &a, "f:a/b/x=1 d:a f:y=1 h:z>y f:y=2 | f:y=3 d:a f:a/q/r=1 | d:a", &e),
		0);
	for (uint32_t i = MERGE_ROOT + 1; i < merge_inodes(m); i++) {
		const struct merge_inode *p = merge_inode(m, i);
		uint64_t at = (uint64_t)p->layer << 32 | p->index;

		if (p->index == MERGE_NO_INDEX)
			continue;
		assert_true(i == 2 || at > last || !last);
		last = at;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(run_cases),
		cmocka_unit_test(long_names),
		cmocka_unit_test(number_of_names),
		cmocka_unit_test(removal_is_cheap),
		cmocka_unit_test(deep_tree),
		cmocka_unit_test(attributes),
		cmocka_unit_test(inodes_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
