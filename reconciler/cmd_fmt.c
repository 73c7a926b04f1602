/* cmd_fmt.c - lay out spec files the one way (schema/fmt.h). */
#include "reconciler/print.h"
#include "reconciler/session.h"
#include "schema/base/fd.h"
#include "schema/fmt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A difference that --check found. */
#define EXIT_DIFFERS 2

struct file {
	const char *path;
	char *text;
	size_t n;
	const char *out; /* formatted */
};

static bool is_stdin(const char *path)
{
	return !strcmp(path, "-");
}

static int read_stdin(struct arena *a, struct file *f, struct err *e)
{
	struct text t = {.a = a};
	char piece[16384];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0) {
		text_putn(&t, piece, n);
		if (t.n > SPEC_BYTES_MAX)
			return err_set(e, ERR_SPEC, "standard input is too large for a spec");
	}
	if (ferror(stdin))
		return err_set(e, ERR_NOINPUT, "cannot read standard input");
	text_end(&t);
	f->text = t.v;
	f->n = t.n;
	return 0;
}

static int read_file(struct arena *a, struct file *f, struct err *e)
{
	if (is_stdin(f->path))
		return read_stdin(a, f, e);
	if (!file_read(a, AT_FDCWD, f->path, SPEC_BYTES_MAX, &f->text, &f->n, e))
		return 0;
	if (e->kind == ERR_DENIED)
		e->kind = ERR_NOINPUT;
	return -1;
}

/* A file with errors is not touched. Each is looked at alone: what it needs may stand in files that
 * are not formatted now, so names that it does not have are no errors here. */
static int check_file(struct cli *c, const struct file *f, struct diags *diags, struct err *e)
{
	const struct spec_input input = {.partial = true};
	struct spec *spec;

	return spec_parse_with(&c->arena, &input, is_stdin(f->path) ? "<stdin>" : f->path, "/",
		f->text, f->n, &spec, diags, e);
}

static int check_files(struct cli *c, const struct file *files, size_t n, struct err *e)
{
	struct diags diags = {0};
	size_t wrong = 0;

	for (size_t i = 0; i < n; i++) {
		struct err one = ERR_INIT;

		if (check_file(c, &files[i], &diags, &one) == 0)
			continue;
		if (one.kind != ERR_SPEC) {
			*e = one;
			return -1;
		}
		*e = one;
		wrong++;
	}
	if (!wrong)
		return 0;
	session_diags(c, &diags);
	if (wrong > 1)
		err_set(e, ERR_SPEC, "%zu files have errors", wrong);
	return err_hint(e, "nothing was formatted");
}

/* Replace a file by its formatted text; mode and owner stay. A link stays one. */
static int write_file(const struct file *f, struct err *e)
{
	_cleanup_fd_ int dir = -1;
	char path[PATH_MAX], *slash;
	struct stat st;

	if (!realpath(f->path, path) || stat(path, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", f->path);
	slash = strrchr(path, '/');
	*slash = '\0';
	dir = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "cannot open the folder of %s", f->path);
	if (file_replace(dir, slash + 1, f->out, strlen(f->out), st.st_mode & 07777, e) < 0)
		return -1;
	if (st.st_uid == geteuid() && st.st_gid == getegid())
		return 0;
	if (fchownat(dir, slash + 1, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "%s is formatted, but its owner could not be kept",
			f->path);
	return 0;
}

static int format_file(struct cli *c, struct file *f, struct err *e)
{
	bool differs;

	if (fmt_text(&c->arena, f->text, f->n, &f->out, e) < 0)
		return err_wrap(e, "%s", f->path);
	differs = strlen(f->out) != f->n || memcmp(f->out, f->text, f->n) != 0;
	if (!c->write && !c->check) {
		fputs(f->out, stdout);
		return 0;
	}
	if (!differs)
		return 0;
	if (c->check)
		printf("%s\n", f->path);
	else if (write_file(f, e) < 0)
		return -1;
	else if (!c->quiet)
		fprintf(stderr, "%s: formatted\n", f->path);
	return c->check ? EXIT_DIFFERS : 0;
}

static int check_usage(const struct cli *c, const char *const *paths, size_t n, struct err *e)
{
	if (c->write && c->check)
		return err_set(e, ERR_USAGE, "fmt: either --write or --check");
	for (size_t i = 0; i < n; i++)
		if (is_stdin(paths[i]) && (c->write || n > 1))
			return err_set(e, ERR_USAGE, "fmt: standard input goes alone and to standard "
						     "output");
	if (n > 1 && !c->write && !c->check)
		return err_set(e, ERR_USAGE, "fmt: several files need --write or --check");
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	const char *const *paths;
	struct file *files;
	int code = 0;
	size_t n;

	if (cli_files(c, &paths, &n, e) < 0 || check_usage(c, paths, n, e) < 0)
		return -1;
	files = arena_array(&c->arena, n, sizeof(*files));
	for (size_t i = 0; i < n; i++) {
		files[i].path = paths[i];
		if (read_file(&c->arena, &files[i], e) < 0)
			return -1;
	}
	if (check_files(c, files, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int result = format_file(c, &files[i], e);

		if (result < 0)
			return -1;
		code = result ? result : code;
	}
	return code;
}

const struct cmd cmd_fmt = {
	.name = "fmt",
	.args = "FILE... | -",
	.caption = "lay out a spec the one way",
	.help = "Prints the spec with two columns for each level, quotes only where they are needed and at\n"
		"most one blank line between things. Order, comments and values stay as they are. A file\n"
		"with errors is refused; each file is looked at alone, so one of a spec of several can be\n"
		"formatted without the others. With --write files are replaced as a whole, never in part.\n"
		"With --check nothing is written: the status is 2 when a file would be changed.\n\n"
		"  reconcile fmt vms.yaml\n"
		"  reconcile fmt --write vms.yaml net.yaml\n"
		"  reconcile fmt --check vms.yaml || echo \"please run reconcile fmt --write\"",
	.run = run,
};
