/* fuzz_handles.c - any bytes as handles.json: believed or not, and if so, written back the same. */
#include "reconciler/engine/handles.h"

#include "schema/base/fd.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];
static int dir = -1;

static void remove_folder(void)
{
	fd_close(&dir);
	tree_remove(AT_FDCWD, folder, NULL);
}

static int set_up(void)
{
	/* In memory where the host has such a place: an fsync there costs nothing. */
	snprintf(folder, sizeof(folder), "%s/fuzz-handles-XXXXXX",
		access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(folder))
		return -1;
	atexit(remove_folder);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_make(dir, "vms/web", 0700, NULL);
}

static void put(const uint8_t *data, size_t size)
{
	int fd = openat(dir, "vms/web/handles.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles facts, again;
	const char *why;

	if (dir < 0 && set_up() < 0)
		abort();
	put(data, size);
	if (handles_read(&a, dir, "1a2b3c4d", "web", &facts, &why) != 0) {
		if (facts.facts.n || facts.rows.n || !why || !why[0])
			abort(); /* refused without a reason, or with facts */
		return 0;
	}
	if (handles_write(dir, "1a2b3c4d", "web", &facts, NULL) < 0 ||
		handles_read(&a, dir, "1a2b3c4d", "web", &again, &why) != 0 ||
		!kvs_equal(&facts.facts, &again.facts) || facts.rows.n != again.rows.n)
		abort();
	return 0;
}
