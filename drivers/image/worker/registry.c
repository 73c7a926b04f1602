/* registry.c - one repository of a registry; see registry.h. */
#include "drivers/image/worker/registry.h"

#include "drivers/image/manifest.h"
#include "drivers/image/worker/auth.h"
#include "drivers/image/worker/digest.h"
#include "schema/base/log.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPT "application/vnd.oci.image.index.v1+json, " \
	"application/vnd.oci.image.manifest.v1+json, " \
	"application/vnd.docker.distribution.manifest.list.v2+json, " \
	"application/vnd.docker.distribution.manifest.v2+json"

#define SOURCES_MAX 17u
#define MIRROR_ATTEMPTS 2 /* there is another one to ask */

/* The registry, or a mirror of it. */
struct source {
	const char *name;          /* HOST[:PORT], as people and logins have it */
	const char *repo;
	const char *scheme;        /* "https", or "http" where that is allowed */
	const char *rest;          /* "://host/v2/repo/" */
	bool guessed;              /* this machine itself: it may speak TLS nevertheless */
	const char *authorization; /* what the last challenge was answered with; NULL: none yet */
	bool passed_over;
};

struct registry {
	struct arena *arena;
	struct http *http;
	const struct registry_access *access;
	const atomic_bool *stop;   /* may be NULL */
	struct source sources[SOURCES_MAX];
	size_t n, last;            /* the last of them is the registry; last: which one answered */
};

/* ---- sources ---------------------------------------------------------------------------- */

static void add_source(struct registry *r, const char *name, const char *repo)
{
	const char *host = !strcmp(name, "docker.io") ? "registry-1.docker.io" : name;

	r->sources[r->n++] = (struct source){.name = name, .repo = repo,
		.scheme = http_is_plain(host) ? "http" : "https",
		.guessed = http_is_plain(host) && !http_is_listed(host),
		.rest = arena_printf(r->arena, "://%s/v2/%s/", host, repo)};
}

static int add_mirror(struct registry *r, const char *mirror, const struct ref *of, struct err *e)
{
	struct ref ref;

	if (ref_parse(r->arena, arena_printf(r->arena, "%s/%s", mirror, of->repo), &ref, e) < 0)
		return err_wrap(e, "mirror %.200s", mirror);
	if (r->n + 1 < SOURCES_MAX)
		add_source(r, ref.host, ref.repo);
	return 0;
}

/* "docker.io=mirror.lan:5000/hub ghcr.io=...": spaces or commas between. */
static int add_environment(struct registry *r, const struct ref *of, struct err *e)
{
	const char *list = getenv("RECONCILE_MIRRORS"), *p = list ? list : "";

	for (p += strspn(p, ", "); *p; p += strspn(p, ", ")) {
		const size_t n = strcspn(p, ", "), name = strcspn(p, "=, ");

		if (name + 1 >= n || !name)
			return err_set(e, ERR_SPEC, "RECONCILE_MIRRORS: \"%.*s\" is not "
				"REGISTRY=HOST[:PORT][/PREFIX]", (int)n, p);
		if (name == strlen(of->host) && !strncmp(p, of->host, name) &&
			add_mirror(r, arena_dupn(r->arena, p + name + 1, n - name - 1), of, e) < 0)
			return -1;
		p += n;
	}
	return 0;
}

static int add_mirrors(struct registry *r, const struct ref *of, struct err *e)
{
	const char *const *v = r->access->mirrors;

	if (!v)
		return add_environment(r, of, e);
	for (; *v; v++)
		if (add_mirror(r, *v, of, e) < 0)
			return -1;
	return 0;
}

int registry_open(struct arena *a, const struct ref *ref, const struct registry_access *access,
	struct registry **out, struct err *e)
{
	struct registry *r = arena_new(a, struct registry);

	r->arena = a;
	r->access = access;
	if (add_mirrors(r, ref, e) < 0)
		return -1;
	add_source(r, ref->host, ref->repo);
	if (http_open(access->pool, ref->host, &r->http, e) < 0)
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
	r->stop = stop;
	http_stop_when(r->http, stop);
}

static void pass_over(struct source *s, const char *why)
{
	s->passed_over = true;
	log_warn("a mirror is passed over", "mirror=\"%s\" repository=\"%s\" reason=\"%s\"", s->name,
		s->repo, why);
}

bool registry_distrust(struct registry *r)
{
	if (r->last + 1 >= r->n)
		return false;
	pass_over(&r->sources[r->last], "what it sent has another digest");
	return true;
}

/* ---- one source ------------------------------------------------------------------------- */

static int denied(const struct source *s, const struct credentials *who, struct err *e)
{
	err_set(e, ERR_DENIED, "the registry %s refuses access to %s", s->name, s->repo);
	if (who->ignored)
		return err_hint(e, "%s was not used because others can read it: chmod 600", who->ignored);
	if (who->basic || who->identity)
		return err_hint(e, "the login in Docker's config.json is not accepted");
	return err_hint(e, "log in with \"docker login %s\" or \"skopeo login\", or check the name",
		s->name);
}

static int authorize(struct registry *r, struct source *s, const struct http_answer *answer,
	struct credentials *who, struct err *e)
{
	struct challenge c;

