/* source.h - one text that is being read: its encoding, its lines, diagnostics with excerpts.
 *
 * Lines are counted from 1 and end with \n, \r\n or \r. Columns are counted from 1 in characters
 * (code points), as libyaml counts them; a byte that is not UTF-8 counts as one.
 */
#pragma once

#include "schema/spec.h"

struct source {
	const char *name; /* the file, as the user named it; positions point to this very string */
	const char *base; /* absolute folder that relative paths are taken from */
	const char *text; /* without a byte order mark */
	size_t len;
	VEC(uint32_t) marks; /* where every 64th line starts */
	uint32_t lines;
	uint32_t excerpt_line; /* the excerpt made last: several mistakes of a line share it */
	const char *excerpt;
	const char *real;             /* the file it is, whatever its name; NULL: none */
	const struct source *parent;  /* who includes it; NULL: nobody */
	uint32_t depth;               /* of includes */
	bool has_marks;               /* of variables, perhaps: a $ or an escape stands in it */
};

/* Look at the bytes once: is it a text that YAML may be made of. text is borrowed, name and base
 * are copied. 0, or -1 after one diagnostic when it is too large or not plain UTF-8 text. */
int source_open(struct arena *a, struct source *src, const char *name, const char *base,
	const char *text, size_t len, struct diags *diags);

/* Start of a line and its length without its end; NULL if there is no such line. */
const char *source_line(const struct source *src, uint32_t line, size_t *len);

/* Add a diagnostic with its excerpt and as much underlined as the word at this place is wide. */
struct diag *source_diag(struct arena *a, struct source *src, struct diags *diags,
	enum severity severity, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* The same for a diagnostic that is there already. */
void source_show(struct arena *a, struct source *src, struct diag *d);

/* There are more than SPEC_DIAGS_MAX: diags_add takes no more, whoever reads stops. */
bool diags_full(const struct diags *d);

/* Set the hint of a diagnostic, copied into a. */
void diag_hint(struct arena *a, struct diag *d, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
