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

/* What ociref_check takes, but for the length of the name, as ECMA 262 has it. */
#define OCIREF_LABEL "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define OCIREF_PORT                                                                                \
	"([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
/* Only what has a dot or a port is a host, or localhost. */
#define OCIREF_HOST                                                                                \
	"((" OCIREF_LABEL "(\\." OCIREF_LABEL ")+|\\[[0-9a-fA-F:.]{2,}\\])(:" OCIREF_PORT ")?|"      \
	OCIREF_LABEL ":" OCIREF_PORT "|localhost)"
#define OCIREF_COMPONENT "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*"
#define OCIREF_TAG "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
#define OCIREF_PATTERN                                                                             \
	"^(" OCIREF_HOST "/)?" OCIREF_COMPONENT "(/" OCIREF_COMPONENT ")*(:" OCIREF_TAG ")?"       \
	"(@sha256:[0-9a-f]{64})?$"

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