	if (auth_parse(r->arena, answer->challenge, &c, e) < 0 ||
		auth_credentials(r->arena, r->access->auth_file, s->name, who, e) < 0 ||
		auth_answer(r->arena, r->http, &c, who, &s->authorization, e) < 0)
		return -1;
	return s->authorization ? 0 : denied(s, who, e);
}

/* A server that expects TLS says so in plain text (Go: "Client sent an HTTP request to an HTTPS
 * server"). Nothing secret was sent to it by then. */
static bool speaks_tls(const struct source *s, const struct http_answer *answer)
{
	return s->guessed && answer->status == 400 &&
		memmem(answer->body, answer->body_len, "HTTPS", 5);
}

/* What is asked for. */
struct question {
	const char *path, *accept;
	struct http_sink *sink;
};

static int ask(struct registry *r, struct source *s, const struct question *q,
	struct http_answer *answer, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct http_request rq = {.url = arena_printf(&a, "%s%s%s", s->scheme, s->rest, q->path),
		.accept = q->accept, .authorization = s->authorization, .sink = q->sink,
		.attempts = s == &r->sources[r->n - 1] ? 0 : MIRROR_ATTEMPTS};

	if (http_get(r->http, &rq, answer, e) < 0)
		return -1;
	if (!speaks_tls(s, answer))
		return 0;
	s->guessed = false;
	s->scheme = "https";
	return ask(r, s, q, answer, e);
}

/* One request; a challenge is answered once, so that a registry that always says 401 ends here. */
static int get_from(struct registry *r, struct source *s, const struct question *q,
	struct http_answer *answer, struct err *e)
{
	struct credentials who = {0};

	if (ask(r, s, q, answer, e) < 0)
		return -1;
	if (answer->status == 401) {
		s->guessed = false; /* from here on secrets are sent */
		if (authorize(r, s, answer, &who, e) < 0 || ask(r, s, q, answer, e) < 0)
			return -1;
	}
	if (answer->status == 401 || answer->status == 403)
		return denied(s, &who, e);
	return 0;
}

/* ---- all of them ------------------------------------------------------------------------ */

/* Whether a mirror's answer is of use; a mirror that just has not everything stays one. */
static bool serves(const struct registry *r, struct source *s, const struct http_answer *answer,
	int rc, const struct err *e)
{
	if (!rc && (answer->status == 200 || answer->status == 206))
		return true;
	if ((rc || answer->status != 404) && !(r->stop && atomic_load(r->stop)))
		pass_over(s, rc ? e->msg : "it answers with an error");
	return false;
}

/* What a mirror began to send before it failed is not mixed with what the next one sends. */
static int forget_since(struct http_sink *sink, uint64_t had, struct err *e)
{
	if (sink->have == had)
		return 0;
	sink->have = 0;
	return sink->start(sink, 0, e);
}

/* The first source that has it; of the registry any answer, too. */
static int get(struct registry *r, const struct question *q, struct http_answer *answer, struct err *e)
{
	for (r->last = 0; r->last + 1 < r->n; r->last++) {
		struct source *s = &r->sources[r->last];
		const uint64_t had = q->sink->have;
		struct err why = ERR_INIT;

		if (s->passed_over)
			continue;
		if (serves(r, s, answer, get_from(r, s, q, answer, &why), &why))
			return 0;
		if (forget_since(q->sink, had, e) < 0)
			return -1;
	}
	return get_from(r, &r->sources[r->last], q, answer, e);
}

static int not_ok(const struct registry *r, const struct http_answer *answer, const char *what,
	struct err *e)
{
	char reason[300];

	const char *name = r->sources[r->last].name;

	http_reason(answer, reason, sizeof(reason));
	if (answer->status == 404)
		return err_set(e, ERR_REMOTE, "the registry %s has no %s (404%s%s)", name, what,
			*reason ? ", " : "", reason);
	return err_set(e, ERR_REMOTE, "the registry %s answers %ld to a request for the %s%s%s",
		name, answer->status, what, *reason ? ": " : "", reason);
}

int registry_manifest(struct registry *r, struct arena *a, const char *reference, char **data,
	size_t *n, const char **type, struct err *e)
{
	const char *path = arena_printf(a, "manifests/%s", reference);
	struct http_answer answer;
	struct http_memory m;

	http_memory(&m, a, MANIFEST_BYTES_MAX);
	if (get(r, &(struct question){path, ACCEPT, &m.sink}, &answer, e) < 0)
		return -1;
	if (answer.status != 200)
		return not_ok(r, &answer, "manifest", e);
	if (ref_is_digest(reference) && digest_check(m.data, m.n, reference, e) < 0) {
		if (!registry_distrust(r))
			return err_wrap(e, "manifest");
		err_clear(e);
		return registry_manifest(r, a, reference, data, n, type, e);
	}
	*data = m.data;
	*n = m.n;
	*type = arena_dup(a, answer.type);
	return 0;
}

int registry_blob(struct registry *r, const char *digest, struct http_sink *sink, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct question q = {arena_printf(&a, "blobs/%s", digest), NULL, sink};
	struct http_answer answer;

	if (get(r, &q, &answer, e) < 0)
		return -1;
	if (answer.status != 200 && answer.status != 206)
		return not_ok(r, &answer, "blob", e);
	return 0;
}
