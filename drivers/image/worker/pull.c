/* pull.c - resolve and pull; see pull.h. */
#include "drivers/image/worker/pull.h"

#include "drivers/image/layout.h"
#include "drivers/image/worker/blobs.h"
#include "drivers/image/worker/digest.h"
#include "drivers/image/worker/fetch.h"
#include "drivers/image/worker/flatten.h"
#include "drivers/image/worker/limits.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct pull {
	struct arena *arena;
	const char *name;   /* as the user wrote it, for messages */
	const char *layout; /* PATH[:TAG], or NULL */
	const char *pin;    /* or NULL */
	struct ref ref;     /* when not a layout */
	struct platform platform;
	struct registry *registry;
	struct blobs blobs;
	struct fetch *fetch;
	struct manifest manifest;
	struct image_config config;
};

static int parse_request(struct pull *p, const json_t *rq, struct err *e)
{
	const char *oci = json_str(rq, "oci", NULL);

	p->layout = json_str(rq, "oci_layout", NULL);
	p->pin = json_str(rq, "digest", NULL);
	if (!oci == !p->layout)
		return err_set(e, ERR_USAGE, "exactly one of oci and oci_layout is needed");
	p->name = oci ? oci : p->layout;
	if (p->pin && !ref_is_digest(p->pin))
		return err_set(e, ERR_SPEC, "\"%.100s\" is not a sha256 digest", p->pin);
	if (ref_platform(p->arena, json_str(rq, "platform", NULL), &p->platform, e) < 0)
		return -1;
	if (p->layout)
		return 0;
	if (ref_parse(p->arena, oci, &p->ref, e) < 0)
		return -1;
	if (p->pin && p->ref.digest && strcmp(p->pin, p->ref.digest) != 0)
		return err_set(e, ERR_SPEC, "the reference and \"digest\" name different digests");
	if (!p->pin)
		p->pin = p->ref.digest;
	return registry_open(p->arena, &p->ref, &p->registry, e);
}

static int sha256_of(const void *data, size_t n, char out[REF_DIGEST_MAX], struct err *e)
{
	_cleanup_digest_ struct digest d;

	digest_init(&d);
	digest_add(&d, data, n);
	return digest_end(&d, out, e);
}

/* ---- resolve ---------------------------------------------------------------------------- */

static int resolve_registry(struct pull *p, const char **id, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char digest[REF_DIGEST_MAX];
	enum manifest_kind kind;
	struct descriptor d;
	const char *type;
	char *data;
	size_t n;

	if (registry_manifest(p->registry, p->arena, p->pin ? p->pin : p->ref.tag, &data, &n, &type,
		e) < 0)
		return -1;
	if (sha256_of(data, n, digest, e) < 0 || json_parse(data, n, "manifest", &j, e) < 0 ||
		manifest_classify(j, type, &kind, e) < 0)
		return -1;
	*id = arena_dup(p->arena, digest);
	if (kind == MANIFEST_IMAGE)
		return 0;
	if (manifest_choose(p->arena, j, &p->platform, NULL, &d, e) < 0)
		return -1;
	*id = d.digest;
	return 0;
}

static int resolve(struct pull *p, const char **id, struct err *e)
{
	struct descriptor d;

	if (!p->layout)
		return resolve_registry(p, id, e);
	if (layout_resolve(p->arena, p->layout, p->pin, &p->platform, digest_check, &d, e) < 0)
		return -1;
	*id = d.digest;
	return 0;
}

static int finish(struct pull *p, int rc, struct err *e)
{
	registry_drop(&p->registry);
	if (rc < 0 && p->name && e && !strstr(e->msg, p->name))
		err_wrap(e, "image %s", p->name);
	return rc;
}

int pull_resolve(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pull p = {.arena = &a};
	const char *id;

	if (parse_request(&p, request, e) < 0 || resolve(&p, &id, e) < 0)
		return finish(&p, -1, e);
	*result = json_pack("{s:s, s:s}", "id", id, "ref",
		p.layout ? p.layout : ref_text(&a, &p.ref));
	return finish(&p, 0, e);
}

/* ---- pull ------------------------------------------------------------------------------- */

/* From an id, which may be that of an index (a pin), to the manifest of an image. */
static int load_manifest(struct pull *p, const char *id, struct err *e)
{
	for (int depth = 0; depth <= MANIFEST_NESTING_MAX; depth++) {
		_cleanup_json_ json_t *j = NULL;
		enum manifest_kind kind;
		struct descriptor d;
		const char *type;
		char *data;
		size_t n;

		if (blobs_manifest(&p->blobs, p->arena, id, &data, &n, &type, e) < 0 ||
			json_parse(data, n, "manifest", &j, e) < 0 ||
			manifest_classify(j, type, &kind, e) < 0)
			return -1;
		if (kind == MANIFEST_IMAGE)
			return manifest_parse(p->arena, j, &p->manifest, e);
		if (manifest_choose(p->arena, j, &p->platform, NULL, &d, e) < 0)
			return -1;
		id = d.digest;
	}
	return err_set(e, ERR_CONTENT, "indexes are nested more than %d deep", MANIFEST_NESTING_MAX);
}

