/* test_engine_crash.c - the engine on a fake world, failed and killed at every call.
 *
 * For each scenario (a change from one spec to another, with or without damage) the calls that a
 * clean pass makes are counted: K. Then, for every k in 1..K and every mode of failure and death,
 * the change is run from the same start with that fault, and once more without. After that:
 *
 *	the plan is empty, the world is exactly the inventory of the spec, no rule was broken,
 *	what is foreign is as it was, and every effect had its committed intent.
 *
 * Then pairs: death at k, and death or failure at each call j of the recovery.
 */
#include "drivers/fake/fake.h"
#include "reconciler/engine/pass.h"
#include "schema/spec.h"
#include "tests/lib/kept.h"
#include "tests/lib/unit.h"

#include <sqlite3.h>

#define HEAD "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
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
#define LAB "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nnetworks: {lab: {subnet: 10.77.0.0/24}}\nvms:\n"
#define WEB_LAB "  web: {image: base, kernel: k, memory: 128MiB, network: {lab: {}}}\n"
#define WWW_LAB "  www: {image: base, kernel: k, memory: 128MiB, network: {lab: {}}}\n"
#define OTHER_IMAGE "version: 1\nimages: {base: {oci: 'registry.example/base:2'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
#define NEW_KERNEL "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k2}}\nvms:\n"

/* ASan keeps 256 MiB of freed memory by default, and each fork copies the tables of its pages: three
 * quarters of the time of this test. A use after free shows within the last 4 MiB as well. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=4:thread_local_quarantine_size_kb=64";
}

static char work[SCRATCH_MAX];
static char state_db[256];
static struct fake_world *world;
static unsigned points, pairs;

/* ---- damage --------------------------------------------------------------------------------- */

static void vmm_dies(struct fake_world *w)
{
	fake_find(w, KIND_VM, "web")->running = false;
}

static void disk_vanishes(struct fake_world *w)
{
	vmm_dies(w);
	fake_find(w, KIND_DISK, "web")->exists = false;
}

static void kernel_vanishes(struct fake_world *w)
{
	fake_find(w, KIND_KERNEL, "k")->exists = false;
}

static void image_is_torn(struct fake_world *w)
{
	fake_find(w, KIND_IMAGE, "base")->half = true;
}

static void handles_vanish(struct fake_world *w)
{
	(void)w;
	char path[256];

	snprintf(path, sizeof(path), "%s/state/vms/web/handles.json", work);
	assert_int_equal(unlink(path), 0);
}

static void state_vanishes(struct fake_world *w)
{
	(void)w;
	const char *names[] = {"state.db", "state.db-wal", "state.db-shm"};

	for (size_t i = 0; i < 3; i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/state/%s", work, names[i]);
		unlink(path);
	}
}

static void db_was_deleted(struct fake_world *w);
static void all_was_deleted(struct fake_world *w);

static const struct scenario {
	const char *name;
	const char *from, *to; /* NULL: nothing is wanted */
	void (*damage)(struct fake_world *w);
	bool lossless; /* every disk of before is there in the end, live or kept, and once */
} scenarios[] = {
	{"create one", NULL, HEAD WEB, NULL, false},
	{"create two that depend on each other", NULL, HEAD WEB DB, NULL, false},
	{"restart for memory", HEAD WEB, HEAD WEB_BIGGER, NULL, false},
	{"restart for a kernel", HEAD WEB, NEW_KERNEL WEB, NULL, false},
	{"live change", HEAD WEB, HEAD WEB_LABEL, NULL, false},
	{"stop", HEAD WEB, HEAD WEB_STOPPED, NULL, false},
	{"start", HEAD WEB_STOPPED, HEAD WEB, NULL, false},
	{"grow the disk", HEAD WEB, HEAD WEB_GROWN, NULL, false},
	{"replace the image", HEAD WEB, OTHER_IMAGE WEB, NULL, false},
	{"delete one of two", HEAD WEB DB, HEAD WEB, NULL, true},
	{"delete everything", HEAD WEB DB, NULL, NULL, true},
	{"bring one back", HEAD WEB DB, HEAD WEB DB, db_was_deleted, true},
	{"bring one back, larger", HEAD WEB, HEAD WEB_GROWN, all_was_deleted, true},
	{"anew beside what is kept", HEAD WEB, OTHER_IMAGE WEB, all_was_deleted, true},
	{"rename", HEAD WEB DB, HEAD WWW DB_ON_WWW MOVED, NULL, true},
	{"rename a dead VM and grow it", HEAD WEB, HEAD WWW_GROWN MOVED, vmm_dies, true},
	{"rename a stopped VM", HEAD WEB_STOPPED, HEAD WWW_STOPPED MOVED, NULL, true},
	{"rename to where one is kept", HEAD WEB DB, HEAD DB_WAS_WEB MOVED_TO_DB, db_was_deleted, true},
	{"restart a dead VM", HEAD WEB, HEAD WEB, vmm_dies, false},
	{"make a lost disk again", HEAD WEB, HEAD WEB, disk_vanishes, false},
	{"make a lost kernel again", HEAD WEB, HEAD WEB, kernel_vanishes, false},
	{"make a torn image again", HEAD WEB, HEAD WEB, image_is_torn, false},
	{"handles.json is lost, then restart", HEAD WEB, HEAD WEB_BIGGER, handles_vanish, false},
	{"the database is lost, all is adopted", HEAD WEB DB, HEAD WEB DB, state_vanishes, false},
	{"dead VM is deleted", HEAD WEB, NULL, vmm_dies, true},
	{"create in a network", NULL, LAB WEB_LAB, NULL, false},
	{"leave a network", LAB WEB_LAB, HEAD WEB, NULL, false},
	{"join a network", HEAD WEB, LAB WEB_LAB, NULL, false},
	{"delete a network and all in it", LAB WEB_LAB, NULL, NULL, true},
	{"rename in a network", LAB WEB_LAB, LAB WWW_LAB MOVED, NULL, true},
};

