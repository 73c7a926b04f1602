/* source.h - where an image comes from: what it is called there, and its layers.
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

#include <sys/stat.h>

struct source_kind;

struct source {
	struct arena *arena;
	const struct source_kind *kind;
	const char *name;          /* as the user wrote it */
	const char *pin;           /* or NULL */
	struct ref ref;            /* oci */
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

	/* After source_load. */
	struct manifest manifest;
	struct image_config config;
};

#define SOURCE_INIT(a) {.arena = (a), .file = -1, .blobs = {.dir_fd = -1}}

/* Exactly one of the keys above has to be in the request; "digest" and "platform" may be. Reads
 * nothing else. */
int source_parse(struct source *s, const json_t *request, struct err *e);
void source_close(struct source *s);

/* Whether it needs the network and the cache. */
bool source_is_remote(const struct source *s);

/* Give up everything but what the request needs: its files for reading, what writable names for
 * writing (NULL-terminated), the network for a registry. Before source_open, which reads foreign
 * bytes. */
int source_confine(const struct source *s, const char *const *writable, struct err *e);

int source_open(struct source *s, struct err *e);

/* *id: the digest that the image is known by. */
int source_resolve(struct source *s, const char **id, struct err *e);

/* Where it came from, for people. */
const char *source_text(const struct source *s);

/* cache_dir is needed for oci only. */
int source_load(struct source *s, const char *id, const char *cache_dir, struct err *e);

/* Layers come several at once from here on, by threads of their own; the caller's thread, and those
 * that it starts later to unpack, have no network any more. */
int source_start(struct source *s, struct err *e);

/* Wait for a layer. For flatten_job.blob; arg is the source. */
int source_layer(void *arg, size_t layer, struct range *out, struct err *e);
