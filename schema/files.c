/* files.c - what a spec is read from: files, folders, standard input, and what they include.
 *
 * A file is known by the path that it really has, so that it is read once however often it is
 * included. Includes are followed when all files of the command line were read; who includes itself,
 * by whatever way, is told the way.
 */
#include "schema/bind.h"

#include "schema/base/fd.h"
#include "schema/base/utf8.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STDIN_PATH "-"
#define STDIN_NAME "<stdin>"
#define STDIN_ROOM ((size_t)64 * 1024) /* at first */
#define SHOWN 60

/* ---- texts ---------------------------------------------------------------------------------- */

static int too_large(const char *what, struct err *e)
{
	return err_set(e, ERR_SPEC, "%.200s: is larger than %u MiB, the most that is read", what,
		(unsigned)(SPEC_BYTES_MAX >> 20));
}

/* Everything that comes out of a descriptor: standard input or a pipe. */
static int read_stream(struct arena *a, int fd, const char *what, char **text, size_t *len,
	struct err *e)
{
	size_t room = STDIN_ROOM, n = 0;
	char *buf = arena_alloc(a, room);

	for (;;) {
		ssize_t got = read(fd, buf + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, ERR_NOINPUT, "cannot read %.200s: %s", what,
				strerror(errno));
		n += (size_t)got;
		if (!got)
			break;
		if (n > SPEC_BYTES_MAX)
			return too_large(what, e);
		if (n == room) {
			char *bigger = arena_alloc(a, room * 2);

			memcpy(bigger, buf, n);
			buf = bigger;
			room *= 2;
		}
	}
	*text = buf;
	*len = n;
	return 0;
}

/* The absolute folder of a file, from which its relative paths are taken. */
static int base_of(struct arena *a, const char *path, const char **out, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char cwd[PATH_MAX];

	if (*path == '/') {
		*out = slash == path ? "/" : arena_dupn(a, path, (size_t)(slash - path));
		return 0;
	}
	if (!getcwd(cwd, sizeof(cwd)))
		return err_sys(e, errno, "cannot tell the current folder");
	*out = slash ? arena_printf(a, "%s/%.*s", cwd, (int)(slash - path), path)
		     : arena_dup(a, cwd);
	return 0;
}

static int read_path(struct arena *a, const char *path, char **text, size_t *len, struct err *e)
{
	if (!file_read(a, AT_FDCWD, path, SPEC_BYTES_MAX, text, len, e))
		return 0;
	if (e && e->kind == ERR_LIMIT)
		too_large(path, e);
	return -1;
}

/* The path that a file really has, or the one given where there is no such file. */
static const char *real_of(struct arena *a, const char *path)
{
	char real[PATH_MAX];

	return arena_dup(a, realpath(path, real) ? real : path);
}

static struct source *find_source(const struct load *l, const char *real)
{
	return map_get(&l->real, real, strlen(real));
}

static void know(struct load *l, struct source *src, const char *real)
{
	src->real = real;
	map_add(l->a, &l->real, real, strlen(real), src);
}

/* ---- the command line ----------------------------------------------------------------------- */

static int add_text(struct load *l, const char *path, const char *name, const char *real,
	char *text, size_t len, struct err *e)
{
	const char *base = NULL;
	struct source *src;

	if (base_of(l->a, path, &base, e) < 0)
		return -1;
	src = load_text(l, name, base, text, len);
	if (real)
		know(l, src, real);
	return 0;
}

static int add_stdin(struct load *l, struct err *e)
{
	char *text = NULL;
	size_t len = 0;

	vec_each(s, &l->sources)
		if (!strcmp((*s)->name, STDIN_NAME))
			return err_set(e, ERR_USAGE, "%s: is given twice", STDIN_NAME);
	if (read_stream(l->a, STDIN_FILENO, "standard input", &text, &len, e) < 0)
		return -1;
	return add_text(l, "", STDIN_NAME, NULL, text, len, e);
}

/* N of /dev/fd/N, which is how a shell names the pipe of <(command); -1: another path. */
static int inherited_fd(const char *path)
{
	static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
	char *end;
	long n;

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		const char *number = path + strlen(folders[i]);

		if (strncmp(path, folders[i], strlen(folders[i])) != 0 || *number < '0' || *number > '9')
			continue;
		n = strtol(number, &end, 10);
		return *end || n > INT_MAX ? -1 : (int)n;
	}
	return -1;
}

/* A pipe that we were handed is read to its end. One that has a name of its own may never get a
 * writer: whoever opens it for us knows better. */
static int add_pipe(struct load *l, const char *path, struct err *e)
{
	const int fd = inherited_fd(path);
	char *text = NULL;
	size_t len = 0;

	if (fd < 0) {
		err_set(e, ERR_NOINPUT, "%.200s: is a pipe (FIFO), not a regular file", path);
		return err_hint(e, "give - instead, and let the shell open it: <%.200s", path);
	}
	if (read_stream(l->a, fd, path, &text, &len, e) < 0)
		return -1;
	return add_text(l, "", path, NULL, text, len, e);
}

static int add_file(struct load *l, const char *path, struct err *e)
{
	const char *real = real_of(l->a, path);
	char *text = NULL;
	size_t len = 0;

	if (find_source(l, real))
		return err_set(e, ERR_USAGE, "%s: is given twice", path);
	if (read_path(l->a, path, &text, &len, e) < 0)
		return -1;
	owner_judge(l, path);
	return add_text(l, path, path, real, text, len, e);
}

