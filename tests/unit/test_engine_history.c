/* test_engine_history.c - what passes over a fake world leave in history, and what the drift policy
 * leaves alone. */
#include "reconciler/engine/drift.h"
#include "reconciler/engine/history.h"
#include "schema/base/json.h"
#include "tests/lib/engine.h"

/* Every event after a seq, in memory of a. */
static struct events history(struct arena *a, int64_t after)
{
	const struct event_query q = {.after = after, .limit = 10000};
	_cleanup_store_ struct store *s = NULL;
	struct events out = {0};
	struct err err = ERR_INIT;

	if (store_open(getenv("RECONCILE_STATE_DIR"), false, &s, &err) != 0 ||
		store_event_list(s, a, &q, &out, &err) < 0)
		fail_msg("no history: %s", err.msg);
	return out;
}

static int64_t last_seq(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct events all = history(&a, 0);

	return all.n ? all.v[all.n - 1].seq : 0;
}

/* "what:op-or-verdict" of the events of one object, in order, one a word. */
static const char *story(struct arena *a, int64_t after, enum kind kind, const char *name)
{
	struct events all = history(a, after);
	const char *text = "";

	vec_each(ev, &all) {
		_cleanup_json_ json_t *j = NULL;

		if (ev->kind != kind || strcmp(ev->name, name))
			continue;
		assert_int_equal(json_parse(ev->detail, strlen(ev->detail), "detail", &j, NULL), 0);
		text = arena_printf(a, "%s%s%s%s%s%s%s", text, text[0] ? " " : "", ev->what,
			json_str(j, "op", NULL) || json_str(j, "verdict", NULL) ? ":" : "",
			json_str(j, "op", json_str(j, "verdict", "")), ev->state ? "=" : "",
			ev->state ? ev->state : "");
	}
	return text;
}

/* One pass as the command line makes it. */
static void pass(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = engine_pass(&a, text);
	struct err err = ERR_INIT;

	engine_look(&p);
	if (pass_note(&p, &err) < 0)
		fail_msg("%s", err.msg);
	if (p.plan.changes || p.plan.steps.n || p.interrupted.n)
		engine_act(&p);
	pass_close(&p);
}

static void a_vm_is_made_and_goes(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct events all;
	int64_t made;

	(void)state;
	pass(SPEC_WEB);
	assert_string_equal(story(&a, 0, KIND_VM, "web"),
		"seen decided:create began:start=making done:start=running recorded=running");
	assert_string_equal(story(&a, 0, KIND_DISK, "web"),
		"seen decided:create began:create=making done:create=made");
	assert_string_equal(story(&a, 0, KIND_GUEST, "web"), "began:wait done:wait");
	all = history(&a, 0);
	vec_each(ev, &all) {
		assert_string_equal(ev->pass, all.v[0].pass); /* one operation, one id */
		assert_string_equal(ev->source, "test");
		assert_int_equal(ev->uid, getuid());
		assert_true(ev->time_ms > 1700000000000);
	}
	assert_string_equal(all.v[0].place, "test.yaml:2:10");
	made = last_seq();
	pass(NULL);
	assert_string_equal(story(&a, made, KIND_VM, "web"),
		"seen decided:delete began:stop=deleting done:stop began:delete=deleting done:delete "
		"forgotten=gone");
}

static void an_idle_pass_writes_nothing(void **state)
{
	int64_t made;

	(void)state;
	pass(SPEC_WEB);
	made = last_seq();
	for (int i = 0; i < 3; i++)
		pass(SPEC_WEB);
	assert_int_equal(last_seq(), made);
}

static void drift_is_seen_and_repaired(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int64_t made;

	(void)state;
	pass(SPEC_WEB);
	made = last_seq();
	fake_find(engine_world, KIND_VM, "web")->running = false;
	pass(SPEC_WEB);
	assert_string_equal(story(&a, made, KIND_VM, "web"),
		"seen=drifted decided:restart began:start=making done:start=running recorded=running");
}

