/* registry.h - one repository of a registry (OCI distribution, v2). */
#pragma once

#include "drivers/image/ref.h"
#include "drivers/image/worker/http.h"

#include <stdatomic.h>

struct registry;

int registry_open(struct arena *a, const struct ref *ref, struct registry **out, struct err *e);
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
