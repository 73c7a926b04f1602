/* pool.c - the connections of a worker; see pool.h. */
#include "drivers/image/worker/pool.h"

#include "schema/base/arena.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_MAX 16u
#define HOST_MAX_BYTES 300u

struct idle {
	CURL *curl;
	char host[HOST_MAX_BYTES];
};

struct pool {
	CURLSH *share;
	pthread_mutex_t shared[CURL_LOCK_DATA_LAST];
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t moved;
	struct idle idle[IDLE_MAX]; /* the one that was used last is the last */
	size_t n;
	unsigned transfers, made, reused;
};

static void lock(CURL *curl, curl_lock_data what, curl_lock_access access, void *arg)
{
	struct pool *p = arg;

	(void)curl, (void)access;
	pthread_mutex_lock(&p->shared[what]);
}

static void unlock(CURL *curl, curl_lock_data what, void *arg)
{
	struct pool *p = arg;

	(void)curl;
	pthread_mutex_unlock(&p->shared[what]);
}

int pool_new(struct pool **out, struct err *e)
{
	struct pool *p;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(e, ERR_FAILED, "libcurl cannot start");
	p = xcalloc(1, sizeof(*p));
	for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_init(&p->shared[i], NULL);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->moved, NULL);
	p->share = curl_share_init();
	curl_share_setopt(p->share, CURLSHOPT_USERDATA, p);
	curl_share_setopt(p->share, CURLSHOPT_LOCKFUNC, lock);
	curl_share_setopt(p->share, CURLSHOPT_UNLOCKFUNC, unlock);
	curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	*out = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		curl_easy_cleanup(p->idle[i].curl);
	curl_share_cleanup(p->share);
	for (size_t i = 0; i < CURL_LOCK_DATA_LAST; i++)
		pthread_mutex_destroy(&p->shared[i]);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->moved);
	free(p);
}

/* With the lock held. */
static CURL *remove_idle(struct pool *p, size_t i)
{
	CURL *curl = p->idle[i].curl;

	memmove(&p->idle[i], &p->idle[i + 1], (p->n - i - 1) * sizeof(*p->idle));
	p->n--;
	return curl;
}

/* Of that host the one that was used last: its connection is the least likely to be closed. */
int pool_take(struct pool *p, const char *host, CURL **out, struct err *e)
{
	CURL *curl = NULL;

	pthread_mutex_lock(&p->lock);
	for (size_t i = p->n; !curl && i-- > 0;)
		if (!strcmp(p->idle[i].host, host))
			curl = remove_idle(p, i);
	p->made += !curl;
	p->reused += curl != NULL;
	pthread_mutex_unlock(&p->lock);
	if (!curl)
		curl = curl_easy_init();
	if (!curl)
		return err_set(e, ERR_FAILED, "libcurl cannot start");
	*out = curl;
	return 0;
}

void pool_give(struct pool *p, const char *host, CURL *curl)
{
	CURL *surplus = NULL;

	pthread_mutex_lock(&p->lock);
	if (p->n == IDLE_MAX)
		surplus = remove_idle(p, 0);
	p->idle[p->n].curl = curl;
	snprintf(p->idle[p->n].host, HOST_MAX_BYTES, "%s", host);
	p->n++;
	pthread_mutex_unlock(&p->lock);
	if (surplus)
		curl_easy_cleanup(surplus);
}

void pool_share(struct pool *p, CURL *curl)
{
	curl_easy_setopt(curl, CURLOPT_SHARE, p->share);
}

CURLcode pool_perform(struct pool *p, CURL *curl)
{
	CURLcode rc;

	pthread_mutex_lock(&p->lock);
	while (p->transfers >= POOL_TRANSFERS)
		pthread_cond_wait(&p->moved, &p->lock);
	p->transfers++;
	pthread_mutex_unlock(&p->lock);
	rc = curl_easy_perform(curl);
	pthread_mutex_lock(&p->lock);
	p->transfers--;
	pthread_cond_signal(&p->moved);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

void pool_counts(struct pool *p, unsigned *made, unsigned *reused)
{
	pthread_mutex_lock(&p->lock);
	*made = p->made;
	*reused = p->reused;
	pthread_mutex_unlock(&p->lock);
}
