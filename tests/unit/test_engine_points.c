/* test_engine_points.c - a pass killed, and its calls failed, at every point between two changes.
 *
 * tests/unit/test_engine_crash.c does this at each call of a driver. Here the points are all calls
 * that change something: writes, syncs and locks of the database below SQLite, commits, each part
 * of replacing handles.json, folders, effects (schema/base/point.h, tests/lib/points.h).
 *
 * For each scenario the points of a clean pass are counted: K. Then, from the same start, for each
 * k in 1..K: death at k, half an effect or half a write at k, an error of each kind at k, and a disk
 * that is full from k on. Then pairs: death at k, death at each point j of the recovery. After one
 * more pass: the plan is empty, the world is exactly the inventory of the spec, no rule was broken,
 * what is foreign is as it was, no descriptor is left open, and who failed said why, the root
 * cause first.
 *
 * POINTS_STEP=N takes every Nth point on average (1: all, as "make crash" does), chosen by
 * POINTS_SEED.
 */
#include "reconciler/engine/pass.h"
#include "schema/base/log.h"
#include "tests/lib/points.h"
#include "tests/lib/kept.h"
#include "tests/lib/unit.h"
#include "tests/lib/world.h"

#include <time.h>

#define HEAD "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
#define OTHER_IMAGE "version: 1\nimages: {base: {oci: 'registry.example/base:2'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
#define NETWORKS(subnet) "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nnetworks: {lab: {subnet: " subnet "}}\nvms:\n"
#define LAB NETWORKS("10.77.0.0/24")
#define LAB_ELSEWHERE NETWORKS("10.78.0.0/24")
#define WEB_LAB "  web: {image: base, kernel: k, memory: 128MiB, network: {lab: {}}}\n"
#define WWW_LAB "  www: {image: base, kernel: k, memory: 128MiB, network: {lab: {}}}\n"
#define WEB "  web: {image: base, kernel: k, memory: 128MiB}\n"
#define WEB_BIGGER "  web: {image: base, kernel: k, memory: 256MiB}\n"
#define WEB_STOPPED "  web: {image: base, kernel: k, memory: 128MiB, running: false}\n"
#define WEB_GROWN "  web: {image: base, kernel: k, memory: 128MiB, disk: 8GiB}\n"
#define WEB_LABEL "  web: {image: base, kernel: k, memory: 128MiB, stop_timeout: 3s}\n"
#define WWW "  www: {image: base, kernel: k, memory: 128MiB}\n"
#define WWW_GROWN "  www: {image: base, kernel: k, memory: 128MiB, disk: 8GiB}\n"
#define WWW_STOPPED "  www: {image: base, kernel: k, memory: 128MiB, running: false}\n"
#define DB_ON_WWW "  db: {image: base, kernel: k, memory: 64MiB, depends_on: [www]}\n"
#define DB_WAS_WEB "  db: {image: base, kernel: k, memory: 128MiB}\n"
#define MOVED "moved: [{from: vm/web, to: vm/www}]\n"
#define MOVED_TO_DB "moved: [{from: vm/web, to: vm/db}]\n"
#define DB "  db: {image: base, kernel: k, memory: 64MiB, depends_on: [web]}\n"

static char work[SCRATCH_MAX], state_dir[SCRATCH_MAX + 8], state_db[SCRATCH_MAX + 24];
static struct fake_world *world;
static struct saved *start, *broken;
static unsigned n_points, n_pairs, n_failures, step;
static uint64_t seed, dice;

/* ---- scenarios ------------------------------------------------------------------------------ */

static void lose_state(void)
{
	const char *names[] = {"state.db", "state.db-wal", "state.db-shm"};

	for (size_t i = 0; i < 3; i++) {
		char path[sizeof(state_dir) + 16];

		snprintf(path, sizeof(path), "%s/%s", state_dir, names[i]);
		unlink(path);
	}
}

static void vmm_dies(void)
{
	fake_find(world, KIND_VM, "web")->running = false;
}

static void tap_goes(void)
{
	fake_find(world, KIND_NIC, "web")->exists = false;
}

static void start_will_fail(void)
{
	world->script[0].at = world->calls + 4; /* image, kernel, disk, then this */
	world->script[0].mode = FAKE_FAIL_HALF;
}

static void db_was_deleted(void);

