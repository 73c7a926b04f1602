/* auth.h - who we are to a registry: challenge, credentials, token.
 *
 * Secrets are in no message and no log. They are taken from Docker's config.json only when nobody
 * else can read that file, and are sent only to the registry that they are for and to the token
 * server that it names.
 */
#pragma once

#include "drivers/image/worker/http.h"

struct challenge {
	bool bearer;       /* else Basic */
	const char *realm, *service, *scope; /* may be NULL */
};

/* PURE. A WWW-Authenticate header. ERR_REMOTE if it is neither Bearer (with a realm) nor Basic. */
int auth_parse(struct arena *a, const char *header, struct challenge *out, struct err *e);

struct credentials {
	const char *basic;  /* base64 of "user:password", or NULL: none for this host */
	const char *identity; /* identitytoken: what a token server gives a token for; or NULL */
	const char *ignored; /* path of a config.json that others can read, or NULL */
};

/* From that file; NULL: from $DOCKER_CONFIG/config.json or $HOME/.docker/config.json, and there no file is
 * no error, and one that others can read is not used. The file that somebody named has to be there and
 * to be ours alone: ERR_NOINPUT, ERR_DENIED. */
int auth_credentials(struct arena *a, const char *file, const char *host, struct credentials *out,
	struct err *e);

/* The Authorization header that answers the challenge. *header is NULL when there is nothing to
 * say to it (Basic without credentials). */
int auth_answer(struct arena *a, struct http *h, const struct challenge *c,
	const struct credentials *who, const char **header, struct err *e);