/* ---- one pass in a child -------------------------------------------------------------------- */

static struct spec *parse(struct arena *a, const char *text)
{
	struct diags diags = {0};
	struct err err = ERR_INIT;
	struct spec *spec = NULL;

	if (text && spec_parse(a, "test.yaml", "/", text, strlen(text), &spec, &diags, &err) < 0) {
		vec_each(d, &diags)
			fputs(diag_text(a, d), stderr);
		fail_msg("%s", err.msg);
	}
	return spec;
}

/* Every effect must be named by a committed intent, seen by another connection. */
static void check_intent(const struct step *s)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int n = 0;

	if (sqlite3_open_v2(state_db, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, "SELECT count(*) FROM journal WHERE state = 'intent' AND op = ?"
			" AND kind = ? AND name = ?", -1, &st, NULL) == SQLITE_OK) {
		sqlite3_bind_text(st, 1, step_op_name(s->op), -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 2, kind_name(s->kind), -1, SQLITE_STATIC);
		sqlite3_bind_text(st, 3, s->name, -1, SQLITE_STATIC);
		if (sqlite3_step(st) == SQLITE_ROW)
			n = sqlite3_column_int(st, 0);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	if (n < 1) /* two when what it was before is pruned in the same level */
		fake_violate(world, "%s %s/%s had %d committed intents", step_op_name(s->op),
			kind_name(s->kind), s->name, n);
}

struct outcome {
	int exit_code; /* FAKE_EXIT: killed */
	bool empty;    /* the plan was empty before acting */
	size_t failed;
};

/* Runs in the child: look, act unless the plan is to be seen only. */
static struct outcome pass_here(const char *text, bool act)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = {.a = &a, .source = "test", .write = true, .spec = parse(&a, text)};
	struct err err = ERR_INIT;
	struct outcome out = {0};

	if (pass_look(&p, &err) < 0)
		out.exit_code = 2;
	out.empty = !p.plan.changes && !p.plan.steps.n && !p.plan.conflicts;
	if (!out.exit_code && act && pass_act(&p, &err) < 0)
		out.exit_code = 3;
	out.failed = p.exec.failed + p.exec.skipped;
	if (err.kind != ERR_NONE)
		fprintf(stderr, "# pass: %s\n", err.msg);
	pass_close(&p);
	return out;
}

/* Whether a death is scripted for one of the calls to come. */
static bool may_die(void)
{
	for (size_t i = 0; i < FAKE_SCRIPT; i++)
		if (world->script[i].at > world->calls && world->script[i].mode >= FAKE_KILL_BEFORE)
			return true;
	return false;
}

/* A pass, in a child process where the script may "kill" it: a fork is what costs here. */
static struct outcome run_pass(const char *text, bool act)
{
	struct outcome out = {.exit_code = FAKE_EXIT};
	int fds[2], status;
	pid_t pid;

	fake_use(world, check_intent);
	if (!may_die())
		return pass_here(text, act);
	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		out = pass_here(text, act);
		_exit(write(fds[1], &out, sizeof(out)) == sizeof(out) ? 0 : 1);
	}
	close(fds[1]);
	if (read(fds[0], &out, sizeof(out)) != sizeof(out))
		out.exit_code = FAKE_EXIT;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAKE_EXIT);
	return out;
}

