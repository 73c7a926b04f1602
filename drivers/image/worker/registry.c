/* registry.c - one repository of a registry; see registry.h. */
#include "drivers/image/worker/registry.h"

#include "drivers/image/manifest.h"
#include "drivers/image/worker/auth.h"
#include "drivers/image/worker/digest.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPT "application/vnd.oci.image.index.v1+json, " \
	"application/vnd.oci.image.manifest.v1+json, " \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.docker.distribution.manifest.v2+json"

struct registry {
	struct arena *arena;
	struct http *http;
	struct ref ref;
	const char *scheme;        /* "https", or "http" where that is allowed */
	const char *rest;          /* "://host/v2/repo/" */
	bool guessed;              /* this machine itself: it may speak TLS nevertheless */
	const char *authorization; /* what the last challenge was answered with; NULL: none yet */
};

int registry_open(struct arena *a, const struct ref *ref, struct registry **out, struct err *e)
{
	const char *host = !strcmp(ref->host, "docker.io") ? "registry-1.docker.io" : ref->host;
	struct registry *r = arena_new(a, struct registry);

	r->arena = a;
	r->ref = *ref;
	r->scheme = http_is_plain(host) ? "http" : "https";
	r->guessed = http_is_plain(host) && !http_is_listed(host);
	r->rest = arena_printf(a, "://%s/v2/%s/", host, ref->repo);
	if (http_open(&r->http, e) < 0)
		return -1;
	*out = r;
	return 0;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	http_close(r->http);
	r->http = NULL;
}

void registry_stop_when(struct registry *r, const atomic_bool *stop)
{
	http_stop_when(r->http, stop);
}

static int denied(const struct registry *r, const struct credentials *who, struct err *e)
{
	err_set(e, ERR_DENIED, "the registry %s refuses access to %s", r->ref.host, r->ref.repo);
	if (who->ignored)
		return err_hint(e, "%s was not used because others can read it: chmod 600", who->ignored);
	if (who->basic || who->identity)
		return err_hint(e, "the login in Docker's config.json is not accepted");
	return err_hint(e, "log in with \"docker login %s\" or \"skopeo login\", or check the name",
		r->ref.host);
}

static int authorize(struct registry *r, const struct http_answer *answer,
	struct credentials *who, struct err *e)
{
	struct challenge c;

	if (auth_parse(r->arena, answer->challenge, &c, e) < 0 ||
		auth_credentials(r->arena, r->ref.host, who, e) < 0 ||
		auth_answer(r->arena, r->http, &c, who, &r->authorization, e) < 0)
		return -1;
	return r->authorization ? 0 : denied(r, who, e);
}

/* A server that expects TLS says so in plain text (Go: "Client sent an HTTP request to an HTTPS
 * server"). Nothing secret was sent to it by then. */
static bool speaks_tls(const struct registry *r, const struct http_answer *answer)
{
	return r->guessed && answer->status == 400 &&
		memmem(answer->body, answer->body_len, "HTTPS", 5);
}

static int ask(struct registry *r, const char *path, const char *accept, struct http_sink *sink,
	struct http_answer *answer, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct http_request rq = {.url = arena_printf(&a, "%s%s%s", r->scheme, r->rest, path),
		.accept = accept, .authorization = r->authorization, .sink = sink};

	if (http_get(r->http, &rq, answer, e) < 0)
		return -1;
	if (!speaks_tls(r, answer))
		return 0;
	r->guessed = false;
	r->scheme = "https";
	return ask(r, path, accept, sink, answer, e);
}

/* One request; a challenge is answered once, so that a registry that always says 401 ends here. */
static int get(struct registry *r, const char *path, const char *accept, struct http_sink *sink,
	struct http_answer *answer, struct err *e)
{
	struct credentials who = {0};

	if (ask(r, path, accept, sink, answer, e) < 0)
		return -1;
	if (answer->status == 401) {
		r->guessed = false; /* from here on secrets are sent */
		if (authorize(r, answer, &who, e) < 0 || ask(r, path, accept, sink, answer, e) < 0)
			return -1;
	}
	if (answer->status == 401 || answer->status == 403)
		return denied(r, &who, e);
	return 0;
}

static int not_ok(const struct registry *r, const struct http_answer *answer, const char *what,
	struct err *e)
{
	char reason[300];

	http_reason(answer, reason, sizeof(reason));
	if (answer->status == 404)
		return err_set(e, ERR_REMOTE, "the registry %s has no %s (404%s%s)", r->ref.host, what,
			*reason ? ", " : "", reason);
	return err_set(e, ERR_REMOTE, "the registry %s answers %ld to a request for the %s%s%s",
		r->ref.host, answer->status, what, *reason ? ": " : "", reason);
}

int registry_manifest(struct registry *r, struct arena *a, const char *reference, char **data,
	size_t *n, const char **type, struct err *e)
{
	const char *path = arena_printf(a, "manifests/%s", reference);
	struct http_answer answer;
	struct http_memory m;

	http_memory(&m, a, MANIFEST_BYTES_MAX);
	if (get(r, path, ACCEPT, &m.sink, &answer, e) < 0)
		return -1;
	if (answer.status != 200)
		return not_ok(r, &answer, "manifest", e);
	if (ref_is_digest(reference) && digest_check(m.data, m.n, reference, e) < 0)
		return err_wrap(e, "manifest");
	*data = m.data;
	*n = m.n;
	*type = arena_dup(a, answer.type);
	return 0;
}

int registry_blob(struct registry *r, const char *digest, struct http_sink *sink, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "blobs/%s", digest);
	struct http_answer answer;

	if (get(r, path, NULL, sink, &answer, e) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 206)
		return not_ok(r, &answer, "blob", e);
	return 0;
}
