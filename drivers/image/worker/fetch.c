/* fetch.c - layers come several at once; see fetch.h. */
#include "drivers/image/worker/fetch.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 3u /* what registries and Docker's own client find polite */

struct layer_state {
	bool done;
	struct err err; /* kind ERR_NONE: it is there */
};

struct fetch {
	const struct blobs *blobs;
	const struct ref *ref;
	const struct registry_access *access;
	const struct manifest *manifest;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct tally all;
	size_t left; /* layers that no thread has taken; the next one is the topmost of them */
	atomic_bool stop;
	struct layer_state *layers;
	pthread_t threads[THREADS];
	unsigned n_threads;
};

/* The layer to work on; false: there is none. */
static bool take(struct fetch *f, size_t *layer)
{
	bool some;

	pthread_mutex_lock(&f->lock);
	some = f->left > 0 && !atomic_load(&f->stop);
	if (some)
		*layer = --f->left;
	pthread_mutex_unlock(&f->lock);
	return some;
}

static void tell(struct fetch *f, size_t layer, const struct err *e)
{
	pthread_mutex_lock(&f->lock);
	f->layers[layer] = (struct layer_state){true, *e};
	pthread_cond_broadcast(&f->moved);
	pthread_mutex_unlock(&f->lock);
}

static void *work(void *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_(registry_drop) struct registry *registry = NULL;
	struct fetch *f = arg;
	struct blobs blobs = *f->blobs;
	struct err e = ERR_INIT;
	size_t i;

	if (f->ref && registry_open(&a, f->ref, f->access, &registry, &e) == 0)
		registry_stop_when(registry, &f->stop);
	blobs.registry = registry;
	while (take(f, &i)) {
		struct blobs_watch watch = {.all = &f->all, .layer = i};

		/* What only has to be looked at is not worth a word. */
		if (e.kind == ERR_NONE)
			blobs_ensure(&blobs, &f->manifest->layers[i].blob, f->ref ? &watch : NULL, &e);
		tell(f, i, &e);
		if (registry || !f->ref)
			err_clear(&e);
	}
	return NULL;
}

/* Signals are for the main thread. */
static int start(struct fetch *f, struct err *e)
{
	sigset_t all, old;
	int rc = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!rc && f->n_threads < THREADS && f->n_threads < f->manifest->n_layers) {
		rc = pthread_create(&f->threads[f->n_threads], NULL, work, f);
		f->n_threads += !rc;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc && !f->n_threads ? err_sys(e, rc, "cannot start a thread") : 0;
}

int fetch_start(const struct blobs *blobs, const struct fetch_from *from,
	const struct manifest *manifest, struct fetch **out, struct err *e)
{
	struct fetch *f = xmalloc(sizeof(*f));

	*f = (struct fetch){.blobs = blobs, .ref = from->ref, .access = from->access,
		.manifest = manifest, .left = manifest->n_layers};
	f->layers = xcalloc(manifest->n_layers + 1, sizeof(*f->layers));
	tally_init(&f->all, "fetching", manifest);
	f->all.of = from->of;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->moved, NULL);
	if (start(f, e) < 0) {
		fetch_close(f);
		return -1;
	}
	*out = f;
	return 0;
}

int fetch_wait(struct fetch *f, size_t layer, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	while (!f->layers[layer].done)
		pthread_cond_wait(&f->moved, &f->lock);
	if (f->layers[layer].err.kind != ERR_NONE) {
		if (e)
			*e = f->layers[layer].err;
		rc = -1;
	}
	pthread_mutex_unlock(&f->lock);
	return rc;
}

void fetch_close(struct fetch *f)
{
	if (!f)
		return;
	atomic_store(&f->stop, true);
	for (unsigned i = 0; i < f->n_threads; i++)
		pthread_join(f->threads[i], NULL);
	pthread_cond_destroy(&f->moved);
	pthread_mutex_destroy(&f->lock);
	tally_fini(&f->all);
	free(f->layers);
	free(f);
}
