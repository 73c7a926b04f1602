/* docker.h - an image in the archive that "docker save" and skopeo (docker-archive:) write.
 *
 *	manifest.json    [{"Config": NAME, "RepoTags": ["repo:tag"], "Layers": [NAME, ...]}, ...]
 *
 * There is no manifest with digests: the image's identity is the digest of its configuration, which
 * Docker calls the image ID. It names the content of each layer (diff_id), and that is checked when
 * the layer is unpacked.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/tarball.h"

struct docker_image {
	char id[REF_DIGEST_MAX];
	struct manifest manifest; /* of the blobs only size and compression are known */
	struct image_config config;
	const char **layers;      /* names of members, lowest first */
};

/* tag: of a RepoTag, or NULL when there is only one image. ERR_CONTENT as usual. */
int docker_find(const struct tarball *t, struct arena *a, const char *tag,
	const struct platform *want, struct docker_image *out, struct err *e);

/* How a layer without a media type is compressed, by its first bytes. ERR_CONTENT: in a way that
 * is not read here. */
int docker_compression(const struct range *r, enum compression *out, struct err *e);
