/* test_store.c - saved state: there and back, many writers, damage, sudden death. */
#include "reconciler/engine/store.h"

#include "reconciler/engine/lease.h"
#include "tests/lib/unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/mman.h>

static char scratch[SCRATCH_MAX];
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	fd_close(&dir);
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

static struct record sample(struct arena *a, const char *name, const char *source)
{
	struct record r = {.kind = KIND_VM, .name = name, .source = source, .state = RECORD_MADE,
		.where = "vms.yaml:3:5", .reason = "because", .attempts = 7,
		.retry_at_ms = 1795557179123, .changed_at_ms = 1795557179000, .generation = 9};

	kvs_set(a, &r.fields, "memory", "128MiB");
	kvs_set(a, &r.facts, "run", "/run/\"x\"\n");
	return r;
}

static sqlite3 *raw(void)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state.db", scratch);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void raw_do(const char *sql)
{
	sqlite3 *db = raw();
	char *msg = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
	sqlite3_close(db);
}

static int raw_int(const char *sql)
{
	sqlite3 *db = raw();
	sqlite3_stmt *st = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* ---- there and back -------------------------------------------------------------------------- */

static void records_come_back(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record web = sample(&a, "web", "a"), db = sample(&a, "db", "b"), image, *r;
	struct records records;
	struct leases leases;
	struct intents open;
	struct store *s = open_store(true);

	(void)state;
	image = sample(&a, "base", "a");
	image.kind = KIND_IMAGE;
	image.reason = NULL;
	image.state = RECORD_DELETING;
	OK(store_put(s, &web, e));
	OK(store_put(s, &db, e));
	OK(store_put(s, &image, e));
	web.attempts = 8; /* the same row again */
	kvs_set(&a, &web.fields, "memory", "256MiB");
	OK(store_put(s, &web, e));
	store_close(s);
	s = open_store(false);
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(records.n, 3);
	assert_int_equal(records.v[0].kind, KIND_IMAGE);
	assert_int_equal(records.v[0].state, RECORD_DELETING);
	assert_null(records.v[0].reason);
	assert_string_equal(records.v[1].name, "db");
	r = &records.v[2];
	assert_string_equal(r->name, "web");
	assert_string_equal(r->source, "a");
	assert_string_equal(r->where, "vms.yaml:3:5");
	assert_string_equal(r->reason, "because");
	assert_int_equal(r->attempts, 8);
	assert_int_equal(r->retry_at_ms, 1795557179123);
	assert_int_equal(r->changed_at_ms, 1795557179000);
	assert_int_equal(r->generation, 9);
	assert_true(kvs_equal(&r->fields, &web.fields));
	assert_true(kvs_equal(&r->facts, &web.facts));
	store_close(s);
	s = open_store(true);
	OK(store_forget(s, KIND_VM, "web", "a", e));
	OK(store_forget(s, KIND_VM, "web", "a", e));
	OK(store_forget(s, KIND_VM, "db", "a", e)); /* it is of source b */
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(records.n, 2);
	store_close(s);
}

static void the_journal_is_kept(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct step step = {.op = STEP_START, .kind = KIND_VM, .name = "web"};
	struct store *s = open_store(true);
	struct records records;
	struct leases leases;
	struct intents open;
	int64_t first, second;

	(void)state;
	kvs_set(&a, &step.args, "cid", "3");
	OK(store_intent(s, "pass-1", &step, &first, e));
	OK(store_intent(s, "pass-1", &step, &second, e));
	assert_true(second > first);
	OK(store_outcome(s, first, "done", NULL, e));
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(open.n, 1);
	assert_int_equal(open.v[0].id, second);
	assert_int_equal(open.v[0].op, STEP_START);
	assert_int_equal(open.v[0].kind, KIND_VM);
	assert_string_equal(open.v[0].pass, "pass-1");
	OK(store_close_intents(s, e));
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(open.n, 0);
	assert_int_equal(store_outcome(s, second, "nonsense", NULL, &(struct err)ERR_INIT), -1);
	store_close(s);
	assert_int_equal(raw_int("SELECT count(*) FROM journal WHERE state = 'interrupted'"), 1);
	assert_int_equal(raw_int("SELECT count(*) FROM journal WHERE args = '{\"cid\":\"3\"}'"), 2);
}

static void the_journal_is_bounded(void **state)
{
	struct store *s = open_store(true);

	(void)state;
	raw_do("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10100)"
	       " INSERT INTO journal (pass, op, kind, name, args, state, begun_ms)"
	       " SELECT 'p', 'start', 'vm', 'web', '{}', 'done', i FROM n");
	OK(store_close_intents(s, e));
	store_close(s);
	assert_int_equal(raw_int("SELECT count(*) FROM journal"), 10000);
	assert_int_equal(raw_int("SELECT min(begun_ms) FROM journal"), 101);
}

static void transactions_are_whole(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record r = sample(&a, "web", "a");
	struct store *s = open_store(true);
	const char *value = "x";

	(void)state;
	OK(store_begin(s, e));
	OK(store_put(s, &r, e));
	OK(store_meta_set(s, "k", "v", e));
	store_rollback(s);
	store_rollback(s); /* nothing is open: fine */
	OK(store_meta_get(s, &a, "k", &value, e));
	assert_null(value);
	OK(store_begin(s, e));
	OK(store_meta_set(s, "k", "v1", e));
	OK(store_meta_set(s, "k", "v2", e));
	OK(store_commit(s, e));
	OK(store_meta_get(s, &a, "k", &value, e));
	assert_string_equal(value, "v2");
	store_close(s);
	assert_int_equal(raw_int("SELECT count(*) FROM object"), 0);
}

/* The schema of version 1 and a database as it left one, in its own words: what is kept here must not
 * follow the program's. */
static const char version_1[] =
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
	"CREATE TABLE object (kind TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('making', 'made', 'failed', 'deleting')),"
	"  fields TEXT NOT NULL, facts TEXT NOT NULL, place TEXT NOT NULL, reason TEXT,"
	"  attempts INTEGER NOT NULL, retry_at_ms INTEGER NOT NULL,"
	"  changed_at_ms INTEGER NOT NULL, generation INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, name, source)) STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX object_name ON object (kind, name) WHERE kind IN ('vm', 'disk');"
	"CREATE TABLE lease (pool TEXT NOT NULL, value INTEGER NOT NULL CHECK (value >= 0),"
	"  owner TEXT NOT NULL, PRIMARY KEY (pool, value), UNIQUE (pool, owner)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE journal (id INTEGER PRIMARY KEY, pass TEXT NOT NULL, op TEXT NOT NULL,"
	"  kind TEXT NOT NULL, name TEXT NOT NULL, args TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN"
	"    ('intent', 'done', 'failed', 'undone', 'undo-failed', 'interrupted')),"
	"  error TEXT, begun_ms INTEGER NOT NULL, ended_ms INTEGER) STRICT;"
	"CREATE INDEX journal_open ON journal (state) WHERE state = 'intent';"
	"INSERT INTO meta VALUES ('instance', '1a2b3c4d');"
	"INSERT INTO object VALUES ('vm', 'web', '/a.yaml', 'made', '{\"memory\":\"128MiB\",\"running\":\"true\"}',"
	"  '{\"cid\":\"7\",\"pid\":\"12\"}', '/a.yaml:7:3', NULL, 0, 0, 1700000000000, 3);"
	"INSERT INTO object VALUES ('vm', 'off', '/a.yaml', 'made', '{\"running\":\"false\"}',"
	"  '{}', '/a.yaml:9:3', NULL, 0, 0, 1700000000000, 1);"
	"INSERT INTO object VALUES ('disk', 'web', '/a.yaml', 'failed', '{}', '{\"file\":\"vms/web/root.img\"}',"
	"  '/a.yaml:7:3', 'no room', 2, 1700000001000, 1700000000000, 3);"
	"INSERT INTO lease VALUES ('cid', 7, 'vm/web');"
	"INSERT INTO journal VALUES (41, 'old-1', 'start', 'vm', 'web', '{}', 'intent', NULL, 1, NULL);"
	"PRAGMA user_version = 1;";

static void a_database_of_version_1(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = NULL;
	struct records records;
	struct leases leases;
	struct intents open;
	struct events then = {0};
	struct err err = ERR_INIT;
	const char *instance;
	int64_t floor_ms;

	(void)state;
	raw_do(version_1);
	if (store_open(scratch, true, &s, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(store_load(s, &a, &records, &leases, &open, &err), 0);
	assert_int_equal(records.n, 3);
	assert_string_equal(records.v[0].name, "web");
	assert_int_equal(records.v[0].kind, KIND_DISK);
	assert_int_equal(records.v[0].state, RECORD_FAILED);
	assert_string_equal(records.v[0].reason, "no room");
	assert_int_equal(records.v[0].attempts, 2);
	assert_int_equal(records.v[0].retry_at_ms, 1700000001000);
	assert_string_equal(records.v[2].name, "web");
	assert_string_equal(kvs_get(&records.v[2].fields, "memory"), "128MiB");
	assert_string_equal(kvs_get(&records.v[2].facts, "pid"), "12");
	assert_int_equal(records.v[2].generation, 3);
	assert_int_equal(leases.n, 1);
	assert_int_equal(leases.v[0].value, 7);
	assert_int_equal(open.n, 1);
	assert_int_equal(open.v[0].id, 41);
	assert_int_equal(open.v[0].op, STEP_START);
	assert_int_equal(store_meta_get(s, &a, "instance", &instance, &err), 0);
	assert_string_equal(instance, "1a2b3c4d");
	/* What was there before history began is its first page. */
	assert_int_equal(store_event_floor(s, &floor_ms, &err), 0);
	assert_int_equal(store_event_states(s, &a, INT64_MAX, &then, &err), 0);
	assert_int_equal(then.n, 3);
	assert_string_equal(then.v[0].state, "failed");
	assert_string_equal(then.v[1].state, "stopped");
	assert_string_equal(then.v[2].state, "running");
	store_close(s);
	/* The old one is kept as it was, and the new one is not migrated again. */
	assert_true(raw_int("PRAGMA user_version") >= 2);
	assert_int_equal(access(arena_printf(&a, "%s/state.db.v1", scratch), F_OK), 0);
	assert_int_equal(rename(arena_printf(&a, "%s/state.db.v1", scratch),
		arena_printf(&a, "%s/state.db", scratch)), 0);
	unlink(arena_printf(&a, "%s/state.db-wal", scratch));
	unlink(arena_printf(&a, "%s/state.db-shm", scratch));
	assert_int_equal(raw_int("PRAGMA user_version"), 1);
	assert_int_equal(raw_int("SELECT count(*) FROM object"), 3);
	assert_int_equal(raw_int("SELECT count(*) FROM sqlite_schema WHERE name = 'event'"), 0);
}

static void it_is_set_up_for_power_cuts(void **state)
{
	struct store *s = open_store(true);
	char wal[8] = "";
	int fd = openat(dir, "state.db", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pread(fd, wal, 2, 18), 2); /* file format versions: 2 is WAL */
	assert_memory_equal(wal, "\2\2", 2);
	close(fd);
	store_close(s);
	assert_int_equal(raw_int("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND"
		" name IN ('meta', 'object', 'lease', 'journal') AND strict"), 4);
}

/* ---- who may be called what -------------------------------------------------------------------- */

static void names_are_unique_where_they_must_be(void **state)
{
	static const struct {
		enum kind kind;
		bool unique;
	} cases[] = {{KIND_VM, true}, {KIND_DISK, true}, {KIND_IMAGE, false}, {KIND_KERNEL, false}};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = open_store(true);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct record mine = sample(&a, "x", "a"), other = sample(&a, "x", "b");
		struct err err = ERR_INIT;

		mine.kind = other.kind = cases[i].kind;
		OK(store_put(s, &mine, e));
		assert_int_equal(store_put(s, &other, &err), cases[i].unique ? -1 : 0);
		assert_int_equal(err.kind, cases[i].unique ? ERR_CONFLICT : ERR_NONE);
	}
	store_close(s);
}

static void a_lease_has_one_owner(void **state)
{
	const struct lease web = {"cid", "vm/web", 3}, db = {"cid", "vm/db", 3},
		next = {"cid", "vm/web", 4}, tap = {"tap", "vm/db", 3}, back = {"cid", "vm/web", 3};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = open_store(true);
	struct err err = ERR_INIT;
	struct records records;
	struct leases leases;
	struct lease_book book;
	struct intents open;

	(void)state;
	OK(store_lease(s, &web, e));
	OK(store_lease(s, &web, e)); /* the same again */
	OK(store_lease(s, &tap, e)); /* another pool */
	assert_int_equal(store_lease(s, &db, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	OK(store_lease(s, &next, e)); /* moves */
	OK(store_lease(s, &db, e));
	assert_int_equal(store_lease(s, &back, &err), -1); /* moving onto another's */
	assert_int_equal(err.kind, ERR_CONFLICT);
	OK(store_load(s, &a, &records, &leases, &open, e));
	assert_int_equal(leases.n, 3);
	lease_book_init(&book, &a, &leases);
	assert_int_equal(lease_of(&book, "cid", "vm/web"), 4);
	assert_int_equal(lease_of(&book, "cid", "vm/db"), 3);
	OK(store_release(s, "cid", "vm/web", e));
	OK(store_release(s, "cid", "vm/web", e));
	store_close(s);
	assert_int_equal(raw_int("SELECT count(*) FROM lease"), 2);
}

/* ---- many writers ------------------------------------------------------------------------------ */

#define THREADS 10
#define PROCESSES 5
#define EACH 4

/* Take the lowest free one, as a pass does: look and take in one transaction. */
static int allocate(struct store *s, const char *owner, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease l = {.pool = "cid", .owner = owner};
	struct records records;
	struct leases leases;
	struct lease_book book;
	struct intents open;

	if (store_begin(s, e) < 0)
		return -1;
	if (store_load(s, &a, &records, &leases, &open, e) < 0)
		goto undo;
	lease_book_init(&book, &a, &leases);
	l.value = lease_lowest(&book, "cid", 3, UINT32_MAX);
	if (store_lease(s, &l, e) < 0)
		goto undo;
	return store_commit(s, e);
undo:
	store_rollback(s);
	return -1;
}

static pthread_barrier_t *barrier;

static void *allocate_some(void *arg)
{
	struct store *s = NULL;
	struct err err = ERR_INIT;
	const char *failed = NULL;
	char owner[64];

	pthread_barrier_wait(barrier);
	if (store_open(scratch, true, &s, &err) < 0)
		failed = "open";
	for (int i = 0; !failed && i < EACH; i++) {
		snprintf(owner, sizeof(owner), "vm/%d-%d-%d", (int)getpid(), (int)(intptr_t)arg, i);
		/* On a slow machine somebody may wait longer than the busy timeout: try again. */
		while (!failed && allocate(s, owner, &err) < 0)
			if (err.kind != ERR_LOCKED)
				failed = "allocate";
	}
	if (failed)
		fprintf(stderr, "# %s: %s\n", failed, err.msg);
	/* Nobody opens any more when the first one closes: fcntl's locks are a process's (store_reserve). */
	pthread_barrier_wait(barrier);
	store_close(s);
	return (void *)(uintptr_t)failed;
}

static int allocate_in_threads(void *arg)
{
	pthread_t threads[THREADS];
	int failed = 0;

	(void)arg;
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, allocate_some, (void *)i))
			abort();
	for (size_t i = 0; i < THREADS; i++) {
		void *rc;

		pthread_join(threads[i], &rc);
		failed += rc != NULL;
	}
	return failed;
}

/* Fifty at once, the first of them also makes the database: no error, no gap, no duplicate. */
static void fifty_writers_at_once(void **state)
{
	pthread_barrierattr_t attr;
	pid_t pids[PROCESSES];

	(void)state;
	barrier = mmap(NULL, sizeof(*barrier), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		0);
	assert_true(barrier != MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(barrier, &attr, THREADS * PROCESSES);
	for (size_t i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(allocate_in_threads(NULL));
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	munmap(barrier, sizeof(*barrier));
	assert_int_equal(raw_int("SELECT count(DISTINCT value) FROM lease"), THREADS * PROCESSES * EACH);
	assert_int_equal(raw_int("SELECT max(value) FROM lease"), THREADS * PROCESSES * EACH + 2);
	assert_int_equal(raw_int("SELECT count(DISTINCT owner) FROM lease"), THREADS * PROCESSES * EACH);
}

/* Somebody else (a backup) holds the database: an error that says so, and not for ever. The wait
 * itself is not asserted. */
static void a_held_database_is_said_to_be_in_use(void **state)
{
	struct store *s = open_store(true);
	struct err err = ERR_INIT;
	sqlite3 *db = raw();

	(void)state;
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_begin(s, &err), -1);
	assert_int_equal(err.kind, ERR_LOCKED);
	sqlite3_close(db);
	OK(store_begin(s, e));
	store_rollback(s);
	store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_come_back),
		T(the_journal_is_kept),
		T(the_journal_is_bounded),
		T(transactions_are_whole),
		T(a_database_of_version_1),
		T(it_is_set_up_for_power_cuts),
		T(names_are_unique_where_they_must_be),
		T(a_lease_has_one_owner),
		T(fifty_writers_at_once),
		T(a_held_database_is_said_to_be_in_use),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
