/* modtree.h - a folder lib/modules/VERSION on disk: its module files by name, and their content.
 *
 * modules.dep is made by depmod when a package is installed; a package that was only unpacked has
 * none, so the files themselves are looked at.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stddef.h>

#define MODTREE_FILE_MAX (64u * 1024 * 1024)

struct modtree_file {
	const char *name; /* of the module */
	const char *path; /* relative to the folder */
};

struct modtree {
	const char *dir;
	int fd;
	const char *builtin; /* content of modules.builtin, "" when there is none */
	VEC(struct modtree_file) files; /* by name; of several with one name the one in updates/ or,
	                                 * else, the first by path comes first */
};

/* Open a folder and list its modules. Symbolic links are not followed.
 * Fails with ERR_NOINPUT when it is not there or holds no module. */
int modtree_open(struct arena *a, const char *dir, struct modtree *out, struct err *e);
void modtree_close(struct modtree *t);
#define _cleanup_modtree_ _cleanup_(modtree_close)

/* File of the module of that name, NULL if there is none. */
const struct modtree_file *modtree_find(const struct modtree *t, const char *name);

/* Content of a module file, decompressed (.xz, .zst, .gz) when its name says so. ERR_LIMIT beyond
 * MODTREE_FILE_MAX. */
int modtree_read(struct arena *a, const struct modtree *t, const struct modtree_file *f, char **data,
	size_t *n, struct err *e);
