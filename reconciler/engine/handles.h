/* handles.h - vms/NAME/handles.json: how to find each kernel object of a VM again.
 *
 * Written (temporary file, fsync, rename, fsync of the folder) before SQLite or memory believe
 * what is in it. SQLite mirrors it: a file that is missing, empty, torn, of another VM or of
 * another instance is ignored and costs nothing but the newest facts, which the next look at the
 * kernel finds again.
 *
 *	{"v":1,"instance":"1a2b3c4d","vm":"web","facts":{"pid":"123",...},"check":"crc32 of facts"}
 */
#pragma once

#include "schema/base/kv.h"

/* Replace the file of a VM; makes the folder vms/NAME. */
int handles_write(int state_fd, const char *instance, const char *vm, const struct kvs *facts,
	struct err *e);

/* Read it. 0 with the facts; 1 when there is none that can be trusted (*why, if not NULL, says
 * what is wrong with it, or is NULL when there simply is no file). Never fails. */
int handles_read(struct arena *a, int state_fd, const char *instance, const char *vm,
	struct kvs *facts, const char **why);

/* Remove it. Not there is success. */
int handles_remove(int state_fd, const char *vm, struct err *e);
