/* make.h - the worker's task "kernel": a kernel file and an initrd, named by their content.
 *
 *	request  {"file": "/boot/vmlinuz", "modules": "/lib/modules/6.1.0" or null,
 *	          "initrd": "/..." instead of the one that is made, or null,
 *	          "elf": true: of a bzImage the ELF file in it,
 *	          "image": digest of the image that file and modules were taken out of,
 *	          "guest": ".../reconcile-guest", "state_dir": "/...", "only_id": bool,
 *	          "id": expected id or absent}
 *	result   {"id": "32 hex digits", "file": "kernels/ID/kernel", "initrd": "kernels/ID/initrd",
 *	          "kernel_size": N, "initrd_size": N, "modules": ["kernel/fs/...", ...]}
 *
 * id is a hash over the format's version, the user's kernel file and the initrd; with "image" over its digest
 * and what is added to it, so that it can be told before anything was fetched: with only_id then neither
 * file nor modules are needed, and the sizes are left out. With only_id nothing is written. Otherwise STATE_DIR/kernels/ID is made whole: in the folder .ID.tmp, fsync, rename; one
 * that is there with the right sizes stays. An id other than the expected one fails with
 * ERR_CONFLICT: the files were changed since the plan was made.
 */
#pragma once

#include "schema/base/json.h"

int kernel_make_run(const json_t *request, json_t **result, struct err *e);

/* Give up what that does not need; before it, in a process that does nothing else. */
int kernel_make_confine(const json_t *request, struct err *e);
