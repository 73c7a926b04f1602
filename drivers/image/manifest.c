/* manifest.c - index, manifest and configuration of an image; see manifest.h. */
#include "drivers/image/manifest.h"

#include "schema/base/vec.h"

#include <stdio.h>
#include <string.h>

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

static const struct {
	const char *media_type;
	enum manifest_kind kind;
} manifest_types[] = {
	{OCI "manifest.v1+json", MANIFEST_IMAGE},
	{DOCKER "distribution.manifest.v2+json", MANIFEST_IMAGE},
	{OCI "index.v1+json", MANIFEST_INDEX},
	{DOCKER "distribution.manifest.list.v2+json", MANIFEST_INDEX},
};

static const struct {
	const char *media_type;
	enum compression compression;
} layer_types[] = {
	{OCI "layer.v1.tar", COMPRESSION_NONE},
	{OCI "layer.v1.tar+gzip", COMPRESSION_GZIP},
	{OCI "layer.v1.tar+zstd", COMPRESSION_ZSTD},
	{DOCKER "image.rootfs.diff.tar", COMPRESSION_NONE},
	{DOCKER "image.rootfs.diff.tar.gzip", COMPRESSION_GZIP},
	{DOCKER "image.rootfs.diff.tar.zstd", COMPRESSION_ZSTD},
};

static int kind_of(const char *media_type)
{
	size_t n = media_type ? strcspn(media_type, "; ") : 0;

	for (size_t i = 0; n && i < sizeof(manifest_types) / sizeof(manifest_types[0]); i++)
		if (strlen(manifest_types[i].media_type) == n &&
			!strncmp(manifest_types[i].media_type, media_type, n))
			return (int)manifest_types[i].kind;
	return -1;
}

static int refuse_schema(const json_t *j, struct err *e)
{
	if (json_int(j, "schemaVersion", 0) == 1)
		return err_set(e, ERR_CONTENT, "the manifest is of Docker's schema 1, which names no "
			"configuration; push the image again with a current tool");
	return err_set(e, ERR_CONTENT, "not an image manifest: schemaVersion is not 2");
}

int manifest_classify(const json_t *j, const char *content_type, enum manifest_kind *kind,
	struct err *e)
{
	const char *said = json_str(j, "mediaType", NULL);
	const bool layers = json_object_get(j, "layers"), index = json_object_get(j, "manifests");
	int k = said ? kind_of(said) : -1, header = kind_of(content_type);

	if (!json_is_object(j))
		return err_set(e, ERR_CONTENT, "not an image manifest: not a JSON object");
	if (json_int(j, "schemaVersion", 0) != 2)
		return refuse_schema(j, e);
	if (layers && index)
		return err_set(e, ERR_CONTENT, "the manifest has both \"layers\" and \"manifests\"");
	if (!layers && !index)
		return err_set(e, ERR_CONTENT, "not an image manifest: neither \"layers\" nor "
			"\"manifests\"");
	if (said && k < 0)
		return err_set(e, ERR_CONTENT, "not an image manifest: its media type is %.120s", said);
	if (k >= 0 && header >= 0 && k != header)
		return err_set(e, ERR_CONTENT, "the manifest says it is %.120s, but was sent as %.120s",
			said, content_type);
	*kind = index ? MANIFEST_INDEX : MANIFEST_IMAGE;
	if ((k >= 0 && k != (int)*kind) || (header >= 0 && header != (int)*kind))
		return err_set(e, ERR_CONTENT, "the manifest's media type does not fit its content");
	return 0;
}

static int parse_descriptor(struct arena *a, const json_t *j, const char *what,
	struct descriptor *out, struct err *e)
{
	const json_t *size = json_object_get(j, "size");
	const char *digest = json_str(j, "digest", "");

