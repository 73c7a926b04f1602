/* xattr.h - extended attributes of one file, packed into one piece of memory. PURE.
 *
 *	{ u16 length of name, u32 length of value, name, NUL, value } ...
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct xattr {
	const char *name; /* NUL-terminated, with its namespace: "security.capability" */
	const void *value;
	size_t size;
};

/* Whether an attribute belongs in the file system of a machine: user.*, trusted.* but not an
 * overlay's own, security.* but not labels of the build host's policy, POSIX ACLs. */
bool xattr_wanted(const char *name);

/* Append one to a growing buffer of at most max bytes. */
int xattr_pack(char *buf, size_t max, size_t *used, const struct xattr *x, struct err *e);

/* The one at *at; moves *at on. false at the end. */
bool xattr_unpack(const void *packed, size_t n, size_t *at, struct xattr *out);
