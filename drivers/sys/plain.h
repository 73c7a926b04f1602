/* plain.h - text from a guest, made safe to show: it cannot move the cursor, ring the bell or hide
 * what stands next to it.
 *
 * PURE.
 */
#pragma once

#include "schema/base/arena.h"

/* A copy of n bytes in which only printable ASCII is left: line ends become " | ", tabs become a
 * space, every other byte becomes "\xNN". Line ends at both ends are dropped. */
char *plain_text(struct arena *a, const char *s, size_t n);
