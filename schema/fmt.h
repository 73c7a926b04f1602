/* fmt.h - the one way to lay out a spec.
 *
 * PURE. Two columns per level, lists below their key, one blank line at most between things, lists
 * and maps in brackets on one line or not in brackets, quotes only where they are needed. Order,
 * comments and values stay as they are: what comes out says what went in, and fmt checks that
 * itself before it answers. Formatting twice changes nothing.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"
#include "schema/base/text.h"
#include "schema/yaml_layout.h"

/* Format one file. A text that is one map in braces as a whole (JSON is) is only given its line end.
 * Returns 0 with *out in a, or -1 with ERR_SPEC when the text cannot be formatted. */
int fmt_text(struct arena *a, const char *text, size_t len, const char **out, struct err *e);

/* One scalar that is in a line, as it is written; of several lines, those after the first are
 * indented by indent. */
void fmt_scalar(struct text *t, const struct layout *l, const struct layout_node *n, size_t indent);

/* A literal or folded scalar with its header, up to and with the last line end. parent_col is the
 * column of the keys or dashes it stands under. */
void fmt_block_scalar(struct text *t, const struct layout *l, const struct layout_node *n,
	uint32_t parent_col, size_t indent);
