/* pick.h - the kernel in the tree of an image, and the modules that belong to it. PURE.
 *
 *	boot/vmlinuz-VERSION, vmlinux..., bzImage...    as packages of distributions install it
 *	usr/lib/modules/VERSION/vmlinuz, lib/modules/...  the same, where a system is one folder
 *	vmlinuz..., kernel                              images that are made for it
 *
 * The first of these places that has a kernel counts, and it has to be the only one there. Symbolic links
 * are not followed and count for nothing. Modules are those of the kernel's VERSION, or the only ones that
 * there are.
 */
#pragma once

#include "drivers/image/worker/merge.h"
#include "schema/base/arena.h"
#include "schema/base/vec.h"

#define PICK_KERNEL "kernel"
#define PICK_MODULES "modules"

/* A file to copy. */
struct pick {
	uint32_t inode;
	const char *to; /* PICK_KERNEL, or PICK_MODULES/kernel/fs/ext4/ext4.ko; no ".." in it */
};

struct picks {
	const char *kernel;  /* its path in the image, for people */
	const char *version; /* of the modules; NULL: there are none */
	VEC(struct pick) files; /* by inode, which is the order of layers and entries */
};

/* Of a finished tree. ERR_CONTENT: no kernel, or several of equal right; ERR_LIMIT. */
int pick_kernel(struct arena *a, struct merge *tree, struct picks *out, struct err *e);
