/* test_lease_race.c - 8 processes of 50 threads each lease an address at the same moment: no address
 * twice, because the table does not take it, not because everybody asks nicely. */
#include "reconciler/engine/lease.h"
#include "reconciler/engine/store.h"

#include "tests/lib/unit.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/mman.h>

#define PROCESSES 8
#define THREADS 50
#define ALL (PROCESSES * THREADS)
#define FIRST 0x0a4d0002u /* 10.77.0.2 */
#define LAST (FIRST + ALL - 1)

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

struct race {
	pthread_barrier_t barrier;
	bool rude;         /* look outside of the transaction that takes */
	uint32_t refused;  /* how often the table said no */
	uint32_t errors;
};

static struct race *race;

static int look(struct store *s, struct arena *a, uint64_t *out, struct err *e)
{
	struct records records;
	struct leases leases;
	struct lease_book book;
	struct intents open;

	if (store_load(s, a, &records, &leases, &open, e) < 0)
		return -1;
	lease_book_init(&book, a, &leases);
	*out = lease_lowest(&book, "ipv4", FIRST, LAST);
	return *out ? 0 : err_set(e, ERR_LIMIT, "no address is left");
}

static int take(struct store *s, const char *owner, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct lease l = {.pool = "ipv4", .owner = owner};

	if (race->rude && look(s, &a, &l.value, e) < 0)
		return -1;
	if (store_begin(s, e) < 0)
		return -1;
	if ((!race->rude && look(s, &a, &l.value, e) < 0) || store_lease(s, &l, e) < 0) {
		store_rollback(s);
		return -1;
	}
	return store_commit(s, e);
}

static void *run_thread(void *arg)
{
	struct store *s = NULL;
	struct err err = ERR_INIT;
	char owner[64];
	int rc;

	snprintf(owner, sizeof(owner), "vm/%d-%d@lab", (int)getpid(), (int)(intptr_t)arg);
	pthread_barrier_wait(&race->barrier);
	rc = store_open(scratch, true, &s, &err);
	while (rc == 0 && take(s, owner, &err) < 0) {
		if (err.kind == ERR_CONFLICT)
			__atomic_add_fetch(&race->refused, 1, __ATOMIC_RELAXED);
		else if (err.kind != ERR_LOCKED) /* a slow machine may wait longer than SQLite does */
			rc = -1;
		if (rc == 0)
			err_clear(&err);
	}
	if (rc < 0) {
		fprintf(stderr, "# %s\n", err.msg);
		__atomic_add_fetch(&race->errors, 1, __ATOMIC_RELAXED);
	}
	/* fcntl's locks are a process's: nobody closes while another opens (store_reserve). */
	pthread_barrier_wait(&race->barrier);
	store_close(s);
	return NULL;
}

static int run_process(void *arg)
{
	pthread_t threads[THREADS];

	(void)arg;
	for (intptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, run_thread, (void *)i))
			abort();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static int64_t ask(const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t v;

	snprintf(path, sizeof(path), "%s/state.db", scratch);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static void start_race(bool rude)
{
	pthread_barrierattr_t attr;
	pid_t pids[PROCESSES];

	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(race != MAP_FAILED);
	race->rude = rude;
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&race->barrier, &attr, ALL);
	for (size_t i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			_exit(run_process(NULL));
		assert_true(pids[i] > 0);
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(race->errors, 0);
}

static void check_all_different(void)
{
	assert_int_equal(ask("SELECT count(*) FROM lease"), ALL);
	assert_int_equal(ask("SELECT count(DISTINCT value) FROM lease"), ALL);
	assert_int_equal(ask("SELECT count(DISTINCT owner) FROM lease"), ALL);
	assert_int_equal(ask("SELECT min(value) FROM lease"), FIRST);
	assert_int_equal(ask("SELECT max(value) FROM lease"), LAST);
}

/* As a pass does it: look and take in one transaction. Nobody is ever refused. */
static void test_one_transaction(void **state)
{
	(void)state;
	start_race(false);
	check_all_different();
	assert_int_equal(race->refused, 0);
	munmap(race, sizeof(*race));
}

/* With a gap between looking and taking, as a mistake of ours would have it: the constraint holds. */
static void test_rude(void **state)
{
	(void)state;
	start_race(true);
	check_all_different();
	print_message("the table refused %u times\n", race->refused);
	munmap(race, sizeof(*race));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_transaction, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rude, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
