/* manifest.h - what OCI and Docker call an image: index, manifest, configuration. PURE.
 *
 * An index (Docker: manifest list) names manifests by platform; a manifest names a configuration
 * and layers by digest; the configuration names the layers by the digest of what is in them.
 * All of it comes from outside: every size, count and digest is checked here, before it is used.
 */
#pragma once

#include "drivers/image/ref.h"
#include "schema/base/json.h"

#include <stdint.h>

#define MANIFEST_BYTES_MAX (4u << 20)
#define MANIFEST_CONFIG_MAX (4u << 20)
#define MANIFEST_LAYERS_MAX 512
#define MANIFEST_LAYER_BYTES_MAX (64ull << 30)
#define MANIFEST_NESTING_MAX 3

struct descriptor {
	const char *digest;     /* always one that ref_is_digest accepts */
	const char *media_type; /* may be empty */
	uint64_t size;
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct layer {
	struct descriptor blob;
	enum compression compression;
	const char *diff_id; /* digest of the uncompressed layer; set by manifest_config */
};

struct manifest {
	struct descriptor config;
	struct layer *layers; /* lowest first */
	size_t n_layers;
};

struct image_config {
	const char *os, *arch;  /* empty when the image does not say */
	const char *config;     /* the "config" object as compact JSON; "{}" if there is none */
};

/* Which of the two this JSON is. content_type: what the registry said, or NULL. Schema 1 and
 * anything else is refused by name. Fails with ERR_CONTENT. */
int manifest_classify(const json_t *j, const char *content_type, enum manifest_kind *kind,
	struct err *e);

/* The manifest of an image. Strings live in a. */
int manifest_parse(struct arena *a, const json_t *j, struct manifest *out, struct err *e);

/* The entry of an index for this platform. tag, if not NULL, must match the entry's ref.name (an
 * OCI layout's index.json). The error lists what there is. */
int manifest_choose(struct arena *a, const json_t *index, const struct platform *want,
	const char *tag, struct descriptor *out, struct err *e);

/* The configuration blob: sets diff_id of each layer of m, checks the count and that os and
 * architecture are what was asked for. */
int manifest_config(struct arena *a, const json_t *j, const struct platform *want,
	struct manifest *m, struct image_config *out, struct err *e);
