/* cmd_image.c - the images there are, and the blobs that were fetched for them. */
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "reconciler/progress.h"

#include "drivers/image/cache.h"
#include "drivers/image/ref.h"
#include "drivers/sys/worker.h"
#include "reconciler/engine/pass.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <string.h>

struct cache {
	int fd; /* -1: there is none */
	struct cached *v;
	size_t n;
};

static int look(struct cli *c, const struct home *home, bool lock, struct cache *out, struct err *e)
{
	int rc = cache_open(home->host.cache_dir, &out->fd, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	if (lock && cache_lock(out->fd, e) < 0)
		return -1;
	return cache_list(&c->arena, out->fd, &out->v, &out->n, e);
}

static uint64_t bytes(const struct cached *v, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += v[i].size;
	return total;
}

static const char *mib(struct arena *a, uint64_t n)
{
	return arena_printf(a, "%.1f MiB", (double)n / (1 << 20));
}

/* ---- ls --------------------------------------------------------------------------------- */

static const char *text(const struct view *v, const char *key)
{
	const char *s = kvs_get(&v->record->facts, key);

	return s ? s : "-";
}

static const char *state_of(const struct view *v)
{
	if (v->record->state == RECORD_FAILED)
		return "failed";
	return v->observed.seen == SEEN_SAME ? "made" : "missing";
}

static void list_table(struct cli *c, const struct pass *p)
{
	VEC(const char *) cells = {0};

	static const char *const heads[] = {"NAME", "STATE", "SIZE", "REFERENCE", "FILE"};

	for (size_t i = 0; i < 5; i++)
		*vec_push(&c->arena, &cells) = heads[i];
	vec_each(v, &p->views) {
		if (!v->record || v->record->kind != KIND_IMAGE)
			continue;
		*vec_push(&c->arena, &cells) = v->record->name;
		*vec_push(&c->arena, &cells) = state_of(v);
		*vec_push(&c->arena, &cells) = mib(&c->arena, kvs_u64(&v->record->facts, "size", 0));
		*vec_push(&c->arena, &cells) = text(v, "ref");
		*vec_push(&c->arena, &cells) = text(v, "file");
	}
	print_table(cells.v, cells.n / 5, 5, c->colored_out, stdout);
}

static void list_json(struct cli *c, const struct pass *p, const struct cache *cache)
{
	json_t *images = json_array();

	vec_each(v, &p->views)
		if (v->record && v->record->kind == KIND_IMAGE)
			json_array_append_new(images, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "name",
				v->record->name, "state", state_of(v), "id", text(v, "id"), "ref",
				text(v, "ref"), "file", text(v, "file"), "size",
				(json_int_t)kvs_u64(&v->record->facts, "size", 0)));
	document_set(c, json_pack("{s:o, s:{s:s, s:I, s:I}}", "images", images, "cache", "path",
		p->home.host.cache_dir, "files", (json_int_t)cache->n, "bytes",
		(json_int_t)bytes(cache->v, cache->n)));
}

static int list(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel};
	struct cache cache = {.fd = -1};
	int rc = pass_look(&p, e);

	if (!rc)
		rc = look(c, &p.home, false, &cache, e);
	if (!rc && c->output == OUTPUT_JSON)
		list_json(c, &p, &cache);
	else if (!rc)
		list_table(c, &p);
	if (!rc && c->output == OUTPUT_TABLE && !c->quiet)
		fprintf(stderr, "Fetched for images: %zu file%s, %s in %s\n", cache.n,
			cache.n == 1 ? "" : "s", mib(&c->arena, bytes(cache.v, cache.n)),
			p.home.host.cache_dir);
	fd_close(&cache.fd);
	pass_close(&p);
	return rc;
}

/* ---- prune ------------------------------------------------------------------------------ */

static void print_pruned(struct cli *c, const struct cache *cache, size_t n)
{
	json_t *v = json_array();

	for (size_t i = 0; i < n; i++) {
		if (c->output == OUTPUT_TABLE)
			printf("%s  %llu\n", cache->v[i].name, (unsigned long long)cache->v[i].size);
		json_array_append_new(v, json_pack("{s:s, s:I}", "name", cache->v[i].name, "size",
			(json_int_t)cache->v[i].size));
	}
	if (c->output == OUTPUT_JSON)
		document_set(c, json_pack("{s:O}", "files", v));
	json_decref(v);
}