static int load_config(struct pull *p, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char *data;
	size_t n;

	if (blobs_read(&p->blobs, p->arena, &p->manifest.config, MANIFEST_CONFIG_MAX,
		"configuration", &data, &n, e) < 0 ||
		json_parse(data, n, "configuration", &j, e) < 0)
		return -1;
	return manifest_config(p->arena, j, &p->platform, &p->manifest, &p->config, e);
}

static int open_layer(void *arg, size_t layer, int *fd, struct err *e)
{
	struct pull *p = arg;

	if (fetch_wait(p->fetch, layer, e) < 0)
		return -1;
	return blobs_open(&p->blobs, p->manifest.layers[layer].blob.digest, fd, e);
}

static int open_source(struct pull *p, const json_t *rq, const char *id, struct err *e)
{
	const char *cache = json_str(rq, "cache_dir", NULL), *tag;
	struct descriptor d;

	p->blobs = (struct blobs){.dir_fd = -1, .registry = p->registry};
	if (!p->layout) {
		if (!cache)
			return err_set(e, ERR_USAGE, "cache_dir is missing");
		return blobs_open_cache(cache, &p->blobs.dir_fd, e);
	}
	if (layout_resolve(p->arena, p->layout, p->pin, &p->platform, digest_check, &d, e) < 0)
		return -1;
	if (strcmp(d.digest, id) != 0)
		return err_set(e, ERR_CONTENT, "the layout holds %s now, not %s; run again", d.digest,
			id);
	return ref_layout(p->arena, p->layout, &p->blobs.layout, &tag, e);
}

/* The folder and name of the result. file is "images/NAME". */
static int open_target(struct pull *p, const json_t *rq, struct flatten_job *job, struct err *e)
{
	const char *state = json_str(rq, "state_dir", NULL), *file = json_str(rq, "file", "");
	const char *path;

	if (!state || strncmp(file, "images/", 7) != 0 || !file[7] || file[7] == '.' ||
		strchr(file + 7, '/'))
		return err_set(e, ERR_USAGE, "state_dir or file is missing or not usable");
	path = arena_printf(p->arena, "%s/images", state);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "cannot create folder %s", path);
	job->name = file + 7;
	job->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return job->dir_fd < 0 ? err_sys(e, errno, "cannot open folder %s", path) : 0;
}

/* 1: it is there. It got its name by rename after everything was written. */
static int is_published(const struct flatten_job *job, uint64_t *size, struct err *e)
{
	struct stat st;

	if (fstatat(job->dir_fd, job->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot look at %s", job->name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFLICT, "images/%s is in the way and is not a file", job->name);
	*size = (uint64_t)st.st_size;
	return 1;
}

static int pull(struct pull *p, const json_t *rq, struct flatten_job *job, uint64_t *size,
	struct err *e)
{
	int rc;

	if (job->size > LIMIT_IMAGE_SIZE)
		return err_set(e, ERR_LIMIT, "size is more than %llu GiB", LIMIT_IMAGE_SIZE >> 30);
	if (!ref_is_digest(job->id))
		return err_set(e, ERR_USAGE, "id is missing or not a digest");
	if (open_source(p, rq, job->id, e) < 0 || load_manifest(p, job->id, e) < 0 ||
		load_config(p, e) < 0 || open_target(p, rq, job, e) < 0)
		return -1;
	rc = is_published(job, size, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (fetch_start(&p->blobs, p->layout ? NULL : &p->ref, &p->manifest, &p->fetch, e) < 0)
		return -1;
	rc = flatten_run(job, size, e);
	fetch_close(p->fetch);
	return rc;
}

int pull_run(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pull p = {.arena = &a, .blobs = {.dir_fd = -1}};
	struct flatten_job job = {.manifest = &p.manifest, .id = json_str(request, "id", NULL),
		.size = (uint64_t)json_int(request, "size", 0), .dir_fd = -1, .name = "", .blob = open_layer,
		.arg = &p};
	uint64_t size = 0;
	int rc = parse_request(&p, request, e);

	if (!rc)
		rc = pull(&p, request, &job, &size, e);
	fd_close(&job.dir_fd);
	fd_close(&p.blobs.dir_fd);
	if (!rc)
		*result = json_pack("{s:s, s:s, s:I, s:s}", "id", job.id, "file",
			json_str(request, "file", ""), "size", (json_int_t)size, "config",
			p.config.config);
	return finish(&p, rc, e);
}
