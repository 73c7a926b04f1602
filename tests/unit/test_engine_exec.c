/* test_engine_exec.c - running a plan: what is said, what is undone, what is written down. */
#include "schema/base/clock.h"
#include "tests/lib/engine.h"

#include <sqlite3.h>

#define DB "  db: {image: base, kernel: k, memory: 64MiB, depends_on: [web]}\n"

static sqlite3 *raw(void)
{
	char path[SCRATCH_MAX + 32];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state/state.db", engine_dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	return db;
}

static int count(const char *sql)
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

static size_t index_of(const struct pass *p, enum step_op op, enum kind kind, const char *name)
{
	for (size_t i = 0; i < p->plan.steps.n; i++) {
		const struct plan_step *s = &p->plan.steps.v[i];

		if (s->step.op == op && s->step.kind == kind && !strcmp(s->step.name, name))
			return i;
	}
	fail_msg("no step %s %s/%s", step_op_name(op), kind_name(kind), name);
	return 0;
}

static enum step_state state_of(const struct pass *p, enum step_op op, enum kind kind,
	const char *name)
{
	return p->exec.results[index_of(p, op, kind, name)].state;
}

static const char *message_of(const struct pass *p, enum step_op op, enum kind kind, const char *name)
{
	return p->exec.results[index_of(p, op, kind, name)].err.msg;
}

/* Look and act with faults that the test has scripted before. */
static struct pass run(struct arena *a, const char *text)
{
	struct pass p = engine_pass(a, text);

	engine_look(&p);
	engine_act(&p);
	return p;
}

/* ---- success ------------------------------------------------------------------------------------ */

static void what_is_written_down(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = run(&a, SPEC_WEB);
	struct record *r;

	(void)state;
	pass_close(&p);
	assert_int_equal(p.exec.done, 5);
	assert_int_equal(p.exec.failed + p.exec.skipped + p.exec.not_ready, 0);
	r = engine_row(&a, KIND_VM, "web");
	assert_int_equal(r->state, RECORD_MADE);
	assert_null(r->reason);
	assert_int_equal(r->attempts, 0);
	assert_int_equal(r->retry_at_ms, 0);
	assert_int_equal(r->generation, 1);
	assert_string_equal(r->where, "test.yaml:5:3");
	assert_string_equal(kvs_get(&r->fields, "memory"), "128MiB");
	assert_string_equal(kvs_get(&r->facts, "pid"), "1001");
	assert_string_equal(kvs_get(&r->facts, "cid"), "3");
	assert_string_equal(kvs_get(&r->facts, "in.kernel/k"), "kernel:/boot/k");
	assert_true(kvs_u64(&r->facts, EXEC_AWAY, 0) >= 1);
	assert_int_equal(count("SELECT count(*) FROM journal WHERE state = 'done'"), 5);
	assert_int_equal(count("SELECT count(*) FROM journal WHERE state != 'done'"), 0);
	assert_int_equal(count("SELECT count(*) FROM lease"), 1);
	engine_assert_converged(SPEC_WEB);
}

/* ---- failure ------------------------------------------------------------------------------------ */

/* The VM cannot start: it is undone with its disk; images and kernels stay; the reason is at the VM. */
static void a_failed_start(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record *r;
	struct pass p;

	(void)state;
	engine_script(0, 4, FAKE_FAIL_HALF);
	p = run(&a, SPEC_WEB);
	pass_close(&p);
	assert_int_equal(state_of(&p, STEP_START, KIND_VM, "web"), STEP_FAILED);
	assert_int_equal(state_of(&p, STEP_CREATE, KIND_DISK, "web"), STEP_UNDONE);
	assert_int_equal(state_of(&p, STEP_CREATE, KIND_IMAGE, "base"), STEP_DONE);
	assert_int_equal(state_of(&p, STEP_WAIT, KIND_GUEST, "web"), STEP_SKIPPED);
	assert_int_equal(p.exec.done, 2);
	assert_int_equal(p.exec.failed, 1);
	assert_int_equal(p.exec.skipped, 1);
	assert_null(fake_find(engine_world, KIND_DISK, "web"));
	assert_null(fake_find(engine_world, KIND_VM, "web"));
	r = engine_row(&a, KIND_VM, "web");
	assert_int_equal(r->state, RECORD_FAILED);
	assert_string_equal(r->reason, "scripted failure in call 4");
	assert_int_equal(r->attempts, 1);
	assert_true(r->retry_at_ms > 0);
	assert_null(kvs_get(&r->facts, "pid"));
	assert_null(engine_row(&a, KIND_DISK, "web"));
	assert_int_equal(count("SELECT count(*) FROM lease WHERE owner = 'vm/web' AND value = 3"), 1);
	assert_int_equal(count("SELECT count(*) FROM journal WHERE state = 'failed' AND op = 'start'"), 1);
	assert_int_equal(count("SELECT count(*) FROM journal WHERE state = 'undone' AND kind = 'disk'"), 1);
	engine_apply(SPEC_WEB);
	engine_assert_converged(SPEC_WEB);
	assert_int_equal(engine_row(&a, KIND_VM, "web")->attempts, 0);
}