static void say_pruned(struct cli *c, const struct cache *cache, const struct cached *v, size_t n)
{
	if (!c->quiet)
		fprintf(stderr, c->dry_run ? "Would remove %zu of %zu files, %s.\n"
					   : "Removed %zu of %zu files, %s.\n", n, cache->n,
			mib(&c->arena, bytes(v, n)));
}

static int remove_some(struct cli *c, struct cache *cache, struct err *e)
{
	const size_t n = cache_surplus(cache->v, cache->n, c->max_size);

	for (size_t i = 0; i < n && !c->dry_run; i++)
		if (cache_remove(cache->fd, &cache->v[i], e) < 0)
			return -1;
	print_pruned(c, cache, n);
	say_pruned(c, cache, cache->v, n);
	return 0;
}

static int prune(struct cli *c, struct err *e)
{
	struct cache cache = {.fd = -1};
	struct home home = {0};
	int rc = home_open(&c->arena, c->state_dir, false, 0, &cli_cancel, &home, e);

	if (rc < 0)
		return -1;
	rc = look(c, &home, !c->dry_run, &cache, e);
	if (!rc)
		rc = remove_some(c, &cache, e);
	fd_close(&cache.fd);
	home_close(&home);
	return rc;
}

/* ---- pull, pin -------------------------------------------------------------------------- */

/* As if a pass made images of those names. */
static void on_fetch(void *arg, const char *of, const char *what, uint64_t done, uint64_t total)
{
	const struct step step = {.op = STEP_CREATE, .kind = KIND_IMAGE, .name = of};

	progress_say(arg, &step, what, done, total);
}

static int run_worker(struct cli *c, const struct home *home, const char *verb, const json_t *rq,
	json_t **result, struct err *e)
{
	struct progress_view view;
	const struct worker_task task = {.program_dir = home->host.program_dir, .verb = verb,
		.request = rq, .lock_fd = -1, .cancel = &cli_cancel, .progress_of = on_fetch,
		.progress_arg = &view};
	int rc;

	progress_start(&view, c, NULL);
	rc = worker_run(&task, result, e);
	progress_stop(&view, NULL);
	return rc;
}

/* REPO@DIGEST of what a reference means now, ready to be written into a spec. */
static const char *pinned(struct cli *c, const char *text, const json_t *result, struct err *e)
{
	const char *id = json_str(result, "id", ""), *other = json_str(result, "tag_means", NULL);
	struct ref r;

	if (!ref_is_digest(id)) {
		err_set(e, ERR_FAILED, "image %s: the worker gave no digest", text);
		return NULL;
	}
	if (ref_parse(&c->arena, text, &r, e) < 0)
		return NULL;
	if (other)
		log_warn("the tag beside the digest means something else; the digest is taken",
			"image=\"%s\" tag_means=\"%s\"", text, other);
	r.digest = arena_dup(&c->arena, id);
	return ref_text(&c->arena, &r);
}

/* One answer: printed, and added to all. */
static int answer(struct cli *c, const char *text, json_t *result, json_t *all, struct err *e)
{
	const json_t *error = json_object_get(result, "error");
	const char *pin;

	if (error) {
		err_set(e, err_kind_parse(json_str(error, "kind", "failed")), "%s",
			json_str(error, "msg", "the worker failed and does not say why"));
		return *json_str(error, "hint", "") ? err_hint(e, "%s", json_str(error, "hint", "")) : -1;
	}
	pin = pinned(c, text, result, e);
	if (!pin)
		return -1;
	if (c->output == OUTPUT_TABLE)
		printf("%s\n", pin);
	json_object_set_new(result, "pinned", json_string(pin));
	json_array_append(all, result);
	return 0;
}

/* Each that could be had is told; of those that could not, the first one is the error of the command and the
 * others are told before. */
