/* print.h - what people read: errors, diagnostics and plans as text. The same as JSON: document.h. Both
 * forms and the exit code come from the same values.
 */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"
#include "reconciler/repeats.h"
#include "schema/base/json.h"
#include "schema/spec.h"

/* The error on stderr: place, message, hint. */
void print_err(const struct cli *c, const struct err *e);

/* The same with the id of the pass that it happened in, which events can be asked for; or NULL. */
void print_failure(const struct cli *c, const struct err *e, const char *pass);

/* Diagnostics on stderr, with excerpts; of those that say the same only the first. */
void print_diags(const struct diags *d);

/* How many more there are of what was cut short. */
void print_rest(const struct repeats *r);

/* A plan as a table, then one line that sums it up. */
void print_plan(const struct cli *c, const struct pass *p, FILE *to);

/* What the steps of an object amount to, in one word. */
const char *print_action(const struct pass *p, uint32_t view);

/* Whether a deleted disk is moved aside, not removed, and undelete can bring it back. */
bool print_is_kept(const struct delta *d);

/* A warning on stderr for each VM whose drift.until has passed. */
void print_expired(const struct cli *c, const struct pass *p);

/* One JSON value and a newline on stdout. */
void print_json(const json_t *j);

/* Text from a guest or a registry, with control characters made visible. */
const char *print_safe(struct arena *a, const char *text);

/* An absolute path as a person would write it: without "./", "//" and "x/../". Another text stays. */
const char *print_path(struct arena *a, const char *path);

/* "280 B", "13.5 MiB" */
const char *print_size(struct arena *a, uint64_t bytes);

/* A table of its own shape, for who has its cells in one piece: see table.h. The last column gives way
 * on a narrow terminal. */
void print_table(const char *const *cells, size_t rows, size_t columns, bool bold, FILE *to);
