/* cgroup.h - cgroups of version 2 below one folder of ours (kernel documentation, cgroup-v2). */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where the second version is mounted on this host ("/sys/fs/cgroup", or "unified" in it). ERR_FAILED
 * when it is nowhere. */
int cgroup_mount(const char **path, struct err *e);

/* Open the folder name in parent, made when it is not there. *fd is the caller's. */
int cgroup_make(int parent, const char *name, int *fd, struct err *e);

/* Open it. 0; 1 there is none; -1 with e. */
int cgroup_open(int parent, const char *name, int *fd, struct err *e);

/* Write one file of the group, such as "memory.max". 0; 1 there is no such file (the controller is not
 * switched on); -1 with e. */
int cgroup_write(int group, const char *file, const char *value, struct err *e);

/* Kill all that is in it, and wait at most timeout_ms until it is empty. 0 empty; 1 not yet. */
int cgroup_kill(int group, int timeout_ms, struct err *e);

/* Whether processes are in it or below it. -1 with e. */
int cgroup_populated(int group, struct err *e);

/* How many processes are in it itself; -1 when that cannot be told. */
int64_t cgroup_count(int group);

/* Remove the empty group. Gone already is success; ERR_CONFLICT while somebody is in it. */
int cgroup_remove(int parent, const char *name, struct err *e);

/* Path of the process's group of version 2, "/" at the front. 0; 1 no such process; -1 with e. */
int cgroup_of(pid_t pid, char *out, size_t max, struct err *e);
