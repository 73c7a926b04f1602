/* handles.h - vms/NAME/handles.json: how to find each kernel object of a VM again.
 *
 * Written (temporary file, fsync, rename, fsync of the folder) before SQLite or memory believe
 * what is in it. SQLite mirrors it: a file that is missing, empty, torn, of another VM or of
 * another instance is ignored and costs nothing but the newest facts, which the next look at the
 * kernel finds again.
 *
 *	{"v":1,"instance":"1a2b3c4d","vm":"web","facts":{"pid":"123",...},
 *	 "rows":[{...},{...}],"check":"crc32 of facts and rows"}
 *
 * rows mirrors the other way: the rows of the VM and its disk as they stood when the file was
 * written, so that a lost database can be rebuilt (recover.h).
 */
#pragma once

#include "schema/model.h"

struct handles {
	struct kvs facts;
	struct records rows;
};

/* Replace the file of a VM; makes the folder vms/NAME. */
int handles_write(int state_fd, const char *instance, const char *vm, const struct handles *h,
	struct err *e);

/* Read it. 0 with *out; 1 when there is none that can be trusted (*why, if not NULL, says what is
 * wrong with it, or is NULL when there simply is no file). Never fails. */
int handles_read(struct arena *a, int state_fd, const char *instance, const char *vm,
	struct handles *out, const char **why);

/* Remove it. Not there is success. */
int handles_remove(int state_fd, const char *vm, struct err *e);