/* The undo fails as well: both are told, the root cause first, and both are in the journal. */
static void errors_are_joined(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *msg;
	struct pass p;

	(void)state;
	engine_script(0, 4, FAKE_FAIL_HALF);
	engine_script(1, 5, FAKE_FAIL);
	p = run(&a, SPEC_WEB);
	pass_close(&p);
	msg = message_of(&p, STEP_START, KIND_VM, "web");
	assert_string_equal(msg, "scripted failure in call 4; then: scripted failure at call 5");
	assert_string_equal(engine_row(&a, KIND_VM, "web")->reason,
		"scripted failure in call 4; undo: scripted failure at call 5");
	assert_int_equal(count("SELECT count(*) FROM journal WHERE state = 'undo-failed'"), 1);
	engine_apply(SPEC_WEB);
	engine_assert_converged(SPEC_WEB);
}

static void a_failed_image_blocks_what_needs_it(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	engine_script(0, 1, FAKE_FAIL);
	p = run(&a, SPEC_WEB DB);
	pass_close(&p);
	assert_int_equal(p.exec.failed, 1);
	assert_int_equal(p.exec.done, 1); /* the kernel needs no image */
	assert_int_equal(p.exec.skipped, 6);
	assert_string_equal(message_of(&p, STEP_CREATE, KIND_DISK, "web"),
		"skipped: create image/base did not succeed");
	assert_int_equal(engine_row(&a, KIND_VM, "web")->state, RECORD_FAILED);
	engine_apply(NULL);
	assert_int_equal(count("SELECT count(*) FROM object"), 0);
	assert_int_equal(count("SELECT count(*) FROM lease"), 0);
}

/* One VM fails, the one that waits for it is not started, a third one does not care. */
static void only_what_depends_is_skipped(void **state)
{
	static const char spec[] = SPEC_WEB DB "  lone: {image: base, kernel: k, memory: 32MiB}\n";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	uint32_t at;
	struct pass p;

	(void)state;
	p = engine_pass(&a, spec);
	engine_look(&p);
	at = (uint32_t)index_of(&p, STEP_START, KIND_VM, "web") + 1;
	engine_script(0, at, FAKE_FAIL);
	engine_act(&p);
	pass_close(&p);
	assert_int_equal(state_of(&p, STEP_START, KIND_VM, "web"), STEP_FAILED);
	assert_int_equal(state_of(&p, STEP_START, KIND_VM, "db"), STEP_SKIPPED);
	assert_int_equal(state_of(&p, STEP_WAIT, KIND_GUEST, "db"), STEP_SKIPPED);
	assert_int_equal(state_of(&p, STEP_WAIT, KIND_GUEST, "lone"), STEP_DONE);
	assert_string_equal(engine_world->violation, "");
	engine_apply(spec);
	engine_assert_converged(spec);
}

/* ---- backoff ------------------------------------------------------------------------------------ */

/* Each failure doubles the wait up to a bound, with a spread of a fifth; a success forgets it all.
 * The waits are taken from the row: retry_at against the time of the failure, bracketed. */
static void the_wait_grows_and_is_reset(void **state)
{
	_cleanup_arena_ struct arena all = ARENA_INIT;
	int64_t base = 1000;

	(void)state;
	for (uint32_t attempt = 1; attempt <= 12; attempt++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		int64_t before = clock_real_ms(), after;
		struct record *r;
		struct pass p;

		p = engine_pass(&a, SPEC_WEB);
		engine_look(&p);
		engine_script(0, (uint32_t)index_of(&p, STEP_START, KIND_VM, "web") + 1, FAKE_FAIL);
		engine_act(&p);
		pass_close(&p);
		after = clock_real_ms();
		r = engine_row(&a, KIND_VM, "web");
		assert_int_equal(r->attempts, attempt);
		assert_true(r->retry_at_ms >= before + base * 4 / 5);
		assert_true(r->retry_at_ms <= after + base * 6 / 5);
		base = base * 2 > 300000 ? 300000 : base * 2;
	}
	engine_apply(SPEC_WEB);
	assert_int_equal(engine_row(&all, KIND_VM, "web")->attempts, 0);
	assert_int_equal(engine_row(&all, KIND_VM, "web")->retry_at_ms, 0);
}

