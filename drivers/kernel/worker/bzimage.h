/* bzimage.h - the ELF kernel inside a bzImage: Firecracker loads nothing else on x86.
 *
 *	bzImage = boot sector, setup code, unpacker, payload
 *	payload = the compressed vmlinux; behind it, but for gzip which has it itself, the size of what is
 *	          in it: 4 bytes (scripts/Makefile.lib: size_append)
 *
 * Where the payload is stands in the setup header (Documentation/arch/x86/boot.rst). Every number in it
 * is checked against the file, and what comes out has to have the size that the file says.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bzimage {
	const char *packed_by; /* "gzip", "xz", "zstd", "lz4", "bzip2", "lzma" */
	uint64_t at, n;        /* bytes of the file, without the size behind them */
	uint64_t size;         /* of what is in it */
};

/* PURE. Whether the first n bytes of a file say that it is one. */
bool bzimage_is(const void *head, size_t n);

/* Where its payload is; the file has file_size bytes. what names it in messages. ERR_CONTENT: damaged,
 * too old to say where (before Linux 2.6.26), or packed in a way that is not read here. */
int bzimage_find(int fd, uint64_t file_size, const char *what, struct bzimage *out, struct err *e);

/* Unpack it to the end of another file. ERR_CONTENT: it is damaged, or no ELF kernel for x86-64. */
int bzimage_unpack(int fd, const struct bzimage *b, const char *what, int to, struct err *e);