static const struct scenario {
	const char *name, *from, *to; /* NULL: nothing is wanted */
	void (*damage)(void);
	bool fails; /* the clean pass itself fails, and undoes */
	bool lossless; /* every disk of before is there in the end, live or kept, and once */
} scenarios[] = {
	{"create", NULL, HEAD WEB DB, NULL, false, false},
	{"live change", HEAD WEB, HEAD WEB_LABEL, NULL, false, false},
	{"restart", HEAD WEB DB, HEAD WEB_BIGGER DB, NULL, false, false},
	{"stop", HEAD WEB, HEAD WEB_STOPPED, NULL, false, false},
	{"start", HEAD WEB_STOPPED, HEAD WEB, NULL, false, false},
	{"grow", HEAD WEB, HEAD WEB_GROWN, NULL, false, false},
	{"replace", HEAD WEB, OTHER_IMAGE WEB, NULL, false, false},
	{"delete one of two", HEAD WEB DB, HEAD WEB, NULL, false, true},
	{"delete all", HEAD WEB DB, NULL, NULL, false, true},
	{"bring back", HEAD WEB DB, HEAD WEB DB, db_was_deleted, false, true},
	{"rename", HEAD WEB, HEAD WWW MOVED, NULL, false, true},
	{"rename a stopped VM", HEAD WEB_STOPPED, HEAD WWW_STOPPED MOVED, NULL, false, true},
	{"adopt", HEAD WEB DB, HEAD WEB DB, lose_state, false, false},
	{"repair", HEAD WEB, HEAD WEB, vmm_dies, false, false},
	{"undo", NULL, HEAD WEB, start_will_fail, true, false},
	{"create in a network", NULL, LAB WEB_LAB, NULL, false, false},
	{"leave a network", LAB WEB_LAB, HEAD WEB, NULL, false, true},
	{"another subnet", LAB WEB_LAB, LAB_ELSEWHERE WEB_LAB, NULL, false, true},
	{"repair a tap", LAB WEB_LAB, LAB WEB_LAB, tap_goes, false, true},
	{"rename in a network", LAB WEB_LAB, LAB WWW_LAB MOVED, NULL, false, true},
};

#define N (sizeof(scenarios) / sizeof(scenarios[0]))

/* ---- one pass in a child --------------------------------------------------------------------- */

static struct spec *parse(struct arena *a, const char *text)
{
	struct diags diags = {0};
	struct err err = ERR_INIT;
	struct spec *spec = NULL;

	if (text && spec_parse(a, "test.yaml", "/", text, strlen(text), &spec, &diags, &err) < 0)
		fail_msg("%s", err.msg);
	return spec;
}

struct outcome {
	bool died, empty;
	int failed, leaked_fds;
	char msg[sizeof(((struct err *)0)->msg)];
};

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 64; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void note_failures(const struct pass *p, const struct err *err, struct outcome *out)
{
	const char *msg = err->kind != ERR_NONE ? err->msg : "";

	out->failed = err->kind != ERR_NONE;
	for (size_t i = 0; p->exec.results && i < p->plan.steps.n; i++) {
		const struct step_result *r = &p->exec.results[i];

		if (r->state != STEP_FAILED)
			continue;
		out->failed++;
		if (!msg[0])
			msg = r->err.msg;
	}
	snprintf(out->msg, sizeof(out->msg), "%s", msg);
}

static void pass_here(const char *text, bool act, struct outcome *out)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = {.a = &a, .source = "test", .write = true, .spec = parse(&a, text)};
	struct err err = ERR_INIT;
	int fds = open_fds();

	if (pass_look(&p, &err) == 0) {
		out->empty = !p.plan.changes && !p.plan.steps.n && !p.plan.conflicts;
		if (act)
			pass_act(&p, &err);
	}
	note_failures(&p, &err, out);
	pass_close(&p);
	out->leaked_fds = open_fds() - fds;
}

/* The points count and fire only if with_points. */
static struct outcome run_pass(const char *text, bool act, bool with_points)
{
	struct outcome out = {.died = true};
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct log_config quiet = {.level = LOG_ERROR};

