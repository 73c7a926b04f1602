/* cmd_image.c - the images there are, and the blobs that were fetched for them. */
#include "reconciler/print.h"

#include "drivers/image/cache.h"
#include "reconciler/engine/pass.h"
#include "schema/base/fd.h"

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

static void list_json(const struct pass *p, const struct cache *cache)
{
	json_t *images = json_array(), *all;

	vec_each(v, &p->views)
		if (v->record && v->record->kind == KIND_IMAGE)
			json_array_append_new(images, json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "name",
				v->record->name, "state", state_of(v), "id", text(v, "id"), "ref",
				text(v, "ref"), "file", text(v, "file"), "size",
				(json_int_t)kvs_u64(&v->record->facts, "size", 0)));
	all = json_pack("{s:o, s:{s:s, s:I, s:I}}", "images", images, "cache", "path",
		p->home.host.cache_dir, "files", (json_int_t)cache->n, "bytes",
		(json_int_t)bytes(cache->v, cache->n));
	print_json(all);
	json_decref(all);
}

static int list(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel};
	struct cache cache = {.fd = -1};
	int rc = pass_look(&p, e);

	if (!rc)
		rc = look(c, &p.home, false, &cache, e);
	if (!rc && c->output == OUTPUT_JSON)
		list_json(&p, &cache);
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

static void print_pruned(const struct cli *c, const struct cache *cache, size_t n)
{
	json_t *v = json_array();

	for (size_t i = 0; i < n; i++) {
		if (c->output == OUTPUT_TABLE)
			printf("%s  %llu\n", cache->v[i].name, (unsigned long long)cache->v[i].size);
		json_array_append_new(v, json_pack("{s:s, s:I}", "name", cache->v[i].name, "size",
			(json_int_t)cache->v[i].size));
	}
	if (c->output == OUTPUT_JSON)
		print_json(v);
	json_decref(v);
}

static int remove_some(struct cli *c, struct cache *cache, struct err *e)
{
	const size_t n = cache_surplus(cache->v, cache->n, c->max_size);

	for (size_t i = 0; i < n && !c->dry_run; i++)
		if (cache_remove(cache->fd, &cache->v[i], e) < 0)
			return -1;
	print_pruned(c, cache, n);
	if (!c->quiet)
		fprintf(stderr, c->dry_run ? "Would remove %zu of %zu files, %s.\n"
					   : "Removed %zu of %zu files, %s.\n", n, cache->n,
			mib(&c->arena, bytes(cache->v, n)));
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

/* ---- the command ------------------------------------------------------------------------ */

static const struct verb {
	const char *name;
	int (*run)(struct cli *c, struct err *e);
} verbs[] = {
	{"ls", list},
	{"prune", prune},
};

static int run(struct cli *c, struct err *e)
{
	if (c->args.n > 1)
		return err_set(e, ERR_USAGE, "image %s takes no \"%.80s\"", c->args.v[0], c->args.v[1]);
	for (size_t i = 0; c->args.n && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(c->args.v[0], verbs[i].name))
			return verbs[i].run(c, e);
	err_set(e, ERR_USAGE, c->args.n ? "image has no \"%.80s\"" : "image needs ls or prune",
		c->args.n ? c->args.v[0] : "");
	return err_hint(e, "see: reconcile help image");
}

const struct cmd cmd_image = {
	.name = "image",
	.args = "ls | prune",
	.caption = "list images, or remove what was fetched to make them",
	.help = "ls lists the images that were made, and how much is kept of what was fetched for them.\n"
		"prune removes the latter, what was not used for longest first, until at most --max-size\n"
		"(nothing, by default) is left. Images and VMs do not need it; making an image again\n"
		"fetches it again. Nothing is removed while an image is being pulled.\n\n"
		"  reconcile image ls\n"
		"  reconcile image prune --max-size 2GiB --dry-run",
	.run = run,
};
