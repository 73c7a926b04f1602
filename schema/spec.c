/* spec.c - from files to a checked spec.
 *
 *	files -> bound objects -> includes -> variables -> profiles, defaults -> rules -> warnings
 *
 * Every file is read and bound; then the rules that need all of it are judged. A file that cannot
 * be parsed ends neither the reading of the others nor the judging of what is there, but what is
 * not there is then not held against the spec.
 */
#include "schema/spec.h"

#include "schema/base/fd.h"
#include "schema/bind.h"

#include <stdlib.h>
#include <string.h>

/* ---- texts ---------------------------------------------------------------------------------- */

struct source *load_text(struct load *l, const char *name, const char *base, const char *text,
	size_t len)
{
	struct source *src = arena_new(l->a, struct source);

	*vec_push(l->a, &l->sources) = src;
	if (source_open(l->a, src, name, base, text, len, l->diags) < 0)
		l->incomplete = true;
	else
		bind_source(l, src);
	return src;
}

/* A spec that says nothing about VMs is legal, but more often a file that was cut off: it would
 * remove every VM. */
static void check_says_something(struct load *l)
{
	struct pos start = {l->sources.n > l->n_var_files ? l->sources.v[l->n_var_files]->name
							  : NULL, 1, 1};
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

/* What needs all files: whatever they say may stand in any of them. */
static void judge(struct load *l)
{
	if (!l->in->partial)
		files_include(l);
	if (!diags_full(l->diags))
		bind_deferred(l);
	if (!diags_full(l->diags))
		layers_apply(l);
	if (!diags_full(l->diags))
		replicas_check(l);
	if (!diags_full(l->diags))
		check_spec(l);
	check_says_something(l);
}

static int finish(struct load *l, size_t first_diag, size_t first_error, struct spec **out,
	struct err *e)
{
	bool full;

	judge(l);
	if (l->diags->errors == first_error) {
		if (!l->in->partial && vars_check(l, e) < 0)
			return -1;
		warn_spec(l);
		replicas_expand(l);
	}
	full = diags_full(l->diags);
	if (full)
		l->diags->n--;
	sort_diags(l, first_diag);
	if (full && l->diags->errors > first_error) /* in place of the one that was too many */
		diags_add(l->a, l->diags, SEVERITY_ERROR, (struct pos){0},
			"more than %d mistakes; reading stopped", SPEC_DIAGS_MAX);
	if (l->diags->errors > first_error)
		return fail(l, l->diags->errors - first_error, e);
	*out = l->spec;
	return 0;
}

static struct load new_load(struct arena *a, const struct spec_input *in, struct diags *diags)
{
	return (struct load){.a = a, .in = in, .diags = diags,
		.spec = arena_new(a, struct spec), .incomplete = in->partial};
}

int spec_parse_with(struct arena *a, const struct spec_input *in, const char *name,
	const char *base, const char *text, size_t len, struct spec **out, struct diags *diags,
	struct err *e)
{
	const struct spec_input nothing = {0};
	struct load l = new_load(a, in ? in : &nothing, diags);
	size_t first = diags->n, errors = diags->errors;

	if (vars_from_arguments(&l, e) < 0)
		return -1;
	load_text(&l, name, base, text, len);
	return finish(&l, first, errors, out, e);
}

int spec_parse(struct arena *a, const char *name, const char *base, const char *text, size_t len,
	struct spec **out, struct diags *diags, struct err *e)
{
	return spec_parse_with(a, NULL, name, base, text, len, out, diags, e);
}

/* What the spec names is read as any file is. */
static int read_file(void *arg, struct arena *a, const char *path, size_t max, char **text,
	size_t *len, struct err *e)
{
	(void)arg;
	return file_read(a, AT_FDCWD, path, max, text, len, e);
}

int spec_read(struct arena *a, const struct spec_input *in, const char *const *paths, size_t n,
	struct spec **out, struct diags *diags, struct err *e)
{
	struct spec_input whole = *in;
	struct load l = new_load(a, &whole, diags);
	size_t first = diags->n, errors = diags->errors;

	whole.read = in->read ? in->read : read_file;
	if (!n)
		return err_set(e, ERR_USAGE, "no spec was given");
	if (vars_from_arguments(&l, e) < 0)
		return -1;
	for (size_t i = 0; i < in->n_var_files; i++)
		if (files_add_vars(&l, in->var_files[i], e) < 0)
			return -1;
	for (size_t i = 0; i < n; i++)
		if (files_add(&l, paths[i], e) < 0)
			return -1;
	return finish(&l, first, errors, out, e);
}

int spec_load(struct arena *a, const char *const *paths, size_t n, struct spec **out,
	struct diags *diags, struct err *e)
{
	const struct spec_input nothing = {0};

	return spec_read(a, &nothing, paths, n, out, diags, e);
}
