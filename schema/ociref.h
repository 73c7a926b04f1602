/* ociref.h - references to images in registries and in layout folders, as a spec may say them.
 *
 *	[HOST[:PORT]/]PATH[:TAG][@sha256:HEX]     oci
 *	PATH[:TAG]                                oci_layout; the tag is behind the last colon if no
 *	                                          slash follows
 *
 * PURE. Only the form is judged here; what a short name means is for the registry client to say.
 */
#pragma once

#include "schema/base/err.h"

#include <stddef.h>

/* Whether text is a reference. 0, or -1 with what is wrong in e. */
int ociref_check(const char *text, struct err *e);

/* Whether text is HOST[:PORT][/PREFIX], before which names of repositories can stand. 0, or -1 with e. */
int ociref_check_mirror(const char *text, struct err *e);

/* The digest of a checked reference, "sha256:...", NULL if it has none. */
const char *ociref_digest(const char *text);

/* The tag of PATH[:TAG], NULL if it has none; *path_len is the length of PATH. */
const char *ociref_layout_tag(const char *text, size_t *path_len);

/* Whether text is a tag. 0, or -1 with e. */
int ociref_check_tag(const char *text, struct err *e);
