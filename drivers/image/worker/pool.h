/* pool.h - the connections of a worker: one pool for all layers of all images.
 *
 * A libcurl handle keeps the connections that it has made. Handles are taken out for a series of requests
 * to one host and given back afterwards, and who comes next for that host gets one whose connection is
 * open: no second handshake. Names that were looked up and TLS sessions are shared by all of them. (libcurl
 * can share connections by itself, but not between threads.)
 *
 * At most POOL_TRANSFERS transfers go at once, however many images there are; a further one waits.
 */
#pragma once

#include "schema/base/err.h"

#include <curl/curl.h>

#define POOL_TRANSFERS 6u

struct pool;

int pool_new(struct pool **out, struct err *e);

/* All handles have been given back. NULL is fine. */
void pool_free(struct pool *p);

/* A handle, if possible one that has spoken with that host. Any thread may call these. */
int pool_take(struct pool *p, const char *host, CURL **out, struct err *e);
void pool_give(struct pool *p, const char *host, CURL *curl);

/* As curl_easy_perform, when it is this transfer's turn. */
CURLcode pool_perform(struct pool *p, CURL *curl);

/* After curl_easy_reset. */
void pool_share(struct pool *p, CURL *curl);

/* Handles that were made, and that were given out again: for tests. */
void pool_counts(struct pool *p, unsigned *made, unsigned *reused);
