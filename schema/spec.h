/* spec.h - from files to a checked spec, and from a spec to objects.
 *
 *	bytes --yaml--> nodes --field--> typed --check--> spec --expand--> objects
 *
 * PURE but for reading the files named. All mistakes are found in one run: they are diagnostics,
 * each with its place; err is only for what keeps us from looking at all.
 */
#pragma once

#include "schema/model.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag {
	enum severity severity;
	struct pos pos;
	uint32_t width;      /* characters to underline, at least 1 */
	const char *msg;     /* what is wrong, what was expected */
	const char *hint;    /* what to do, or NULL */
	struct pos other;    /* second place of a conflict; line 0: none */
	const char *excerpt; /* the source line without its newline, NULL if not at hand */
};

struct diags {
	struct diag *v;
	size_t n, cap;
	size_t errors; /* how many are errors */
};

/* Bounds on a spec; beyond them reading stops with one diagnostic. */
#define SPEC_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define SPEC_DEPTH_MAX 16
#define SPEC_DIAGS_MAX 1000

/* Read and check one spec from files (path "-" is standard input). Everything lives in a.
 * Returns 0 with *out when there is no error among the diagnostics (warnings are allowed);
 * -1 otherwise: e is ERR_SPEC ("vms.yaml: 3 errors") when the text is at fault and diags says
 * where, or a file is larger than SPEC_BYTES_MAX; ERR_NOINPUT when a file cannot be read; ERR_USAGE
 * when one is given twice. Positions name a file as paths does, standard input as <stdin>.
 *
 * A spec without any VM is legal only when it says so (vms: {}): else there is a warning, because a
 * file that was cut off would remove every VM. */
int spec_load(struct arena *a, const char *const *paths, size_t n, struct spec **out,
	struct diags *diags, struct err *e);

/* The same for one text in memory; name stands for the file in positions. base is the folder that
 * relative paths are taken from. */
int spec_parse(struct arena *a, const char *name, const char *base, const char *text, size_t len,
	struct spec **out, struct diags *diags, struct err *e);

/* The objects of a spec with their dependencies, in order of kind, then name. */
void spec_expand(struct arena *a, const struct spec *spec, struct objects *out);

/* Add a diagnostic; everything is copied into a. */
struct diag *diags_add(struct arena *a, struct diags *d, enum severity s, struct pos pos,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A diagnostic as people read it, several lines, each ending in a newline:
 *
 *	vms.yaml:7:5: error: unknown field "memroy" in vm "web"; did you mean "memory"?
 *	    7 |     memroy: 1GiB
 *	      |     ^~~~~~
 */
char *diag_text(struct arena *a, const struct diag *d);
