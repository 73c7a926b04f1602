/* drawing.h - sources, objects, what needs what, and how each is: as SVG, for Graphviz, as text.
 *
 * PURE. Objects of one source stand in one frame, in columns from left to right: what needs nothing
 * first. The same drawing gives the same bytes. Texts may be anything; the nodes are in order of source,
 * and nothing needs itself by whatever way.
 */
#pragma once

#include "reconciler/engine/graph.h"
#include "schema/base/text.h"

enum health { HEALTH_GOOD, HEALTH_OFF, HEALTH_BUSY, HEALTH_BAD };

/* "good", "off", "busy", "bad". */
const char *health_name(enum health health);

struct drawn {
	const char *source;  /* whose it is; "" nobody's */
	const char *object;  /* "vm/web" */
	const char *state;   /* in a word or two */
	const char *note;    /* what is wrong, or "" */
	enum health health;
};

struct drawing {
	VEC(struct drawn) nodes;
	struct edges needs;  /* between indices of nodes: from needs to */
};

void drawing_text(struct text *t, const struct drawing *d);

/* For dot(1). */
void drawing_dot(struct text *t, const struct drawing *d);

/* One document that needs nothing beside it: no font, no script, no style sheet. */
void drawing_svg(struct text *t, const struct drawing *d);
