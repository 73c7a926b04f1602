/* layout.c - an OCI image layout; see layout.h. */
#include "drivers/image/layout.h"

#include "schema/base/fd.h"

#include <string.h>

static int read_file(const struct layout *l, struct arena *a, const char *name, size_t max,
	char **buf, size_t *n, struct err *e)
{
	return file_read(a, AT_FDCWD, arena_printf(a, "%s/%s", l->path, name), max, buf, n, e);
}

struct layout layout_folder(const char *path)
{
	return (struct layout){.path = path, .read = read_file};
}

int layout_blob(const struct layout *l, struct arena *a, const char *digest, size_t max, char **buf,
	size_t *n, struct err *e)
{
	const char *name = arena_printf(a, "blobs/sha256/%s", ref_hex(digest));

	return l->read(l, a, name, max, buf, n, e);
}

static int read_index(const struct layout *l, struct arena *a, json_t **out, struct err *e)
{
	char *buf;
	size_t n;

	if (l->read(l, a, "index.json", MANIFEST_BYTES_MAX, &buf, &n, e) < 0) {
		if (e && (e->kind == ERR_NOINPUT || e->kind == ERR_CONTENT))
			err_hint(e, "%s has to be an OCI layout, as skopeo, umoci and buildah write it",
				l->path);
		return -1;
	}
	return json_parse(buf, n, "index.json", out, e);
}

/* One step down: whether the blob is itself an index, and then what it leads to. */
static int enter(const struct layout *l, struct arena *a, const struct layout_wish *wish,
	struct descriptor *d, enum manifest_kind *kind, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char *buf;
	size_t n;

	if (layout_blob(l, a, d->digest, MANIFEST_BYTES_MAX, &buf, &n, e) < 0)
		return -1;
	if (wish->verify && wish->verify(buf, n, d->digest, e) < 0)
		return -1;
	if (json_parse(buf, n, d->digest, &j, e) < 0)
		return -1;
	if (manifest_classify(j, d->media_type, kind, e) < 0)
		return -1;
	return *kind == MANIFEST_INDEX ? manifest_choose(a, j, wish->platform, NULL, d, e) : 0;
}

int layout_find(const struct layout *l, struct arena *a, const struct layout_wish *wish,
	struct descriptor *out, struct err *e)
{
	_cleanup_json_ json_t *index = NULL;
	enum manifest_kind kind = MANIFEST_INDEX;
	struct descriptor d = {0};
	bool pinned = !wish->pin;

	if (read_index(l, a, &index, e) < 0)
		return -1;
	if (json_int(index, "schemaVersion", 0) != 2)
		return err_set(e, ERR_CONTENT, "index.json: schemaVersion is not 2");
	if (manifest_choose(a, index, wish->platform, wish->tag, &d, e) < 0)
		return -1;
	for (int depth = 0; kind == MANIFEST_INDEX; depth++) {
		if (depth == MANIFEST_NESTING_MAX)
			return err_set(e, ERR_CONTENT, "indexes are nested more than %d deep",
				MANIFEST_NESTING_MAX);
		pinned = pinned || !strcmp(wish->pin, d.digest);
		if (enter(l, a, wish, &d, &kind, e) < 0)
			return -1;
	}
	if (!pinned)
		return err_set(e, ERR_CONTENT, "the layout holds %s, but the spec asks for %s", d.digest,
			wish->pin);
	*out = d;
	return 0;
}

int layout_resolve(struct arena *a, const char *text, const char *pin, const struct platform *want,
	layout_verify *verify, struct descriptor *out, struct err *e)
{
	struct layout_wish wish = {.pin = pin, .platform = want, .verify = verify};
	struct layout l;
	const char *path;

	if (ref_layout(a, text, &path, &wish.tag, e) < 0)
		return -1;
	l = layout_folder(path);
	if (layout_find(&l, a, &wish, out, e) < 0)
		return err_wrap(e, "image %s", text);
	return 0;
}
