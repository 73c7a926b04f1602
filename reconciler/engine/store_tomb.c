/* store_tomb.c - deleted VMs whose disks are kept, in SQLite; see store.h. */
#include "reconciler/engine/store_db.h"

#include "schema/base/json.h"

#include <string.h>

static const char cannot_read[] = "cannot read what is kept of deleted VMs";
static const char cannot_write[] = "cannot write what is kept of deleted VMs";

static const char *const states[] = {"closing", "kept", "purging"};

static void finish(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
	*st = NULL;
}
#define _cleanup_stmt_ _cleanup_(finish)

static int prepare(struct store *s, const char *sql, sqlite3_stmt **st, struct err *e)
{
	if (sqlite3_prepare_v2(store_db(s), sql, -1, st, NULL) != SQLITE_OK)
		return store_db_error(s, cannot_read, e);
	return 0;
}

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text ? text : "", -1, SQLITE_TRANSIENT);
}

static int step_done(struct store *s, sqlite3_stmt *st, struct err *e)
{
	return sqlite3_step(st) == SQLITE_DONE ? 0 : store_db_error(s, cannot_write, e);
}

static void bind_record(struct arena *a, sqlite3_stmt *st, int i, const struct record *r)
{
	bind_text(st, i, json_from_kvs(a, &r->fields));
	bind_text(st, i + 1, json_from_kvs(a, &r->facts));
	sqlite3_bind_int64(st, i + 2, r->generation);
}

int store_tomb_put(struct store *s, const struct tombstone *t, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (prepare(s, "INSERT OR REPLACE INTO tombstone (id, name, source, state, deleted_ms, until_ms,"
		       " place, vm_fields, vm_facts, vm_generation, disk_fields, disk_facts,"
		       " disk_generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &st, e) < 0)
		return -1;
	bind_text(st, 1, t->id);
	bind_text(st, 2, t->name);
	bind_text(st, 3, t->source);
	bind_text(st, 4, states[t->state]);
	sqlite3_bind_int64(st, 5, t->deleted_ms);
	sqlite3_bind_int64(st, 6, t->until_ms);
	bind_text(st, 7, t->vm.where);
	bind_record(&a, st, 8, &t->vm);
	bind_record(&a, st, 11, &t->disk);
	return step_done(s, st, e);
}

int store_tomb_drop(struct store *s, const char *id, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "DELETE FROM tombstone WHERE id = ?", &st, e) < 0)
		return -1;
	bind_text(st, 1, id);
	return step_done(s, st, e);
}

/* ---- read --------------------------------------------------------------------------------- */

/* A damaged database may have nothing where the schema says there is something. */
static const char *column(struct arena *a, sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text ? arena_dup(a, text) : "";
}

static int read_record(struct arena *a, sqlite3_stmt *st, int i, enum kind kind,
	const struct tombstone *t, struct record *r, struct err *e)
{
	*r = (struct record){.kind = kind, .name = t->name, .source = t->source,
		.state = RECORD_MAKING, .where = column(a, st, 6),
		.generation = (uint32_t)sqlite3_column_int64(st, i + 2)};
	if (json_to_kvs(a, column(a, st, i), "fields", &r->fields, e) == 0 &&
		json_to_kvs(a, column(a, st, i + 1), "facts", &r->facts, e) == 0)
		return 0;
	e->kind = ERR_STATE;
	return err_wrap(e, "what is kept of %s/%s", kind_name(kind), t->name);
}

static int read_tomb(struct arena *a, sqlite3_stmt *st, struct tombstone *t, struct err *e)
{
	const char *state = column(a, st, 3);

	*t = (struct tombstone){
		.id = column(a, st, 0),
		.name = column(a, st, 1),
		.source = column(a, st, 2),
		.state = !strcmp(state, "purging") ? TOMB_PURGING
			: !strcmp(state, "closing") ? TOMB_CLOSING : TOMB_KEPT,
		.deleted_ms = sqlite3_column_int64(st, 4),
		.until_ms = sqlite3_column_int64(st, 5),
	};
	if (read_record(a, st, 7, KIND_VM, t, &t->vm, e) < 0)
		return -1;
	return read_record(a, st, 10, KIND_DISK, t, &t->disk, e);
}

/* A reader may have a database of before there were tombstones. */
static int has_table(struct store *s, bool *there, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	int rc;

	if (prepare(s, "SELECT 1 FROM sqlite_schema WHERE name = 'tombstone'", &st, e) < 0)
		return -1;
	rc = sqlite3_step(st);
	*there = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : store_db_error(s, cannot_read, e);
}

int store_tomb_list(struct store *s, struct arena *a, struct tombstones *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	bool there;
	int rc;

	*out = (struct tombstones){0};
	if (has_table(s, &there, e) < 0)
		return -1;
	if (!there)
		return 0;
	if (prepare(s, "SELECT id, name, source, state, deleted_ms, until_ms, place, vm_fields, vm_facts,"
		       " vm_generation, disk_fields, disk_facts, disk_generation FROM tombstone"
		       " ORDER BY name, deleted_ms DESC, id", &st, e) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (read_tomb(a, st, vec_push(a, out), e) < 0)
			return -1;
	return rc == SQLITE_DONE ? 0 : store_db_error(s, cannot_read, e);
}
