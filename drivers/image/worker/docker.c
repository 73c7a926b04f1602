/* docker.c - an image in a docker-archive; see docker.h. */
#include "drivers/image/worker/docker.h"

#include "drivers/image/worker/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TAGS_SHOWN 512

static bool has_tag(const json_t *image, const char *tag)
{
	size_t i;
	json_t *t;

	json_array_foreach(json_object_get(image, "RepoTags"), i, t) {
		const char *name = json_string_value(t), *colon = name ? strrchr(name, ':') : NULL;

		if (colon && !strcmp(colon + 1, tag))
			return true;
	}
	return false;
}

static void list_tags(const json_t *images, char *out, size_t size)
{
	size_t i, k;
	json_t *image, *t;

	*out = '\0';
	json_array_foreach(images, i, image)
		json_array_foreach(json_object_get(image, "RepoTags"), k, t) {
			size_t used = strlen(out);

			snprintf(out + used, size - used, "%s%.200s", used ? ", " : "",
				json_string_value(t) ? json_string_value(t) : "?");
		}
	if (!*out)
		snprintf(out, size, "no name");
}

static int choose(const json_t *images, const char *tag, const json_t **out, struct err *e)
{
	char there[TAGS_SHOWN];
	size_t fits = 0, i;
	json_t *image;

	json_array_foreach(images, i, image)
		if (!tag || has_tag(image, tag)) {
			*out = image;
			fits++;
		}
	if (fits == 1)
		return 0;
	list_tags(images, there, sizeof(there));
	if (!fits)
		return err_set(e, ERR_CONTENT, "no image is tagged \"%.100s\"; there is: %s",
			tag ? tag : "", there);
	err_set(e, ERR_CONTENT, "the archive has %zu images%s%.100s; there is: %s", fits,
		tag ? " tagged " : "", tag ? tag : "", there);
	return err_hint(e, "write the tag of one behind the path: PATH:TAG");
}

int docker_compression(const struct range *r, enum compression *out, struct err *e)
{
	unsigned char head[8] = {0};

	if (range_read(r, head, sizeof(head), 0) < 0)
		return err_sys(e, errno, "cannot read it");
	*out = COMPRESSION_NONE;
	if (!memcmp(head, "\x1f\x8b", 2))
		*out = COMPRESSION_GZIP;
	else if (!memcmp(head, "\x28\xb5\x2f\xfd", 4))
		*out = COMPRESSION_ZSTD;
	else if (!memcmp(head, "\xfd" "7zXZ", 5) || !memcmp(head, "BZh", 3)) {
		err_set(e, ERR_CONTENT, "it is compressed by xz or bzip2");
		return err_hint(e, "pack it with gzip or zstd, or not at all");
	}
	return 0;
}

static int take_layer(const struct tarball *t, const char *name, struct layer *out, struct err *e)
{
	_cleanup_range_ struct range r = RANGE_NONE;

	if (tarball_range(t, name, &r, e) < 0 || docker_compression(&r, &out->compression, e) < 0)
		return -1;
	out->blob = (struct descriptor){.media_type = "", .size = r.n};
	return 0;
}

static int take_layers(const struct tarball *t, struct arena *a, const json_t *image,
	struct docker_image *out, struct err *e)
{
	const json_t *list = json_object_get(image, "Layers");
	struct manifest *m = &out->manifest;

	m->n_layers = json_array_size(list);
	if (!m->n_layers)
		return err_set(e, ERR_CONTENT, "manifest.json: the image has no layers");
	if (m->n_layers > MANIFEST_LAYERS_MAX)
		return err_set(e, ERR_LIMIT, "the image has %zu layers; at most %d are allowed",
			m->n_layers, MANIFEST_LAYERS_MAX);
	m->layers = arena_array(a, m->n_layers, sizeof(*m->layers));
	out->layers = arena_array(a, m->n_layers, sizeof(*out->layers));
	for (size_t i = 0; i < m->n_layers; i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (!name)
			return err_set(e, ERR_CONTENT, "manifest.json: layer %zu has no name", i + 1);
		out->layers[i] = arena_dup(a, name);
		if (take_layer(t, name, &m->layers[i], e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
	}
	return 0;
}

static int take_config(const struct tarball *t, struct arena *a, const json_t *image,
	const struct platform *want, struct docker_image *out, struct err *e)
{
	const char *name = json_str(image, "Config", NULL);
	_cleanup_json_ json_t *j = NULL;
	char *buf;
	size_t n;

	if (!name)
		return err_set(e, ERR_CONTENT, "manifest.json: the image has no configuration");
	if (tarball_read(t, a, name, MANIFEST_CONFIG_MAX, &buf, &n, e) < 0 ||
		json_parse(buf, n, "configuration", &j, e) < 0 ||
		digest_of(buf, n, out->id, e) < 0)
		return -1;
	return manifest_config(a, j, want, &out->manifest, &out->config, e);
}

int docker_find(const struct tarball *t, struct arena *a, const char *tag,
	const struct platform *want, struct docker_image *out, struct err *e)
{
	_cleanup_json_ json_t *images = NULL;
	const json_t *image = NULL;
	char *buf;
	size_t n;

	*out = (struct docker_image){0};
	if (tarball_read(t, a, "manifest.json", MANIFEST_BYTES_MAX, &buf, &n, e) < 0) {
		if (e && e->kind == ERR_CONTENT)
			err_hint(e, "it has to be an archive of docker save or skopeo "
				"(docker-archive:)");
		return -1;
	}
	if (json_parse(buf, n, "manifest.json", &images, e) < 0 ||
		choose(images, tag, &image, e) < 0 ||
		take_layers(t, a, image, out, e) < 0)
		return -1;
	return take_config(t, a, image, want, out, e);
}
