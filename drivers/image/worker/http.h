/* http.h - GET, and POST of a form, over HTTP(S) by libcurl, with the manners a registry expects.
 *
 * One request may take several attempts: connection failures, stalls, 408, 429 and 5xx are tried
 * again with growing pauses or when the server says so (Retry-After), and go on where they stopped
 * (Range). Redirects are followed here, one by one: an https request never goes on in plain text, an
 * Authorization header never goes to another host, scheme or port. Nothing is believed: headers, bodies and
 * the number of hops are bounded.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;

/* Where a body goes. Only bodies of 200 and 206 get there. */
struct http_sink {
	/* Bytes from this offset follow: 0, or have. */
	int (*start)(struct http_sink *s, uint64_t from, struct err *e);
	int (*write)(struct http_sink *s, const void *data, size_t n, struct err *e);
	uint64_t have; /* bytes that are there and need not be sent again */
	uint64_t max;  /* ERR_LIMIT beyond */
};

struct http_request {
	const char *url;
	const char *accept;        /* NULL: anything */
	const char *authorization; /* "Bearer ..."; NULL: none. Never logged */
	struct http_sink *sink;
	const char *form;          /* a POST with these fields, encoded; NULL: a GET. Never logged, and
	                            * never sent to where a redirect leads */
	int attempts;              /* in a row without a new byte; 0: as many as are reasonable */
};

struct http_answer {
	long status;
	char type[128];       /* Content-Type */
	char challenge[2048]; /* WWW-Authenticate */
	char body[2048];      /* start of a body that is no success, for messages */
	size_t body_len;
};

struct pool;

/* Requests to one host, HOST[:PORT], one after the other, over connections of the pool, which is borrowed. */
int http_open(struct pool *pool, const char *host, struct http **out, struct err *e);
void http_close(struct http *h);
static inline void http_drop(struct http **h)
{
	http_close(*h);
	*h = NULL;
}

/* Requests end early once *stop is true, which another thread may set. */
void http_stop_when(struct http *h, const atomic_bool *stop);

/* 0 for any answer that is final, also 404: look at the status. -1: no answer, ERR_REMOTE or
 * ERR_TIMEOUT, or what the sink said. */
int http_get(struct http *h, const struct http_request *rq, struct http_answer *answer,
	struct err *e);

/* Whether HTTP without TLS may be spoken to HOST[:PORT]: this machine itself, or one that the
 * environment variable RECONCILE_PLAIN_HTTP lists (commas between). */
bool http_is_plain(const char *host);

/* Only the latter. */
bool http_is_listed(const char *host);

/* The URL's "host:port" when a request may go there (https, or http and http_is_plain), else NULL
 * with e. */
const char *http_check_url(struct arena *a, const char *url, struct err *e);

/* Into memory: a sink that collects at most max bytes in the arena. */
struct http_memory {
	struct http_sink sink;
	struct arena *arena;
	char *data; /* NUL-terminated */
	size_t n, cap;
};
void http_memory(struct http_memory *m, struct arena *a, size_t max);

/* What a registry's error body says ("NAME_UNKNOWN: repository name not known"), cleaned of control
 * characters; "" if nothing. */
void http_reason(const struct http_answer *answer, char *out, size_t size);