static void a_failure_says_what_failed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct record *row;
	struct events all;
	bool found = false;

	(void)state;
	engine_script(0, 4, FAKE_FAIL); /* image, kernel, disk, then the start */
	pass(SPEC_WEB);
	assert_string_equal(story(&a, 0, KIND_VM, "web"),
		"seen decided:create began:start=making failed:start=failed");
	assert_string_equal(story(&a, 0, KIND_DISK, "web"),
		"seen decided:create began:create=making done:create=made undone:create "
		"forgotten=gone");
	assert_string_equal(story(&a, 0, KIND_GUEST, "web"), "skipped:wait");
	all = history(&a, 0);
	vec_each(ev, &all)
		found |= !strcmp(ev->what, "failed") && strstr(ev->detail, "scripted failure");
	assert_true(found);
	row = engine_row(&a, KIND_VM, "web");
	assert_int_equal(row->attempts, 1);
	assert_true(row->retry_at_ms > row->changed_at_ms);
}

static void secrets_stay_out(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct events all;
	bool named = false;

	(void)state;
	pass(SPEC_WEB);
	pass(SPEC_HEAD "  web: {image: base, kernel: k, memory: 128MiB, env: {TOKEN: hunter2}}\n");
	all = history(&a, 0);
	vec_each(ev, &all) {
		named |= strstr(ev->detail, "\"env\"") != NULL;
		assert_null(strstr(ev->detail, "hunter2"));
	}
	assert_true(named);
}

/* ---- policies -------------------------------------------------------------------------------------- */

#define WITH(policy) SPEC_HEAD "  web: {image: base, kernel: k, memory: 128MiB, drift: " policy "}\n"

static bool is_running(void)
{
	return fake_find(engine_world, KIND_VM, "web")->running;
}

static void reported_drift_is_noted_once(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int64_t made;

	(void)state;
	pass(WITH("report"));
	made = last_seq();
	fake_find(engine_world, KIND_VM, "web")->running = false;
	for (int i = 0; i < 3; i++)
		pass(WITH("report"));
	assert_string_equal(story(&a, made, KIND_VM, "web"), "drift=drifted");
	assert_false(is_running());
	pass(WITH("repair"));
	assert_true(is_running());
	assert_string_equal(engine_world->violation, "");
}

static void ignored_drift_is_not_noted(void **state)
{
	int64_t made;

	(void)state;
	pass(WITH("ignore"));
	made = last_seq();
	fake_find(engine_world, KIND_VM, "web")->running = false;
	pass(WITH("ignore"));
	assert_int_equal(last_seq(), made);
	assert_false(is_running());
}

static void held_is_held_and_let_go(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct fake_thing *web;
	struct record *row;
	uint32_t starts;

	(void)state;
	pass(WITH("repair"));
	web = fake_find(engine_world, KIND_VM, "web");
	starts = web->starts;
	pass(SPEC_HEAD "  web: {image: base, kernel: k, memory: 256MiB, drift: hold}\n");
	web->running = false;
	pass(SPEC_HEAD "  web: {image: base, kernel: k, memory: 256MiB, drift: hold}\n");
	row = engine_row(&a, KIND_VM, "web");
	assert_string_equal(kvs_get(&row->fields, "drift.policy"), "hold");
	assert_string_equal(kvs_get(&row->fields, "memory"), "128MiB");
	assert_int_equal(row->state, RECORD_MADE);
	assert_int_equal(web->starts, starts);
	assert_false(web->running);
	pass(SPEC_HEAD "  web: {image: base, kernel: k, memory: 256MiB}\n");
	assert_true(is_running());
	row = engine_row(&a, KIND_VM, "web");
	assert_string_equal(kvs_get(&row->fields, "memory"), "256MiB");
	assert_string_equal(engine_world->violation, "");
	engine_assert_converged(SPEC_HEAD "  web: {image: base, kernel: k, memory: 256MiB}\n");
}

