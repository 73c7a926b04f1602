/* test_engine_migrate.c - state of an older version is brought up to date, and the process dies or a call
 * fails at each point on the way: before each numbered step, and at each write, sync and lock of SQLite.
 *
 * What must hold: nothing but the old or the new version is ever seen, the rows are whole in both, and
 * the next writer ends what was begun.
 */
#include "reconciler/engine/store.h"

#include "tests/lib/points.h"
#include "tests/lib/unit.h"

#define NEWEST 3

/* What each numbered step added, taken away again; the newest comes first. */
static const char *const back[NEWEST] = {
	NULL,
	"DROP TRIGGER event_no_update; DROP TRIGGER event_no_replace; DROP TRIGGER event_no_delete;"
	"DROP TRIGGER event_floor_rises; DROP TABLE event; DROP TABLE event_floor;"
	"PRAGMA user_version = 1",
	"DROP TABLE tombstone; PRAGMA user_version = 2",
};

static char scratch[SCRATCH_MAX];

static sqlite3 *raw_open(void)
{
	char path[SCRATCH_MAX + 16];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state.db", scratch);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static int raw_int(const char *sql)
{
	sqlite3 *db = raw_open();
	sqlite3_stmt *st = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static int open_and_close(struct err *e)
{
	_cleanup_store_ struct store *s = NULL;

	return store_open(scratch, true, &s, e);
}

/* A new folder with a database of that version and two rows. */
static void make_version(int version)
{
	struct record r = {.kind = KIND_VM, .name = "web", .source = "a", .state = RECORD_MADE,
		.where = "a:1:1", .generation = 3};
	struct lease l = {"cid", "vm/web", 7};
	struct store *s = NULL;
	struct err err = ERR_INIT;
	sqlite3 *db;

	scratch_make(scratch);
	assert_int_equal(store_open(scratch, true, &s, &err), 0);
	assert_int_equal(store_put(s, &r, &err), 0);
	assert_int_equal(store_lease(s, &l, &err), 0);
	store_close(s);
	assert_int_equal(raw_int("PRAGMA user_version"), NEWEST); /* or a step is missing in back[] */
	db = raw_open();
	for (int v = NEWEST; v > version; v--)
		assert_int_equal(sqlite3_exec(db, back[v - 1], NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(raw_int("PRAGMA user_version"), version);
}

/* Open it as a writer with that fault; how many points came by. */
static uint32_t open_with(uint32_t at, enum point_mode mode, int errnum)
{
	pid_t pid;
	int status;

	points_reset();
	if (at)
		points_plan(0, at, mode, errnum);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		struct err err = ERR_INIT;

		points->on = true;
		_exit(open_and_close(&err) < 0 && !err.msg[0]);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	points->on = false;
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != FAKE_EXIT)
		assert_int_equal(WEXITSTATUS(status), 0);
	return points->seen;
}

static void assert_whole(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct records records = {0};
	struct leases leases = {0};
	struct intents open = {0};
	struct store *s = NULL;
	struct err err = ERR_INIT;

	if (store_open(scratch, false, &s, &err) != 0 ||
		store_load(s, &a, &records, &leases, &open, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(records.n, 1);
	assert_int_equal(records.v[0].generation, 3);
	assert_int_equal(leases.n, 1);
	assert_int_equal(leases.v[0].value, 7);
	store_close(s);
}

/* How many tables there are that only a later version has. */
static int newer_tables(int version)
{
	int n = version < 2 ? raw_int("SELECT count(*) FROM sqlite_schema WHERE name = 'event'") : 0;

	return n + raw_int("SELECT count(*) FROM sqlite_schema WHERE name = 'tombstone'");
}

static void each_point(int from, enum point_mode mode, int errnum)
{
	uint32_t total;

	make_version(from);
	total = open_with(0, POINT_OFF, 0);
	assert_true(total > 10);
	scratch_remove(scratch);
	for (uint32_t k = 1; k <= total; k++) {
		struct err err = ERR_INIT;
		int now;

		make_version(from);
		open_with(k, mode, errnum);
		assert_int_equal(points->fired > 0, points->seen >= k);
		assert_whole();
		now = raw_int("PRAGMA user_version");
		assert_true(now == from || now == NEWEST);
		assert_int_equal(newer_tables(from) > 0, now == NEWEST);
		if (open_and_close(&err) < 0)
			fail_msg("after point %u (%s): %s", k, points->fired_at, err.msg);
		assert_int_equal(raw_int("PRAGMA user_version"), NEWEST);
		assert_string_equal("", err.msg);
		assert_whole();
		scratch_remove(scratch);
	}
	printf("# version %d: %u points\n", from, total);
}

static void death_at_each_point(void **state)
{
	(void)state;
	for (int from = 1; from < NEWEST; from++) {
		each_point(from, POINT_KILL, 0);
		each_point(from, POINT_TORN, 0);
	}
}

static void failure_at_each_point(void **state)
{
	(void)state;
	for (int from = 1; from < NEWEST; from++) {
		each_point(from, POINT_FAIL, EIO);
		each_point(from, POINT_STUCK, ENOSPC);
	}
}

/* Before each numbered step there is a point, or the sweeps above prove less than they say. */
static void each_step_has_a_point(void **state)
{
	(void)state;
	for (int from = 1; from < NEWEST; from++) {
		int steps = 0;

		for (uint32_t k = 1; k < 200; k++) {
			make_version(from);
			open_with(k, POINT_KILL, 0);
			scratch_remove(scratch);
			if (!points->fired)
				break;
			steps += !strcmp(points->fired_at, "store.migrate");
		}
		assert_int_equal(steps, NEWEST - from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(death_at_each_point),
		cmocka_unit_test(failure_at_each_point),
		cmocka_unit_test(each_step_has_a_point),
	};

	if (layer_install() < 0)
		return 1;
	return cmocka_run_group_tests_name("migrations", tests, NULL, NULL);
}
