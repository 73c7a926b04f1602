/* store.c - saved state in SQLite; see store.h. */
#include "reconciler/engine/store_db.h"

#include "reconciler/engine/rowtext.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"
#include "schema/base/point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
#define WAL_RETRY_MS 5
#define JOURNAL_KEEP 10000 /* finished rows that are kept for people to look at */

struct store {
	sqlite3 *db;
	char *path;    /* of a writer; NULL: it only reads */
	bool no_index; /* the file that the index of the log is in has no room on the disk */
	int lock_fd;   /* of a reader that does without it: no writer may begin meanwhile */
};

/* Connections of this process: what closes a file of the database in any other way gives up the locks
 * of all of them (fcntl(2)), so room is only reserved when there is none. */
static int connections;

/* Numbered migrations: entry i brings version i to i + 1. Entries never change once released. */
static const char *const migrations[] = {
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
	"CREATE TABLE object ("
	"  kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('making', 'made', 'failed', 'deleting')),"
	"  fields TEXT NOT NULL, facts TEXT NOT NULL, place TEXT NOT NULL, reason TEXT,"
	"  attempts INTEGER NOT NULL, retry_at_ms INTEGER NOT NULL,"
	"  changed_at_ms INTEGER NOT NULL, generation INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, name, source)) STRICT, WITHOUT ROWID;"
	/* Host-wide names: two sources may each have an image "base", never a VM "web". */
	"CREATE UNIQUE INDEX object_name ON object (kind, name) WHERE kind IN ('vm', 'disk');"
	"CREATE TABLE lease ("
	"  pool TEXT NOT NULL, value INTEGER NOT NULL CHECK (value >= 0), owner TEXT NOT NULL,"
	"  PRIMARY KEY (pool, value), UNIQUE (pool, owner)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE journal ("
	"  id INTEGER PRIMARY KEY, pass TEXT NOT NULL, op TEXT NOT NULL, kind TEXT NOT NULL,"
	"  name TEXT NOT NULL, args TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN"
	"    ('intent', 'done', 'failed', 'undone', 'undo-failed', 'interrupted')),"
	"  error TEXT, begun_ms INTEGER NOT NULL, ended_ms INTEGER) STRICT;"
	"CREATE INDEX journal_open ON journal (state) WHERE state = 'intent';",
	/* History: rows are added and never changed. What the trim may remove lies at or below the
	 * floor, and the floor only rises; up to where it was, history is known to be incomplete. */
	"CREATE TABLE event ("
	"  seq INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, pass TEXT NOT NULL,"
	"  kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL, what TEXT NOT NULL,"
	"  state TEXT, detail TEXT NOT NULL, place TEXT NOT NULL, uid INTEGER NOT NULL) STRICT;"
	"CREATE INDEX event_object ON event (kind, name, seq);"
	"CREATE INDEX event_time ON event (time_ms);"
	"CREATE INDEX event_state ON event (kind, name, source, seq) WHERE state IS NOT NULL;"
	"CREATE TABLE event_floor ("
	"  id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, time_ms INTEGER NOT NULL)"
	" STRICT;"
	"CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN"
	"  SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TRIGGER event_no_replace BEFORE INSERT ON event"
	"  WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq) BEGIN"
	"  SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TRIGGER event_no_delete BEFORE DELETE ON event"
	"  WHEN OLD.seq > (SELECT seq FROM event_floor) BEGIN"
	"  SELECT RAISE(ABORT, 'history is append-only'); END;"
	"CREATE TRIGGER event_floor_rises BEFORE UPDATE ON event_floor WHEN NEW.seq < OLD.seq BEGIN"
	"  SELECT RAISE(ABORT, 'the floor of history only rises'); END;"
	"INSERT INTO event_floor VALUES"
	"  (1, 0, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));"
	/* What was there before history began is its first page. */
	"INSERT INTO event (time_ms, pass, kind, name, source, what, state, detail, place, uid)"
	"  SELECT (SELECT time_ms FROM event_floor), '', kind, name, source, 'recorded',"
	"    CASE WHEN kind <> 'vm' OR state <> 'made' THEN state"
	"      WHEN fields LIKE '%\"running\":\"false\"%' THEN 'stopped' ELSE 'running' END,"
	"    '{\"text\":\"was there before history began\"}', place, 0 FROM object"
	"    ORDER BY kind, name, source;",
	/* A VM that was deleted and whose disk is kept for a while. "closing": its rows are still in
	 * object; "purging": the disk is being removed for good. */
	"CREATE TABLE tombstone ("
	"  id TEXT PRIMARY KEY, name TEXT NOT NULL, source TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('closing', 'kept', 'purging')),"
	"  deleted_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, place TEXT NOT NULL,"
	"  vm_fields TEXT NOT NULL, vm_facts TEXT NOT NULL, vm_generation INTEGER NOT NULL,"
	"  disk_fields TEXT NOT NULL, disk_facts TEXT NOT NULL, disk_generation INTEGER NOT NULL"
	"  ) STRICT, WITHOUT ROWID;"
	"CREATE INDEX tombstone_name ON tombstone (name, deleted_ms);",
};

