/* initrd.h - the initrd of a guest: the guest program as /init and the modules that it loads. */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stddef.h>

struct initrd {
	const char *data;
	size_t n;
	size_t guest_at, guest_end; /* the bytes in it that are the guest program */
	size_t end;                 /* what follows is padding */
	VEC(const char *) used; /* module files, relative to the modules folder */
};

/* Build it from the guest program's file and, if modules_dir is not NULL, the modules in it. The
 * same files give the same bytes. */
int initrd_build(struct arena *a, const char *guest, const char *modules_dir, struct initrd *out,
	struct err *e);
