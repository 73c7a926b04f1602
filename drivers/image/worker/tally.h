/* tally.h - how far the parts of something are, and the whole of it.
 *
 * Each part is told under its own name, "fetching layer 2/5", and the sum under that of the whole,
 * "fetching": what a part is called begins with the latter and a space. The last word on a part and on
 * the whole is that all of it is done, unless it failed.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct manifest;

struct tally {
	const char *what;     /* the whole: one word */
	const char *of;       /* which one of several; NULL: there is only one. May be set after tally_init */
	const struct manifest *manifest;
	uint64_t done, total; /* of all parts; total 0: not known */
	pthread_mutex_t lock; /* of done, and of the order in which it is told */
};

/* Of the layers of an image; the manifest is borrowed. */
void tally_init(struct tally *t, const char *what, const struct manifest *manifest);
void tally_fini(struct tally *t);

/* A layer is at done bytes of its blob. *counted belongs to the layer, 0 at first: what the whole
 * knows of it. Done may go back, when a layer starts over. Any thread may call it. */
void tally_layer(struct tally *t, size_t layer, uint64_t *counted, uint64_t done);
