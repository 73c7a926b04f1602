/* test_store_event.c - history in SQLite: append-only, bounded, asked for any time; and how a database
 * without history gets one. */
#include "reconciler/engine/store.h"

#include "tests/lib/unit.h"

#include <sqlite3.h>

static char scratch[SCRATCH_MAX];

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(scratch);
	return 0;
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		struct err err_ = ERR_INIT, *e = &err_;                                            \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, e->msg);                                         \
	} while (0)

static struct store *open_store(bool write)
{
	struct store *s = NULL;

	OK(store_open(scratch, write, &s, e));
	assert_non_null(s);
	return s;
}

/* Result code of a statement on the file, past our own code; *n the first column of its first row. */
static int raw(const char *file, const char *sql, int *n)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int rc = sqlite3_open(arena_printf(&a, "%s/%s", scratch, file), &db);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW && n)
		*n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return rc;
}

static int raw_int(const char *file, const char *sql)
{
	int n = -1;

	assert_int_equal(raw(file, sql, &n), SQLITE_ROW);
	return n;
}

static void put(struct store *s, int64_t time_ms, const char *name, const char *what,
	const char *state)
{
	struct event ev = {.time_ms = time_ms, .pass = "p1", .kind = KIND_VM, .name = name,
		.source = "a.yaml", .what = what, .state = state, .detail = "{\"op\":\"start\"}",
		.place = "a.yaml:3:5", .uid = 7};

	const struct events one = {.v = &ev, .n = 1};

	OK(store_event_add(s, &one, e));
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void events_come_back(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct event_query q = {.limit = 100};
	struct events all = {0}, web = {0}, late = {0}, last = {0};
	struct store *s = open_store(true);

	(void)state;
	put(s, 1000, "web", "began", NULL);
	put(s, 2000, "db", "began", NULL);
	put(s, 3000, "web", "done", "running");
	OK(store_event_list(s, &a, &q, &all, e));
	assert_int_equal(all.n, 3);
	assert_true(all.v[0].seq < all.v[1].seq && all.v[1].seq < all.v[2].seq);
	assert_int_equal(all.v[2].time_ms, 3000);
	assert_int_equal(all.v[2].kind, KIND_VM);
	assert_string_equal(all.v[2].state, "running");
	assert_null(all.v[0].state);
	assert_string_equal(all.v[2].detail, "{\"op\":\"start\"}");
	assert_string_equal(all.v[2].place, "a.yaml:3:5");
	assert_int_equal(all.v[2].uid, 7);
	q.name = "web";
	q.kind = KIND_VM;
	OK(store_event_list(s, &a, &q, &web, e));
	assert_int_equal(web.n, 2);
	q.newest_first = true;
	q.limit = 1;
	OK(store_event_list(s, &a, &q, &last, e));
	assert_int_equal(last.n, 1);
	assert_string_equal(last.v[0].what, "done");
	q = (struct event_query){.after = all.v[0].seq, .since_ms = 2500, .limit = 100};
	OK(store_event_list(s, &a, &q, &late, e));
	assert_int_equal(late.n, 1);
	assert_int_equal(late.v[0].seq, all.v[2].seq);
	store_close(s);
}

static void nothing_is_changed_later(void **state)
{
	static const char *const refused[] = {"UPDATE event SET what = 'lie'", "DELETE FROM event",
		"DELETE FROM event WHERE seq = 1", "UPDATE event_floor SET seq = -1",
		"INSERT OR REPLACE INTO event SELECT seq, 0, '', '', '', '', '', NULL, '', '', 0 FROM event",
	};
	struct store *s = open_store(true);

	(void)state;
	put(s, 1000, "web", "began", NULL);
	put(s, 2000, "web", "done", "running");
	store_close(s);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (raw("state.db", refused[i], NULL) != SQLITE_CONSTRAINT)
			fail_msg("%s was not refused", refused[i]);
	assert_int_equal(raw_int("state.db", "SELECT count(*) FROM event WHERE what <> 'lie'"), 2);
}

/* ---- states at a time ---------------------------------------------------------------------------- */

static const char *state_at(struct arena *a, struct store *s, int64_t at, const char *name)
{
	struct events states;

	OK(store_event_states(s, a, at, &states, e));
	vec_each(ev, &states)
		if (!strcmp(ev->name, name))
			return ev->state;
	return "none";
}

static void states_at_a_time(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = open_store(true);

	(void)state;
	put(s, 1000, "web", "began", "making");
	put(s, 2000, "db", "done", "running");
	put(s, 3000, "web", "done", "running");
	put(s, 3500, "web", "seen", NULL);
	put(s, 4000, "web", "forgotten", "gone");
	put(s, 5000, "web", "began", "making");
	assert_string_equal(state_at(&a, s, 999, "web"), "none");
	assert_string_equal(state_at(&a, s, 1000, "web"), "making");
	assert_string_equal(state_at(&a, s, 1999, "db"), "none");
	assert_string_equal(state_at(&a, s, 3700, "web"), "running");
	assert_string_equal(state_at(&a, s, 3700, "db"), "running");
	assert_string_equal(state_at(&a, s, 4500, "web"), "none");
	assert_string_equal(state_at(&a, s, 4500, "db"), "running");
	assert_string_equal(state_at(&a, s, INT64_MAX, "web"), "making");
	store_close(s);
}

/* ---- bounds --------------------------------------------------------------------------------------- */

static void the_trim_keeps_last_states(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = open_store(true);
	int64_t floor_ms = 0, removed, last;

	(void)state;
	put(s, 1, "old", "done", "running");
	put(s, 2, "gone", "done", "running");
	put(s, 3, "gone", "forgotten", "gone");
	for (int i = 4; i <= 111; i++)
		put(s, i, "web", "done", i % 2 ? "running" : "failed");
	OK(store_event_trim(s, 101, e)); /* a tenth too many is allowed */
	assert_int_equal(raw_int("state.db", "SELECT count(*) FROM event"), 111);
	OK(store_event_trim(s, 100, e));
	store_close(s);
	assert_int_equal(raw_int("state.db", "SELECT min(seq) FROM event WHERE name = 'web'"), 11);
	assert_int_equal(raw_int("state.db", "SELECT count(*) FROM event WHERE name = 'gone'"), 0);
	s = open_store(false);
	OK(store_event_floor(s, &floor_ms, e));
	assert_int_equal(floor_ms, 11);
	OK(store_event_span(s, &removed, &last, e));
	assert_int_equal(last - removed, 100);
	assert_string_equal(state_at(&a, s, 50, "old"), "running");
	assert_string_equal(state_at(&a, s, 11, "web"), "running");
	store_close(s);
	assert_int_equal(raw("state.db", "DELETE FROM event WHERE seq > 11", NULL), SQLITE_CONSTRAINT);
}

/* ---- a database of version 1 ---------------------------------------------------------------------- */

/* As version 1 wrote it. */
static const char version_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
	"CREATE TABLE object ("
	"  kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('making', 'made', 'failed', 'deleting')),"
	"  fields TEXT NOT NULL, facts TEXT NOT NULL, place TEXT NOT NULL, reason TEXT,"
	"  attempts INTEGER NOT NULL, retry_at_ms INTEGER NOT NULL,"
	"  changed_at_ms INTEGER NOT NULL, generation INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, name, source)) STRICT, WITHOUT ROWID;"
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
	"CREATE INDEX journal_open ON journal (state) WHERE state = 'intent';"
	"INSERT INTO object VALUES ('vm', 'web', 'a', 'made', '{\"running\":\"true\"}', '{}', 'a:3:5',"
	"  NULL, 0, 0, 5, 1), ('vm', 'off', 'a', 'made', '{\"running\":\"false\"}', '{}', 'a:4:5', NULL,"
	"  0, 0, 5, 1), ('vm', 'bad', 'a', 'failed', '{}', '{}', 'a:5:5', 'because', 3, 9, 5, 1);"
	"INSERT INTO lease VALUES ('cid', 3, 'vm/web');"
	"PRAGMA user_version = 1;";

static void make_version_1(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	sqlite3 *db = NULL;
	char *msg = NULL;

	assert_int_equal(sqlite3_open(arena_printf(&a, "%s/state.db", scratch), &db), SQLITE_OK);
	if (sqlite3_exec(db, version_1, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s", msg);
	sqlite3_close(db);
}

static void version_1_is_brought_up_to_date(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct records records;
	struct leases leases;
	struct intents open;
	struct store *s;
	int64_t floor_ms;

	(void)state;
	make_version_1();
	s = open_store(false); /* a reader changes nothing and says that there is no history */
	assert_int_equal(store_event_floor(s, &floor_ms, NULL), 1);
	store_close(s);
	assert_int_equal(raw_int("state.db", "PRAGMA user_version"), 1);
	s = open_store(true);
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(records.n, 3);
	assert_int_equal(leases.n, 1);
	OK(store_event_floor(s, &floor_ms, e));
	assert_true(floor_ms > 1700000000000);
	assert_string_equal(state_at(&a, s, INT64_MAX, "web"), "running");
	assert_string_equal(state_at(&a, s, INT64_MAX, "off"), "stopped");
	assert_string_equal(state_at(&a, s, INT64_MAX, "bad"), "failed");
	assert_string_equal(state_at(&a, s, floor_ms - 1, "web"), "none");
	store_close(s);
	/* The backup is the old one, whole. */
	assert_int_equal(raw_int("state.db.v1", "PRAGMA user_version"), 1);
	assert_int_equal(raw_int("state.db.v1", "SELECT count(*) FROM object"), 3);
	assert_int_equal(raw("state.db.v1", "SELECT 1 FROM event", NULL), SQLITE_ERROR);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(events_come_back),
		T(nothing_is_changed_later),
		T(states_at_a_time),
		T(the_trim_keeps_last_states),
		T(version_1_is_brought_up_to_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