#define SCHEMA_VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int db_error(struct store *s, struct err *e, const char *what)
{
	int code = sqlite3_extended_errcode(s->db);

	err_set(e, ERR_STATE, "%s: %s", what, sqlite3_errmsg(s->db));
	/* SQLITE_PROTOCOL: a lock of the log could not be had for so long that SQLite gave up. */
	if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_PROTOCOL) {
		err_set(e, ERR_LOCKED, "%s: the state database is in use", what);
		err_hint(e, "another program holds state.db; try again when it is done");
	}
	s->no_index |= code == SQLITE_IOERR_SHMSIZE;
	if ((code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE) {
		err_set(e, ERR_LIMIT, "%s: the disk is full", what);
		err_hint(e, "make room on the disk that holds the state directory");
	}
	return -1;
}

int store_db_error(struct store *s, const char *what, struct err *e)
{
	return db_error(s, e, what);
}

sqlite3 *store_db(struct store *s)
{
	return s->db;
}

static int run(struct store *s, const char *sql, const char *what, struct err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_error(s, e, what);
}

static void finish(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
	*st = NULL;
}
#define _cleanup_stmt_ _cleanup_(finish)

static int prepare(struct store *s, const char *sql, sqlite3_stmt **st, struct err *e)
{
	if (sqlite3_prepare_v2(s->db, sql, -1, st, NULL) != SQLITE_OK)
		return db_error(s, e, "cannot use the state database");
	return 0;
}

static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	if (text)
		sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(st, i);
}

static int step_done(struct store *s, sqlite3_stmt *st, const char *what, struct err *e)
{
	return sqlite3_step(st) == SQLITE_DONE ? 0 : db_error(s, e, what);
}

/* ---- open ------------------------------------------------------------------------------- */

static int read_int(struct store *s, const char *sql, int *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	*out = 0;
	if (prepare(s, sql, &st, e) < 0)
		return -1;
	if (sqlite3_step(st) != SQLITE_ROW)
		return db_error(s, e, "cannot read the state database");
	*out = sqlite3_column_int(st, 0);
	return 0;
}

/* 0: there is nothing in it yet. The tables are counted before the version is read: whoever makes
 * the database meanwhile commits both at once. */
static int read_version(struct store *s, int *version, struct err *e)
{
	int tables = 0;

	if (read_int(s, "SELECT count(*) FROM sqlite_schema", &tables, e) < 0 ||
		read_int(s, "PRAGMA user_version", version, e) < 0)
		return -1;
	if (*version < 0 || (*version == 0 && tables))
		return err_set(e, ERR_STATE, "is not a state database of ours (version %d)", *version);
	if (*version <= SCHEMA_VERSION)
		return 0;
	err_set(e, ERR_STATE, "the state database has version %d, this program knows up to %d",
		*version, SCHEMA_VERSION);
	e->errnum = ENOTSUP;
	return err_hint(e, "use the newer reconcile that wrote it; nothing was changed");
}

