/* layout.h - an OCI layout folder: from PATH[:TAG] to the digest of a manifest.
 *
 *	PATH/oci-layout  PATH/index.json  PATH/blobs/sha256/<hex>
 *
 * Cheap: reads index.json and at most two nested indexes. The main program uses it as it is; the
 * worker gives a verify function, which checks that a blob's bytes have the digest it is named by.
 */
#pragma once

#include "drivers/image/manifest.h"

typedef int layout_verify(const void *data, size_t n, const char *digest, struct err *e);

/* text: PATH[:TAG]. pin: digest that the image has to have (of the manifest or of the index that
 * leads to it), or NULL. verify may be NULL.
 * Fails: ERR_NOINPUT no such folder; ERR_CONTENT not a layout, no such tag or platform, wrong pin. */
int layout_resolve(struct arena *a, const char *text, const char *pin, const struct platform *want,
	layout_verify *verify, struct descriptor *out, struct err *e);

/* Read a small blob whole; at most max bytes. */
int layout_blob(struct arena *a, const char *path, const char *digest, size_t max, char **buf,
	size_t *n, struct err *e);
