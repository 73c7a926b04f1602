/* modinfo.h - what a kernel module says about itself: the .modinfo section of its ELF file.
 *
 * PURE. The file is hostile: every offset and length in it is checked against its size.
 * Little-endian ELF64 relocatable files only, which is what x86-64 and arm64 modules are.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define MODINFO_NAME_MAX 64

struct modinfo {
	const char *name;     /* NULL when the file does not say */
	const char *depends;  /* "virtio,virtio_ring": these must be there first; "" for none */
	const char *soft_pre; /* "pre:" part of softdep lines, space-separated; "" for none */
};

/* Read what the n bytes of a module file say; strings are copied into a. what names it in errors.
 * Fails with ERR_CONTENT. */
int modinfo_read(struct arena *a, const void *elf, size_t n, const char *what, struct modinfo *out,
	struct err *e);

/* The module's name that a file name stands for: base name up to ".ko", "-" as "_". NULL when it is
 * no module's file name. */
char *modinfo_file_name(struct arena *a, const char *path);

/* Whether s may be a module's name: letters, digits and "_", at most MODINFO_NAME_MAX. */
bool modinfo_is_name(const char *s);
