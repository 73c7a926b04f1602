/* man.h - the tables of commands and options as reconcile(1). */
#pragma once

#include "reconciler/cli.h"

/* The whole page, in a. */
const char *man_page(struct arena *a);
