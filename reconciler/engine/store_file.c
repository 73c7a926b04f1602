/* store_file.c - how the file of the database is opened. */
#include "reconciler/engine/store_db.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* '%', '?' and '#' mean something in a URI (sqlite.org/uri.html). */
static const char *escape(struct arena *a, const char *path)
{
	char *out = arena_array(a, strlen(path) + 1, 3), *p = out;

	for (; *path; path++)
		if (strchr("%?#", *path))
			p += snprintf(p, 4, "%%%02X", (unsigned char)*path);
		else
			*p++ = *path;
	return out;
}

static bool has_file(struct arena *a, const char *path, const char *suffix)
{
	return access(arena_printf(a, "%s%s", path, suffix), F_OK) == 0;
}

/* A reader makes no file. The log and its index are there since the first writer left them; the index
 * is scratch memory that processes share, and a reader may have to fill it (sqlite.org/walformat.html).
 * With readonly_shm=1 it would not even do that, but then SQLite 3.40 tries for ten seconds and gives up
 * when a writer was killed between the head of the log and its first page. Where there is neither log
 * nor index, in a copy, the file alone is complete. */
static const char *reader_uri(struct arena *a, const char *path, bool bare)
{
	bool alone = bare || (!has_file(a, path, "-shm") && !has_file(a, path, "-wal"));

	return arena_printf(a, "file:%s?%s", escape(a, path), alone ? "immutable=1" : "");
}

int store_file_open(const char *path, bool write, bool bare, sqlite3 **db)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int flags = SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE;

	flags |= write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
		       : SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
	return sqlite3_open_v2(write ? path : reader_uri(&a, path, bare), db, flags, NULL);
}
