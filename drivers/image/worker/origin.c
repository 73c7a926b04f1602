/* origin.c - where an image comes from; see origin.h. */
#include "drivers/image/worker/origin.h"

#include "drivers/image/worker/digest.h"
#include "drivers/sys/confine.h"
#include "schema/base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct origin_kind {
	const char *key; /* in the request */
	int (*open)(struct origin *s, struct err *e);
	int (*resolve)(struct origin *s, const char **id, struct err *e);
	int (*load)(struct origin *s, const char *id, struct err *e);
	int (*layer)(struct origin *s, size_t layer, struct range *out, struct err *e);
	bool blobs; /* its layers are blobs that can be verified before they are unpacked */
};

static int changed(const char *what, const char *now, const char *id, struct err *e)
{
	return err_set(e, ERR_CONTENT, "the %s holds %s now, not %s; run again", what, now, id);
}

static int check_pin(const struct origin *s, const char *what, const char *id, struct err *e)
{
	if (!s->pin || !strcmp(s->pin, id))
		return 0;
	return err_set(e, ERR_CONTENT, "the %s holds %s, but the spec asks for %s", what, id, s->pin);
}

/* ---- manifest and configuration by digest ------------------------------------------------- */

/* From an id, which may be that of an index (a pin), to the manifest of an image. */
static int load_manifest(struct origin *s, const char *id, struct err *e)
{
	for (int depth = 0; depth <= MANIFEST_NESTING_MAX; depth++) {
		_cleanup_json_ json_t *j = NULL;
		enum manifest_kind kind;
		struct descriptor d;
		const char *type;
		char *data;
		size_t n;

		if (blobs_manifest(&s->blobs, s->arena, id, &data, &n, &type, e) < 0 ||
			json_parse(data, n, "manifest", &j, e) < 0 ||
			manifest_classify(j, type, &kind, e) < 0)
			return -1;
		if (kind == MANIFEST_IMAGE)
			return manifest_parse(s->arena, j, &s->manifest, e);
		if (manifest_choose(s->arena, j, &s->platform, NULL, &d, e) < 0)
			return -1;
		id = d.digest;
	}
	return err_set(e, ERR_CONTENT, "indexes are nested more than %d deep", MANIFEST_NESTING_MAX);
}

static int load_blobs(struct origin *s, const char *id, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char *data;
	size_t n;

	if (load_manifest(s, id, e) < 0)
		return -1;
	if (blobs_read(&s->blobs, s->arena, &s->manifest.config, MANIFEST_CONFIG_MAX, "configuration",
		&data, &n, e) < 0 || json_parse(data, n, "configuration", &j, e) < 0)
		return -1;
	return manifest_config(s->arena, j, &s->platform, &s->manifest, &s->config, e);
}

static int layer_blob(struct origin *s, size_t layer, struct range *out, struct err *e)
{
	if (fetch_wait(s->fetch, layer, e) < 0)
		return -1;
	return blobs_open(&s->blobs, s->manifest.layers[layer].blob.digest, out, e);
}

/* ---- oci -------------------------------------------------------------------------------- */

static int open_registry(struct origin *s, struct err *e)
{
	if (ref_parse(s->arena, s->name, &s->ref, e) < 0)
		return -1;
	if (s->pin && s->ref.digest && strcmp(s->pin, s->ref.digest) != 0)
		return err_set(e, ERR_SPEC, "the reference and \"digest\" name different digests");
	if (!s->pin)
		s->pin = s->ref.digest;
	if (registry_open(s->arena, &s->ref, &s->access, &s->registry, e) < 0)
		return -1;
	s->blobs.registry = s->registry;
	return 0;
}

