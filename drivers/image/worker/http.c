/* http.c - GET by libcurl; see http.h. */
#include "drivers/image/worker/http.h"

#include "drivers/image/worker/pool.h"
#include "schema/base/json.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ATTEMPTS_MAX 5       /* in a row without a new byte */
#define ATTEMPTS_TOTAL 40
#define PAUSE_MS 200         /* before the second attempt; doubled for each further one */
#define PAUSE_PIECE_MS 100
#define PAUSE_SERVER_MAX 60  /* seconds of Retry-After that we obey */
#define HOPS_MAX 5
#define HEADER_BYTES_MAX (64u << 10)
#define STALL_SECONDS 30
#define CONNECT_SECONDS 15

struct http {
	struct pool *pool;
	CURL *curl;
	long stall_s;
	const atomic_bool *stop; /* may be NULL */
	char why[CURL_ERROR_SIZE];
	char host[]; /* in the pool */
};

/* One attempt. */
struct attempt {
	struct http *h;
	const struct http_request *rq;
	struct http_answer *answer;
	struct err *e;        /* filled by a callback that stopped the transfer */
	bool refused;         /* a callback stopped it: no further attempt */
	bool started;         /* the sink was told where bytes start */
	size_t header_bytes;
	uint64_t range_from;  /* of Content-Range */
};

int http_open(struct pool *pool, const char *host, struct http **out, struct err *e)
{
	const char *stall = getenv("RECONCILE_HTTP_STALL_SECONDS");
	struct http *h = xmalloc(sizeof(*h) + strlen(host) + 1);

	*h = (struct http){.pool = pool, .stall_s = STALL_SECONDS};
	if (stall && atoi(stall) > 0)
		h->stall_s = atoi(stall);
	if (pool_take(pool, host, &h->curl, e) < 0) {
		free(h);
		return -1;
	}
	memcpy(h->host, host, strlen(host) + 1);
	*out = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_reset(h->curl); /* nothing of ours is in it any more */
	pool_give(h->pool, h->host, h->curl);
	free(h);
}

void http_stop_when(struct http *h, const atomic_bool *stop)
{
	h->stop = stop;
}

static bool is_stopped(const struct http *h)
{
	return h->stop && atomic_load(h->stop);
}

/* ---- where requests may go -------------------------------------------------------------- */

static bool is_loopback(const char *host, size_t n)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && !strncasecmp(names[i], host, n))
			return true;
	return false;
}

static size_t bare_length(const char *host)
{
	const char *bracket = host[0] == '[' ? strchr(host, ']') : NULL;

	return bracket ? (size_t)(bracket - host) + 1 : strcspn(host, ":");
}

bool http_is_listed(const char *host)
{
	const char *list = getenv("RECONCILE_PLAIN_HTTP");
	const size_t bare = bare_length(host);

	while (list && *list) {
		const size_t n = strcspn(list, ", ");

		if (n && (n == strlen(host) || n == bare) && !strncasecmp(list, host, n))
			return true;
		list += n + (list[n] != '\0');
	}
	return false;
}

bool http_is_plain(const char *host)
{
	return is_loopback(host, bare_length(host)) || http_is_listed(host);
}

static const char *part(CURLU *u, CURLUPart what, unsigned flags, struct arena *a)
{
	char *s = NULL;
	const char *copy = NULL;

	if (curl_url_get(u, what, &s, flags) == CURLUE_OK)
		copy = arena_dup(a, s);
	curl_free(s);
	return copy;
}

const char *http_check_url(struct arena *a, const char *url, struct err *e)
{
	CURLU *u = curl_url();
	const char *scheme = NULL, *host = NULL, *port = NULL, *at = NULL;
	bool user = false;

	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK) {
		scheme = part(u, CURLUPART_SCHEME, 0, a);
		host = part(u, CURLUPART_HOST, 0, a);
		port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, a);
		user = part(u, CURLUPART_USER, 0, a) != NULL;
	}
	curl_url_cleanup(u);
	if (!scheme || !host || !port || user) {
		err_set(e, ERR_REMOTE, "the server sent us to \"%.200s\", which is not a usable URL",
			url);
		return NULL;
	}
	at = arena_printf(a, "%s:%s", host, port);
	if (!strcmp(scheme, "https") || (!strcmp(scheme, "http") && http_is_plain(at)))
		return at;
	err_set(e, ERR_REMOTE, "refusing to speak %.20s to %.200s", scheme, at);
	err_hint(e, "if this host really has no TLS, name it in RECONCILE_PLAIN_HTTP");
	return NULL;
}

/* ---- one attempt ------------------------------------------------------------------------ */

static void copy_value(const char *line, size_t n, char *out, size_t size)
{
	while (n && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n && (unsigned char)line[n - 1] <= ' ')
		n--;
	if (n >= size)
		n = size - 1;
	memcpy(out, line, n);
	out[n] = '\0';
}