		log_setup(&quiet);
		fake_use(world, NULL);
		points->on = with_points;
		out.died = false;
		pass_here(text, act, &out);
		points->on = false;
		_exit(write(fds[1], &out, sizeof(out)) == sizeof(out) ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], &out, sizeof(out)) != sizeof(out))
		out = (struct outcome){.died = true};
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), out.died ? FAKE_EXIT : 0);
	points->on = false;
	points->torn = POINT_OFF;
	return out;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static size_t count_rows(const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	size_t n = 9999;

	if (sqlite3_open_v2(state_db, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = (size_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* Disks at the start of a scenario that may lose none of them. */
static struct births before;
static bool lossless;

static void check_converged(const char *text, const char *what)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct outcome out = run_pass(text, false, false);
	const struct fake_thing *stranger = fake_find(world, KIND_VM, "stranger");
	const char *wrong = world_wrong(&a, world, parse(&a, text), NULL);

	if (wrong)
		fail_msg("%s: %s", what, wrong);
	if (out.failed || !out.empty)
		fail_msg("%s: the plan is not empty (%s)", what, out.msg);
	if (!stranger || !stranger->running || stranger->cid != 7777 || stranger->starts)
		fail_msg("%s: a foreign VM was touched", what);
	if (count_rows("SELECT count(*) FROM journal WHERE state = 'intent'"))
		fail_msg("%s: an intent is left open", what);
	if (!text && count_rows("SELECT count(*) FROM object"))
		fail_msg("%s: rows are left", what);
	wrong = kept_wrong(&a, world, state_db);
	if (wrong)
		fail_msg("%s: %s", what, wrong);
	if (lossless && births_lost(world, &before))
		fail_msg("%s: disk %u is lost, or there twice", what, births_lost(world, &before));
}

/* A pass with nothing in its way, and then all is well. */
static void recover(const struct scenario *s, const char *what)
{
	struct outcome out;

	memset(world->script, 0, sizeof(world->script));
	out = run_pass(s->to, true, false);
	if (out.died || out.failed)
		fail_msg("%s: the next pass failed: %s", what, out.msg);
	check_converged(s->to, what);
}

/* Who failed said why: the injected error, or what SQLite makes of it, before anything else. */
static void check_reason(const struct outcome *out, int errnum, const char *what)
{
	const char *const causes[] = {strerror(errnum), "disk I/O error", "disk is full",
		"out of memory", "is in use", "unable to open database", "scripted failure"};
	const char *then = strstr(out->msg, "; then:");

	if (out->leaked_fds)
		fail_msg("%s: %d descriptors are left open", what, out->leaked_fds);
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		const char *at = strstr(out->msg, causes[i]);

		if (at && (!then || at < then))
			return;
	}
	fail_msg("%s: the error does not say why: \"%s\"", what, out->msg);
}

static void db_was_deleted(void)
{
	assert_int_equal(run_pass(HEAD WEB, true, false).failed, 0);
}

/* ---- set up ---------------------------------------------------------------------------------- */

static void set_up(const struct scenario *s)
{
	struct err err = ERR_INIT;
	struct fake_thing *stranger;

	if (tree_remove(AT_FDCWD, state_dir, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(mkdir(state_dir, 0700), 0);
	memset(world, 0, sizeof(*world));
	lossless = false;
	stranger = fake_add(world, KIND_VM, "stranger");
	stranger->foreign = stranger->running = true;
	stranger->cid = 7777;
	points_reset();
	if (s->from) {
		assert_int_equal(run_pass(s->from, true, false).failed, 0);
		check_converged(s->from, s->name);
	}
	if (s->damage)
		s->damage();
	births_of(world, &before);
	lossless = s->lossless;
	world_save(start, state_dir, world);
}

/* Points of a clean pass from the start. */
static uint32_t count_points(const struct scenario *s)
{
	struct outcome out;

	world_restore(start, state_dir, world);
	points_reset();
	out = run_pass(s->to, true, true);
	assert_false(out.died);
	assert_int_equal(out.failed != 0, s->fails);
	if (!s->fails)
		check_converged(s->to, s->name);
	return points->seen;
}

/* SplitMix64, as Vigna published it into the public domain. */
static uint64_t roll(void)
{
	uint64_t z = dice += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static bool is_chosen(unsigned one_in)
{
	return one_in <= 1 || roll() % one_in == 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const struct fault {
	const char *name;
	enum point_mode mode;
	int errnum;
} faults[] = {
	{"killed", POINT_KILL, 0},
	{"killed half way", POINT_TORN, 0},
	{"EIO", POINT_FAIL, EIO},
	{"ENOSPC", POINT_FAIL, ENOSPC},
	{"ENOMEM", POINT_FAIL, ENOMEM},
	{"EMFILE", POINT_FAIL, EMFILE},
	{"EINTR", POINT_FAIL, EINTR},
	{"half an effect, then EIO", POINT_SHORT, EIO},
	{"no space from here on", POINT_STUCK, ENOSPC},
	{"EIO from here on", POINT_STUCK, EIO},
};

static void run_fault(const struct scenario *s, uint32_t k, const struct fault *f)
{
	const bool kills = f->mode == POINT_KILL || f->mode == POINT_TORN;
	struct outcome out;
	char what[256];

	world_restore(start, state_dir, world);
	points_reset();
	points_plan(0, k, f->mode, f->errnum);
	out = run_pass(s->to, true, true);
	snprintf(what, sizeof(what), "%s, point %u (%s): %s", s->name, k, points->fired_at, f->name);
	assert_true(points->fired > 0);
	if (world->violation[0])
		fail_msg("%s: %s", what, world->violation);
	if (!out.died && out.failed)
		check_reason(&out, f->errnum, what);
	if (!out.died && !out.failed && !kills)
		check_converged(s->to, what);
	recover(s, what);
	n_points += kills;
	n_failures += !kills;
}

static void every_point(void **state)
{
	const struct scenario *s = *state;
	uint32_t total;

	set_up(s);
	total = count_points(s);
	for (uint32_t k = 1; k <= total; k++)
		for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++)
			if (is_chosen(step))
				run_fault(s, k, &faults[f]);
	printf("# %s: %u points in a clean pass\n", s->name, total);
}

/* Death at k, then death at j of the pass that recovers, from the world that k left. */
static bool run_pair(const struct scenario *s, uint32_t k, uint32_t j)
{
	char what[200];

	world_restore(broken, state_dir, world);
	points_reset();
	points_plan(0, j, (k + j) % 2 ? POINT_KILL : POINT_TORN, 0);
	run_pass(s->to, true, true);
	if (!points->fired)
		return false;
	snprintf(what, sizeof(what), "%s, killed at point %u and at %u (%s) of the recovery", s->name,
		k, j, points->fired_at);
	recover(s, what);
	n_pairs++;
	return true;
}

static void every_pair(void **state)
{
	const struct scenario *s = *state;
	const unsigned one_in = step > 1 ? 8 : 1;
	uint32_t total;

	set_up(s);
	total = count_points(s);
	for (uint32_t k = 1; k <= total; k++) {
		if (!is_chosen(step))
			continue;
		world_restore(start, state_dir, world);
		points_reset();
		points_plan(0, k, k % 2 ? POINT_KILL : POINT_TORN, 0);
		run_pass(s->to, true, true);
		world_save(broken, state_dir, world);
		for (uint32_t j = 1; j < 10000; j += one_in == 1 ? 1 : 1 + (uint32_t)(roll() % (2 * one_in)))
			if (!run_pair(s, k, j))
				break;
	}
}

/* The layer under SQLite is there: each commit is some writes and a sync. */
static void points_are_below_sqlite(void **state)
{
	(void)state;
	set_up(&scenarios[0]);
	points_reset();
	points_plan(0, 1, POINT_FAIL, EIO);
	assert_true(run_pass(HEAD WEB, true, true).failed > 0);
	assert_int_equal(points->fired, 1);
	assert_true(count_points(&scenarios[0]) > 50);
}

static unsigned from_env(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static int make_work(void **state)
{
	(void)state;
	world = fake_new();
	start = xcalloc(1, sizeof(*start));
	broken = xcalloc(1, sizeof(*broken));
	scratch_make(work);
	snprintf(state_dir, sizeof(state_dir), "%s/state", work);
	snprintf(state_db, sizeof(state_db), "%s/state.db", state_dir);
	setenv("RECONCILE_STATE_DIR", state_dir, 1);
	setenv("RECONCILE_CACHE_DIR", work, 1);
	unsetenv("RECONCILE_RUN_DIR");
	step = from_env("POINTS_STEP", 40);
	seed = dice = from_env("POINTS_SEED", (unsigned)time(NULL));
	printf("# POINTS_SEED=%llu POINTS_STEP=%u\n", (unsigned long long)seed, step);
	return world ? layer_install() : -1;
}

static int remove_work(void **state)
{
	(void)state;
	printf("# crash points: %u, pairs: %u, injected failures: %u, leaks: 0\n", n_points, n_pairs,
		n_failures);
	arena_free(&start->a);
	arena_free(&broken->a);
	free(start);
	free(broken);
	return tree_remove(AT_FDCWD, work, NULL);
}

int main(void)
{
	struct CMUnitTest tests[2 * N + 1];
	size_t n = 0;

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(points_are_below_sqlite);
	for (size_t i = 0; i < N; i++) {
		void *s = (void *)(uintptr_t)&scenarios[i];

		tests[n++] = (struct CMUnitTest){scenarios[i].name, every_point, NULL, NULL, s};
		tests[n++] = (struct CMUnitTest){"pairs", every_pair, NULL, NULL, s};
	}
	return _cmocka_run_group_tests("engine, killed and failed at every point", tests, n, make_work,
		remove_work);
}