/* What a tag or digest means: top, and id if that is an index. */
static int ask_registry(struct origin *s, const char *reference, const char **top, const char **id,
	struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	char digest[REF_DIGEST_MAX];
	enum manifest_kind kind;
	struct descriptor d;
	const char *type;
	char *data;
	size_t n;

	if (registry_manifest(s->registry, s->arena, reference, &data, &n, &type, e) < 0)
		return -1;
	if (digest_of(data, n, digest, e) < 0 || json_parse(data, n, "manifest", &j, e) < 0 ||
		manifest_classify(j, type, &kind, e) < 0)
		return -1;
	*id = *top = arena_dup(s->arena, digest);
	if (kind == MANIFEST_IMAGE)
		return 0;
	if (manifest_choose(s->arena, j, &s->platform, NULL, &d, e) < 0)
		return -1;
	*id = d.digest;
	return 0;
}

static int resolve_registry(struct origin *s, const char **id, struct err *e)
{
	const char *top;

	return ask_registry(s, s->pin ? s->pin : s->ref.tag, &top, id, e);
}

const char *origin_other(struct origin *s, const char *id)
{
	const char *top, *now;
	struct err e = ERR_INIT;

	if (!origin_is_remote(s) || !s->ref.beside)
		return NULL;
	if (ask_registry(s, s->ref.beside, &top, &now, &e) < 0)
		return arena_printf(s->arena, "unknown: %s", e.msg);
	return !strcmp(top, s->pin) || !strcmp(now, s->pin) || !strcmp(now, id) ? NULL : now;
}

/* ---- oci_layout, oci_archive ------------------------------------------------------------- */

static int open_folder(struct origin *s, struct err *e)
{
	if (ref_layout(s->arena, s->name, &s->path, &s->tag, e) < 0)
		return -1;
	s->layout = layout_folder(s->path);
	s->blobs.layout = &s->layout;
	return 0;
}

static int read_member(const struct layout *l, struct arena *a, const char *name, size_t max,
	char **buf, size_t *n, struct err *e)
{
	return tarball_read(l->arg, a, name, max, buf, n, e);
}

static int open_archive(struct origin *s, struct err *e)
{
	if (ref_layout(s->arena, s->name, &s->path, &s->tag, e) < 0 ||
		tarball_open(s->arena, s->path, &s->tarball, e) < 0)
		return -1;
	s->layout = (struct layout){.path = s->path, .read = read_member, .arg = s->tarball};
	s->blobs.layout = &s->layout;
	s->blobs.tarball = s->tarball;
	return 0;
}

static int resolve_layout(struct origin *s, const char **id, struct err *e)
{
	const struct layout_wish wish = {s->tag, s->pin, &s->platform, digest_check};
	struct descriptor d;

	if (layout_find(&s->layout, s->arena, &wish, &d, e) < 0)
		return -1;
	*id = d.digest;
	return 0;
}

static int load_layout(struct origin *s, const char *id, struct err *e)
{
	const char *now;

	if (resolve_layout(s, &now, e) < 0)
		return -1;
	return strcmp(now, id) != 0 ? changed("layout", now, id, e) : load_blobs(s, id, e);
}

/* ---- docker_archive ---------------------------------------------------------------------- */

static int open_docker(struct origin *s, struct err *e)
{
	if (ref_layout(s->arena, s->name, &s->path, &s->tag, e) < 0)
		return -1;
	return tarball_open(s->arena, s->path, &s->tarball, e);
}

static int resolve_docker(struct origin *s, const char **id, struct err *e)
{
	if (docker_find(s->tarball, s->arena, s->tag, &s->platform, &s->docker, e) < 0)
		return -1;
	*id = s->docker.id;
	return check_pin(s, "archive", *id, e);
}

static int load_docker(struct origin *s, const char *id, struct err *e)
{
	const char *now;

	if (resolve_docker(s, &now, e) < 0)
		return -1;
	s->manifest = s->docker.manifest;
	s->config = s->docker.config;
	return strcmp(now, id) != 0 ? changed("archive", now, id, e) : 0;
}

static int layer_docker(struct origin *s, size_t layer, struct range *out, struct err *e)
{
	return tarball_range(s->tarball, s->docker.layers[layer], out, e);
}

/* ---- tar -------------------------------------------------------------------------------- */

static int open_tar(struct origin *s, struct err *e)
{
	s->path = s->name;
	return tarball_open_file(s->path, &s->file, e);
}