static int is_spec_name(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return d->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

/* By bytes: the same order whatever the locale. */
static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(struct load *l, const char *path, struct err *e)
{
	const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
	struct dirent **list = NULL;
	int n = scandir(path, &list, is_spec_name, compare_entries), result = 0;

	if (n < 0)
		return err_set(e, ERR_NOINPUT, "%.200s: cannot list the folder: %s", path,
			strerror(errno));
	if (!n)
		result = err_set(e, ERR_NOINPUT,
			"%.200s: is a folder without any *.yaml or *.yml", path);
	else if (n > SPEC_FILES_MAX)
		result = err_set(e, ERR_SPEC, "%.200s: %d files; at most %d are read", path, n,
			SPEC_FILES_MAX);
	owner_judge(l, path);
	for (int i = 0; i < n; i++) {
		if (!result)
			result = add_file(l, arena_printf(l->a, "%s%s%s", path, slash,
				list[i]->d_name), e);
		free(list[i]);
	}
	free(list);
	return result;
}

int files_add(struct load *l, const char *path, struct err *e)
{
	struct stat st;

	if (!strcmp(path, STDIN_PATH))
		return add_stdin(l, e);
	if (*path && !stat(path, &st) && S_ISDIR(st.st_mode))
		return add_folder(l, path, e);
	if (*path && !stat(path, &st) && S_ISFIFO(st.st_mode))
		return add_pipe(l, path, e);
	return add_file(l, path, e);
}

int files_add_vars(struct load *l, const char *path, struct err *e)
{
	struct source *src = arena_new(l->a, struct source);
	char *text = NULL;
	size_t len = 0;

	if (read_path(l->a, path, &text, &len, e) < 0)
		return -1;
	owner_judge(l, path);
	*vec_push(l->a, &l->sources) = src;
	l->n_var_files++;
	if (!source_open(l->a, src, path, "/", text, len, l->diags))
		vars_from_file(l, src);
	return 0;
}

/* ---- includes ------------------------------------------------------------------------------- */

const char *files_beside(struct arena *a, const struct source *src, const char *text)
{
	const char *slash = strrchr(src->name, '/');

	if (*text == '/')
		return text;
	return slash ? arena_printf(a, "%.*s/%s", (int)(slash - src->name), src->name, text)
		     : arena_dup(a, text);
}

static const char *refuse_name(const char *text)
{
	if (strstr(text, "://"))
		return "the name of a file: nothing is read from the network";
	if (*text == '/' || *text == '~')
		return "a path from the folder of this file, not an absolute one";
	if (!*text || strpbrk(text, "\n\r\t"))
		return "the name of a file";
	return strstr(text, "${") ? "the name of a file; variables are not known here" : NULL;
}

/* "a.yaml -> b.yaml -> a.yaml": the way by which a file comes to include itself. */
static const char *chain(struct arena *a, const struct source *src, const struct source *end)
{
	const char *text = end->name;

	for (; src != end; src = src->parent)
		text = arena_printf(a, "%s -> %s", src->name, text);
	return arena_printf(a, "%s -> %s", end->name, text);
}

static void check_cycle(struct load *l, const struct include *inc, const struct source *known)
{
	const struct source *s = inc->src;

	while (s && s != known)
		s = s->parent;
	if (s)
		BIND_ERROR(l, inc->src, inc->node, "include: files include each other: %s",
			chain(l->a, inc->src, known));
}

static void read_include(struct load *l, const struct include *inc, const char *path)
{
	const char *real = real_of(l->a, path), *base = NULL;
	struct source *known = find_source(l, real), *src;
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t len = 0;

	if (known) {
		check_cycle(l, inc, known);
		return;
	}
	if (l->in->read(l->in->arg, l->a, path, SPEC_BYTES_MAX, &text, &len, &e) < 0 ||
		base_of(l->a, path, &base, &e) < 0) {
		BIND_ERROR(l, inc->src, inc->node, "include: %s", e.msg);
		l->incomplete = true;
		return;
	}
	owner_judge(l, path);
	src = load_text(l, path, base, text, len);
	src->parent = inc->src;
	know(l, src, real);
	src->depth = inc->src->depth + 1;
}

static void follow(struct load *l, const struct include *inc)
{
	const char *text = inc->node->text, *wrong = refuse_name(text);
	struct diag *d;

	if (wrong) {
		d = BIND_ERROR(l, inc->src, inc->node, "include: %s cannot be included",
			utf8_quote(l->a, text, SHOWN));
		diag_hint(l->a, d, "write %s", wrong);
	} else if (!l->in->read) {
		BIND_ERROR(l, inc->src, inc->node, "include: no file can be read here");
	} else if (inc->src->depth >= SPEC_INCLUDE_DEPTH_MAX) {
		BIND_ERROR(l, inc->src, inc->node, "include: files are included deeper than %d "
			"levels", SPEC_INCLUDE_DEPTH_MAX);
	} else if (l->sources.n >= SPEC_FILES_MAX) {
		BIND_ERROR(l, inc->src, inc->node, "include: more than %d files, the most that is "
			"read", SPEC_FILES_MAX);
	} else {
		read_include(l, inc, files_beside(l->a, inc->src, text));
		return;
	}
	l->incomplete = true;
}

void files_include(struct load *l)
{
	for (size_t i = 0; i < l->includes.n && !diags_full(l->diags); i++) {
		struct include inc = l->includes.v[i]; /* the vector grows */

		follow(l, &inc);
	}
}