	if (!json_is_object(j))
		return err_set(e, ERR_CONTENT, "the manifest has no %s", what);
	if (!ref_is_digest(digest))
		return err_set(e, ERR_CONTENT, "%s: \"%.90s\" is not a sha256 digest", what, digest);
	if (!json_is_integer(size) || json_integer_value(size) < 0 ||
		(uint64_t)json_integer_value(size) > MANIFEST_LAYER_BYTES_MAX)
		return err_set(e, ERR_CONTENT, "%s: its size is missing or out of range", what);
	out->digest = arena_dup(a, digest);
	out->media_type = arena_dup(a, json_str(j, "mediaType", ""));
	out->size = (uint64_t)json_integer_value(size);
	return 0;
}

/* ---- image manifest --------------------------------------------------------------------- */

static int parse_layer(struct arena *a, const json_t *j, size_t i, struct layer *out,
	struct err *e)
{
	char what[32];

	snprintf(what, sizeof(what), "layer %zu", i + 1);
	if (parse_descriptor(a, j, what, &out->blob, e) < 0)
		return -1;
	for (size_t t = 0; t < sizeof(layer_types) / sizeof(layer_types[0]); t++) {
		if (strcmp(layer_types[t].media_type, out->blob.media_type) != 0)
			continue;
		out->compression = layer_types[t].compression;
		return 0;
	}
	if (strstr(out->blob.media_type, "nondistributable") ||
		strstr(out->blob.media_type, "foreign"))
		return err_set(e, ERR_CONTENT, "%s is a foreign layer (%.120s); it is fetched from "
			"nowhere", what, out->blob.media_type);
	return err_set(e, ERR_CONTENT, "%s: media type \"%.120s\" is not one that can be unpacked",
		what, out->blob.media_type);
}

int manifest_parse(struct arena *a, const json_t *j, struct manifest *out, struct err *e)
{
	const json_t *layers = json_object_get(j, "layers");
	const size_t n = json_array_size(layers);
	uint64_t total = 0;

	*out = (struct manifest){0};
	if (parse_descriptor(a, json_object_get(j, "config"), "configuration", &out->config, e) < 0)
		return -1;
	if (out->config.size > MANIFEST_CONFIG_MAX)
		return err_set(e, ERR_LIMIT, "the image's configuration is larger than %u bytes",
			MANIFEST_CONFIG_MAX);
	if (!json_is_array(layers) || !n)
		return err_set(e, ERR_CONTENT, "the image has no layers");
	if (n > MANIFEST_LAYERS_MAX)
		return err_set(e, ERR_LIMIT, "the image has %zu layers; at most %d are allowed", n,
			MANIFEST_LAYERS_MAX);
	out->layers = arena_array(a, n, sizeof(*out->layers));
	out->n_layers = n;
	for (size_t i = 0; i < n; i++) {
		if (parse_layer(a, json_array_get(layers, i), i, &out->layers[i], e) < 0)
			return -1;
		total += out->layers[i].blob.size;
	}
	if (total > MANIFEST_LAYER_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the image's layers have %llu bytes; at most %llu are "
			"allowed", (unsigned long long)total, MANIFEST_LAYER_BYTES_MAX);
	return 0;
}

/* ---- index ------------------------------------------------------------------------------ */

/* An OCI layout names its images by annotation; buildah writes the whole reference there. */
static bool has_tag(const json_t *entry, const char *tag)
{
	const char *name = json_str(json_object_get(entry, "annotations"),
		"org.opencontainers.image.ref.name", "");
	const char *colon = strrchr(name, ':');

	return !strcmp(name, tag) || (colon && !strcmp(colon + 1, tag));
}

static bool fits_platform(const json_t *entry, const struct platform *want, bool only)
{
	const json_t *p = json_object_get(entry, "platform");
	const char *variant = json_str(p, "variant", "");

	if (!p)
		return only;
	if (strcmp(json_str(p, "os", ""), want->os) != 0 ||
		strcmp(json_str(p, "architecture", ""), want->arch) != 0)
		return false;
	return !want->variant || !strcmp(variant, want->variant);
}