static int backup(struct store *s, const char *path, int version, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *to = arena_printf(&a, "%s.v%d", path, version);

	if (unlink(to) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot replace the backup %s", to);
	if (prepare(s, "VACUUM INTO ?", &st, e) < 0)
		return -1;
	bind_text(st, 1, to);
	return step_done(s, st, "cannot back up the state database", e);
}

static int migrate(struct store *s, const char *path, struct err *e)
{
	char set[64];
	int version;

	if (read_version(s, &version, e) < 0)
		return -1;
	if (version == SCHEMA_VERSION)
		return 0;
	if (version > 0 && backup(s, path, version, e) < 0)
		return -1;
	if (store_begin(s, e) < 0)
		return -1;
	/* Read again under the write lock: another process may have migrated meanwhile. */
	if (read_version(s, &version, e) < 0)
		goto undo;
	for (; version < SCHEMA_VERSION; version++) {
		snprintf(set, sizeof(set), "PRAGMA user_version = %d", version + 1);
		if (point_fails("store.migrate")) {
			err_sys(e, errno, "cannot bring the state database up to date");
			goto undo;
		}
		if (run(s, migrations[version], "cannot bring the state database up to date", e) < 0 ||
			run(s, set, "cannot bring the state database up to date", e) < 0)
			goto undo;
	}
	return store_commit(s, e);
undo:
	store_rollback(s);
	return -1;
}

/* The first switch to WAL goes from a read lock to an exclusive one. There SQLite does not call the
 * busy handler, since two that do so would wait for each other: whoever loses is told at once that
 * the database is busy, whatever the timeout, and has to begin again. */
static int switch_to_wal(struct store *s, const char *what, struct err *e)
{
	const struct timespec nap = {.tv_nsec = WAL_RETRY_MS * 1000000L};
	const int64_t end = clock_mono_ms() + BUSY_TIMEOUT_MS;

	while (run(s, "PRAGMA journal_mode = WAL", what, e) < 0) {
		if (e->kind != ERR_LOCKED || clock_mono_ms() >= end)
			return -1;
		err_clear(e);
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int set_up_writer(struct store *s, const char *path, struct err *e)
{
	const char *what = "cannot open the state database";
	const bool unclean = store_check_is_due(path); /* before we write to the log ourselves */
	int version, on = 1;

	/* Before anything is written, the switch to WAL included: it may not be ours. */
	if (read_version(s, &version, e) < 0)
		return -1;
	/* The log and its index stay when the last writer leaves, so that no reader makes them. */
	sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	if (switch_to_wal(s, what, e) < 0 ||
		run(s, "PRAGMA synchronous = FULL", what, e) < 0 ||
		run(s, "PRAGMA journal_size_limit = 4194304", what, e) < 0 ||
		run(s, "PRAGMA temp_store = MEMORY", what, e) < 0) /* /tmp may be full, too */
		return -1;
	if (unclean && store_check_pages(s, e) < 0)
		return -1;
	return migrate(s, path, e);
}

/* 1: there is nothing in it yet. */
static int set_up_reader(struct store *s, struct err *e)
{
	int version;

	/* What SQLite has to sort stays in memory: a reader makes no file, not even a temporary one. */
	if (run(s, "PRAGMA temp_store = MEMORY", "cannot open the state database", e) < 0)
		return -1;
	return read_version(s, &version, e) < 0 ? -1 : version == 0;
}

static int open_any(struct store *s, const char *path, bool write, bool bare, struct err *e)
{
	if (store_file_open(path, write, bare, &s->db) != SQLITE_OK)
		return db_error(s, e, "cannot open the state database");
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	/* Before the first look at the log: then SQLite keeps its index in memory (sqlite.org/wal.html). */
	if (write && bare && run(s, "PRAGMA locking_mode = EXCLUSIVE", "cannot open the state database", e) < 0)
		return -1;
	return write ? set_up_writer(s, path, e) : set_up_reader(s, e);
}

/* Each first connection makes the index of the log anew, and on a full disk somebody else may have had
 * its blocks meanwhile. A writer can do without it: it has the lock of the state directory. So can a
 * reader while there is no writer, when the log is empty. */
static int open_bare(struct store *s, const char *state_dir, const char *path, bool write, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (!write && store_check_is_due(path))
		return -1;
	if (!write) {
		s->lock_fd = open(arena_printf(&a, "%s/lock", state_dir), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (s->lock_fd < 0 || flock(s->lock_fd, LOCK_SH | LOCK_NB) < 0)
			return -1;
	}
	sqlite3_close(s->db);
	s->db = NULL;
	err_clear(e);
	return open_any(s, path, write, true, e);
}

int store_open(const char *state_dir, bool write, struct store **out, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "%s/state.db", state_dir);
	_cleanup_store_ struct store *s = xmalloc(sizeof(*s));
	int rc;

	*s = (struct store){.lock_fd = -1};
	__atomic_add_fetch(&connections, 1, __ATOMIC_SEQ_CST);
	*out = NULL;
	if (!write && access(path, F_OK) < 0 && errno == ENOENT)
		return 1;
	rc = open_any(s, path, write, false, e);
	if (rc < 0 && s->no_index)
		rc = open_bare(s, state_dir, path, write, e);
	if (write && rc == 0) {
		s->path = xmalloc(strlen(path) + 1);
		memcpy(s->path, path, strlen(path) + 1);
	}
	if (rc < 0) {
		if (e->kind == ERR_STATE && !e->hint[0])
			err_hint(e, "move %s aside; a new one is made, running VMs are found again by "
				"their marks; reconcile recover does both and puts back their rows", path);
		return err_wrap(e, "%s", path);
	}
	if (rc == 0) {
		*out = s;
		s = NULL;
	}
	return rc;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sqlite3_close(s->db);
	fd_close(&s->lock_fd);
	if (!__atomic_sub_fetch(&connections, 1, __ATOMIC_SEQ_CST) && s->path)
		store_reserve(s->path);
	free(s->path);
	free(s);
}

int store_data_version(struct store *s, int64_t *version, struct err *e)
{
	int n;

	if (read_int(s, "PRAGMA data_version", &n, e) < 0)
		return -1;
	*version = n;
	return 0;
}

/* ---- transactions ------------------------------------------------------------------------- */

int store_begin(struct store *s, struct err *e)
{
	if (point_fails("store.begin"))
		return err_sys(e, errno, "cannot start to write state");
	return run(s, "BEGIN IMMEDIATE", "cannot start to write state", e);
}

int store_commit(struct store *s, struct err *e)
{
	if (point_fails("store.commit"))
		return err_sys(e, errno, "cannot commit state");
	if (run(s, "COMMIT", "cannot commit state", e) < 0)
		return -1;
	return point_fails("store.commit done") ? err_sys(e, errno, "cannot commit state") : 0;
}

void store_rollback(struct store *s)
{
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- load --------------------------------------------------------------------------------- */

/* A damaged database may have nothing where the schema says there is something. */
static const char *column(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text ? text : "";
}

static const char *text(struct arena *a, sqlite3_stmt *st, int i)
{
	return arena_dup(a, column(st, i));
}

static const char *text_or_null(struct arena *a, sqlite3_stmt *st, int i)
{
	return arena_dup(a, (const char *)sqlite3_column_text(st, i));
}

static enum record_state parse_state(const char *name)
{
	for (int i = 0; i <= RECORD_DELETING; i++)
		if (!strcmp(record_state_name((enum record_state)i), name))
			return (enum record_state)i;
	return RECORD_FAILED;
}

static int kvs_column(struct arena *a, sqlite3_stmt *st, int i, const char *what, struct kvs *out,
	struct err *e)
{
	const char *json = column(st, i);

	return rowtext_kvs(a, json, strlen(json), what, out, e);
}

static int load_record(struct arena *a, sqlite3_stmt *st, struct record *r, struct err *e)
{
	*r = (struct record){
		.kind = kind_parse(column(st, 0)),
		.name = text(a, st, 1),
		.source = text(a, st, 2),
		.state = parse_state(column(st, 3)),
		.where = text(a, st, 6),
		.reason = text_or_null(a, st, 7),
		.attempts = (uint32_t)sqlite3_column_int64(st, 8),
		.retry_at_ms = sqlite3_column_int64(st, 9),
		.changed_at_ms = sqlite3_column_int64(st, 10),
		.generation = (uint32_t)sqlite3_column_int64(st, 11),
	};
	if (r->kind == KIND_N)
		return err_set(e, ERR_STATE, "state of an unknown kind \"%s\"",
			column(st, 0));
	if (kvs_column(a, st, 4, "fields", &r->fields, e) < 0 ||
		kvs_column(a, st, 5, "facts", &r->facts, e) < 0) {
		e->kind = ERR_STATE;
		return err_wrap(e, "state of %s/%s", kind_name(r->kind), r->name);
	}
	return 0;
}

/* SQLite gives the rows in order of their key, where kinds stand by name: put the kinds in the order
 * in which they are made. */
static void join_kinds(struct arena *a, const struct records *kinds, struct records *out)
{
	for (int k = 0; k < KIND_N; k++)
		out->cap += kinds[k].n;
	out->v = arena_array(a, out->cap, sizeof(*out->v));
	for (int k = 0; k < KIND_N; k++) {
		if (kinds[k].n)
			memcpy(out->v + out->n, kinds[k].v, kinds[k].n * sizeof(*out->v));
		out->n += kinds[k].n;
	}
}

static int by_kind_name_source(const struct record *a, const struct record *b)
{
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->source, b->source);
}

/* In a damaged database the key may not be in order: whoever looks for a row would not find it. */
static int load_records(struct store *s, struct arena *a, struct records *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	_cleanup_arena_ struct arena tmp = ARENA_INIT;
	struct records kinds[KIND_N] = {0};
	int rc;

	if (prepare(s, "SELECT kind, name, source, state, fields, facts, place, reason, attempts,"
		       " retry_at_ms, changed_at_ms, generation FROM object"
		       " ORDER BY kind, name, source", &st, e) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct record r;

		if (load_record(a, st, &r, e) < 0)
			return -1;
		*vec_push(&tmp, &kinds[r.kind]) = r;
	}
	if (rc != SQLITE_DONE)
		return db_error(s, e, "cannot read state");
	join_kinds(a, kinds, out);
	for (size_t i = 1; i < out->n; i++)
		if (by_kind_name_source(&out->v[i - 1], &out->v[i]) >= 0)
			return err_set(e, ERR_STATE, "state of %s/%s stands in the wrong place",
				kind_name(out->v[i].kind), out->v[i].name);
	return 0;
}

static int load_leases(struct store *s, struct arena *a, struct leases *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	int rc;

	if (prepare(s, "SELECT pool, value, owner FROM lease ORDER BY pool, value", &st, e) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*vec_push(a, out) = (struct lease){
			.pool = text(a, st, 0),
			.value = (uint64_t)sqlite3_column_int64(st, 1),
			.owner = text(a, st, 2),
		};
	return rc == SQLITE_DONE ? 0 : db_error(s, e, "cannot read leases");
}

static int load_intents(struct store *s, struct arena *a, struct intents *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	int rc;

	if (prepare(s, "SELECT id, pass, op, kind, name FROM journal WHERE state = 'intent'"
		       " ORDER BY id", &st, e) < 0)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		*vec_push(a, out) = (struct intent){
			.id = sqlite3_column_int64(st, 0),
			.pass = text(a, st, 1),
			.op = step_op_parse(column(st, 2)),
			.kind = kind_parse(column(st, 3)),
			.name = text(a, st, 4),
		};
	return rc == SQLITE_DONE ? 0 : db_error(s, e, "cannot read the journal");
}

int store_load(struct store *s, struct arena *a, struct records *records, struct leases *leases,
	struct intents *open, struct err *e)
{
	const bool own = sqlite3_get_autocommit(s->db);
	int rc = 0;

	*records = (struct records){0};
	*leases = (struct leases){0};
	*open = (struct intents){0};
	if (own && run(s, "BEGIN", "cannot read state", e) < 0) /* one snapshot for all three */
		return -1;
	if (load_records(s, a, records, e) < 0 || load_leases(s, a, leases, e) < 0 ||
		load_intents(s, a, open, e) < 0)
		rc = -1;
	if (own)
		store_rollback(s);
	return rc;
}

/* ---- write -------------------------------------------------------------------------------- */

int store_put(struct store *s, const struct record *r, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (prepare(s, "INSERT INTO object (kind, name, source, state, fields, facts, place, reason,"
		       " attempts, retry_at_ms, changed_at_ms, generation)"
		       " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		       " ON CONFLICT (kind, name, source) DO UPDATE SET state = excluded.state,"
		       " fields = excluded.fields, facts = excluded.facts, place = excluded.place,"
		       " reason = excluded.reason, attempts = excluded.attempts,"
		       " retry_at_ms = excluded.retry_at_ms, changed_at_ms = excluded.changed_at_ms,"
		       " generation = excluded.generation", &st, e) < 0)
		return -1;
	bind_text(st, 1, kind_name(r->kind));
	bind_text(st, 2, r->name);
	bind_text(st, 3, r->source);
	bind_text(st, 4, record_state_name(r->state));
	bind_text(st, 5, json_from_kvs(&a, &r->fields));
	bind_text(st, 6, json_from_kvs(&a, &r->facts));
	bind_text(st, 7, r->where ? r->where : "");
	bind_text(st, 8, r->reason);
	sqlite3_bind_int64(st, 9, r->attempts);
	sqlite3_bind_int64(st, 10, r->retry_at_ms);
	sqlite3_bind_int64(st, 11, r->changed_at_ms);
	sqlite3_bind_int64(st, 12, r->generation);
	if (sqlite3_step(st) == SQLITE_DONE)
		return 0;
	if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_CONSTRAINT)
		return err_set(e, ERR_CONFLICT, "%s/%s belongs to another source", kind_name(r->kind),
			r->name);
	return db_error(s, e, "cannot write state");
}

int store_forget(struct store *s, enum kind kind, const char *name, const char *source,
	struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "DELETE FROM object WHERE kind = ? AND name = ? AND source = ?", &st, e) < 0)
		return -1;
	bind_text(st, 1, kind_name(kind));
	bind_text(st, 2, name);
	bind_text(st, 3, source);
	return step_done(s, st, "cannot write state", e);
}

int store_lease(struct store *s, const struct lease *l, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "INSERT INTO lease (pool, value, owner) VALUES (?1, ?2, ?3)"
		       " ON CONFLICT (pool, owner) DO UPDATE SET value = excluded.value", &st, e) < 0)
		return -1;
	bind_text(st, 1, l->pool);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)l->value);
	bind_text(st, 3, l->owner);
	if (sqlite3_step(st) == SQLITE_DONE)
		return 0;
	if ((sqlite3_errcode(s->db) & 0xff) == SQLITE_CONSTRAINT)
		return err_set(e, ERR_CONFLICT, "%s %llu is taken by somebody else than %s", l->pool,
			(unsigned long long)l->value, l->owner);
	return db_error(s, e, "cannot write a lease");
}

