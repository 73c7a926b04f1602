/* batch.c - several images at once; see batch.h. */
#include "drivers/image/worker/batch.h"

#include "drivers/image/worker/origin.h"
#include "drivers/image/worker/pull.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct batch {
	struct pool *pool;
	const json_t *images; /* requests */
	const char *cache_dir;
	json_t **results;
	pthread_mutex_t lock;
	size_t next;          /* the first that no thread has taken */
};

static json_t *error_of(const struct err *e)
{
	return json_pack("{s:{s:s, s:o, s:o}}", "error", "kind", err_kind_name(e->kind), "msg",
		json_lossy(e->msg), "hint", json_lossy(e->hint));
}

/* The caller's JSON is shared by the threads and not changed: each gets a copy of its part. */
static json_t *fetch_one(struct batch *b, size_t i)
{
	_cleanup_json_ json_t *rq = NULL;
	json_t *result = NULL;
	struct err e = ERR_INIT;

	pthread_mutex_lock(&b->lock);
	rq = json_deep_copy(json_array_get(b->images, i));
	pthread_mutex_unlock(&b->lock);
	json_object_set_new(rq, "cache_dir", json_string(b->cache_dir));
	if (pull_fetch_of(rq, b->pool, json_str(rq, "oci", "?"), &result, &e) < 0)
		return error_of(&e);
	return result;
}

struct task {
	struct batch *b;
	size_t i;
};

static void *run_task(void *arg)
{
	const struct task *t = arg;

	t->b->results[t->i] = fetch_one(t->b, t->i);
	return NULL;
}

/* Each image has a thread of its own: it gives up the network before it looks into layers, and gets it never
 * again. */
static void *work(void *arg)
{
	struct batch *b = arg;

	for (;;) {
		struct task t = {.b = b};
		struct err e = ERR_INIT;
		pthread_t thread;
		int rc;

		pthread_mutex_lock(&b->lock);
		t.i = b->next++;
		pthread_mutex_unlock(&b->lock);
		if (t.i >= json_array_size(b->images))
			return NULL;
		rc = pthread_create(&thread, NULL, run_task, &t);
		if (!rc) {
			pthread_join(thread, NULL);
			continue;
		}
		err_sys(&e, rc, "cannot start a thread");
		b->results[t.i] = error_of(&e);
	}
}

/* Signals are for the main thread. */
static int run_threads(struct batch *b, struct err *e)
{
	pthread_t threads[BATCH_AT_ONCE];
	sigset_t all, old;
	unsigned n = 0;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!rc && n < BATCH_AT_ONCE && n < json_array_size(b->images)) {
		rc = pthread_create(&threads[n], NULL, work, b);
		n += !rc;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return n ? 0 : err_sys(e, rc, "cannot start a thread");
}

/* What all of them may read and write is what each of them may: the cache, and the logins of this user. */
static int confine(struct batch *b, struct arena *a, struct err *e)
{
	struct origin any = SOURCE_INIT(a);

	origin_share(&any, b->pool, NULL);
	return origin_parse(&any, json_array_get(b->images, 0), e) < 0 ? -1 :
		origin_confine_making(&any, b->cache_dir, NULL, e);
}

static int check(const struct batch *b, struct err *e)
{
	const size_t n = json_array_size(b->images);

	if (!n || n > BATCH_MAX || !b->cache_dir)
		return err_set(e, ERR_USAGE, "images or cache_dir is missing or not usable");
	for (size_t i = 0; i < n; i++)
		if (!json_str(json_array_get(b->images, i), "oci", NULL) ||
			json_object_get(json_array_get(b->images, i), "auth_file"))
			return err_set(e, ERR_USAGE, "each of several images is in a registry, and there are no "
				"logins but those of this user");
	return 0;
}

static int run(struct batch *b, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int rc;

	if (check(b, e) < 0 || pool_new(&b->pool, e) < 0)
		return -1;
	b->results = xcalloc(json_array_size(b->images), sizeof(json_t *));
	pthread_mutex_init(&b->lock, NULL);
	rc = confine(b, &a, e) < 0 ? -1 : run_threads(b, e);
	pthread_mutex_destroy(&b->lock);
	pool_free(b->pool);
	return rc;
}

int batch_fetch(const json_t *request, json_t **result, struct err *e)
{
	struct batch b = {.images = json_object_get(request, "images"),
		.cache_dir = json_str(request, "cache_dir", NULL)};
	json_t *all = json_array();
	int rc;

	if (!b.images) {
		json_decref(all);
		return pull_fetch(request, result, e);
	}
	rc = run(&b, e);
	for (size_t i = 0; b.results && i < json_array_size(b.images); i++)
		json_array_append_new(all, b.results[i] ? b.results[i] : json_null());
	free(b.results);
	if (!rc)
		*result = json_pack("{s:O}", "images", all);
	json_decref(all);
	return rc;
}
