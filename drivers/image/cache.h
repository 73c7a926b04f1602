/* cache.h - the blobs that were fetched for images: list them, and remove the ones not used lately.
 *
 *	CACHE/oci/blobs/sha256/<hex>            a blob
 *	CACHE/oci/blobs/sha256/.<hex>.tmp       one that is being fetched, or was when a pull ended
 *	CACHE/oci/blobs/sha256/.<hex>.pruned    one that is being removed
 *
 * An image that was made needs none of them. A pull that is under way does, so it holds a shared lock
 * on the folder, and who removes holds an exclusive one.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct cached {
	const char *name;   /* of the file */
	bool whole;         /* a blob; else what is left of one */
	uint64_t size;
	int64_t used_at;    /* seconds; when a pull last needed it */
};

/* 1: there is no cache. */
int cache_open(const char *cache_dir, int *dir_fd, struct err *e);

/* ERR_LOCKED when a pull is under way. Held until dir_fd is closed. */
int cache_lock(int dir_fd, struct err *e);

/* Everything of ours in the folder, what was not used for longest first. Other files are left out. */
int cache_list(struct arena *a, int dir_fd, struct cached **out, size_t *n, struct err *e);

/* PURE. How many of the list, from its start, have to go so that the rest has at most max bytes.
 * What is left of a blob goes in any case: it stands in front. */
size_t cache_surplus(const struct cached *v, size_t n, uint64_t max);

/* What the cache may have: RECONCILE_CACHE_MAX ("20GiB", which is the default). */
int cache_budget(uint64_t *max, struct err *e);

/* Remove what was not used for longest, until the rest fits the budget. While a pull is under way
 * nothing is removed, and the next one does it. */
int cache_trim(const char *cache_dir, struct err *e);

/* Names of blobs, borrowed. */
struct cache_names {
	const char **v;
	size_t n, cap;
};

/* Add the blobs of an image, as far as its manifest is in the cache: the manifest itself, the
 * configuration, the layers. */
void cache_blobs(struct arena *a, int dir_fd, const char *id, struct cache_names *out);

/* Renamed first, so that a name never stands for half a blob. Gone already is fine. Under the lock. */
int cache_remove(int dir_fd, const struct cached *one, struct err *e);
