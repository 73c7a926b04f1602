/* print.h - the only file that formats errors, diagnostics, plans and status, for people and as
 * JSON. Both forms and the exit code come from the same values.
 */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"
#include "schema/base/json.h"
#include "schema/spec.h"

/* The error on stderr: place, message, hint. */
void print_err(const struct cli *c, const struct err *e);

/* Diagnostics on stderr, with excerpts. */
void print_diags(const struct cli *c, const struct diags *d);

/* The same as a JSON list. */
json_t *print_diags_json(const struct diags *d);

/* A plan as a table, then one line that sums it up. */
void print_plan(const struct cli *c, const struct pass *p, FILE *to);

/* A warning on stderr for each VM whose drift.until has passed. */
void print_expired(const struct cli *c, const struct pass *p);

/* A plan as JSON; with the outcome of each step when it has been run. */
json_t *print_plan_json(const struct pass *p, int exit_code);

/* What a pass did: one line per failure or skipped step, then a summary. */
void print_outcome(const struct cli *c, const struct pass *p, FILE *to);

/* One JSON value and a newline on stdout. */
void print_json(const json_t *j);

/* Text from a guest or a registry, with control characters made visible. */
const char *print_safe(struct arena *a, const char *text);

/* A table: cells in rows, columns padded to their widest cell, no trailing blanks. bold: the first
 * row is a heading. */
void print_table(const char *const *cells, size_t rows, size_t columns, bool bold, FILE *to);
