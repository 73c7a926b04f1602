/* spec.c - from files to a checked spec.
 *
 * Every file is read and bound; then the rules that need all of it are judged. A file that cannot
 * be parsed ends neither the reading of the others nor the judging of what is there, but what is
 * not there is then not held against the spec.
 */
#include "schema/spec.h"

#include "schema/base/fd.h"
#include "schema/bind.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STDIN_PATH "-"
#define STDIN_NAME "<stdin>"
#define STDIN_ROOM ((size_t)64 * 1024) /* at first */

/* ---- texts ---------------------------------------------------------------------------------- */

static void add_text(struct load *l, const char *name, const char *base, const char *text,
	size_t len)
{
	struct source *src = arena_new(l->a, struct source);

	*vec_push(l->a, &l->sources) = src;
	if (source_open(l->a, src, name, base, text, len, l->diags) < 0)
		l->incomplete = true;
	else
		bind_source(l, src);
}

/* A spec that says nothing about VMs is legal, but more often a file that was cut off: it would
 * remove every VM. */
static void check_says_something(struct load *l)
{
	struct pos start = {l->sources.n ? l->sources.v[0]->name : NULL, 1, 1};
	bool nothing = true;
	struct diag *d;

	for (size_t i = 0; i < KIND_N; i++)
		nothing = nothing && !l->seen[i];
	if (l->incomplete || l->diags->errors || l->seen[KIND_VM])
		return;
	d = diags_add(l->a, l->diags, nothing ? SEVERITY_ERROR : SEVERITY_WARNING, start,
		nothing ? "the spec has neither images, kernels nor vms"
			: "the spec has no \"vms\"");
	diag_hint(l->a, d, "if no VM is meant, write vms: {}");
}

/* ---- diagnostics in the order of the text --------------------------------------------------- */

struct sorted {
	size_t source, index;
	struct diag diag;
};

static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->diag.pos.line != y->diag.pos.line)
		return x->diag.pos.line < y->diag.pos.line ? -1 : 1;
	if (x->diag.pos.col != y->diag.pos.col)
		return x->diag.pos.col < y->diag.pos.col ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static size_t source_index(const struct load *l, const char *file)
{
	for (size_t i = 0; file && i < l->sources.n; i++)
		if (!strcmp(l->sources.v[i]->name, file))
			return i + 1;
	return 0;
}

static void sort_diags(struct load *l, size_t start)
{
	size_t n = l->diags->n - start;
	struct sorted *s = arena_array(l->a, n, sizeof(*s));

	for (size_t i = 0; i < n; i++)
		s[i] = (struct sorted){source_index(l, l->diags->v[start + i].pos.file), i,
			l->diags->v[start + i]};
	if (n)
		qsort(s, n, sizeof(*s), compare);
	for (size_t i = 0; i < n; i++)
		l->diags->v[start + i] = s[i].diag;
}

/* ---- the end -------------------------------------------------------------------------------- */

static int fail(struct load *l, size_t errors, struct err *e)
{
	const char *plural = errors == 1 ? "" : "s", *more = "";

	if (diags_full(l->diags)) {
		more = "more than ";
		errors = SPEC_DIAGS_MAX;
	}
	if (l->sources.n == 1)
		return err_set(e, ERR_SPEC, "%.200s: %s%zu error%s", l->sources.v[0]->name, more,
			errors, plural);
	return err_set(e, ERR_SPEC, "%s%zu error%s in %zu files", more, errors, plural,
		l->sources.n);
}

static int finish(struct load *l, size_t first_diag, size_t first_error, struct spec **out,
	struct err *e)
{
	size_t errors;
	bool full;

	if (!diags_full(l->diags))
		check_spec(l);
	check_says_something(l);
	full = diags_full(l->diags);
	if (full)
		l->diags->n--;
	sort_diags(l, first_diag);
	if (full) /* in place of the one that was too many */
		diags_add(l->a, l->diags, SEVERITY_ERROR, (struct pos){0},
			"more than %d mistakes; reading stopped", SPEC_DIAGS_MAX);
	errors = l->diags->errors - first_error;
	if (errors)
		return fail(l, errors, e);
	*out = l->spec;
	return 0;
}

int spec_parse(struct arena *a, const char *name, const char *base, const char *text, size_t len,
	struct spec **out, struct diags *diags, struct err *e)
{
	struct load l = {.a = a, .diags = diags, .spec = arena_new(a, struct spec)};
	size_t first = diags->n, errors = diags->errors;

	add_text(&l, name, base, text, len);
	return finish(&l, first, errors, out, e);
}

/* ---- files ---------------------------------------------------------------------------------- */

static int read_stdin(struct arena *a, char **text, size_t *len, struct err *e)
{
	size_t room = STDIN_ROOM, n = 0;
	char *buf = arena_alloc(a, room);

	for (;;) {
		ssize_t got = read(STDIN_FILENO, buf + n, room - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_set(e, ERR_NOINPUT, "cannot read standard input: %s",
				strerror(errno));
		n += (size_t)got;
		if (!got)
			break;
		if (n > SPEC_BYTES_MAX)
			return err_set(e, ERR_SPEC,
				"standard input is larger than %u MiB, the most that is read",
				(unsigned)(SPEC_BYTES_MAX >> 20));
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
	if (!strcmp(path, STDIN_PATH))
		return read_stdin(a, text, len, e);
	if (!file_read(a, AT_FDCWD, path, SPEC_BYTES_MAX, text, len, e))
		return 0;
	/* sysexits(3): what cannot be read is EX_NOINPUT, what reads badly EX_DATAERR. */
	if (e && e->kind == ERR_DENIED)
		e->kind = ERR_NOINPUT;
	else if (e && e->kind == ERR_LIMIT)
		err_set(e, ERR_SPEC, "%.200s: is larger than %u MiB, the most that is read", path,
			(unsigned)(SPEC_BYTES_MAX >> 20));
	return -1;
}

static int add_file(struct load *l, const char *path, struct err *e)
{
	bool is_stdin = !strcmp(path, STDIN_PATH);
	const char *name = is_stdin ? STDIN_NAME : path, *base = NULL;
	char *text = NULL;
	size_t len = 0;

	if (source_index(l, name))
		return err_set(e, ERR_USAGE, "%s: is given twice", name);
	if (read_path(l->a, path, &text, &len, e) < 0 ||
		base_of(l->a, is_stdin ? "" : path, &base, e) < 0)
		return -1;
	add_text(l, name, base, text, len);
	return 0;
}

int spec_load(struct arena *a, const char *const *paths, size_t n, struct spec **out,
	struct diags *diags, struct err *e)
{
	struct load l = {.a = a, .diags = diags, .spec = arena_new(a, struct spec)};
	size_t first = diags->n, errors = diags->errors;

	if (!n)
		return err_set(e, ERR_USAGE, "no spec was given");
	for (size_t i = 0; i < n; i++)
		if (add_file(&l, paths[i], e) < 0)
			return -1;
	return finish(&l, first, errors, out, e);
}
