/* fields_man.h - the field tables as reconcile.yaml(5). */
#pragma once

#include "schema/base/text.h"

/* The whole page, in a. */
const char *fields_man(struct arena *a);

/* Append a text to a page of man(7): what roff would read as its own is escaped, at the start of a
 * line too. Newlines stay newlines. */
void man_put(struct text *t, const char *s);
