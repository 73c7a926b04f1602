/* utf8.h - UTF-8 as it comes from outside: decoding, what may stand in a text, how wide it is. */
#pragma once

#include "schema/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

/* Length of the well-formed sequence at p, of which n bytes are there, and its code point.
 * 0 if it is malformed: overlong, a surrogate, too large, cut off (RFC 3629). */
size_t utf8_decode(const char *p, size_t n, uint32_t *cp);

/* Whether the code point does nothing but show itself: no control character (newline and tab are
 * controls too), no line or paragraph separator, no mark that reorders the text around it. */
bool utf8_is_plain(uint32_t cp);

/* Bytes of s before the first one that is not printable ASCII: nearly always all of it. */
size_t utf8_ascii_run(const char *s);

/* Columns that it takes on a terminal: 0, 1 or 2. */
int utf8_width(uint32_t cp);

/* Append one character of s as it can be shown: itself, or \n \t \r, \xNN, \u{NNNN}. Returns the
 * bytes of s that were used; *shown (may be NULL) is the width. room bytes are at out, at least 12;
 * a NUL is put behind. */
size_t utf8_show(const char *s, size_t n, char *out, size_t room, int *shown);

/* The text in double quotes, as it can be shown, at most max characters and then "...". */
const char *utf8_quote(struct arena *a, const char *s, size_t max);

/* The whole text as it can be shown. */
const char *utf8_escape(struct arena *a, const char *s);