int store_release(struct store *s, const char *pool, const char *owner, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "DELETE FROM lease WHERE pool = ? AND owner = ?", &st, e) < 0)
		return -1;
	bind_text(st, 1, pool);
	bind_text(st, 2, owner);
	return step_done(s, st, "cannot give a lease back", e);
}

int store_lease_rename(struct store *s, const char *pool, const char *from, const char *to,
	struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "UPDATE lease SET owner = ?3 WHERE pool = ?1 AND owner = ?2", &st, e) < 0)
		return -1;
	bind_text(st, 1, pool);
	bind_text(st, 2, from);
	bind_text(st, 3, to);
	return step_done(s, st, "cannot hand a lease on", e);
}

int store_lease_rename_nics(struct store *s, const char *from, const char *to, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "UPDATE lease SET owner = 'vm/' || ?2 || substr(owner, length(?1) + 4)"
		       " WHERE substr(owner, 1, length(?1) + 4) = 'vm/' || ?1 || '@'", &st, e) < 0)
		return -1;
	bind_text(st, 1, from);
	bind_text(st, 2, to);
	return step_done(s, st, "cannot hand leases on", e);
}

/* Name and network of the owner "vm/NAME" or "vm/NAME@NETWORK". */
#define OWNER_VM "substr(owner, 4, instr(owner || '@', '@') - 4)"
#define OWNER_NET "substr(owner, instr(owner, '@') + 1)"

