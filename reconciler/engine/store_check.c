/* store_check.c - whether the pages of the database make sense; asked where its end was not a clean one.
 *
 * Whoever closes the database last moves the log into it and leaves the log empty: one with something in
 * it tells of a process that was killed, or of a host that was. (Or of a reader who was there at the time;
 * then it is checked for nothing.) After a clean end nothing is checked: that would read every page.
 */
#include "reconciler/engine/store_db.h"

#include <string.h>
#include <sys/stat.h>

bool store_check_is_due(const char *path)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct stat st;

	return stat(arena_printf(&a, "%s-wal", path), &st) == 0 && st.st_size > 0;
}

/* sqlite.org/pragma.html, quick_check: one row, "ok" or the first thing that is wrong. */
int store_check_pages(struct store *s, struct err *e)
{
	sqlite3_stmt *st = NULL;
	const char *found;
	int rc = -1;

	if (sqlite3_prepare_v2(store_db(s), "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW) {
		store_db_error(s, "cannot check the state database", e);
		goto out;
	}
	found = (const char *)sqlite3_column_text(st, 0);
	if (found && !strcmp(found, "ok"))
		rc = 0;
	else
		err_set(e, ERR_STATE, "the state database is damaged: %s", found ? found : "no answer");
out:
	sqlite3_finalize(st);
	return rc;
}
