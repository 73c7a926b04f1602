/* origin.h - where an image comes from: what it is called there, and its layers.
 *
 *	oci              a registry; blobs go to the cache
 *	oci_layout       a folder in OCI image layout
 *	oci_archive      a tar file of such a folder
 *	docker_archive   a tar file of docker save
 *	tar              a tar file of a root file system, as it is, or by gzip or zstd
 *
 * The first of three calls says what the image is (resolve), the second reads what describes it
 * (load), the third gives its layers one by one. What is there may change between them: load fails
 * if it is no longer what was resolved.
 */
#pragma once

#include "drivers/image/worker/blobs.h"
#include "drivers/image/worker/docker.h"
#include "drivers/image/worker/fetch.h"
#include "drivers/image/worker/pool.h"

#include <sys/stat.h>

struct origin_kind;

struct origin {
	struct arena *arena;
	const struct origin_kind *kind;
	const char *name;          /* as the user wrote it */
	const char *pin;           /* or NULL */
	struct ref ref;            /* oci */
	struct registry_access access;
	const char *path, *tag;    /* the others; tag may be NULL */
	struct platform platform;
	struct registry *registry;
	struct tarball *tarball;
	struct layout layout;
	struct docker_image docker;
	int file;                  /* tar */
	struct stat seen;          /* of it, before it was read */
	struct blobs blobs;
	struct fetch *fetch;
	struct pool *own_pool;     /* closed with the origin */
	const char *of;            /* what progress is said under; NULL: it is the only one */

	/* After origin_load. */
	struct manifest manifest;
	struct image_config config;
};

#define SOURCE_INIT(a) {.arena = (a), .file = -1, .blobs = {.dir_fd = -1}}

/* Of several origins that share their connections: before origin_parse, which else makes a pool. */
static inline void origin_share(struct origin *s, struct pool *pool, const char *of)
{
	s->access.pool = pool;
	s->of = of;
}

/* Exactly one of the keys above has to be in the request; "digest", "platform", "auth_file" and
 * "mirrors" may be. Reads nothing else. */
int origin_parse(struct origin *s, const json_t *request, struct err *e);
void origin_close(struct origin *s);

/* Whether it needs the network and the cache. */
bool origin_is_remote(const struct origin *s);

/* Give up everything but what the request needs: its files for reading, what writable names for
 * writing (NULL-terminated), the network for a registry. Before origin_open, which reads foreign
 * bytes. */
int origin_confine(const struct origin *s, const char *const *writable, struct err *e);

/* The same for who makes something: the cache, if the origin needs it, and that folder, if it is not NULL,
 * can be written. */
int origin_confine_making(const struct origin *s, const char *cache_dir, const char *folder,
	struct err *e);

int origin_open(struct origin *s, struct err *e);

/* *id: the digest that the image is known by. */
int origin_resolve(struct origin *s, const char **id, struct err *e);

/* After a resolve to id: what the tag beside the digest of the reference means now, when that is another
 * image, or why that cannot be told; NULL: there is no such tag, or it means the same. */
const char *origin_other(struct origin *s, const char *id);

/* Where it came from, for people. */
const char *origin_text(const struct origin *s);

/* cache_dir is needed for oci only. */
int origin_load(struct origin *s, const char *id, const char *cache_dir, struct err *e);

/* Layers come several at once from here on, by threads of their own; the caller's thread, and those
 * that it starts later to unpack, have no network any more. */
int origin_start(struct origin *s, struct err *e);

/* Wait for a layer. For flatten_job.blob; arg is the origin. */
int origin_layer(void *arg, size_t layer, struct range *out, struct err *e);
