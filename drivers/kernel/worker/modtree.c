/* modtree.c - a folder lib/modules/VERSION on disk. */
#include "drivers/kernel/worker/modtree.h"

#include "drivers/kernel/worker/modinfo.h"
#include "schema/base/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define FILES_MAX 20000
#define BUILTIN_MAX (4u * 1024 * 1024)

/* ---- list ------------------------------------------------------------------------------- */

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int list(struct arena *a, int parent, const char *name, const char *prefix, int depth,
	struct modtree *t, struct err *e);

static int list_entry(struct arena *a, int fd, const struct dirent *entry, const char *prefix,
	int depth, struct modtree *t, struct err *e)
{
	const char *path = arena_printf(a, "%s%s", prefix, entry->d_name);
	char *name;

	if (entry->d_type == DT_DIR)
		return list(a, fd, entry->d_name, arena_printf(a, "%s/", path), depth + 1, t, e);
	name = entry->d_type == DT_REG ? modinfo_file_name(a, path) : NULL;
	if (!name)
		return 0;
	if (t->files.n == FILES_MAX)
		return err_set(e, ERR_LIMIT, "%s: more than %d modules", t->dir, FILES_MAX);
	*vec_push(a, &t->files) = (struct modtree_file){name, path};
	return 0;
}

static int list(struct arena *a, int parent, const char *name, const char *prefix, int depth,
	struct modtree *t, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	_cleanup_fd_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "cannot open folder %s/%s", t->dir, prefix);
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%s: folders nested too deeply", t->dir);
	d = fdopendir(fd);
	if (!d)
		return err_sys(e, errno, "cannot read folder %s", t->dir);
	fd_take(&fd);
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.' &&
			list_entry(a, dirfd(d), entry, prefix, depth, t, e) < 0)
			return -1;
	return 0;
}

static int by_name(const void *pa, const void *pb)
{
	const struct modtree_file *a = pa, *b = pb;
	int c = strcmp(a->name, b->name);
	int a_new = strncmp(a->path, "updates/", 8) == 0, b_new = strncmp(b->path, "updates/", 8) == 0;

	if (c || a_new != b_new)
		return c ? c : b_new - a_new;
	return strcmp(a->path, b->path);
}

static int read_builtin(struct arena *a, struct modtree *t, struct err *e)
{
	char *text;
	size_t n;

	t->builtin = "";
	if (faccessat(t->fd, "modules.builtin", F_OK, 0) < 0)
		return 0;
	if (file_read(a, t->fd, "modules.builtin", BUILTIN_MAX, &text, &n, e) < 0)
		return err_wrap(e, "%s", t->dir);
	t->builtin = text;
	return 0;
}

int modtree_open(struct arena *a, const char *dir, struct modtree *out, struct err *e)
{
	_cleanup_modtree_ struct modtree t = {.dir = dir, .fd = -1};

	t.fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t.fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		err_set(e, ERR_NOINPUT, "%s: no such folder of kernel modules", dir);
		return err_hint(e, "name the folder lib/modules/VERSION of the kernel, or leave "
			"\"modules\" out when everything is built in");
	}
	if (t.fd < 0)
		return err_sys(e, errno, "cannot open folder %s", dir);
	if (list(a, t.fd, ".", "", 0, &t, e) < 0 || read_builtin(a, &t, e) < 0)
		return -1;
	if (!t.files.n && !*t.builtin) {
		err_set(e, ERR_NOINPUT, "%s: holds no kernel modules", dir);
		return err_hint(e, "name the folder lib/modules/VERSION of the kernel");
	}
	if (t.files.n)
		qsort(t.files.v, t.files.n, sizeof(*t.files.v), by_name);
	*out = t;
	t.fd = -1;
	return 0;
}

void modtree_close(struct modtree *t)
{
	fd_close(&t->fd);
}

const struct modtree_file *modtree_find(const struct modtree *t, const char *name)
{
	vec_each(f, &t->files)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

/* ---- read ------------------------------------------------------------------------------- */

static void free_archive(struct archive **r)
{
	if (*r)
		archive_read_free(*r);
}

static int archive_err(struct archive *r, const struct modtree *t, const char *path, struct err *e)
{
	return err_set(e, ERR_CONTENT, "%s/%s: cannot be decompressed: %s", t->dir, path,
		archive_error_string(r) ? archive_error_string(r) : "not in a known format");
}

static int read_all(struct arena *a, struct archive *r, const struct modtree *t, const char *path,
	char **data, size_t *n, struct err *e)
{
	VEC(char) out = {0};

	for (;;) {
		if (out.cap - out.n < 65536) {
			size_t cap = out.cap ? out.cap * 2 : 262144;
			char *bigger = arena_array(a, cap, 1);

			if (out.n)
				memcpy(bigger, out.v, out.n);
			out.v = bigger;
			out.cap = cap;
		}
		ssize_t got = archive_read_data(r, out.v + out.n, out.cap - out.n);

		if (got < 0)
			return archive_err(r, t, path, e);
		if (!got)
			break;
		out.n += (size_t)got;
		if (out.n > MODTREE_FILE_MAX)
			return err_set(e, ERR_LIMIT, "%s/%s: is larger than %u bytes", t->dir, path,
				MODTREE_FILE_MAX);
	}
	*data = out.v;
	*n = out.n;
	return 0;
}

static int decompress(struct arena *a, const struct modtree *t, const char *path, const char *packed,
	size_t size, char **data, size_t *n, struct err *e)
{
	_cleanup_(free_archive) struct archive *r = archive_read_new();
	struct archive_entry *entry;

	if (!r)
		return err_set(e, ERR_SYSTEM, "cannot start libarchive");
	archive_read_support_filter_xz(r);
	archive_read_support_filter_zstd(r);
	archive_read_support_filter_gzip(r);
	archive_read_support_format_raw(r);
	if (archive_read_open_memory(r, packed, size) != ARCHIVE_OK ||
		archive_read_next_header(r, &entry) != ARCHIVE_OK)
		return archive_err(r, t, path, e);
	return read_all(a, r, t, path, data, n, e);
}

int modtree_read(struct arena *a, const struct modtree *t, const struct modtree_file *f, char **data,
	size_t *n, struct err *e)
{
	size_t len = strlen(f->path), size;
	char *packed;

	if (file_read(a, t->fd, f->path, MODTREE_FILE_MAX, &packed, &size, e) < 0)
		return err_wrap(e, "%s", t->dir);
	if (len > 3 && !strcmp(f->path + len - 3, ".ko")) {
		*data = packed;
		*n = size;
		return 0;
	}
	return decompress(a, t, f->path, packed, size, data, n, e);
}