static int answers(struct cli *c, const json_t *results, json_t *all, struct err *e)
{
	int rc = 0;

	for (size_t i = 1; i < c->args.n; i++) {
		struct err why = ERR_INIT;

		if (answer(c, c->args.v[i], json_array_get(results, i - 1), all, &why) == 0)
			continue;
		if (!rc && e)
			*e = why;
		else if (c->output == OUTPUT_JSON)
			document_error(c, &why, NULL, NULL);
		else
			log_error("another image could not be had", "reason=\"%s\"", why.msg);
		rc = -1;
	}
	return rc;
}

/* All of them at once. */
static int fetch_all(struct cli *c, const struct home *home, json_t **results, struct err *e)
{
	_cleanup_json_ json_t *rq = json_pack("{s:s, s:[]}", "cache_dir", home->host.cache_dir, "images");
	_cleanup_json_ json_t *result = NULL;

	for (size_t i = 1; i < c->args.n; i++)
		json_array_append_new(json_object_get(rq, "images"), json_pack("{s:s, s:b}", "oci",
			c->args.v[i], "compare_tag", 1));
	if (run_worker(c, home, "image-fetch", rq, &result, e) < 0)
		return -1;
	*results = json_incref(json_object_get(result, "images"));
	return 0;
}

/* One after the other: each is a question or two. */
static int look_up_all(struct cli *c, const struct home *home, json_t **results, struct err *e)
{
	*results = json_array();
	for (size_t i = 1; i < c->args.n; i++) {
		_cleanup_json_ json_t *rq = json_pack("{s:s, s:b}", "oci", c->args.v[i], "compare_tag", 1);
		struct err why = ERR_INIT;
		json_t *result = NULL;

		if (run_worker(c, home, "image-resolve", rq, &result, &why) < 0)
			result = json_pack("{s:{s:s, s:o, s:o}}", "error", "kind",
				err_kind_name(why.kind), "msg", json_lossy(why.msg), "hint",
				json_lossy(why.hint));
		json_array_append_new(*results, result);
		if (why.kind == ERR_CANCELLED)
			return err_set(e, ERR_CANCELLED, "cancelled");
	}
	return 0;
}

static int ask_each(struct cli *c, int (*ask)(struct cli *c, const struct home *home, json_t **results,
	struct err *e), struct err *e)
{
	_cleanup_json_ json_t *results = NULL;
	_cleanup_json_ json_t *all = json_array();
	struct home home = {0};
	int rc = home_open(&c->arena, c->state_dir, false, 0, &cli_cancel, &home, e);

	if (!rc)
		rc = ask(c, &home, &results, e);
	if (!rc)
		rc = answers(c, results, all, e);
	if (c->output == OUTPUT_JSON && json_array_size(all))
		document_set(c, json_pack("{s:O}", "images", all));
	home_close(&home);
	return rc;
}

static int pull(struct cli *c, struct err *e)
{
	return ask_each(c, fetch_all, e);
}

static int pin(struct cli *c, struct err *e)
{
	return ask_each(c, look_up_all, e);
}

/* ---- rm --------------------------------------------------------------------------------- */

static bool has_name(const struct cache_names *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->v[i], name))
			return true;
	return false;
}

/* NULL: no record of an image, or of one that was never made. */
static const char *id_of_view(const struct view *v)
{
	const char *id = v->record && v->record->kind == KIND_IMAGE ?
		kvs_get(&v->record->facts, "id") : NULL;

	return ref_is_digest(id) ? id : NULL;
}

/* Which image an argument means: the name of a recorded one, or a digest. */
static const char *id_of(const struct pass *p, const char *arg, struct err *e)
{
	vec_each(v, &p->views)
		if (v->record && id_of_view(v) && !strcmp(v->record->name, arg))
			return id_of_view(v);
	if (ref_is_digest(arg))
		return arg;
	err_set(e, ERR_NOINPUT, "no image \"%.200s\"", arg);
	err_hint(e, "name one that \"reconcile image ls\" shows, or a digest");
	return NULL;
}

/* Blobs that go, and those that another image was made of: these stay. */
static int choose(struct cli *c, const struct pass *p, int dir_fd, struct cache_names *go,
	struct cache_names *stay, struct err *e)
{
	struct cache_names ids = {0};