/* ---- what must hold ------------------------------------------------------------------------- */

static void check_vm(const struct vm_spec *vm, const char *what)
{
	const struct fake_thing *t = fake_find(world, KIND_VM, vm->head.name);
	const struct fake_thing *disk = fake_find(world, KIND_DISK, vm->head.name);
	char shape[160];

	snprintf(shape, sizeof(shape), "%u cpus, %llu bytes", vm->vcpus,
		(unsigned long long)vm->memory);
	if (!disk || disk->half || disk->size != vm->disk_size)
		fail_msg("%s: disk/%s is not as declared", what, vm->head.name);
	if (vm->running && (!t || !t->running || strcmp(t->shape, shape)))
		fail_msg("%s: vm/%s does not run as declared", what, vm->head.name);
	if (!vm->running && t && t->running)
		fail_msg("%s: vm/%s runs", what, vm->head.name);
}

static size_t count_things(enum kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_THINGS; i++)
		n += world->things[kind][i].exists && !world->things[kind][i].foreign;
	return n;
}

static bool has_object(const struct objects *objects, enum kind kind, const char *name)
{
	vec_each(o, objects)
		if (o->kind == kind && !strcmp(o->name, name))
			return true;
	return false;
}

static void check_inventory(const char *text, const char *what)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spec *spec = parse(&a, text);
	struct objects objects = {0};

	if (spec) {
		spec_expand(&a, spec, &objects);
		vec_each(vm, &spec->vms)
			check_vm(*vm, what);
	}
	for (int kind = 0; kind < KIND_N; kind++)
		for (size_t i = 0; i < FAKE_THINGS; i++) {
			const struct fake_thing *t = &world->things[kind][i];

			if (t->exists && !t->foreign &&
				!has_object(&objects, (enum kind)kind, t->name))
				fail_msg("%s: leaked %s/%s", what, kind_name((enum kind)kind), t->name);
		}
	assert_int_equal(count_things(KIND_IMAGE), spec ? spec->images.n : 0);
	assert_int_equal(count_things(KIND_KERNEL), spec ? spec->kernels.n : 0);
}

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
	const char *wrong;
	struct outcome out = run_pass(text, false);

	if (world->violation[0])
		fail_msg("%s: %s", what, world->violation);
	if (out.exit_code || !out.empty)
		fail_msg("%s: the plan after recovery is not empty", what);
	check_inventory(text, what);
	if (!text && count_rows("SELECT count(*) FROM object"))
		fail_msg("%s: rows are left", what);
	wrong = kept_wrong(&a, world, state_db);
	if (wrong)
		fail_msg("%s: %s", what, wrong);
	if (lossless && births_lost(world, &before))
		fail_msg("%s: disk %u is lost, or there twice", what, births_lost(world, &before));
	if (!fake_find(world, KIND_VM, "stranger") || !fake_find(world, KIND_VM, "stranger")->running)
		fail_msg("%s: a foreign VM was touched", what);
}

static void db_was_deleted(struct fake_world *w)
{
	(void)w;
	assert_int_equal(run_pass(HEAD WEB, true).failed, 0);
}

static void all_was_deleted(struct fake_world *w)
{
	(void)w;
	assert_int_equal(run_pass(NULL, true).failed, 0);
}

/* ---- start over ----------------------------------------------------------------------------- */