int store_drop_unused_leases(struct store *s, struct err *e)
{
	return run(s, "DELETE FROM lease WHERE (owner LIKE 'vm/%' AND " OWNER_VM " NOT IN"
		      " (SELECT name FROM object WHERE kind = 'vm')) OR (owner LIKE 'kept/%' AND"
		      " substr(owner, 6) NOT IN (SELECT id FROM tombstone)) OR"
		      " (owner LIKE 'network/%' AND substr(owner, 9) NOT IN"
		      " (SELECT name FROM object WHERE kind = 'network')) OR"
		      /* of networks that the VM has left; one that failed keeps what it had */
		      " (owner LIKE 'vm/%@%' AND " OWNER_VM " IN"
		      " (SELECT name FROM object WHERE kind = 'vm' AND state = 'made') AND NOT EXISTS"
		      " (SELECT 1 FROM object WHERE kind = 'nic' AND name = " OWNER_VM " AND"
		      " json_type(facts, '$.\"tap.' || " OWNER_NET " || '\"') IS NOT NULL))",
		"cannot give leases back", e);
}

int store_intent(struct store *s, const char *pass, const struct step *step, int64_t *id,
	struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (prepare(s, "INSERT INTO journal (pass, op, kind, name, args, state, begun_ms)"
		       " VALUES (?, ?, ?, ?, ?, 'intent', ?)", &st, e) < 0)
		return -1;
	bind_text(st, 1, pass);
	bind_text(st, 2, step_op_name(step->op));
	bind_text(st, 3, kind_name(step->kind));
	bind_text(st, 4, step->name);
	bind_text(st, 5, json_from_kvs(&a, &step->args));
	sqlite3_bind_int64(st, 6, clock_real_ms());
	if (step_done(s, st, "cannot write the journal", e) < 0)
		return -1;
	*id = sqlite3_last_insert_rowid(s->db);
	return 0;
}

