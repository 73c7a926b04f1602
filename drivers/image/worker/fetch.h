/* fetch.h - the layers of an image come to the cache, several at once, while others are unpacked.
 *
 * The top layer comes first, since it is unpacked first. Each thread has a connection of its own and
 * keeps it for the next layer. With a layout folder the same threads verify what is there.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/blobs.h"

struct fetch;

/* Where blobs that are missing come from. */
struct fetch_from {
	const struct ref *ref; /* NULL: they are in a layout folder */
	const struct registry_access *access;
	const char *of;        /* for tally_init */
};

/* All of it is borrowed. */
int fetch_start(const struct blobs *blobs, const struct fetch_from *from,
	const struct manifest *manifest, struct fetch **out, struct err *e);

/* Wait until the layer is there and verified. It fails as blobs_ensure does. */
int fetch_wait(struct fetch *f, size_t layer, struct err *e);

/* Stop what is under way; what has come stays in the cache for the next run. */
void fetch_close(struct fetch *f);
