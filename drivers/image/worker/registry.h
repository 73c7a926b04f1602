/* registry.h - one repository of a registry (OCI distribution, v2), and its mirrors.
 *
 * Mirrors are asked first, in their order, and the registry itself last. One that cannot be reached, does
 * not let us in, has not what was asked for or gives something else is passed over, with a warning. Each
 * has its own login, and gets no other's.
 *
 * RECONCILE_MIRRORS names mirrors for whole registries: "docker.io=mirror.lan:5000/hub ghcr.io=...".
 */
#pragma once

#include "drivers/image/ref.h"
#include "drivers/image/worker/http.h"

#include <stdatomic.h>

struct registry;

/* Where else a repository may be, and who we are there. */
struct registry_access {
	const char *const *mirrors; /* HOST[:PORT][/PREFIX], NULL-terminated; NULL: those of the environment */
	const char *auth_file;      /* or NULL */
	struct pool *pool;
};

/* access is borrowed. */
int registry_open(struct arena *a, const struct ref *ref, const struct registry_access *access,
	struct registry **out, struct err *e);
void registry_close(struct registry *r);
static inline void registry_drop(struct registry **r)
{
	registry_close(*r);
	*r = NULL;
}

/* Requests end early once *stop is true, which another thread may set. */
void registry_stop_when(struct registry *r, const atomic_bool *stop);

/* The bytes of a manifest or index by tag or digest. A digest is verified; type is what the
 * registry called it. Fails: ERR_REMOTE (404: says so), ERR_DENIED, ERR_CONTENT, ERR_LIMIT. */
int registry_manifest(struct registry *r, struct arena *a, const char *reference, char **data,
	size_t *n, const char **type, struct err *e);

/* A blob into a sink. The caller verifies its digest. */
int registry_blob(struct registry *r, const char *digest, struct http_sink *sink, struct err *e);

/* What came last was not what it is called: its source is not asked again. false: it was the registry
 * itself. */
bool registry_distrust(struct registry *r);
