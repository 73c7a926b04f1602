/* pull.h - the worker's verbs for images.
 *
 *	image-resolve  {"oci": REF | another key of origin.h, "digest": PIN | null,
 *	                "platform": "OS/ARCH" | null, "compare_tag": true | absent,
 *	                "auth_file": "/..." | null, "mirrors": ["HOST[:PORT][/PREFIX]", ...] | null}
 *	            -> {"id": "sha256:...", "ref": "...", "tag_means": null | what origin_other says, if
 *	                it was asked to compare}
 *	image-pull     the same and {"id", "state_dir", "cache_dir", "file": "images/NAME.ext4",
 *	                "size": bytes, 0 or absent: what is needed}
 *	            -> {"id", "file", "size", "config": "{...}"}
 *
 *	image-fetch    the same as image-resolve and {"cache_dir"}; oci only. Or several at once, see batch.h
 *	            -> {"id", "ref", "tag_means", "bytes": of its blobs}; they are in the cache, verified
 *
 * Every error names the image. Nothing half-made is left under a published name.
 */
#pragma once

#include "schema/base/json.h"

struct pool;

int pull_resolve(const json_t *request, json_t **result, struct err *e);
int pull_fetch(const json_t *request, json_t **result, struct err *e);
/* One of several: over connections that are shared, progress under a name, and confined by who calls. */
int pull_fetch_of(const json_t *request, struct pool *pool, const char *of, json_t **result,
	struct err *e);
int pull_run(const json_t *request, json_t **result, struct err *e);
