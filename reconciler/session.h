/* session.h - what plan, apply and delete share: from command line to a planned pass. */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"
#include "schema/spec.h"

/* Read the spec files of this command; diagnostics go to stderr, or into the document. plan, apply
 * and drift run the programs that give secrets. */
int session_spec(struct cli *c, const char *const *files, size_t n, struct spec **spec,
	struct err *e);

/* Show what was found in a spec: on stderr, or in the document of -o json. */
void session_diags(struct cli *c, const struct diags *diags);

/* pass_look that says on stderr what it waits for. */
int session_look(struct cli *c, struct pass *p, struct err *e);

/* ERR_USAGE for flags of this command whose values make no sense. */
int session_check_flags(const struct cli *c, struct err *e);

/* What --var, --var-file and the environment say about the variables of the spec. No program
 * that gives a secret is run. */
struct spec_input session_input(const struct cli *c);

/* Ask on the terminal whether to go on; false with e when not. */
bool session_ask(struct err *e);

/* Ask on the terminal whether to go on when the plan needs a word that was not given on the
 * command line. 0: go on. -1: ERR_GUARD with what to add. */
int session_confirm(const struct cli *c, const struct pass *p, struct err *e);

/* Act, print what came of it, give the exit code. -1 with e when state could not be written. */
int session_act(struct cli *c, struct pass *p, struct err *e);

/* Show the plan only: for plan and --dry-run. Returns the exit code. */
int session_show(struct cli *c, const struct pass *p);

/* The VM that may have been meant by a word, NULL if none is near. */
const char *session_near_vm(struct arena *a, const struct pass *p, const char *word);

/* ERR_FAILED: there is no such VM, with the name that is near. */
int session_no_vm(const struct pass *p, const char *name, struct err *e);

/* One VM by name ("web" or "vm/web") as it is recorded and seen now, for exec, logs and the like.
 * ERR_FAILED with the names there are when there is none. */
int session_vm(struct cli *c, struct pass *p, const char *name, const struct view **view,
	struct err *e);