static void list_one(const json_t *entry, const char *tag, char *text, size_t size)
{
	const json_t *p = json_object_get(entry, "platform");
	const char *variant = json_str(p, "variant", "");
	const char *name = json_str(json_object_get(entry, "annotations"),
		"org.opencontainers.image.ref.name", "");
	size_t used = strlen(text);

	if (used)
		snprintf(text + used, size - used, ", ");
	used = strlen(text);
	if (tag || !p)
		snprintf(text + used, size - used, "%.64s", *name ? name : "(no name)");
	else
		snprintf(text + used, size - used, "%.20s/%.20s%s%.20s", json_str(p, "os", "?"),
			json_str(p, "architecture", "?"), *variant ? "/" : "", variant);
}

static int nothing_fits(struct arena *a, const json_t *list, const struct platform *want,
	const char *tag, size_t tagged, struct err *e)
{
	const bool by_tag = tag && !tagged;
	char there[512] = "";
	json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
		if (i < 64 && (by_tag || !tag || has_tag(entry, tag)))
			list_one(entry, by_tag ? tag : NULL, there, sizeof(there));
	if (!*there)
		snprintf(there, sizeof(there), "nothing");
	if (by_tag)
		return err_set(e, ERR_CONTENT, "no image is tagged \"%.100s\"; there is: %s", tag,
			there);
	return err_set(e, ERR_CONTENT, "no image for %s; there is: %s", ref_platform_text(a, want),
		there);
}

int manifest_choose(struct arena *a, const json_t *index, const struct platform *want,
	const char *tag, struct descriptor *out, struct err *e)
{
	const json_t *list = json_object_get(index, "manifests");
	const json_t *chosen = NULL;
	size_t tagged = 0, fits = 0, i;
	json_t *entry;

	if (!json_is_array(list) || !json_array_size(list))
		return err_set(e, ERR_CONTENT, "the index names no image");
	json_array_foreach(list, i, entry)
		tagged += !tag || has_tag(entry, tag);
	json_array_foreach(list, i, entry) {
		if ((tag && !has_tag(entry, tag)) || !fits_platform(entry, want, tagged == 1))
			continue;
		if (!fits++)
			chosen = entry;
	}
	if (!chosen)
		return nothing_fits(a, list, want, tag, tagged, e);
	return parse_descriptor(a, chosen, "index entry", out, e);
}

/* ---- configuration ---------------------------------------------------------------------- */

int manifest_config(struct arena *a, const json_t *j, const struct platform *want,
	struct manifest *m, struct image_config *out, struct err *e)
{
	const json_t *ids = json_object_get(json_object_get(j, "rootfs"), "diff_ids");
	const json_t *config = json_object_get(j, "config");

	if (!json_is_object(j))
		return err_set(e, ERR_CONTENT, "the image's configuration is not a JSON object");
	if (!json_is_array(ids) || json_array_size(ids) != m->n_layers)
		return err_set(e, ERR_CONTENT, "not a container image: its configuration lists %zu "
			"diff_ids for %zu layers", json_array_size(ids), m->n_layers);
	for (size_t i = 0; i < m->n_layers; i++) {
		const char *id = json_string_value(json_array_get(ids, i));

		if (!ref_is_digest(id))
			return err_set(e, ERR_CONTENT, "the configuration's diff_id of layer %zu is not "
				"a sha256 digest", i + 1);
		m->layers[i].diff_id = arena_dup(a, id);
	}
	out->os = arena_dup(a, json_str(j, "os", ""));
	out->arch = arena_dup(a, json_str(j, "architecture", ""));
	if ((*out->os && strcmp(out->os, want->os) != 0) ||
		(*out->arch && strcmp(out->arch, want->arch) != 0))
		return err_set(e, ERR_CONTENT, "the image is for %.30s/%.30s, not for %s", out->os,
			out->arch, ref_platform_text(a, want));
	out->config = json_is_object(config) ? json_text(a, config) : "{}";
	return 0;
}
