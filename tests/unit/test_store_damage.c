/* test_store_damage.c - saved state that is missing, newer, of somebody else, damaged or half made.
 *
 * SQLite has no checksums, so a flipped byte may change a value that nobody can know to be wrong.
 * What must hold for any damage: no crash, and either an error of kind "state" or rows of the right
 * shape; and reading never writes.
 */
#include "reconciler/engine/store.h"

#include "tests/lib/unit.h"

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <time.h>

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

static size_t count_files(void)
{
	DIR *d = opendir(scratch);
	size_t n = 0;

	for (struct dirent *entry; (entry = readdir(d));)
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(d);
	return n;
}

static void raw_do(const char *sql)
{
	char path[128], *msg = NULL;
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state.db", scratch);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK)
		fail_msg("%s: %s", sql, msg);
	sqlite3_close(db);
}

static int raw_int(const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int n = -1;

	/* Of the one file: a connection that sees the log would move it into the file when it closes. */
	snprintf(path, sizeof(path), "file:%s/state.db?immutable=1", scratch);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static int fill(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct step step = {.op = STEP_START, .kind = KIND_VM, .name = "web"};
	_cleanup_store_ struct store *s = NULL;
	struct err err = ERR_INIT;
	int64_t id;

	if (store_open(scratch, true, &s, &err) != 0)
		return -1;
	for (int i = 0; i < 20; i++) {
		struct record r = {.kind = (enum kind)(i % KIND_GUEST), .source = "a",
			.name = arena_printf(&a, "object-%d", i), .reason = "why"};
		struct lease l = {"cid", r.name, (uint64_t)(3 + i)};

		kvs_setf(&a, &r.fields, "memory", "%dMiB", i);
		kvs_setf(&a, &r.facts, "config", "%0200d", i);
		if (store_put(s, &r, &err) < 0 || store_lease(s, &l, &err) < 0 ||
			store_intent(s, "pass", &step, &id, &err) < 0)
			return -1;
	}
	return 0;
}

static char *load_file(struct arena *a, size_t *n)
{
	struct err err = ERR_INIT;
	char *text;

	if (file_read(a, dir, "state.db", 1 << 24, &text, n, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* Open and load; whatever comes of it has to make sense. Number of records, or -1. */
static int look(bool write, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_store_ struct store *s = NULL;
	struct records records = {0};
	struct leases leases = {0};
	struct intents open = {0};
	int rc = store_open(scratch, write, &s, e);

	if (rc == 1) {
		assert_null(s);
		return 0;
	}
	if (rc == 0)
		rc = store_load(s, &a, &records, &leases, &open, e);
	if (rc < 0) {
		assert_true(e->kind == ERR_STATE || e->kind == ERR_LOCKED);
		assert_true(e->msg[0]);
		return -1;
	}
	vec_each(r, &records) {
		assert_true(r->kind < KIND_N && r->state <= RECORD_DELETING);
		assert_true(r->name && r->source && r->where);
	}
	vec_each(l, &leases)
		assert_true(l->pool && l->owner);
	vec_each(i, &open)
		assert_true(i->pass && i->name);
	return (int)records.n;
}

static void remove_logs(void)
{
	unlinkat(dir, "state.db-wal", 0);
	unlinkat(dir, "state.db-shm", 0);
}

/* ---- reading only ------------------------------------------------------------------------------ */

static void reading_makes_nothing(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	size_t n, n_after;
	char *before;

	(void)state;
	assert_int_equal(look(false, &err), 0);
	assert_int_equal(count_files(), 0);
	assert_int_equal(fill(), 0);
	n = count_files();
	before = load_file(&a, &n_after);
	assert_int_equal(look(false, &err), 20);
	assert_int_equal(count_files(), n);
	assert_memory_equal(load_file(&a, &n_after), before, n_after);
	remove_logs(); /* a copy of the one file */
	assert_int_equal(look(false, &err), 20);
	assert_int_equal(count_files(), 1);
}

/* Characters that mean something in a URI are part of the folder's name. */
static void odd_folder_names(void **state)
{
	static const char *const names[] = {"a?b", "a#b", "50%", "a%20b", "a b", "a&mode=memory", "\xff",
		"-", "file:x"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *path = arena_printf(&a, "%s/%s", scratch, names[i]);
		struct err err = ERR_INIT;
		struct store *s = NULL;
		const char *value = NULL;

		assert_int_equal(mkdir(path, 0700), 0);
		assert_int_equal(store_open(path, true, &s, &err), 0);
		assert_int_equal(store_meta_set(s, "name", names[i], &err), 0);
		store_close(s);
		if (store_open(path, false, &s, &err) != 0)
			fail_msg("%s: %s", names[i], err.msg);
		assert_int_equal(store_meta_get(s, &a, "name", &value, &err), 0);
		assert_string_equal(value, names[i]);
		store_close(s);
	}
}

static int write_for_ever(void *arg)
{
	struct err err = ERR_INIT;

	(void)arg;
	while (fill() == 0)
		;
	fprintf(stderr, "# %s\n", err.msg);
	return 1;
}

/* Readers beside a writer that comes and goes: always an answer. */
static void reading_while_others_write(void **state)
{
	pid_t pid;

	(void)state;
	assert_int_equal(fill(), 0);
	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(write_for_ever(NULL));
	for (int i = 0; i < 300; i++) {
		struct err err = ERR_INIT;

		if (look(false, &err) != 20)
			fail_msg("reading beside a writer: %s", err.msg);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int try_to_write(void *arg)
{
	_cleanup_store_ struct store *s = NULL;
	struct err err = ERR_INIT;

	(void)arg;
	if (store_open(scratch, false, &s, &err) != 0)
		return 1;
	if (store_meta_set(s, "k", "v", &err) == 0)
		return 2;
	return err.kind == ERR_STATE ? 0 : 3;
}

static void a_reader_cannot_write(void **state)
{
	(void)state;
	assert_int_equal(fill(), 0);
	assert_int_equal(in_child(try_to_write, NULL), 0);
}

static int fill_and_die(void *arg)
{
	_cleanup_store_ struct store *s = NULL;
	struct err err = ERR_INIT;

	(void)arg;
	if (fill() < 0 || store_open(scratch, true, &s, &err) != 0 ||
		store_meta_set(s, "last", "word", &err) < 0)
		return 1;
	_exit(0); /* without closing: the write-ahead log stays */
}

/* What was committed before a death is seen by the first reader, without a writer in between. */
static void a_reader_sees_what_a_dead_writer_committed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct store *s = NULL;
	struct err err = ERR_INIT;
	const char *value = NULL;

	(void)state;
	assert_int_equal(in_child(fill_and_die, NULL), 0);
	assert_int_equal(look(false, &err), 20);
	assert_int_equal(store_open(scratch, false, &s, &err), 0);
	assert_int_equal(store_meta_get(s, &a, "last", &value, &err), 0);
	assert_string_equal(value, "word");
	store_close(s);
}

/* ---- not ours ---------------------------------------------------------------------------------- */

/* Refused in both modes, and not a byte of it changes. */
static void assert_untouched(const char *hint)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t n, n_after, files = count_files();
	char *before = load_file(&a, &n);

	for (int write = 0; write < 2; write++) {
		struct err err = ERR_INIT;

		assert_int_equal(look(write, &err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		assert_non_null(strstr(err.hint, hint));
		assert_non_null(strstr(err.msg, "state.db"));
		assert_memory_equal(load_file(&a, &n_after), before, n);
		assert_int_equal(n, n_after);
		assert_int_equal(count_files(), files);
	}
}

static void a_newer_version_is_refused(void **state)
{
	(void)state;
	assert_int_equal(fill(), 0);
	raw_do("PRAGMA user_version = 1000");
	assert_untouched("newer reconcile");
	raw_do("PRAGMA journal_mode = DELETE"); /* who knows what the newer one does */
	assert_untouched("newer reconcile");
}

static void a_negative_version_is_refused(void **state)
{
	(void)state;
	assert_int_equal(fill(), 0);
	raw_do("PRAGMA journal_mode = DELETE; PRAGMA user_version = -5");
	assert_untouched("move");
}

static void anothers_database_is_refused(void **state)
{
	(void)state;
	raw_do("CREATE TABLE photos (name TEXT)");
	assert_untouched("move");
}

static void other_files_are_refused(void **state)
{
	static char noise[20000];

	(void)state;
	put_text(dir, "state.db", "{\"not\": \"a database\"}\n");
	assert_untouched("move");
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 2654435761u >> 13);
	put_file(dir, "state.db", noise, sizeof(noise));
	assert_untouched("move");
}

static void not_a_file(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(dir, "state.db", 0700), 0);
	assert_int_equal(look(false, &err), -1);
	assert_int_equal(look(true, &err), -1);
	assert_int_equal(unlinkat(dir, "state.db", AT_REMOVEDIR), 0);
	assert_int_equal(fill(), 0);
	assert_int_equal(renameat(dir, "state.db", dir, "elsewhere"), 0);
	assert_int_equal(symlinkat("elsewhere", dir, "state.db"), 0);
	assert_int_equal(look(true, &err), -1);
	assert_int_equal(look(false, &err), -1);
}

/* A kill while the very first pass makes the database leaves an empty file: nothing was made yet. */
static void an_empty_file_is_no_state_yet(void **state)
{
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	put_text(dir, "state.db", "");
	assert_int_equal(look(false, &err), 0);
	assert_int_equal(fstatat(dir, "state.db", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(look(true, &err), 0);
	assert_int_equal(fill(), 0);
	assert_int_equal(look(false, &err), 20);
}

/* ---- damage ------------------------------------------------------------------------------------ */

static size_t damaged_look(const char *text, size_t n)
{
	size_t errors = 0;

	for (int write = 0; write < 2; write++) {
		struct err err = ERR_INIT;

		remove_logs();
		put_file(dir, "state.db", text, n);
		errors += look(write, &err) < 0;
	}
	return errors;
}

static void flipped_bytes(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t n, errors = 0;
	char *text;

	(void)state;
	assert_int_equal(fill(), 0);
	text = load_file(&a, &n);
	for (size_t i = 0; i < n; i += i < 120 ? 1 : 61) { /* each byte of the header */
		static const char masks[] = {(char)0xff, (char)0x80, 0x01};
		char was = text[i];

		text[i] = (char)(was ^ masks[i % 3]);
		errors += damaged_look(text, n);
		text[i] = was;
	}
	assert_true(errors > 50); /* or the test damages nothing */
	assert_int_equal(damaged_look(text, n), 0);
}

static void cut_and_zeroed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t n, errors = 0;
	char *text;

	(void)state;
	assert_int_equal(fill(), 0);
	text = load_file(&a, &n);
	for (size_t cut = 1; cut < n; cut += cut < 8 ? 1 : 1021) {
		char *torn = arena_dupn(&a, text, n);

		errors += damaged_look(text, cut);
		memset(torn + cut, 0, n - cut);
		errors += damaged_look(torn, n);
	}
	assert_true(errors > 20);
}

/* Values that the schema forbids, as a damaged page or a bug could leave them. */
static const char without_not_null[] = "PRAGMA writable_schema = ON;"
	"UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'journal';"
	"PRAGMA schema_version = 1000;"
	"UPDATE journal SET kind = NULL, op = NULL, pass = NULL, name = NULL";

static void impossible_rows(void **state)
{
	static const char *const sql[] = {
		"UPDATE object SET kind = 'planet'", "UPDATE object SET fields = 'no json'",
		"UPDATE object SET facts = '[]'", "UPDATE object SET facts = '{\"a\":1}'",
		"UPDATE object SET state = 'dreaming'", "UPDATE journal SET op = 'fly', kind = 'planet'",
		"UPDATE object SET name = char(1) || name, source = ''", "UPDATE object SET attempts = -1, generation = -9000000000000",
		"DROP TABLE lease", "DROP TABLE object", "ALTER TABLE journal RENAME COLUMN pass TO p",
		without_not_null,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err err = ERR_INIT;
		char *full = arena_printf(&a, "PRAGMA ignore_check_constraints = ON; %s", sql[i]);

		unlinkat(dir, "state.db", 0);
		remove_logs();
		assert_int_equal(fill(), 0);
		raw_do(full);
		look(false, &err);
		look(true, &err);
	}
}

static void rubbish_as_logs(void **state)
{
	static char noise[5000];
	struct err err = ERR_INIT;

	(void)state;
	memset(noise, 0x5a, sizeof(noise));
	for (int what = 1; what < 4; what++) {
		unlinkat(dir, "state.db", 0);
		remove_logs();
		assert_int_equal(fill(), 0);
		if (what & 1)
			put_file(dir, "state.db-wal", noise, sizeof(noise));
		if (what & 2)
			put_file(dir, "state.db-shm", noise, sizeof(noise));
		assert_int_equal(look(true, &err), 20); /* no frame of it is valid */
	}
}

/* ---- a look at every page -------------------------------------------------------------------------- */

/* Overwrite or put back the first page of an index that no ordinary pass reads. */
static void damage_index(bool damaged)
{
	static char was[64];
	_cleanup_fd_ int fd = openat(dir, "state.db", O_RDWR | O_CLOEXEC);
	const off_t at = (off_t)(raw_int("SELECT rootpage FROM sqlite_schema WHERE name = 'event_time'") - 1) *
		raw_int("PRAGMA page_size");
	char rubbish[sizeof(was)];

	assert_true(fd >= 0 && at > 0);
	memset(rubbish, 0x5a, sizeof(rubbish));
	if (damaged)
		assert_int_equal(pread(fd, was, sizeof(was), at), sizeof(was));
	assert_int_equal(pwrite(fd, damaged ? rubbish : was, sizeof(was), at), sizeof(was));
}

static int write_and_die(void *arg)
{
	struct store *s = NULL;
	struct err err = ERR_INIT;

	(void)arg;
	if (store_open(scratch, true, &s, &err) != 0 || store_meta_set(s, "k", "v", &err) < 0)
		return 1;
	return 0; /* without closing it */
}

/* Damage that nothing in the way of a pass would notice: after the death of a writer it is found, before
 * anything is decided; what only looks goes on. After a clean end nobody looks for it. */
static void pages_are_looked_at_after_a_death(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fill(), 0);
	damage_index(true);
	assert_int_equal(look(true, &err), 20);
	damage_index(false);
	assert_int_equal(in_child(write_and_die, NULL), 0);
	damage_index(true);
	assert_int_equal(look(true, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	assert_non_null(strstr(err.msg, "damaged"));
	assert_non_null(strstr(err.hint, "reconcile recover"));
	assert_int_equal(look(false, &err), 20);
	damage_index(false);
	err_clear(&err);
	assert_int_equal(in_child(write_and_die, NULL), 0);
	assert_int_equal(look(true, &err), 20);
}

/* ---- death while it is made ----------------------------------------------------------------------- */

/* Killed at any moment of the first open: a reader finds the old (nothing) or the new, never an
 * error, and the next writer goes on. */
static void death_while_it_is_made(void **state)
{
	(void)state;
	for (long us = 0; us < 2000; us += 25) {
		struct timespec nap = {.tv_nsec = us * 1000};
		struct err err = ERR_INIT;
		pid_t pid;

		unlinkat(dir, "state.db", 0);
		remove_logs();
		pid = fork();
		if (!pid)
			_exit(fill() < 0);
		assert_true(pid > 0);
		nanosleep(&nap, NULL);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		if (look(false, &err) < 0)
			fail_msg("reading after a death: %s", err.msg);
		if (look(true, &err) < 0)
			fail_msg("writing after a death: %s", err.msg);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reading_makes_nothing),
		T(odd_folder_names),
		T(reading_while_others_write),
		T(a_reader_cannot_write),
		T(a_reader_sees_what_a_dead_writer_committed),
		T(a_newer_version_is_refused),
		T(a_negative_version_is_refused),
		T(anothers_database_is_refused),
		T(other_files_are_refused),
		T(not_a_file),
		T(an_empty_file_is_no_state_yet),
		T(flipped_bytes),
		T(cut_and_zeroed),
		T(impossible_rows),
		T(rubbish_as_logs),
		T(pages_are_looked_at_after_a_death),
		T(death_while_it_is_made),
	};

	return cmocka_run_group_tests_name("store, damaged", tests, NULL, NULL);
}
