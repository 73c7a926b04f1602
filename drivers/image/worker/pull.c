/* pull.c - resolve and pull; see pull.h. */
#include "drivers/image/worker/pull.h"

#include "drivers/image/worker/flatten.h"
#include "drivers/image/worker/limits.h"
#include "drivers/image/worker/origin.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int finish(struct origin *s, int rc, struct err *e)
{
	origin_close(s);
	if (rc < 0 && s->name && e && !strstr(e->msg, s->name))
		err_wrap(e, "image %s", s->name);
	return rc;
}

/* NULL: the same, or it was not asked for. */
static const char *tag_means(struct origin *s, const json_t *rq, const char *id)
{
	return json_flag(rq, "compare_tag", false) ? origin_other(s, id) : NULL;
}

int pull_resolve(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct origin s = SOURCE_INIT(&a);
	const char *id;

	if (origin_parse(&s, request, e) < 0 || origin_confine(&s, NULL, e) < 0 ||
		origin_open(&s, e) < 0 || origin_resolve(&s, &id, e) < 0)
		return finish(&s, -1, e);
	*result = json_pack("{s:s, s:s, s:o}", "id", id, "ref", origin_text(&s), "tag_means",
		json_lossy(tag_means(&s, request, id)));
	return finish(&s, 0, e);
}

/* ---- fetch ------------------------------------------------------------------------------ */

struct fetched {
	const char *id, *tag;
	uint64_t bytes;
};

static int fetch(struct origin *s, const json_t *rq, struct fetched *out, struct err *e)
{
	if (origin_parse(s, rq, e) < 0)
		return -1;
	if (!origin_is_remote(s))
		return err_set(e, ERR_USAGE, "only what is in a registry can be fetched");
	if (!s->of && origin_confine_making(s, json_str(rq, "cache_dir", NULL), NULL, e) < 0)
		return -1;
	if (origin_open(s, e) < 0 || origin_resolve(s, &out->id, e) < 0)
		return -1;
	out->tag = tag_means(s, rq, out->id);
	if (origin_load(s, out->id, json_str(rq, "cache_dir", NULL), e) < 0 || origin_start(s, e) < 0)
		return -1;
	out->bytes = s->manifest.config.size;
	for (size_t i = s->manifest.n_layers; i-- > 0;) {
		_cleanup_range_ struct range blob = RANGE_NONE;

		if (origin_layer(s, i, &blob, e) < 0)
			return err_wrap(e, "layer %zu", i + 1);
		out->bytes += s->manifest.layers[i].blob.size;
	}
	return 0;
}

int pull_fetch(const json_t *request, json_t **result, struct err *e)
{
	return pull_fetch_of(request, NULL, NULL, result, e);
}

int pull_fetch_of(const json_t *request, struct pool *pool, const char *of, json_t **result,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct origin s = SOURCE_INIT(&a);
	struct fetched got = {0};
	int rc;

	origin_share(&s, pool, of);
	rc = fetch(&s, request, &got, e);

	if (!rc)
		*result = json_pack("{s:s, s:s, s:o, s:I}", "id", got.id, "ref", origin_text(&s),
			"tag_means", json_lossy(got.tag), "bytes", (json_int_t)got.bytes);
	return finish(&s, rc, e);
}

/* ---- pull ------------------------------------------------------------------------------- */

/* The folder and name of the result. file is "images/NAME". */
static int open_target(struct arena *a, const json_t *rq, struct flatten_job *job, struct err *e)
{
	const char *state = json_str(rq, "state_dir", NULL), *file = json_str(rq, "file", "");
	const char *path;

	if (!state || strncmp(file, "images/", 7) != 0 || !file[7] || file[7] == '.' ||
		strchr(file + 7, '/'))
		return err_set(e, ERR_USAGE, "state_dir or file is missing or not usable");
	path = arena_printf(a, "%s/images", state);
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

static int pull(struct origin *s, const json_t *rq, struct flatten_job *job, uint64_t *size,
	struct err *e)
{
	const char *images;
	int rc;

	if (origin_parse(s, rq, e) < 0)
		return -1;
	if (job->size > LIMIT_IMAGE_SIZE)
		return err_set(e, ERR_LIMIT, "size is more than %llu GiB", LIMIT_IMAGE_SIZE >> 30);
	if (!ref_is_digest(job->id))
		return err_set(e, ERR_USAGE, "id is missing or not a digest");
	images = arena_printf(s->arena, "%s/images", json_str(rq, "state_dir", ""));
	if (open_target(s->arena, rq, job, e) < 0 || origin_confine_making(s, json_str(rq, "cache_dir", NULL), images, e) < 0 ||
		origin_open(s, e) < 0 ||
		origin_load(s, job->id, json_str(rq, "cache_dir", NULL), e) < 0)
		return -1;
	rc = is_published(job, size, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	return origin_start(s, e) < 0 ? -1 : flatten_run(job, size, e);
}

int pull_run(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct origin s = SOURCE_INIT(&a);
	struct flatten_job job = {.manifest = &s.manifest, .id = json_str(request, "id", NULL),
		.size = (uint64_t)json_int(request, "size", 0), .dir_fd = -1, .name = "",
		.blob = origin_layer, .arg = &s};
	uint64_t size = 0;
	int rc = pull(&s, request, &job, &size, e);

	fd_close(&job.dir_fd);
	if (!rc)
		*result = json_pack("{s:s, s:s, s:I, s:s}", "id", job.id, "file",
			json_str(request, "file", ""), "size", (json_int_t)size, "config",
			s.config.config);
	return finish(&s, rc, e);
}
