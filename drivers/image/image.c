/* image.c - the image driver: an OCI image becomes images/<hex>-<size>.ext4.
 *
 * Thin: what is heavy or parses foreign bytes is done by reconcile-worker (drivers/image/worker).
 * A file is named by what is in it, so it is never changed, only made and removed; two images of
 * the same content and size share one.
 */
#include "drivers/image/image.h"
#include "drivers/image/cache.h"
#include "drivers/image/layout.h"
#include "drivers/image/ref.h"
#include "drivers/sys/stamp.h"
#include "drivers/sys/worker.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "images"
#define SUFFIX ".ext4"
#define HEX_IN_NAME 32

static const struct image_spec *spec_of(const struct object *object)
{
	return (const struct image_spec *)object->spec;
}

/* ---- resolve ---------------------------------------------------------------------------- */

/* The file that the image is in, with its tag, and the key that says so; NULL: it is in none. */
static const char *archive_of(const struct image_spec *spec, const char **key)
{
	*key = spec->oci_archive ? "oci_archive" : spec->docker_archive ? "docker_archive" : "tar";
	return spec->oci_archive ? spec->oci_archive :
		spec->docker_archive ? spec->docker_archive : spec->tar;
}

static void add_access(json_t *rq, const struct image_spec *spec)
{
	json_t *mirrors = json_array();

	for (size_t i = 0; i < spec->mirrors.n; i++)
		json_array_append_new(mirrors, json_string(spec->mirrors.v[i]));
	if (spec->mirrors.n)
		json_object_set(rq, "mirrors", mirrors);
	if (spec->auth_file)
		json_object_set_new(rq, "auth_file", json_string(spec->auth_file));
	json_decref(mirrors);
}

static json_t *request(const struct image_spec *spec)
{
	json_t *rq = json_object();
	const char *key;

	add_access(rq, spec);

	if (spec->oci)
		json_object_set_new(rq, "oci", json_string(spec->oci));
	if (spec->oci_layout)
		json_object_set_new(rq, "oci_layout", json_string(spec->oci_layout));
	if (archive_of(spec, &key))
		json_object_set_new(rq, key, json_string(archive_of(spec, &key)));
	if (spec->digest)
		json_object_set_new(rq, "digest", json_string(spec->digest));
	if (spec->platform)
		json_object_set_new(rq, "platform", json_string(spec->platform));
	return rq;
}

static int resolve_layout(struct host *h, const struct image_spec *spec, struct kvs *facts,
	struct err *e)
{
	struct platform platform;
	struct descriptor d;

	if (ref_platform(h->arena, spec->platform, &platform, e) < 0 ||
		layout_resolve(h->arena, spec->oci_layout, spec->digest, &platform, NULL, &d, e) < 0)
		return -1;
	kvs_set(h->arena, facts, "id", d.digest);
	kvs_set(h->arena, facts, "ref", spec->oci_layout);
	return 0;
}

static int run_worker(struct host *h, const char *verb, const json_t *rq, const struct step *step,
	json_t **result, struct err *e);

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool same_choice(const struct image_spec *spec, const struct record *record)
{
	return record && ref_is_digest(kvs_get(&record->facts, "id")) &&
		same_text(kvs_get(&record->fields, "platform"), spec->platform) &&
		same_text(kvs_get(&record->fields, "digest"), spec->digest);
}

/* A tag is looked up once: the image stays what it was until the reference or platform changes. */
static bool is_recorded(const struct image_spec *spec, const struct record *record)
{
	return same_choice(spec, record) &&
		same_text(kvs_get(&record->fields, "oci"), spec->oci);
}

static int ask_worker(struct host *h, const struct image_spec *spec, const char *name,
	struct kvs *facts, struct err *e)
{
	_cleanup_json_ json_t *rq = request(spec), *result = NULL;

	if (run_worker(h, "image-resolve", rq, NULL, &result, e) < 0)
		return -1;
	if (!ref_is_digest(json_str(result, "id", NULL)))
		return err_set(e, ERR_FAILED, "image %s: the worker gave no digest", name);
	kvs_set(h->arena, facts, "id", json_str(result, "id", NULL));
	kvs_set(h->arena, facts, "ref", json_str(result, "ref", name));
	return 0;
}

/* An archive is read again only when its stamp is another: it may be large. A file that was changed
 * while it was read may not be what the stamp is of: then there is none, and the next pass reads
 * again. */
static int resolve_archive(struct host *h, const struct image_spec *spec,
	const struct record *record, struct kvs *facts, struct err *e)
{
	const int64_t begin_ms = clock_real_ms();
	const char *key, *text = archive_of(spec, &key), *path = text, *tag;
	struct stamp s;

	if (!spec->tar && ref_layout(h->arena, text, &path, &tag, e) < 0)
		return -1;
	stamp_begin(&s, h->arena, arena_printf(h->arena, "1;%s;%s;", key, text));
	stamp_file(&s, path);
	if (same_choice(spec, record) && same_text(kvs_get(&record->facts, "stamp"), s.text)) {
		kvs_set(h->arena, facts, "id", kvs_get(&record->facts, "id"));
		kvs_set(h->arena, facts, "ref", kvs_get(&record->facts, "ref"));
		kvs_set(h->arena, facts, "stamp", s.text);
		return 0;
	}
	if (ask_worker(h, spec, text, facts, e) < 0)
		return -1;
	if (stamp_is_old(&s, begin_ms))
		kvs_set(h->arena, facts, "stamp", s.text);
	return 0;
}