int store_outcome(struct store *s, int64_t id, const char *state, const char *error, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "UPDATE journal SET state = ?, error = ?, ended_ms = ? WHERE id = ?", &st,
		    e) < 0)
		return -1;
	bind_text(st, 1, state);
	bind_text(st, 2, error);
	sqlite3_bind_int64(st, 3, clock_real_ms());
	sqlite3_bind_int64(st, 4, id);
	return step_done(s, st, "cannot write the journal", e);
}

/* "'create', 'update' ...": the names of a table, for SQL. They hold no quotes. */
static const char *sql_names(struct arena *a, const char *(*name)(int i), int n)
{
	const char *list = "";

	for (int i = 0; i < n; i++)
		list = arena_printf(a, "%s%s'%s'", list, i ? ", " : "", name(i));
	return list;
}

static const char *op_at(int i)
{
	return step_op_name((enum step_op)i);
}

static const char *kind_at(int i)
{
	return kind_name((enum kind)i);
}

int store_close_intents(struct store *s, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *close = arena_printf(&a, "UPDATE journal SET state = 'interrupted'"
		" WHERE state = 'intent' AND op IN (%s) AND kind IN (%s)",
		sql_names(&a, op_at, STEP_OP_N), sql_names(&a, kind_at, KIND_N));
	char trim[160];

	if (run(s, close, "cannot write the journal", e) < 0)
		return -1;
	snprintf(trim, sizeof(trim),
		"DELETE FROM journal WHERE id <= (SELECT max(id) FROM journal) - %d", JOURNAL_KEEP);
	return run(s, trim, "cannot write the journal", e);
}

int store_meta_get(struct store *s, struct arena *a, const char *key, const char **value,
	struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	int rc;

	if (prepare(s, "SELECT value FROM meta WHERE key = ?", &st, e) < 0)
		return -1;
	bind_text(st, 1, key);
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return db_error(s, e, "cannot read state");
	*value = rc == SQLITE_ROW ? text(a, st, 0) : NULL;
	return 0;
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "INSERT INTO meta (key, value) VALUES (?, ?)"
		       " ON CONFLICT (key) DO UPDATE SET value = excluded.value", &st, e) < 0)
		return -1;
	bind_text(st, 1, key);
	bind_text(st, 2, value);
	return step_done(s, st, "cannot write state", e);
}
