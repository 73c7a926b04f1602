/* stream.c - inflate and hash beside the reader; see stream.h.
 *
 * Three counters under one lock: slots made, slots the reader has given back, slots hashed. A slot
 * belongs to the inflate thread while made - min(read, hashed) < SLOTS says that it is free, and to
 * the readers while it lies between; so the bytes themselves need no lock.
 */
#include "drivers/image/worker/stream.h"

#include "drivers/image/worker/digest.h"
#include "drivers/image/worker/inflate.h"
#include "schema/base/arena.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 6u
#define SLOT_SIZE (512u << 10)

struct stream {
	struct inflate *inflate;
	struct digest digest;
	pthread_t maker, hasher;
	bool hash, has_maker, has_hasher;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t made, read, hashed; /* slots */
	bool held;                   /* the reader looks at slot number read */
	bool end;                    /* nothing is made any more; failed says why */
	bool stop;                   /* nobody wants more */
	uint64_t consumed;
	struct err failed;
	size_t fill[SLOTS];
	uint8_t *slots;
};

static uint8_t *slot(const struct stream *s, uint64_t number)
{
	return s->slots + number % SLOTS * SLOT_SIZE;
}

/* ---- inflate thread --------------------------------------------------------------------- */

static uint64_t given_back(const struct stream *s)
{
	return s->hash && s->hashed < s->read ? s->hashed : s->read;
}

/* Whether to fill another slot, once one is free. */
static bool wait_free(struct stream *s)
{
	bool go;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && s->made - given_back(s) >= SLOTS)
		pthread_cond_wait(&s->moved, &s->lock);
	go = !s->stop;
	pthread_mutex_unlock(&s->lock);
	return go;
}

/* n 0: that was all. */
static void hand_over(struct stream *s, size_t n)
{
	pthread_mutex_lock(&s->lock);
	s->consumed = inflate_consumed(s->inflate);
	if (n) {
		s->fill[s->made % SLOTS] = n;
		s->made++;
	} else {
		s->end = true;
	}
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

/* A slot is filled up before it is handed over: fewer turns of the lock. */
static void *make(void *arg)
{
	struct stream *s = arg;

	while (wait_free(s)) {
		uint8_t *to = slot(s, s->made);
		size_t fill = 0, n = 1;

		while (n && fill < SLOT_SIZE) {
			if (inflate_next(s->inflate, to + fill, SLOT_SIZE - fill, &n, &s->failed) < 0)
				n = 0;
			fill += n;
		}
		if (fill)
			hand_over(s, fill);
		if (!n) {
			hand_over(s, 0);
			break;
		}
	}
	return NULL;
}

/* ---- digest thread ---------------------------------------------------------------------- */

/* 0: the end. */
static size_t wait_hash(struct stream *s)
{
	size_t n = 0;

	pthread_mutex_lock(&s->lock);
	while (!s->stop && !s->end && s->hashed == s->made)
		pthread_cond_wait(&s->moved, &s->lock);
	if (!s->stop && s->hashed < s->made)
		n = s->fill[s->hashed % SLOTS];
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void *hash_slots(void *arg)
{
	struct stream *s = arg;
	size_t n;

	while ((n = wait_hash(s))) {
		digest_add(&s->digest, slot(s, s->hashed), n);
		pthread_mutex_lock(&s->lock);
		s->hashed++;
		pthread_cond_broadcast(&s->moved);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- the caller ------------------------------------------------------------------------- */

/* Signals are for the main thread. */
static int start(pthread_t *t, void *(*run)(void *), struct stream *s, bool *started, struct err *e)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	*started = !rc;
	return rc ? err_sys(e, rc, "cannot start a thread") : 0;
}

int stream_open(const struct range *from, enum compression compression, bool hash,
	struct stream **out, struct err *e)
{
	struct stream *s = xmalloc(sizeof(*s));

	*s = (struct stream){.hash = hash, .failed = ERR_INIT};
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	digest_init(&s->digest);
	s->slots = xmalloc((size_t)SLOTS * SLOT_SIZE);
	if (inflate_open(from, compression, &s->inflate, e) < 0 ||
		start(&s->maker, make, s, &s->has_maker, e) < 0 ||
		(hash && start(&s->hasher, hash_slots, s, &s->has_hasher, e) < 0)) {
		stream_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
	if (s->has_maker)
		pthread_join(s->maker, NULL);
	if (s->has_hasher)
		pthread_join(s->hasher, NULL);
	inflate_close(s->inflate);
	digest_fini(&s->digest);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	free(s->slots);
	free(s);
}

int stream_next(struct stream *s, const void **data, size_t *n, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	if (s->held) {
		s->read++;
		s->held = false;
		pthread_cond_broadcast(&s->moved);
	}
	while (!s->end && s->read == s->made)
		pthread_cond_wait(&s->moved, &s->lock);
	*n = 0;
	if (s->read < s->made) {
		*n = s->fill[s->read % SLOTS];
		*data = slot(s, s->read);
		s->held = true;
	}
	pthread_mutex_unlock(&s->lock);
	if (*n || s->failed.kind == ERR_NONE)
		return 0;
	if (e)
		*e = s->failed;
	return -1;
}

int stream_digest(struct stream *s, char out[REF_DIGEST_MAX], struct err *e)
{
	pthread_mutex_lock(&s->lock);
	while (s->hashed < s->made)
		pthread_cond_wait(&s->moved, &s->lock);
	pthread_mutex_unlock(&s->lock);
	return digest_end(&s->digest, out, e);
}

uint64_t stream_consumed(struct stream *s)
{
	uint64_t n;

	pthread_mutex_lock(&s->lock);
	n = s->consumed;
	pthread_mutex_unlock(&s->lock);
	return n;
}
