/* complete.h - shell completion, made from the tables of commands and options.
 *
 * PURE. Nearly all of it is static; only for names of VMs a shell asks "reconcile completion names".
 */
#pragma once

#include "reconciler/cli.h"

/* Shells that there is a completion for, NULL-terminated. */
extern const char *const complete_shells[];

/* The completion for that shell, in a; NULL if there is none. */
const char *complete_text(struct arena *a, const char *shell);
