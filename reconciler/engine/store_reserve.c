/* store_reserve.c - room on the disk that is kept for the way out.
 *
 * Removing VMs is what frees a full disk, and it writes first: intents, outcomes, rows, history. So
 * each writer that leaves has blocks allocated behind the end of the log and of the database
 * (fallocate(2), FALLOC_FL_KEEP_SIZE): their sizes stay as SQLite made them, and what it appends on a
 * full disk goes into these blocks. A file system that cannot do so (or copies on write) does
 * without; then a full disk needs room made by hand, as docs/running.md says.
 *
 * The index of the log cannot be kept so: each first connection cuts it short. Without room for it
 * store_open does without it.
 *
 * The log is begun anew from its start every 1000 pages (sqlite.org/wal.html), so a reserve of
 * that size lasts for many commits. The database grows by what history a removal adds.
 */
#include "reconciler/engine/store_db.h"

#include "schema/base/fd.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MIB (1024ll * 1024)
#define LOG_BYTES (4 * MIB)
#define DATABASE_BYTES MIB

static void reserve(const char *path, off_t bytes, bool behind)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	/* st_blocks counts what is allocated already, behind the end too. */
	if (fd < 0 || fstat(fd, &st) < 0 || (behind && st.st_blocks * 512 >= st.st_size + bytes))
		return;
	(void)!fallocate(fd, FALLOC_FL_KEEP_SIZE, behind ? st.st_size : 0, bytes);
}

void store_reserve(const char *path)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	reserve(arena_printf(&a, "%s-wal", path), LOG_BYTES, false);
	reserve(path, DATABASE_BYTES, true);
}
