/* blobs.h - blobs by digest: in a layout as they are, or in the cache, fetched if need be.
 *
 *	CACHE/oci/blobs/sha256/<hex>          whole and verified when it was published
 *	CACHE/oci/blobs/sha256/.<hex>.tmp     being fetched; locked; the next run goes on with it
 *
 * A blob is verified each time before a task uses it: what is on a disk may have changed.
 */
#pragma once

#include "drivers/image/layout.h"
#include "drivers/image/worker/range.h"
#include "drivers/image/worker/registry.h"
#include "drivers/image/worker/tally.h"
#include "drivers/image/worker/tarball.h"

struct blobs {
	const struct layout *layout;   /* they are all there; or NULL: a cache and a registry */
	const struct tarball *tarball; /* the layout is in this archive; NULL: in a folder */
	int dir_fd;                /* of the cache; -1 with a layout */
	struct registry *registry; /* NULL with a layout */
};

/* The folder of the cache, made if need be. Until it is closed nobody removes what is in it
 * (drivers/image/cache.h). */
int blobs_open_cache(const char *cache_dir, int *dir_fd, struct err *e);

/* Whom to tell how much of a layer is there. */
struct blobs_watch {
	struct tally *all;
	size_t layer;
	uint64_t counted;
};

/* Make sure that the blob is there and is what its digest says. watch may be NULL. */
int blobs_ensure(struct blobs *b, const struct descriptor *d, struct blobs_watch *watch,
	struct err *e);

/* Open a blob after blobs_ensure. */
int blobs_open(const struct blobs *b, const char *digest, struct range *out, struct err *e);

/* A small blob, ensured, in memory. what names it in messages. */
int blobs_read(struct blobs *b, struct arena *a, const struct descriptor *d, size_t max,
	const char *what, char **data, size_t *n, struct err *e);

/* A manifest by digest: from the cache or the layout, or fetched and kept. */
int blobs_manifest(struct blobs *b, struct arena *a, const char *digest, char **data, size_t *n,
	const char **type, struct err *e);
