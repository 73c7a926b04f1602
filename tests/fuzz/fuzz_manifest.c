/* fuzz_manifest.c - what a registry says: a manifest or index, and behind a NUL a configuration. */
#include "drivers/image/manifest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct platform platform = {"linux", "amd64", NULL};

static void check(const struct descriptor *d)
{
	if (!ref_is_digest(d->digest))
		abort();
}

static void image(struct arena *a, const json_t *j, const uint8_t *config, size_t size)
{
	_cleanup_json_ json_t *c = NULL;
	struct manifest m = {0};
	struct image_config out;

	if (manifest_parse(a, j, &m, NULL) < 0)
		return;
	check(&m.config);
	for (size_t i = 0; i < m.n_layers; i++)
		check(&m.layers[i].blob);
	if (json_parse((const char *)config, size, "configuration", &c, NULL) < 0 ||
		manifest_config(a, c, &platform, &m, &out, NULL) < 0)
		return;
	for (size_t i = 0; i < m.n_layers; i++)
		if (!ref_is_digest(m.layers[i].diff_id))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	const size_t n = nul ? (size_t)(nul - data) : size;
	_cleanup_json_ json_t *j = NULL;
	struct arena a = ARENA_INIT;
	struct descriptor d;
	enum manifest_kind kind;

	if (json_parse((const char *)data, n, "manifest", &j, NULL) == 0) {
		if (manifest_choose(&a, j, &platform, NULL, &d, NULL) == 0)
			check(&d);
		if (manifest_classify(j, "", &kind, NULL) == 0 && kind == MANIFEST_IMAGE)
			image(&a, j, nul ? nul + 1 : data, nul ? size - n - 1 : 0);
	}
	arena_free(&a);
	return 0;
}