static bool is_header(const char *line, size_t n, const char *name, size_t *value)
{
	*value = strlen(name) + 1;
	return n >= *value && !strncasecmp(line, name, *value - 1) && line[*value - 1] == ':';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct attempt *t = arg;
	const size_t n = size * count;
	char text[64];
	size_t at;

	t->header_bytes += n;
	if (t->header_bytes > HEADER_BYTES_MAX) {
		err_set(t->e, ERR_REMOTE, "the server sends more than %u bytes of headers",
			HEADER_BYTES_MAX);
		t->refused = true;
		return 0;
	}
	if (is_header(line, n, "content-type", &at)) {
		copy_value(line + at, n - at, t->answer->type, sizeof(t->answer->type));
	} else if (is_header(line, n, "www-authenticate", &at)) {
		/* Of several challenges a Bearer one is the better. */
		if (!t->answer->challenge[0] || strncasecmp(t->answer->challenge, "bearer", 6) != 0)
			copy_value(line + at, n - at, t->answer->challenge,
				sizeof(t->answer->challenge));
	} else if (is_header(line, n, "content-range", &at)) {
		copy_value(line + at, n - at, text, sizeof(text));
		t->range_from = !strncasecmp(text, "bytes ", 6) ? strtoull(text + 6, NULL, 10) :
								  UINT64_MAX;
	}
	return n;
}

static int start_sink(struct attempt *t, long status)
{
	struct http_sink *s = t->rq->sink;
	uint64_t from = status == 206 ? s->have : 0;

	t->started = true;
	if (status == 206 && t->range_from != s->have)
		return err_set(t->e, ERR_REMOTE, "the server sends another part than was asked for");
	s->have = from;
	return s->start(s, from, t->e);
}

static int sink_bytes(struct attempt *t, long status, const char *data, size_t n)
{
	struct http_sink *s = t->rq->sink;

	if (!t->started && start_sink(t, status) < 0)
		return -1;
	if (n > s->max - s->have)
		return err_set(t->e, ERR_LIMIT, "the server sends more than the %llu bytes that are "
			"allowed here", (unsigned long long)s->max);
	if (s->write(s, data, n, t->e) < 0)
		return -1;
	s->have += n;
	return 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct attempt *t = arg;
	struct http_answer *answer = t->answer;
	const size_t n = size * count, room = sizeof(answer->body) - 1 - answer->body_len;
	long status = 0;

	curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 || status == 206) {
		if (sink_bytes(t, status, data, n) == 0)
			return n;
		t->refused = true;
		return 0;
	}
	memcpy(answer->body + answer->body_len, data, n < room ? n : room);
	answer->body_len += n < room ? n : room;
	return t->header_bytes + answer->body_len < 2 * (size_t)HEADER_BYTES_MAX ? n : 0;
}

/* Called at least once a second, also when nothing comes. */
static int on_progress(void *arg, curl_off_t total, curl_off_t now, curl_off_t up_total,
	curl_off_t up)
{
	(void)total, (void)now, (void)up_total, (void)up;
	return is_stopped(arg);
}

static void set_options(struct attempt *t, const char *url)
{
	CURL *c = t->h->curl;
	char range[32];

	curl_easy_reset(c);
	pool_share(t->h->pool, c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "reconcile/" RC_VERSION);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->h->why);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, t->h->stall_s);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t->h);
	if (t->rq->form)
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, t->rq->form);
	if (getenv("SSL_CERT_FILE"))
		curl_easy_setopt(c, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
	if (getenv("SSL_CERT_DIR"))
		curl_easy_setopt(c, CURLOPT_CAPATH, getenv("SSL_CERT_DIR"));
	if (t->rq->sink->have) {
		/* Not CURLOPT_RESUME_FROM: with it libcurl fails when the server sends everything. */
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->rq->sink->have);
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	}
}

static struct curl_slist *headers(const struct http_request *rq, bool authorize)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct curl_slist *list = NULL;

	if (rq->accept)
		list = curl_slist_append(list, arena_printf(&a, "Accept: %s", rq->accept));
	if (rq->authorization && authorize)
		list = curl_slist_append(list, arena_printf(&a, "Authorization: %s",
			rq->authorization));
	return list;
}

static int transfer_failed(struct attempt *t, CURLcode rc)
{
	const char *why = t->h->why[0] ? t->h->why : curl_easy_strerror(rc);

	if (t->refused)
		return -1;
	err_set(t->e, rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_REMOTE, "%s", why);
	switch (rc) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return 1;
	default:
		return -1;
	}
}

/* 0: an answer; 1: e says what went wrong, another attempt may help; -1: it cannot. */
static int transfer(struct attempt *t, const char *url, bool authorize)
{
	struct curl_slist *list = headers(t->rq, authorize);
	CURLcode rc;

	*t->answer = (struct http_answer){0};
	t->h->why[0] = '\0';
	set_options(t, url);
	curl_easy_setopt(t->h->curl, CURLOPT_HTTPHEADER, list);
	rc = pool_perform(t->h->pool, t->h->curl);
	curl_slist_free_all(list);
	curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &t->answer->status);
	if (rc != CURLE_OK && t->answer->status >= 400 && !t->refused)
		return 0; /* the body of an error was cut short: the status is what counts */
	if (rc != CURLE_OK)
		return transfer_failed(t, rc);
	if (t->answer->status == 200 && !t->started && start_sink(t, 200) < 0)
		return -1;
	return 0;
}

