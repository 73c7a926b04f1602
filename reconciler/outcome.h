/* outcome.h - what a pass did, and what it did not. */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/pass.h"

/* Each conflict and each step that did not succeed, with the place that asks for it and the id of the
 * pass: on stderr, or in the document. */
void outcome_errors(struct cli *c, const struct pass *p);

/* One line that sums it up. */
void outcome_summary(const struct cli *c, const struct pass *p, FILE *to);
