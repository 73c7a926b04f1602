/* store_db.h - the open database, for the files that make up the store and for nobody else. */
#pragma once

#include "reconciler/engine/store.h"

#include <sqlite3.h>

sqlite3 *store_db(struct store *s);

/* Open the database of that path; what sqlite3_open_v2 returns. A bare reader takes the file alone, without
 * the log. *db is the caller's also after a failure. */
int store_file_open(const char *path, bool write, bool bare, sqlite3 **db);

/* Allocate room for later passes behind the end of the database of that path and of its log. Only when
 * no connection of this process is open: closing a file of SQLite's gives up its locks (fcntl(2)). A
 * failure is no error: there is room, or there is none to be had. */
void store_reserve(const char *path);

/* Whether the database of that path was not closed in order the last time; asked before it is opened. */
bool store_check_is_due(const char *path);

/* Look at every page: 0, or -1 with ERR_STATE where something is wrong. */
int store_check_pages(struct store *s, struct err *e);

/* Fill e with what SQLite says went wrong. Returns -1. */
int store_db_error(struct store *s, const char *what, struct err *e);