static int resolve_tar(struct origin *s, const char **id, struct err *e)
{
	const struct range r = {s->file, 0, RANGE_TO_END};
	char digest[REF_DIGEST_MAX];

	if (digest_range(&r, s->path, digest, e) < 0)
		return -1;
	*id = arena_dup(s->arena, digest);
	return check_pin(s, "file", *id, e);
}

/* One layer without a name and without a configuration. */
static int load_tar(struct origin *s, const char *id, struct err *e)
{
	const struct range r = {s->file, 0, RANGE_TO_END};
	struct layer *layer = arena_new(s->arena, struct layer);
	const char *now;

	if (fstat(s->file, &s->seen) < 0)
		return err_sys(e, errno, "cannot look at %s", s->path);
	if (resolve_tar(s, &now, e) < 0)
		return -1;
	if (strcmp(now, id) != 0)
		return changed("file", now, id, e);
	layer->blob = (struct descriptor){.media_type = "", .size = (uint64_t)s->seen.st_size};
	s->manifest = (struct manifest){.layers = layer, .n_layers = 1};
	s->config = (struct image_config){"", "", "{}"};
	return docker_compression(&r, &layer->compression, e);
}

static int layer_tar(struct origin *s, size_t layer, struct range *out, struct err *e)
{
	_cleanup_fd_ int fd = fcntl(s->file, F_DUPFD_CLOEXEC, 3);
	struct stat st;

	(void)layer;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot read %s", s->path);
	/* Nothing else says what is in it: it has to be the file whose digest was taken. */
	if (st.st_size != s->seen.st_size || st.st_mtim.tv_sec != s->seen.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != s->seen.st_mtim.tv_nsec)
		return err_set(e, ERR_CONTENT, "%s was changed while it was read", s->path);
	*out = (struct range){fd_take(&fd), 0, RANGE_TO_END};
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------- */

static const struct origin_kind kinds[] = {
	{"oci", open_registry, resolve_registry, load_blobs, layer_blob, true},
	{"oci_layout", open_folder, resolve_layout, load_layout, layer_blob, true},
	{"oci_archive", open_archive, resolve_layout, load_layout, layer_blob, true},
	{"docker_archive", open_docker, resolve_docker, load_docker, layer_docker, false},
	{"tar", open_tar, resolve_tar, load_tar, layer_tar, false},
};

bool origin_is_remote(const struct origin *s)
{
	return s->kind->open == open_registry;
}

/* NULL: there are none, and those of the environment hold. */
static const char *const *mirrors_of(struct arena *a, const json_t *list)
{
	const char **v = arena_array(a, json_array_size(list) + 1, sizeof(*v));
	size_t i, n = 0;
	json_t *one;

	json_array_foreach(list, i, one)
		if (json_is_string(one))
			v[n++] = json_string_value(one);
	return n ? v : NULL;
}

int origin_parse(struct origin *s, const json_t *request, struct err *e)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *name = json_str(request, kinds[i].key, NULL);

		if (!name)
			continue;
		if (s->kind)
			return err_set(e, ERR_USAGE, "%s and %s are both given", s->kind->key,
				kinds[i].key);
		s->kind = &kinds[i];
		s->name = name;
	}
	if (!s->kind)
		return err_set(e, ERR_USAGE, "nothing says where the image comes from");
	s->pin = json_str(request, "digest", NULL);
	if (s->pin && !ref_is_digest(s->pin))
		return err_set(e, ERR_SPEC, "\"%.100s\" is not a sha256 digest", s->pin);
	if (origin_is_remote(s) && !s->access.pool) {
		if (pool_new(&s->own_pool, e) < 0)
			return -1;
		s->access.pool = s->own_pool;
	}
	s->access.auth_file = json_str(request, "auth_file", NULL);
	s->access.mirrors = mirrors_of(s->arena, json_object_get(request, "mirrors"));
	return ref_platform(s->arena, json_str(request, "platform", NULL), &s->platform, e);
}

int origin_open(struct origin *s, struct err *e)
{
	return s->kind->open(s, e);
}

