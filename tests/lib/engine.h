/* engine.h - what the tests of the engine share: a fake world, a state directory, passes over them.
 *
 * One world and one state directory per process. Only programs that link drivers/fake may include
 * this.
 */
#pragma once

#include "drivers/fake/fake.h"
#include "reconciler/engine/pass.h"
#include "schema/spec.h"
#include "tests/lib/unit.h"

#include <sqlite3.h>
#include <unistd.h>

#define SPEC_HEAD "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
#define SPEC_WEB SPEC_HEAD "  web: {image: base, kernel: k, memory: 128MiB}\n"

static char engine_dir[SCRATCH_MAX];
static struct fake_world *engine_world;

static inline void engine_set(const char *variable, const char *sub)
{
	char path[SCRATCH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", engine_dir, sub);
	setenv(variable, path, 1);
}

/* A new, empty world and an empty state directory: before each test. */
static inline int engine_set_up(void **state)
{
	(void)state;
	if (!engine_world)
		engine_world = fake_new();
	if (!engine_world)
		return -1;
	memset(engine_world, 0, sizeof(*engine_world));
	fake_use(engine_world, NULL);
	scratch_make(engine_dir);
	engine_set("RECONCILE_STATE_DIR", "state");
	engine_set("RECONCILE_CACHE_DIR", "cache");
	unsetenv("RECONCILE_RUN_DIR");
	return 0;
}

static inline int engine_tear_down(void **state)
{
	(void)state;
	scratch_remove(engine_dir);
	return 0;
}

/* NULL: nothing is wanted. */
static inline struct spec *engine_parse(struct arena *a, const char *text)
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

/* A pass that looks with a lock, for source "test". */
static inline struct pass engine_pass(struct arena *a, const char *text)
{
	return (struct pass){.a = a, .source = "test", .write = true, .spec = engine_parse(a, text)};
}

static inline void engine_look(struct pass *p)
{
	struct err err = ERR_INIT;

	if (pass_look(p, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline void engine_act(struct pass *p)
{
	struct err err = ERR_INIT;

	if (pass_act(p, &err) < 0)
		fail_msg("%s", err.msg);
}

static inline bool engine_is_empty(const struct pass *p)
{
	return !p->plan.changes && !p->plan.steps.n && !p->plan.conflicts;
}

/* Make the world as text says, and no step may fail. */
static inline void engine_apply(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = engine_pass(&a, text);

	engine_look(&p);
	engine_act(&p);
	for (size_t i = 0; i < p.plan.steps.n; i++)
		if (p.exec.results[i].state != STEP_DONE)
			fail_msg("%s", p.exec.results[i].err.msg);
	pass_close(&p);
}

/* Nothing is to be done for text, and no rule of the world was broken. */
static inline void engine_assert_converged(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = engine_pass(&a, text);

	assert_string_equal(engine_world->violation, "");
	engine_look(&p);
	if (!engine_is_empty(&p))
		fail_msg("the plan is not empty: %zu changes, %zu steps, %zu conflicts", p.plan.changes,
			p.plan.steps.n, p.plan.conflicts);
	pass_close(&p);
}

/* Fault at the call with that number, counted from now. */
static inline void engine_script(size_t slot, uint32_t at, enum fake_mode mode)
{
	engine_world->script[slot].at = engine_world->calls + at;
	engine_world->script[slot].mode = mode;
}

/* Change the state behind the engine's back; no state at all is no mistake. What SQLite returns. */
static inline int engine_sql(const char *text)
{
	char path[SCRATCH_MAX + 32];
	sqlite3 *db = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s/state/state.db", engine_dir);
	if (access(path, F_OK) < 0)
		return SQLITE_OK;
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

/* The row of an object in the state as it lies on the disk, copied into a; NULL: there is none. */
static inline struct record *engine_row(struct arena *a, enum kind kind, const char *name)
{
	_cleanup_store_ struct store *s = NULL;
	struct err err = ERR_INIT;
	struct records records = {0};
	struct leases leases = {0};
	struct intents open = {0};

	if (store_open(getenv("RECONCILE_STATE_DIR"), false, &s, &err) != 0 ||
		store_load(s, a, &records, &leases, &open, &err) < 0)
		fail_msg("no state: %s", err.msg);
	vec_each(r, &records)
		if (r->kind == kind && !strcmp(r->name, name))
			return r;
	return NULL;
}