/* Fail the one step of that kind and operation, and give the row of vm/web. */
static struct record *fail_at(struct arena *a, const char *text, enum step_op op, enum kind kind)
{
	struct pass p = engine_pass(a, text);

	engine_look(&p);
	engine_script(0, (uint32_t)index_of(&p, op, kind, "web") + 1, FAKE_FAIL);
	engine_act(&p);
	pass_close(&p);
	assert_int_equal(p.exec.failed, 1);
	return engine_row(a, KIND_VM, "web");
}

/* Failures are counted for what the document says now: after a change of it they begin anew, in a field
 * of the VM as of its disk, whether the VM could not be started or only not be stopped for the change.
 * What was changed elsewhere in the document is not a new revision of it. */
static void a_new_revision_is_tried_afresh(void **state)
{
	static const char more_memory[] = SPEC_HEAD "  web: {image: base, kernel: k, memory: 160MiB}\n";
	static const char more_disk[] = SPEC_HEAD
		"  web: {image: base, kernel: k, memory: 160MiB, disk: 8GiB}\n";
	static const char moved_line[] = SPEC_HEAD
		"\n\n  web: {image: base, kernel: k, memory: 160MiB, disk: 8GiB}\n";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record *r;

	(void)state;
	assert_int_equal(fail_at(&a, SPEC_WEB, STEP_START, KIND_VM)->attempts, 1);
	assert_int_equal(fail_at(&a, SPEC_WEB, STEP_START, KIND_VM)->attempts, 2);
	assert_int_equal(fail_at(&a, SPEC_WEB, STEP_START, KIND_VM)->attempts, 3);
	assert_int_equal(fail_at(&a, more_memory, STEP_START, KIND_VM)->attempts, 1);
	assert_int_equal(fail_at(&a, more_memory, STEP_CREATE, KIND_DISK)->attempts, 2);
	assert_int_equal(fail_at(&a, more_disk, STEP_START, KIND_VM)->attempts, 1);
	assert_int_equal(fail_at(&a, moved_line, STEP_START, KIND_VM)->attempts, 2);
	engine_apply(moved_line);
	r = engine_row(&a, KIND_VM, "web");
	assert_int_equal(r->attempts, 0);
	assert_null(kvs_get(&r->facts, "tried"));
	assert_int_equal(fail_at(&a, SPEC_WEB, STEP_STOP, KIND_VM)->attempts, 1);
	assert_int_equal(fail_at(&a, SPEC_WEB, STEP_STOP, KIND_VM)->attempts, 2);
	r = fail_at(&a, more_memory, STEP_STOP, KIND_VM);
	assert_int_equal(r->attempts, 1);
	assert_true(r->retry_at_ms <= clock_real_ms() + 1200);
}

/* ---- reboot ------------------------------------------------------------------------------------- */

/* Rows and handles.json say that both run, with pids of an earlier boot; no process is there. Both are
 * started again on the disks that they had, with the same identity. */
static void after_a_reboot_nothing_is_believed(void **state)
{
	static const char spec[] = SPEC_WEB DB;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	uint32_t disk, starts = 0;
	struct pass p;

	(void)state;
	engine_apply(spec);
	disk = fake_find(engine_world, KIND_DISK, "web")->birth;
	fake_find(engine_world, KIND_VM, "web")->running = false;
	fake_find(engine_world, KIND_VM, "db")->running = false;
	assert_non_null(kvs_get(&engine_row(&a, KIND_VM, "web")->facts, "pid"));
	p = engine_pass(&a, spec);
	engine_look(&p);
	vec_each(s, &p.plan.steps) {
		starts += s->step.op == STEP_START;
		assert_true(s->step.op == STEP_START || s->step.op == STEP_WAIT);
	}
	assert_int_equal(starts, 2);
	pass_close(&p);
	engine_apply(spec);
	engine_assert_converged(spec);
	assert_true(fake_find(engine_world, KIND_VM, "web")->running);
	assert_true(fake_find(engine_world, KIND_VM, "db")->running);
	assert_int_equal(fake_find(engine_world, KIND_DISK, "web")->birth, disk);
	assert_string_equal(kvs_get(&engine_row(&a, KIND_VM, "web")->facts, "pid"), "1002");
}

/* ---- conditions --------------------------------------------------------------------------------- */