static int image_resolve(struct host *h, const struct object *object, const struct record *record,
	struct kvs *facts, struct err *e)
{
	const struct image_spec *spec = spec_of(object);
	const char *key;
	struct ref ref;

	if (spec->oci_layout)
		return resolve_layout(h, spec, facts, e);
	if (archive_of(spec, &key))
		return resolve_archive(h, spec, record, facts, e);
	if (ref_parse(h->arena, spec->oci, &ref, e) < 0)
		return -1;
	if (is_recorded(spec, record)) {
		kvs_set(h->arena, facts, "id", kvs_get(&record->facts, "id"));
		kvs_set(h->arena, facts, "ref", kvs_get(&record->facts, "ref"));
		return 0;
	}
	if (spec->digest && ref.digest && strcmp(spec->digest, ref.digest) != 0)
		return err_set(e, ERR_SPEC, "image %s: the reference and \"digest\" name different "
			"digests", spec->oci);
	if (spec->digest)
		ref.digest = spec->digest;
	if (!ref.digest)
		return ask_worker(h, spec, spec->oci, facts, e);
	kvs_set(h->arena, facts, "id", ref.digest);
	kvs_set(h->arena, facts, "ref", ref_text(h->arena, &ref));
	return 0;
}

/* ---- observe ---------------------------------------------------------------------------- */

