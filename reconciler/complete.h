/* complete.h - shell completion, made from the tables of commands and options.
 *
 * PURE. Static text: the shell asks nothing of the program while somebody types.
 */
#pragma once

#include "reconciler/cli.h"

/* Shells that there is a completion for, NULL-terminated. */
extern const char *const complete_shells[];

/* The completion for that shell, in a; NULL if there is none. */
const char *complete_text(struct arena *a, const char *shell);