static void a_slow_guest_is_a_condition(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record *r;
	struct pass p;

	(void)state;
	engine_world->slow_guest = true;
	p = run(&a, SPEC_WEB DB);
	pass_close(&p);
	assert_int_equal(state_of(&p, STEP_WAIT, KIND_GUEST, "web"), STEP_NOT_READY);
	assert_int_equal(state_of(&p, STEP_START, KIND_VM, "db"), STEP_SKIPPED);
	assert_int_equal(p.exec.failed, 0);
	assert_int_equal(p.exec.not_ready, 1);
	assert_true(fake_find(engine_world, KIND_VM, "web")->running);
	r = engine_row(&a, KIND_VM, "web");
	assert_int_equal(r->state, RECORD_MADE);
	assert_string_equal(r->reason, "vm/web is not ready");
	assert_int_equal(r->attempts, 0);
	engine_world->slow_guest = false;
	engine_apply(SPEC_WEB DB);
	engine_assert_converged(SPEC_WEB DB);
	assert_int_equal(fake_find(engine_world, KIND_VM, "web")->starts, 1);
	/* When it came to be ready in between, nobody knows. */
	assert_null(kvs_get(&engine_row(&a, KIND_VM, "web")->facts, EXEC_AWAY));
	assert_non_null(kvs_get(&engine_row(&a, KIND_VM, "db")->facts, EXEC_AWAY));
}

/* ---- cancelling --------------------------------------------------------------------------------- */

static volatile sig_atomic_t cancel;
static uint32_t cancel_at;

static void maybe_cancel(const struct step *s)
{
	(void)s;
	if (engine_world->calls + 1 == cancel_at)
		cancel = SIGINT;
}

/* Cancelled during each step in turn: that step ends, nothing new begins, what never began is not
 * undone, and the next pass completes it. */
static void cancelled_at_every_step(void **state)
{
	uint32_t total;

	(void)state;
	engine_apply(SPEC_WEB);
	total = engine_world->calls;
	for (uint32_t at = 1; at <= total; at++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct pass p;

		engine_tear_down(NULL);
		engine_set_up(NULL);
		cancel = 0;
		cancel_at = at;
		fake_use(engine_world, maybe_cancel);
		p = engine_pass(&a, SPEC_WEB);
		p.cancel = &cancel;
		engine_look(&p);
		engine_act(&p);
		pass_close(&p);
		fake_use(engine_world, NULL);
		cancel_at = 0;
		if (at == total)
			assert_int_equal(p.exec.failed, 0);
		else
			assert_true(p.exec.failed > 0);
		for (size_t i = 0; i < p.plan.steps.n; i++) {
			const struct step_result *r = &p.exec.results[i];

			if (r->state == STEP_FAILED)
				assert_int_equal(r->err.kind, ERR_CANCELLED);
		}
		engine_apply(SPEC_WEB);
		engine_assert_converged(SPEC_WEB);
	}
}

/* Two images of one content share a file. Cancelled before the second one begins, nothing of it is
 * undone: the file belongs to the first. */
static void cancel_first(const struct step *s)
{
	(void)s;
	cancel = SIGINT;
}

static void what_never_began_is_not_undone(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	uint32_t calls;
	struct pass p;

	(void)state;
	cancel = 0;
	fake_use(engine_world, cancel_first);
	p = engine_pass(&a, SPEC_WEB);
	p.cancel = &cancel;
	engine_look(&p);
	calls = engine_world->calls;
	engine_act(&p);
	pass_close(&p);
	/* the image's step, in which the cancelling happened, and no call after it */
	assert_int_equal(engine_world->calls, calls + 1);
	assert_int_equal(state_of(&p, STEP_CREATE, KIND_IMAGE, "base"), STEP_DONE);
	assert_int_equal(state_of(&p, STEP_CREATE, KIND_KERNEL, "k"), STEP_FAILED);
	assert_null(engine_row(&a, KIND_KERNEL, "k"));
	engine_apply(SPEC_WEB);
	engine_assert_converged(SPEC_WEB);
}

/* ---- identities and shared content ---------------------------------------------------------------- */

static void a_lost_database_keeps_identities(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct leases leases = {0};
	struct kvs facts = {0};
	struct views views = {0};
	struct records none = {0};
	struct objects objects = {0};
	struct host host = {.arena = &a};
	struct err err = ERR_INIT;
	struct plan plan;

	(void)state;
	spec_expand(&a, engine_parse(&a, SPEC_WEB "  aa: {image: base, kernel: k, memory: 64MiB}\n"),
		&objects);
	kvs_set(&a, &facts, "cid", "3");
	vec_each(o, &objects)
		*vec_push(&a, &views) = (struct view){.object = o, .observed = {.seen = SEEN_ABSENT}};
	vec_each(v, &views)
		if (v->object->kind == KIND_VM && !strcmp(v->object->name, "web"))
			v->observed = (struct observed){.seen = SEEN_SAME, .running = true, .facts = facts};
	assert_int_equal(plan_build(&a, &host, &views, &none, &leases, "test", &plan, &err), 0);
	/* aa comes first by name, but web runs with 3 */
	for (size_t i = 0; i < views.n; i++)
		if (views.v[i].object->kind == KIND_VM)
			assert_string_equal(kvs_get(plan.facts[i], "cid"),
				!strcmp(views.v[i].object->name, "web") ? "3" : "4");
	assert_int_equal(plan.take.n, 2);
}

