/* store_db.h - the open database, for the files that make up the store and for nobody else. */
#pragma once

#include "reconciler/engine/store.h"

#include <sqlite3.h>

sqlite3 *store_db(struct store *s);

/* Fill e with what SQLite says went wrong. Returns -1. */
int store_db_error(struct store *s, const char *what, struct err *e);
