/* document.h - the one JSON document that a command prints with -o json.
 *
 *	{"version": 1, "command": "apply", ..., "errors": [], "warnings": [], "exit_code": 0}
 *
 * A command gives its own members; cli_main adds what went wrong and the exit code, and prints. So there
 * is one document whatever happens, and the number in it is the number that the program ends with. What
 * is in it is not said on stderr too.
 *
 * An error:   {"kind", "message", "hint", "file", "line", "column", "other"}
 *             and of a step of apply or delete "object", "op", "pass"; null is not known
 * A place:    {"file", "line", "column"}, or null
 */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"
#include "schema/base/json.h"
#include "schema/spec.h"

/* The members of this command. Takes j over; the last one counts. */
void document_set(struct cli *c, json_t *j);

/* One more error. step: what it happened to, STEP_OP_N when it was not done at all; NULL: nothing that
 * has a name. pass: its id, or NULL. */
void document_error(struct cli *c, const struct err *e, const struct step *step,
	const char *pass);

/* What reading a spec found. */
void document_diags(struct cli *c, const struct diags *d);

void document_drop(struct cli *c);

/* Print what there is, or nothing when there is neither a result nor an error. */
void document_print(struct cli *c, int exit_code);

/* "vm/web" in memory of a. */
const char *document_object(struct arena *a, enum kind kind, const char *name);

json_t *document_pos(const struct pos *pos);

/* A plan, with the outcome of each step when it has been run. */
json_t *document_plan(const struct pass *p);
