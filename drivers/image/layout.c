/* layout.c - an OCI layout folder; see layout.h. */
#include "drivers/image/layout.h"

#include "schema/base/fd.h"

#include <string.h>

int layout_blob(struct arena *a, const char *path, const char *digest, size_t max, char **buf,
	size_t *n, struct err *e)
{
	const char *file = arena_printf(a, "%s/blobs/sha256/%s", path, ref_hex(digest));

	return file_read(a, AT_FDCWD, file, max, buf, n, e);
}

static int read_index(struct arena *a, const char *path, json_t **out, struct err *e)
{
	const char *file = arena_printf(a, "%s/index.json", path);
	char *buf;
	size_t n;

	if (file_read(a, AT_FDCWD, file, MANIFEST_BYTES_MAX, &buf, &n, e) < 0) {
		if (e && e->kind == ERR_NOINPUT)
			err_hint(e, "%s has to be an OCI layout folder, as skopeo, umoci and buildah "
				"write it", path);
		return -1;
	}
	return json_parse(buf, n, file, out, e);
}

/* One step down: whether the blob is itself an index, and then what it leads to. */
static int enter(struct arena *a, const char *path, const struct platform *want,
	layout_verify *verify, struct descriptor *d, enum manifest_kind *kind, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char *buf;
	size_t n;

	if (layout_blob(a, path, d->digest, MANIFEST_BYTES_MAX, &buf, &n, e) < 0)
		return -1;
	if (verify && verify(buf, n, d->digest, e) < 0)
		return -1;
	if (json_parse(buf, n, d->digest, &j, e) < 0)
		return -1;
	if (manifest_classify(j, d->media_type, kind, e) < 0)
		return -1;
	return *kind == MANIFEST_INDEX ? manifest_choose(a, j, want, NULL, d, e) : 0;
}

static int resolve(struct arena *a, const char *path, const char *tag, const char *pin,
	const struct platform *want, layout_verify *verify, struct descriptor *out, struct err *e)
{
	_cleanup_json_ json_t *index = NULL;
	enum manifest_kind kind = MANIFEST_INDEX;
	struct descriptor d = {0};
	bool pinned = !pin;

	if (read_index(a, path, &index, e) < 0)
		return -1;
	if (json_int(index, "schemaVersion", 0) != 2)
		return err_set(e, ERR_CONTENT, "index.json: schemaVersion is not 2");
	if (manifest_choose(a, index, want, tag, &d, e) < 0)
		return -1;
	for (int depth = 0; kind == MANIFEST_INDEX; depth++) {
		if (depth == MANIFEST_NESTING_MAX)
			return err_set(e, ERR_CONTENT, "indexes are nested more than %d deep",
				MANIFEST_NESTING_MAX);
		pinned = pinned || !strcmp(pin, d.digest);
		if (enter(a, path, want, verify, &d, &kind, e) < 0)
			return -1;
	}
	if (!pinned)
		return err_set(e, ERR_CONTENT, "the layout holds %s, but the spec asks for %s", d.digest,
			pin);
	*out = d;
	return 0;
}

int layout_resolve(struct arena *a, const char *text, const char *pin, const struct platform *want,
	layout_verify *verify, struct descriptor *out, struct err *e)
{
	const char *path, *tag;

	if (ref_layout(a, text, &path, &tag, e) < 0)
		return -1;
	if (resolve(a, path, tag, pin, want, verify, out, e) < 0)
		return err_wrap(e, "image %s", text);
	return 0;
}
