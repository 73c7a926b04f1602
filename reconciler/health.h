/* health.h - the objects of a pass as a drawing: how each is, by what was seen, and what it needs. */
#pragma once

#include "reconciler/drawing.h"
#include "reconciler/engine/pass.h"

/* After pass_look, with a spec or with recall. Views of the pass that stand for nothing (an object that
 * is neither wanted nor there) are left out. Memory of p->a. */
void health_draw(const struct pass *p, struct drawing *out);

/* How one object is, in *state a word or two, in *note what is wrong or "". No agent is asked: running
 * means that its VMM is alive. */
enum health health_of(const struct view *v, const char **state, const char **note);
