/* modules.h - which kernel modules a guest needs, and in which order they are loaded.
 *
 * PURE. modules_order asks its caller for each module by name and goes down the dependencies; a
 * module comes after everything that it depends on.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stdbool.h>
#include <stddef.h>

/* A module that guests want. */
struct module_want {
	const char *name;
	bool required;   /* without it (as module or built in) no guest comes up */
	unsigned device; /* only loaded where a virtio device of this id is; 0: always */
	const char *why;
};

/* Those that are always loaded come first. */
extern const struct module_want modules_wanted[];
extern const size_t modules_wanted_n;

enum module_where { MODULE_MISSING, MODULE_BUILTIN, MODULE_FILE };

/* What the caller knows about a module. */
struct module_facts {
	enum module_where where;
	const char *depends;  /* MODULE_FILE: comma-separated */
	const char *soft_pre; /* MODULE_FILE: space-separated; used when they are there */
	void *file;           /* the caller's own */
};

struct module_list {
	struct module_entry {
		const char *name;
		void *file;
		unsigned device; /* as in module_want; 0 also when several need it */
	} *v;
	size_t n, cap;
};

/* Fill facts for a module; 0, or -1 with e. */
typedef int module_look(void *arg, const char *name, struct module_facts *facts, struct err *e);

/* All wanted modules with their dependencies in loading order; those built in are left out.
 * Fails with ERR_NOINPUT when a required one is missing, ERR_CONTENT on a circle of dependencies,
 * too many modules, or a dependency that is missing (an optional module is left out then). */
int modules_order(struct arena *a, const struct module_want *want, size_t n, module_look *look,
	void *arg, struct module_list *out, struct err *e);

/* Whether name is among the lines of a modules.builtin file (paths such as
 * "kernel/fs/ext4/ext4.ko"). */
bool modules_is_builtin(const char *text, const char *name);