	for (size_t i = 1; i < c->args.n; i++) {
		const char *id = id_of(p, c->args.v[i], e);

		if (!id)
			return -1;
		*vec_push(&c->arena, &ids) = id;
		cache_blobs(&c->arena, dir_fd, id, go);
	}
	vec_each(v, &p->views) {
		const char *id = id_of_view(v);

		if (id && !has_name(&ids, id))
			cache_blobs(&c->arena, dir_fd, id, stay);
	}
	return 0;
}

static int remove_blobs(struct cli *c, const struct pass *p, struct cache *cache, struct err *e)
{
	struct cache_names go = {0}, stay = {0};
	struct cache gone = {.fd = cache->fd, .v = arena_array(&c->arena, cache->n + 1,
		sizeof(*gone.v))};

	if (choose(c, p, cache->fd, &go, &stay, e) < 0)
		return -1;
	for (size_t i = 0; i < cache->n; i++) {
		const struct cached *one = &cache->v[i];

		if (!one->whole || !has_name(&go, one->name) || has_name(&stay, one->name))
			continue;
		if (!c->dry_run && cache_remove(cache->fd, one, e) < 0)
			return -1;
		gone.v[gone.n++] = *one;
	}
	print_pruned(c, &gone, gone.n);
	say_pruned(c, cache, gone.v, gone.n);
	return 0;
}

static int rm(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel};
	struct cache cache = {.fd = -1};
	int rc = pass_look(&p, e);

	if (!rc)
		rc = look(c, &p.home, !c->dry_run, &cache, e);
	if (!rc)
		rc = remove_blobs(c, &p, &cache, e);
	fd_close(&cache.fd);
	pass_close(&p);
	return rc;
}

/* ---- the command ------------------------------------------------------------------------ */

static const struct verb {
	const char *name;
	int (*run)(struct cli *c, struct err *e);
	const char *args; /* what it needs; NULL: nothing */
} verbs[] = {
	{"ls", list, NULL},
	{"pull", pull, "a reference"},
	{"pin", pin, "a reference"},
	{"rm", rm, "an image"},
	{"prune", prune, NULL},
};

static int run_verb(struct cli *c, const struct verb *v, struct err *e)
{
	if (!v->args && c->args.n > 1)
		return err_set(e, ERR_USAGE, "image %s takes no \"%.80s\"", v->name, c->args.v[1]);
	if (v->args && c->args.n < 2)
		return err_set(e, ERR_USAGE, "image %s needs %s", v->name, v->args);
	return v->run(c, e);
}

static int run(struct cli *c, struct err *e)
{
	for (size_t i = 0; c->args.n && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(c->args.v[0], verbs[i].name))
			return run_verb(c, &verbs[i], e);
	err_set(e, ERR_USAGE, c->args.n ? "image has no \"%.80s\"" : "image needs ls, pull, pin, rm or prune",
		c->args.n ? c->args.v[0] : "");
	return err_hint(e, "see: reconcile help image");
}

const struct cmd cmd_image = {
	.name = "image",
	.args = "ls | pull REF... | pin REF... | rm NAME|DIGEST... | prune",
	.caption = "list images; fetch, and remove, what they are made of",
	.help = "ls lists the images that were made, and how much is kept of what was fetched for them.\n"
		"prune removes the latter, what was not used for longest first, until at most --max-size\n"
		"(nothing, by default) is left. Images and VMs do not need it; making an image again\n"
		"fetches it again. Nothing is removed while an image is being pulled. After each pull the same\n"
		"is done for what is above RECONCILE_CACHE_MAX (20GiB, unless that says otherwise).\n\n"
		"pull fetches what a reference means now, so that an image can be made of it later without\n"
		"the registry. pin only asks. Both print the reference with its digest, for a spec. Of several\n"
		"images three are fetched at a time; one that fails is told, and does not stop the others.\n"
		"rm removes what was fetched for one image and for no other one.\n\n"
		"  reconcile image ls\n"
		"  reconcile image pin alpine:3.20\n"
		"  reconcile image prune --max-size 2GiB --dry-run",
	.run = run,
};