/* ---- redirects -------------------------------------------------------------------------- */

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* The scheme, host and port: an Authorization header stays with all three. */
static bool same_origin(struct arena *a, const char *one, const char *other)
{
	const char *x = http_check_url(a, one, NULL), *y = http_check_url(a, other, NULL);

	return x && y && !strcasecmp(x, y) && !strncasecmp(one, other, strcspn(one, ":") + 1);
}

static int attempt(struct attempt *t)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *url = t->rq->url;
	bool authorize = true;

	for (int hop = 0; hop <= HOPS_MAX; hop++) {
		const char *next = NULL;
		int rc;

		if (!http_check_url(&a, url, t->e))
			return -1;
		rc = transfer(t, url, authorize);
		if (rc || !is_redirect(t->answer->status))
			return rc;
		curl_easy_getinfo(t->h->curl, CURLINFO_REDIRECT_URL, &next);
		if (!next)
			return err_set(t->e, ERR_REMOTE, "a redirect to nowhere");
		if (t->rq->form)
			return err_set(t->e, ERR_REMOTE, "a redirect of what holds a login");
		next = arena_dup(&a, next);
		if (!strncasecmp(url, "https:", 6) && strncasecmp(next, "https:", 6) != 0)
			return err_set(t->e, ERR_REMOTE, "a redirect from https to plain text");
		authorize = authorize && same_origin(&a, t->rq->url, next);
		url = next;
	}
	return err_set(t->e, ERR_REMOTE, "more than %d redirects", HOPS_MAX);
}

/* ---- attempts --------------------------------------------------------------------------- */

static bool is_busy(long status)
{
	return status == 408 || status == 429 || status == 500 || status == 502 ||
		status == 503 || status == 504;
}

/* In pieces, to see when nobody waits any more. */
static void pause_ms(const struct http *h, long ms)
{
	for (; ms > 0 && !is_stopped(h); ms -= PAUSE_PIECE_MS) {
		const long now = ms < PAUSE_PIECE_MS ? ms : PAUSE_PIECE_MS;
		struct timespec t = {0, now * 1000000};

		while (nanosleep(&t, &t) < 0 && errno == EINTR)
			;
	}
}

static void wait_before(struct http *h, int failures, bool answered)
{
	curl_off_t after = 0;

	if (answered)
		curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &after);
	if (after > PAUSE_SERVER_MAX)
		after = PAUSE_SERVER_MAX;
	pause_ms(h, after > 0 ? (long)after * 1000 : PAUSE_MS << (failures - 1));
}

int http_get(struct http *h, const struct http_request *rq, struct http_answer *answer,
	struct err *e)
{
	const int most = rq->attempts ? rq->attempts : ATTEMPTS_MAX;
	int failures = 0;

	for (int total = 1;; total++) {
		const uint64_t had = rq->sink->have;
		struct err why = ERR_INIT;
		struct attempt t = {.h = h, .rq = rq, .answer = answer, .e = &why,
			.range_from = UINT64_MAX};
		int rc = attempt(&t);

		if (!rc && answer->status == 416 && rq->sink->have) {
			rq->sink->have = 0; /* what we have is not a part of what is there */
			continue;
		}
		if (!rc && !is_busy(answer->status))
			return 0;
		failures = rq->sink->have > had ? 1 : failures + 1;
		if (rc < 0 || is_stopped(h) || failures >= most || total >= ATTEMPTS_TOTAL) {
			if (rc && e)
				*e = why;
			return rc ? -1 : 0;
		}
		wait_before(h, failures, !rc);
	}
}

/* ---- into memory ------------------------------------------------------------------------ */

static int memory_start(struct http_sink *s, uint64_t from, struct err *e)
{
	struct http_memory *m = (struct http_memory *)s;

	(void)e;
	m->n = (size_t)from;
	return 0;
}

static int memory_write(struct http_sink *s, const void *data, size_t n, struct err *e)
{
	struct http_memory *m = (struct http_memory *)s;

	(void)e;
	if (m->cap - m->n < n + 1) {
		char *bigger = arena_alloc(m->arena, (m->n + n + 1) * 2);

		memcpy(bigger, m->data, m->n);
		m->data = bigger;
		m->cap = (m->n + n + 1) * 2;
	}
	memcpy(m->data + m->n, data, n);
	m->n += n;
	m->data[m->n] = '\0';
	return 0;
}

void http_memory(struct http_memory *m, struct arena *a, size_t max)
{
	*m = (struct http_memory){.sink = {memory_start, memory_write, 0, max}, .arena = a};
	m->cap = 1024;
	m->data = arena_alloc(a, m->cap);
}

void http_reason(const struct http_answer *answer, char *out, size_t size)
{
	_cleanup_json_ json_t *j = json_loadb(answer->body, answer->body_len, 0, NULL);
	const json_t *first = json_array_get(json_object_get(j, "errors"), 0);
	const char *msg = json_str(first, "message", json_str(j, "details", ""));

	snprintf(out, size, "%s%s%s", json_str(first, "code", ""), *msg && first ? ": " : "", msg);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}
