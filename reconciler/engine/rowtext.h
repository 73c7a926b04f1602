/* rowtext.h - lists of key = value strings as the rows of the store hold them. PURE.
 *
 * The text is what json_from_kvs makes. A pass reads two of them a row, whatever the number of rows,
 * so the form that nearly all of them have is cut up in place: one copy of the text, no allocation
 * for each string. Everything else goes to json_to_kvs, with the same result.
 */
#pragma once

#include "schema/base/json.h"

/* The same as json_to_kvs, for a text of n bytes. */
int rowtext_kvs(struct arena *a, const char *text, size_t n, const char *what, struct kvs *out,
	struct err *e);
