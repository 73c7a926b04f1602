/* ref.h - names of images: registry references, digests, platforms, layout paths. PURE.
 *
 *	[HOST[:PORT]/]PATH[:TAG][@sha256:HEX]      alpine, ghcr.io/a/b:1.2, 127.0.0.1:5000/x@sha256:..
 *
 * A digest becomes part of file names, so nothing but 64 lower-case hex digits is one.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>

#define REF_HEX 64
#define REF_DIGEST_MAX (7 + REF_HEX + 1)

struct ref {
	const char *host;   /* "docker.io", "127.0.0.1:5000", "[::1]:5000" */
	const char *repo;   /* "library/alpine" */
	const char *tag;    /* "latest" when neither tag nor digest was written; NULL with a digest */
	const char *digest; /* "sha256:<hex>" or NULL; it beats a tag written beside it */
	const char *beside; /* that tag, or NULL */
};

/* Docker's short names get docker.io and library/. Fails with ERR_SPEC. */
int ref_parse(struct arena *a, const char *text, struct ref *out, struct err *e);

/* "host/repo:tag" or "host/repo@digest". */
const char *ref_text(struct arena *a, const struct ref *r);

bool ref_is_digest(const char *s);
bool ref_is_tag(const char *s);

/* The 64 hex digits of a digest that ref_is_digest accepts. */
static inline const char *ref_hex(const char *digest)
{
	return digest + 7;
}

/* "linux/amd64", "linux/arm/v7". variant NULL: any. */
struct platform {
	const char *os, *arch, *variant;
};

/* text NULL: the platform of this host. Fails with ERR_SPEC. */
int ref_platform(struct arena *a, const char *text, struct platform *out, struct err *e);
const char *ref_platform_text(struct arena *a, const struct platform *p);

/* PATH[:TAG] of an OCI layout folder. What follows a colon after the last slash is a tag.
 * tag is NULL if there is none. */
int ref_layout(struct arena *a, const char *text, const char **path, const char **tag,
	struct err *e);