static void fresh_dirs(void)
{
	struct err err = ERR_INIT;
	char path[256];

	snprintf(path, sizeof(path), "%s/state", work);
	if (tree_remove(AT_FDCWD, path, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void set_up_world(const struct scenario *s)
{
	struct fake_thing *stranger;

	fresh_dirs();
	memset(world, 0, sizeof(*world));
	lossless = false;
	stranger = fake_add(world, KIND_VM, "stranger");
	stranger->foreign = stranger->running = true;
	stranger->cid = 7777;
	if (s->from) {
		assert_int_equal(run_pass(s->from, true).failed, 0);
		check_converged(s->from, s->name);
	}
	if (s->damage)
		s->damage(world);
	births_of(world, &before);
	lossless = s->lossless;
	world->calls = 0;
}

static void script(size_t slot, uint32_t at, enum fake_mode mode)
{
	world->script[slot].at = at;
	world->script[slot].mode = mode;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static const char *const mode_names[] = {"fail", "fail half", "fail after", "kill before",
	"kill half", "kill after"};

static void run_point(const struct scenario *s, uint32_t k, enum fake_mode mode)
{
	char what[200];

	snprintf(what, sizeof(what), "%s, %s at call %u", s->name, mode_names[mode], k);
	set_up_world(s);
	script(0, k, mode);
	run_pass(s->to, true);
	assert_int_equal(world->fired, 1);
	if (run_pass(s->to, true).failed)
		fail_msg("%s: the next pass failed too", what);
	check_converged(s->to, what);
	points++;
}

static void every_point(void **state)
{
	const struct scenario *s = *state;
	uint32_t calls;

	set_up_world(s);
	assert_int_equal(run_pass(s->to, true).failed, 0);
	calls = world->calls;
	check_converged(s->to, s->name);
	for (uint32_t k = 1; k <= calls; k++)
		for (int mode = 0; mode < FAKE_MODE_N; mode++)
			run_point(s, k, (enum fake_mode)mode);
}

/* Failing undo: the step at k fails half done, and so does the call after it, its undo. */
static void failing_undo(void **state)
{
	const struct scenario *s = *state;
	uint32_t calls;
	char what[200];

	set_up_world(s);
	run_pass(s->to, true);
	calls = world->calls;
	for (uint32_t k = 1; k <= calls; k++) {
		snprintf(what, sizeof(what), "%s, undo fails after call %u", s->name, k);
		set_up_world(s);
		script(0, k, FAKE_FAIL_HALF);
		script(1, k + 1, FAKE_FAIL);
		run_pass(s->to, true);
		run_pass(s->to, true);
		if (run_pass(s->to, true).failed)
			fail_msg("%s: the third pass failed too", what);
		check_converged(s->to, what);
		points++;
	}
}

/* Death at k, then death at each call j of the recovery. */
static void death_in_recovery(void **state)
{
	const struct scenario *s = *state;
	uint32_t calls, recovery;
	char what[200];

	set_up_world(s);
	run_pass(s->to, true);
	calls = world->calls;
	for (uint32_t k = 1; k <= calls; k++) {
		set_up_world(s);
		script(0, k, FAKE_KILL_HALF);
		run_pass(s->to, true);
		run_pass(s->to, true);
		recovery = world->calls - k;
		for (uint32_t j = 1; j <= recovery; j++) {
			snprintf(what, sizeof(what), "%s, killed at call %u and at %u of the recovery",
				s->name, k, j);
			set_up_world(s);
			script(0, k, FAKE_KILL_HALF);
			script(1, k + j, j % 2 ? FAKE_KILL_AFTER : FAKE_KILL_HALF);
			run_pass(s->to, true);
			run_pass(s->to, true);
			if (run_pass(s->to, true).failed)
				fail_msg("%s: the third pass failed", what);
			check_converged(s->to, what);
			pairs++;
		}
	}
}

/* A fault at k, and then the user gives up and deletes everything: nothing may be left. */
static void given_up(void **state)
{
	const struct scenario *s = *state;
	uint32_t calls;
	char what[200];

	set_up_world(s);
	run_pass(s->to, true);
	calls = world->calls;
	for (uint32_t k = 1; k <= calls; k++)
		for (int mode = 0; mode < FAKE_MODE_N; mode++) {
			snprintf(what, sizeof(what), "%s, %s at call %u, then delete", s->name,
				mode_names[mode], k);
			set_up_world(s);
			script(0, k, (enum fake_mode)mode);
			run_pass(s->to, true);
			if (run_pass(NULL, true).failed)
				fail_msg("%s: delete failed", what);
			check_converged(NULL, what);
			points++;
		}
}

/* A rename dies at k, then a deletion dies at j, then the VM is wanted again: whatever has been done by
 * then, its disk is found. */
static void renamed_deleted_and_back(void **state)
{
	const struct scenario rename = {"rename, delete, and back", HEAD WEB, HEAD WWW MOVED, NULL, true};
	char what[200];

	(void)state;
	for (uint32_t k = 1; k <= 6; k++)
		for (uint32_t j = 1; j <= 6; j++)
			for (int mode = FAKE_KILL_BEFORE; mode < FAKE_MODE_N; mode++) {
				snprintf(what, sizeof(what), "%s, %s at calls %u and %u", rename.name,
					mode_names[mode], k, j);
				set_up_world(&rename);
				script(0, k, (enum fake_mode)mode);
				run_pass(rename.to, true);
				script(1, world->calls + j, (enum fake_mode)mode);
				run_pass(NULL, true);
				memset(world->script, 0, sizeof(world->script));
				if (run_pass(rename.to, true).failed)
					fail_msg("%s: it cannot come back", what);
				check_converged(rename.to, what);
				pairs++;
			}
}

/* As steps at the same time leave it: a VM is forgotten and its disk has not been begun with. */
static void unbegin_disk(void)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open_v2(state_db, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE object SET state = 'made' WHERE kind = 'disk';"
		"DELETE FROM journal WHERE kind = 'disk' AND state = 'intent'", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

/* A deletion dies before k, and then its VM is wanted after all: it has the identity that it had. */
static void deletion_taken_back(void **state)
{
	const struct scenario s = {"delete, and back", HEAD WEB DB, HEAD WEB, NULL, true};
	uint32_t calls;

	(void)state;
	set_up_world(&s);
	run_pass(s.to, true);
	calls = world->calls;
	for (uint32_t k = 1; k <= calls; k++) {
		uint64_t cid;
		char what[200];

		snprintf(what, sizeof(what), "%s, killed before call %u", s.name, k);
		set_up_world(&s);
		cid = fake_find(world, KIND_VM, "db")->cid;
		script(0, k, FAKE_KILL_BEFORE);
		run_pass(s.to, true);
		unbegin_disk();
		if (run_pass(s.from, true).failed)
			fail_msg("%s: it cannot come back", what);
		check_converged(s.from, what);
		if (fake_find(world, KIND_VM, "db")->cid != cid)
			fail_msg("%s: another context id", what);
		points++;
	}
}

/* A guest that is slow is a condition: nothing is undone, the VM goes on running. */
static void not_ready_is_no_failure(void **state)
{
	const struct scenario *s = &scenarios[0];

	(void)state;
	set_up_world(s);
	world->slow_guest = true;
	assert_int_equal(run_pass(s->to, true).failed, 0);
	assert_true(fake_find(world, KIND_VM, "web")->running);
	world->slow_guest = false;
	assert_false(run_pass(s->to, false).empty); /* the wait is still to be done */
	assert_int_equal(run_pass(s->to, true).failed, 0);
	check_converged(s->to, "slow guest");
	assert_int_equal(fake_find(world, KIND_VM, "web")->starts, 1);
}

/* The same name in use by somebody else: nothing is made, nothing is touched. */
static void foreign_is_a_conflict(void **state)
{
	struct fake_thing *t;
	struct outcome out;

	(void)state;
	set_up_world(&scenarios[0]);
	t = fake_add(world, KIND_DISK, "web");
	t->foreign = true;
	out = run_pass(HEAD WEB, true);
	assert_int_equal(out.exit_code, 0);
	assert_string_equal(world->violation, "");
	assert_true(fake_find(world, KIND_DISK, "web")->foreign);
}

/* apply(a); apply(b); apply(a) equals apply(a), and identities survive. */
static void there_and_back(void **state)
{
	uint64_t cid;

	(void)state;
	set_up_world(&scenarios[2]);
	cid = fake_find(world, KIND_VM, "web")->cid;
	run_pass(HEAD WEB_BIGGER DB, true);
	check_converged(HEAD WEB_BIGGER DB, "there");
	run_pass(HEAD WEB, true);
	check_converged(HEAD WEB, "back");
	assert_int_equal(fake_find(world, KIND_VM, "web")->cid, cid);
}

static void set_below(const char *variable, const char *sub)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", work, sub);
	setenv(variable, path, 1);
}

static int make_work(void **state)
{
	(void)state;
	world = fake_new();
	if (!world)
		return -1;
	scratch_make(work);
	snprintf(state_db, sizeof(state_db), "%s/state/state.db", work);
	set_below("RECONCILE_STATE_DIR", "state");
	set_below("RECONCILE_CACHE_DIR", "cache");
	unsetenv("RECONCILE_RUN_DIR");
	return 0;
}

static int remove_work(void **state)
{
	(void)state;
	printf("# crash points: %u, pairs in recovery: %u, leaks: 0\n", points, pairs);
	return tree_remove(AT_FDCWD, work, NULL);
}

#define N (sizeof(scenarios) / sizeof(scenarios[0]))

int main(void)
{
	struct CMUnitTest tests[4 * N + 5];
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		void *s = (void *)(uintptr_t)&scenarios[i];

		tests[n++] = (struct CMUnitTest){scenarios[i].name, every_point, NULL, NULL, s};
		tests[n++] = (struct CMUnitTest){"failing undo", failing_undo, NULL, NULL, s};
		tests[n++] = (struct CMUnitTest){"given up", given_up, NULL, NULL, s};
		tests[n++] = (struct CMUnitTest){"death in recovery", death_in_recovery, NULL, NULL, s};
	}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(renamed_deleted_and_back);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(deletion_taken_back);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(not_ready_is_no_failure);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(foreign_is_a_conflict);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(there_and_back);
	return _cmocka_run_group_tests("engine, failed and killed everywhere", tests, n, make_work,
		remove_work);
}
