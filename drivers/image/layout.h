/* layout.h - an OCI image layout: which manifest a tag or platform leads to.
 *
 *	PATH/index.json -> (nested index ->) manifest, all in PATH/blobs/sha256/<hex>
 *
 * Cheap: reads index.json and at most two nested indexes. The main program uses it as it is on a
 * folder; the worker gives a verify function, which checks that a blob's bytes have the digest it
 * is named by, and reads archives too.
 */
#pragma once

#include "drivers/image/manifest.h"

typedef int layout_verify(const void *data, size_t n, const char *digest, struct err *e);

/* Where the files of a layout are. */
struct layout {
	const char *path; /* for messages */
	/* A small file whole; name is relative ("index.json"). Fails as file_read does. */
	int (*read)(const struct layout *l, struct arena *a, const char *name, size_t max, char **buf,
		size_t *n, struct err *e);
	const void *arg;
};

/* A layout in a folder. */
struct layout layout_folder(const char *path);

/* What a resolve asks for. */
struct layout_wish {
	const char *tag; /* or NULL */
	const char *pin; /* digest that the image has to have (of the manifest or of the index that
	                  * leads to it), or NULL */
	const struct platform *platform;
	layout_verify *verify; /* may be NULL */
};

/* Fails: ERR_NOINPUT no such folder; ERR_CONTENT not a layout, no such tag or platform, wrong pin. */
int layout_find(const struct layout *l, struct arena *a, const struct layout_wish *wish,
	struct descriptor *out, struct err *e);

/* text: PATH[:TAG] of a folder. */
int layout_resolve(struct arena *a, const char *text, const char *pin, const struct platform *want,
	layout_verify *verify, struct descriptor *out, struct err *e);

/* Read a small blob whole; at most max bytes. */
int layout_blob(const struct layout *l, struct arena *a, const char *digest, size_t max, char **buf,
	size_t *n, struct err *e);
