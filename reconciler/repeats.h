/* repeats.h - the same message for many objects: after a while it is enough to count them. PURE. */
#pragma once

#include "schema/base/vec.h"

#include <stdbool.h>

#define REPEATS_SHOWN 20

struct repeat {
	const char *shape; /* the message without what names this object */
	const char *first; /* the first message of that shape that was not shown */
	size_t n;
};

struct repeats {
	VEC(struct repeat) v;
};

/* Count a message. Whether it is one of the first REPEATS_SHOWN of its kind: show it. */
bool repeats_show(struct arena *a, struct repeats *r, const char *msg);

/* For each kind that was cut short a line "... and 380 more like: MESSAGE"; NULL when there is no
 * further one. *at begins as 0. */
const char *repeats_rest(struct arena *a, const struct repeats *r, size_t *at);