static void the_end_of_a_policy(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spec *spec = engine_parse(&a, WITH("{policy: hold, until: 2026-12-01, why: x}"));
	const struct object o = {.kind = KIND_VM, .name = "web", .spec = &spec->vms.v[0]->head};
	struct drift_rule rule = drift_rule_of(&o, NULL, 1796083199999);

	(void)state;
	assert_int_equal(rule.policy, DRIFT_HOLD);
	assert_string_equal(rule.why, "x");
	rule = drift_rule_of(&o, NULL, 1796083200000);
	assert_int_equal(rule.policy, DRIFT_REPAIR);
	assert_int_equal(rule.written, DRIFT_HOLD);
}

/* drift.disk and drift.running are each over drift.policy, until their own end. */
static void a_policy_for_a_part(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct spec *spec = engine_parse(&a, WITH("{policy: report, why: all, disk: {policy: hold,"
		" until: 2026-12-01, why: x}}"));
	const struct object disk = {.kind = KIND_DISK, .name = "web", .spec = &spec->vms.v[0]->head};
	const struct object vm = {.kind = KIND_VM, .name = "web", .spec = &spec->vms.v[0]->head};
	struct drift_rule rule = drift_rule_of(&disk, NULL, 1796083199999);

	(void)state;
	assert_int_equal(rule.policy, DRIFT_HOLD);
	assert_string_equal(rule.why, "x");
	assert_string_equal(rule.part, "disk");
	rule = drift_rule_of(&disk, NULL, 1796083200000);
	assert_true(rule.expired);
	assert_int_equal(rule.policy, DRIFT_REPORT); /* what holds for the whole */
	rule = drift_rule_of(&vm, NULL, 1796083200000);
	assert_int_equal(rule.policy, DRIFT_REPORT);
	assert_false(rule.expired);
	assert_null(rule.part);
}

static void a_part_is_repaired_and_another_left(void **state)
{
	(void)state;
	pass(WITH("{policy: report, running: repair}"));
	fake_find(engine_world, KIND_VM, "web")->running = false;
	pass(WITH("{policy: report, running: repair}"));
	assert_true(fake_find(engine_world, KIND_VM, "web")->running);
	pass(WITH("{disk: report, running: report}"));
	fake_find(engine_world, KIND_VM, "web")->running = false;
	fake_find(engine_world, KIND_DISK, "web")->exists = false;
	pass(WITH("{disk: report, running: report}"));
	assert_false(fake_find(engine_world, KIND_VM, "web")->running);
	assert_null(fake_find(engine_world, KIND_DISK, "web"));
	pass(WITH("{disk: repair, running: report}"));
	assert_non_null(fake_find(engine_world, KIND_DISK, "web"));
}

/* ---- looking without a spec --------------------------------------------------------------------------- */

static void drift_without_a_spec(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = {.a = &a, .recall = true};
	size_t n = 0;

	(void)state;
	pass(WITH("report"));
	fake_find(engine_world, KIND_VM, "web")->running = false;
	fake_find(engine_world, KIND_DISK, "web")->exists = false;
	engine_look(&p);
	assert_int_equal(p.views.n, 4);
	assert_null(p.store == NULL ? "no state" : NULL);
	vec_each(v, &p.views) {
		bool covered = v->object->kind == KIND_VM || v->object->kind == KIND_DISK;

		n += drift_is(v);
		assert_int_equal(drift_is(v), covered);
		assert_int_equal(v->drift, covered ? DRIFT_REPORT : DRIFT_REPAIR);
	}
	assert_int_equal(n, 2);
	pass_close(&p);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_vm_is_made_and_goes),
		T(an_idle_pass_writes_nothing),
		T(drift_is_seen_and_repaired),
		T(a_failure_says_what_failed),
		T(secrets_stay_out),
		T(reported_drift_is_noted_once),
		T(ignored_drift_is_not_noted),
		T(held_is_held_and_let_go),
		T(the_end_of_a_policy),
		T(a_policy_for_a_part),
		T(a_part_is_repaired_and_another_left),
		T(drift_without_a_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
