/* fuzz_bzimage.c - any bytes as a bzImage: what is unpacked has the size that was announced, or there is a
 * reason. */
#include "drivers/kernel/worker/bzimage.h"
#include "schema/base/fd.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LARGEST (4u << 20) /* unpacked: the fuzzer is to be quick */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("kernel", MFD_CLOEXEC), to = memfd_create("elf", MFD_CLOEXEC);
	struct err e = ERR_INIT;
	struct bzimage b;
	struct stat st;

	if (fd < 0 || to < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	if (bzimage_find(fd, size, "fuzz", &b, &e) < 0) {
		if (e.kind == ERR_NONE)
			abort();
		return 0;
	}
	if (b.at > size || b.n > size - b.at)
		abort();
	if (b.size > LARGEST)
		return 0;
	if (bzimage_unpack(fd, &b, "fuzz", to, &e) < 0) {
		if (e.kind == ERR_NONE)
			abort();
		return 0;
	}
	if (fstat(to, &st) < 0 || (uint64_t)st.st_size != b.size)
		abort();
	return 0;
}
