/* veil.h - which paths upper layers hide, as far as their headers tell. PURE.
 *
 * A guess that saves work, never a decision: merge.h decides. Layers are read from the top; a lower
 * file that the veil covers is not written at once. The guess knows names only, no links on the way
 * and no hard links, and keeps 64-bit hashes instead of names.
 */
#pragma once

#include "drivers/image/worker/merge.h"

struct veil {
	uint64_t *table;   /* open addressing; 0: empty */
	size_t n, cap;
	uint64_t *waiting; /* of the layer that is being read */
	size_t n_waiting, cap_waiting;
};

void veil_fini(struct veil *v);

/* An entry of the layer that is being read. */
void veil_add(struct veil *v, const struct merge_entry *entry);

/* That layer is through: what follows is below it. */
void veil_lower(struct veil *v);

/* Whether a file of this path is probably hidden by the layers above, or a whiteout itself. */
bool veil_covers(const struct veil *v, const char *path);
