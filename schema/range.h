/* range.h - a range of numbers as a regular expression, for what cannot compare: a JSON Schema has
 * bounds for numbers, but a size is a text. PURE.
 */
#pragma once

#include "schema/base/text.h"

#include <stdint.h>

/* Append an expression (ECMA 262) that matches the decimal numbers from lo to hi without zeros in
 * front, and nothing else, in parentheses. lo <= hi. */
void range_put(struct text *t, uint64_t lo, uint64_t hi);