static const char *shared_arg(const struct pass *p, enum kind kind, const char *name)
{
	return kvs_get(&p->plan.steps.v[index_of(p, STEP_DELETE, kind, name)].step.args, "shared");
}

/* The file of an image that another source uses too stays, whatever the two are called. */
static void content_of_another_source_is_kept(void **state)
{
	static const char other[] = "version: 1\nimages: {mine: {oci: 'registry.example/base:1'}}\n"
		"kernels: {mine: {file: /boot/other}}\nvms:\n"
		"  mine: {image: mine, kernel: mine, memory: 128MiB}\n";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	engine_apply(SPEC_WEB);
	p = engine_pass(&a, other);
	p.source = "other";
	engine_look(&p);
	engine_act(&p);
	pass_close(&p);
	p = engine_pass(&a, NULL);
	engine_look(&p);
	assert_string_equal(shared_arg(&p, KIND_IMAGE, "base"), "1");
	assert_string_equal(shared_arg(&p, KIND_KERNEL, "k"), "0");
	pass_close(&p);
}

static void raw_do(const char *sql)
{
	char path[SCRATCH_MAX + 32];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/state/state.db", engine_dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static enum verdict verdict_of(const struct pass *p, enum kind kind, const char *name)
{
	return p->plan.deltas[views_find(&p->views, kind, name) - p->views.v].verdict;
}

/* BI-081: a newer version has begun something that this one does not know. That VM is not touched,
 * deleted or forgotten, it is said why, others go on, and the intent stays for who knows it. */
static void a_step_of_a_newer_version(void **state)
{
	static const char *const begun[] = {"'teleport', 'vm', 'web'", "'create', 'shadow', 'web'"};

	(void)state;
	engine_apply(SPEC_WEB);
	for (size_t i = 0; i < 2; i++) {
		static const char *const wanted[] = {SPEC_HEAD
			"  web: {image: base, kernel: k, memory: 64MiB, disk: 8GiB}\n" DB, NULL};
		_cleanup_arena_ struct arena a = ARENA_INIT;

		raw_do(arena_printf(&a, "INSERT INTO journal (pass, op, kind, name, args, state, begun_ms)"
			" VALUES ('f-1', %s, '{}', 'intent', 1)", begun[i]));
		for (size_t j = 0; j < 2; j++) {
			struct pass p = engine_pass(&a, wanted[j]);

			engine_look(&p);
			assert_int_equal(verdict_of(&p, KIND_VM, "web"), VERDICT_CONFLICT);
			assert_int_equal(verdict_of(&p, KIND_DISK, "web"), VERDICT_CONFLICT);
			assert_non_null(strstr(p.plan.deltas[views_find(&p.views, KIND_VM, "web") -
				p.views.v].reasons.v[0].text, "pass f-1 began a step that this version"));
			engine_act(&p);
			for (size_t k = 0; k < p.plan.steps.n; k++)
				assert_string_not_equal(p.plan.steps.v[k].step.name, "web");
			pass_close(&p);
		}
		assert_int_equal(count("SELECT count(*) FROM journal WHERE state = 'intent'"), 1);
		assert_int_equal(count("SELECT count(*) FROM object WHERE name = 'web'"), 2);
		raw_do("UPDATE journal SET state = 'done' WHERE state = 'intent'");
		engine_apply(SPEC_WEB);
		engine_assert_converged(SPEC_WEB);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_written_down),
		T(a_failed_start),
		T(errors_are_joined),
		T(a_failed_image_blocks_what_needs_it),
		T(only_what_depends_is_skipped),
		T(the_wait_grows_and_is_reset),
		T(a_new_revision_is_tried_afresh),
		T(after_a_reboot_nothing_is_believed),
		T(a_slow_guest_is_a_condition),
		T(cancelled_at_every_step),
		T(what_never_began_is_not_undone),
		T(a_lost_database_keeps_identities),
		T(content_of_another_source_is_kept),
		T(a_step_of_a_newer_version),
	};

	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