static int observe_one(struct host *h, struct view *view, struct err *e)
{
	struct observed *o = &view->observed;
	const char *file, *size;
	struct stat st;

	*o = (struct observed){.seen = SEEN_ABSENT};
	file = view->record ? kvs_get(&view->record->facts, "file") : NULL;
	size = view->record ? kvs_get(&view->record->facts, "size") : NULL;
	if (!file || !size) /* never finished: making it again finds what is there */
		return 0;
	if (fstatat(h->state_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
			err_sys(e, errno, "cannot look at %s", file);
	if (S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == kvs_u64(&view->record->facts, "size", UINT64_MAX)) {
		o->seen = SEEN_SAME;
		return 0;
	}
	o->seen = SEEN_DRIFTED;
	o->cost = CHANGE_REPLACE;
	o->reason = S_ISREG(st.st_mode) ?
		arena_printf(h->arena, "%s has %lld bytes instead of %s", file,
			(long long)st.st_size, size) :
		arena_printf(h->arena, "%s is not a file", file);
	return 0;
}

static int image_observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (observe_one(h, &views[i], e) < 0)
			return -1;
	return 0;
}

/* ---- scan ------------------------------------------------------------------------------- */

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* Ours by its form: 32 hex digits, a dash, a size, the suffix. What a crash left in the making has
 * a dot before and .tmp behind. */
static bool is_ours(const char *name)
{
	const size_t n = strlen(name);

	return n > HEX_IN_NAME + strlen("-" SUFFIX) &&
		strspn(name, "0123456789abcdef") == HEX_IN_NAME && name[HEX_IN_NAME] == '-' &&
		!strcmp(name + n - strlen(SUFFIX), SUFFIX);
}

static const char *final_name(struct arena *a, const char *name)
{
	const size_t n = strlen(name);

	if (name[0] == '.' && n > 5 && !strcmp(name + n - 4, ".tmp"))
		return arena_dupn(a, name + 1, n - 5);
	return name;
}

/* Files do not say which image they belong to: the engine leaves out those that a record names. */
static int image_scan(struct host *h, struct orphans *out, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	int fd = openat(h->state_fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot open folder " FOLDER);
	d = fdopendir(fd);
	if (!d) {
		err_sys(e, errno, "cannot read folder " FOLDER);
		close(fd);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		struct orphan *o;
		const char *name = final_name(h->arena, entry->d_name);

		if (!is_ours(name))
			continue;
		o = vec_push(h->arena, out);
		o->kind = KIND_IMAGE;
		o->name = arena_dupn(h->arena, name, HEX_IN_NAME);
		o->what = arena_printf(h->arena, "file " FOLDER "/%s", entry->d_name);
		kvs_setf(h->arena, &o->args, "file", FOLDER "/%s", name);
	}
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------ */

static const char *platform_suffix(struct arena *a, const char *platform)
{
	char *s = platform ? arena_printf(a, "-%s", platform) : arena_dup(a, "");

	for (char *p = s; *p; p++)
		if (*p == '/')
			*p = '-';
	return s;
}

static int image_name(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct image_spec *spec = spec_of(in->object);
	const char *id = kvs_get(in->resolved, "id");
	struct arena *a = in->host->arena;
	const char *size;

	if (!ref_is_digest(id))
		return err_set(e, ERR_FAILED, "image %s was not resolved", in->object->name);
	size = spec->size ? arena_printf(a, "%llu", (unsigned long long)spec->size) : "auto";
	kvs_set(a, args, "id", id);
	kvs_set(a, args, "ref", kvs_get(in->resolved, "ref"));
	if (kvs_get(in->resolved, "stamp"))
		kvs_set(a, args, "stamp", kvs_get(in->resolved, "stamp"));
	/* The digest of an index and a platform are an image only together. */
	kvs_setf(a, args, "file", FOLDER "/%.*s-%s%s" SUFFIX, HEX_IN_NAME, ref_hex(id), size,
		platform_suffix(a, spec->platform));
	return 0;
}

struct listener {
	struct host *h;
	const struct step *step;
};

static void pass_on(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct listener *l = arg;

	if (l->h->progress && l->step)
		l->h->progress(l->h->progress_arg, l->step, what, done, total);
}

static int run_worker(struct host *h, const char *verb, const json_t *rq, const struct step *step,
	json_t **result, struct err *e)
{
	struct listener l = {h, step};
	const struct worker_task task = {.program_dir = h->program_dir, .verb = verb, .request = rq,
		.lock_fd = h->lock_fd, .cancel = h->cancel, .progress = pass_on, .progress_arg = &l};

	return worker_run(&task, result, e);
}

static const char *safe_file(const struct step *step, struct err *e)
{
	const char *file = kvs_get(&step->args, "file");

	if (file && !strncmp(file, FOLDER "/", strlen(FOLDER) + 1) &&
		is_ours(file + strlen(FOLDER) + 1) && !strchr(file + strlen(FOLDER) + 1, '/'))
		return file;
	err_set(e, ERR_STATE, "image %s: its step names no file of an image", step->name);
	return NULL;
}

/* The image is made: what cannot be removed now is no reason to fail. */
static void trim_cache(const struct host *h)
{
	struct err e = ERR_INIT;

	if (cache_trim(h->cache_dir, &e) < 0)
		log_warn("the cache was not brought down to its budget", "reason=\"%s\"", e.msg);
}

static int create(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	const struct image_spec *spec = step->object ? spec_of(step->object) : NULL;
	_cleanup_json_ json_t *rq = NULL, *result = NULL;
	const char *file = safe_file(step, e);
	struct stat st;

	if (!file)
		return -1;
	if (!spec)
		return err_set(e, ERR_STATE, "image %s is no longer in the spec", step->name);
	if (dir_make(h->state_fd, FOLDER, 0700, e) < 0)
		return -1;
	rq = request(spec);
	json_object_set_new(rq, "id", json_string(kvs_get(&step->args, "id")));
	json_object_set_new(rq, "state_dir", json_string(h->state_dir));
	json_object_set_new(rq, "cache_dir", json_string(h->cache_dir));
	json_object_set_new(rq, "file", json_string(file));
	json_object_set_new(rq, "size", json_integer((json_int_t)spec->size));
	if (run_worker(h, "image-pull", rq, step, &result, e) < 0)
		return -1;
	if (fstatat(h->state_fd, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		st.st_size != json_int(result, "size", -1))
		return err_set(e, ERR_FAILED, "image %s: %s is not there after it was made", step->name,
			file);
	trim_cache(h);
	kvs_setf(h->arena, facts, "size", "%lld", (long long)st.st_size);
	kvs_set(h->arena, facts, "config", json_str(result, "config", "{}"));
	return 0;
}

/* Another image may use the same file; the engine knows and says so. */
static int erase(struct host *h, const struct step *step, struct err *e)
{
	const char *shared = kvs_get(&step->args, "shared"), *file, *tmp;

	if (!kvs_get(&step->args, "file") || (shared && !strcmp(shared, "1")))
		return 0;
	file = safe_file(step, e);
	if (!file)
		return -1;
	tmp = arena_printf(h->arena, FOLDER "/.%s.tmp", file + strlen(FOLDER) + 1);
	if (unlinkat(h->state_fd, tmp, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "cannot remove %s", tmp);
	if (unlinkat(h->state_fd, file, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "cannot remove %s", file);
	return 0;
}

static int image_apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	switch (step->op) {
	case STEP_CREATE:
		return create(h, step, facts, e);
	case STEP_DELETE:
		return erase(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "an image has no step \"%s\"", step_op_name(step->op));
	}
}

static int image_undo(struct host *h, const struct step *step, struct err *e)
{
	return step->op == STEP_CREATE ? erase(h, step, e) : 0;
}

const struct driver driver_image = {
	.name = "image",
	.kind = KIND_IMAGE,
	.resolve = image_resolve,
	.observe = image_observe,
	.scan = image_scan,
	.name_step = image_name,
	.apply = image_apply,
	.undo = image_undo,
};