/* ---- confinement ------------------------------------------------------------------------- */

/* What libcurl, the resolver and the C library read. resolv.conf is often a link. */
static const char *const system_files[] = {"/etc", "/usr", "/lib", "/lib64", "/etc/resolv.conf",
	"/run/systemd/resolve", "/run/nscd", "/var/run/nscd", "/dev/null", "/dev/urandom"};

struct paths {
	const char **v;
	size_t n, cap;
};

static void add_env(struct arena *a, struct paths *v, const char *name, const char *below)
{
	const char *value = getenv(name);

	if (value && *value)
		*vec_push(a, v) = arena_printf(a, "%s%s", value, below);
}

int origin_confine(const struct origin *s, const char *const *writable, struct err *e)
{
	const bool remote = origin_is_remote(s);
	const char *path = s->name, *tag;
	struct confine c = {.write = writable};
	struct arena *a = s->arena;
	struct paths read = {0};

	for (size_t i = 0; i < sizeof(system_files) / sizeof(system_files[0]); i++)
		*vec_push(a, &read) = system_files[i];
	if (!remote && s->kind->open != open_tar && ref_layout(a, s->name, &path, &tag, e) < 0)
		return -1;
	if (!remote)
		*vec_push(a, &read) = path;
	if (remote) {
		add_env(a, &read, "SSL_CERT_FILE", "");
		add_env(a, &read, "SSL_CERT_DIR", "");
		add_env(a, &read, "DOCKER_CONFIG", "");
		add_env(a, &read, "HOME", "/.docker");
		if (s->access.auth_file)
			*vec_push(a, &read) = s->access.auth_file;
	}
	*vec_push(a, &read) = NULL;
	c.read = read.v;
	if (confine_files(&c, e) < 0)
		return -1;
	return confine_calls(remote ? CONFINE_NETWORK : CONFINE_LOCAL, e);
}

int origin_confine_making(const struct origin *s, const char *cache_dir, const char *folder,
	struct err *e)
{
	const char *blobs = folder;

	if (origin_is_remote(s)) {
		if (!cache_dir)
			return err_set(e, ERR_USAGE, "cache_dir is missing");
		blobs = arena_printf(s->arena, "%s/oci/blobs/sha256", cache_dir);
		if (dir_make(AT_FDCWD, blobs, 0700, e) < 0)
			return -1;
	}
	return origin_confine(s, (const char *const[]){blobs, folder, NULL}, e);
}

void origin_close(struct origin *s)
{
	fetch_close(s->fetch);
	s->fetch = NULL;
	registry_drop(&s->registry);
	pool_free(s->own_pool);
	s->own_pool = NULL;
	tarball_close(s->tarball);
	fd_close(&s->file);
	fd_close(&s->blobs.dir_fd);
}

int origin_resolve(struct origin *s, const char **id, struct err *e)
{
	return s->kind->resolve(s, id, e);
}

const char *origin_text(const struct origin *s)
{
	return origin_is_remote(s) ? ref_text(s->arena, &s->ref) : s->name;
}

int origin_load(struct origin *s, const char *id, const char *cache_dir, struct err *e)
{
	if (origin_is_remote(s) && blobs_open_cache(cache_dir, &s->blobs.dir_fd, e) < 0)
		return -1;
	return s->kind->load(s, id, e);
}

int origin_start(struct origin *s, struct err *e)
{
	const struct ref *ref = origin_is_remote(s) ? &s->ref : NULL;
	const struct fetch_from from = {ref, &s->access, s->of};

	/* Its connection is not needed any more: each thread has one of its own. */
	registry_drop(&s->registry);
	s->blobs.registry = NULL;
	if (s->kind->blobs && fetch_start(&s->blobs, &from, &s->manifest, &s->fetch, e) < 0)
		return -1;
	return ref ? confine_calls(CONFINE_LOCAL, e) : 0;
}

int origin_layer(void *arg, size_t layer, struct range *out, struct err *e)
{
	struct origin *s = arg;

	return s->kind->layer(s, layer, out, e);
}
