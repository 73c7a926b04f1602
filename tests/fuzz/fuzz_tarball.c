/* fuzz_tarball.c - any bytes as an image archive: its members are ranges of the file, whatever the
 * headers say, and an image is found in it or refused with a reason. */
#include "drivers/image/worker/docker.h"
#include "drivers/image/worker/tarball.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tarball *t, size_t size)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct member *m = &t->v[i], *found = tarball_find(t, m->name);

		if (m->at > size || m->n > size - m->at)
			abort();
		if (found && found->link)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct platform platform = {"linux", "amd64", NULL};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int fd = memfd_create("archive", MFD_CLOEXEC);
	struct docker_image image;
	struct tarball *t = NULL;
	struct err e = ERR_INIT;
	char path[64];

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (tarball_open(&a, path, &t, &e) < 0) {
		if (e.kind == ERR_NONE)
			abort();
		return 0;
	}
	check(t, size);
	if (docker_find(t, &a, NULL, &platform, &image, &e) < 0 && e.kind == ERR_NONE)
		abort();
	tarball_close(t);
	return 0;
}
