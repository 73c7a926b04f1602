/* make.h - the worker's task "kernel": a kernel file and an initrd, named by their content.
 *
 *	request  {"file": "/boot/vmlinuz", "modules": "/lib/modules/6.1.0" or null,
 *	          "guest": ".../reconcile-guest", "state_dir": "/...", "only_id": bool,
 *	          "id": expected id or absent}
 *	result   {"id": "32 hex digits", "base": the same, "file": "kernels/ID/kernel", "initrd": "kernels/ID/initrd",
 *	          "kernel_size": N, "initrd_size": N, "modules": ["kernel/fs/...", ...]}
 *
 * id is a hash over the format's version, the kernel and the initrd; base is one without the guest program,
 * which an update of ours brings. With only_id nothing is
 * written. Otherwise STATE_DIR/kernels/ID is made whole: in the folder .ID.tmp, fsync, rename; one
 * that is there with the right sizes stays. An id other than the expected one fails with
 * ERR_CONFLICT: the files were changed since the plan was made.
 */
#pragma once

#include "schema/base/json.h"

int kernel_make_run(const json_t *request, json_t **result, struct err *e);

/* Give up what that does not need; before it, in a process that does nothing else. */
int kernel_make_confine(const json_t *request, struct err *e);
