/* test_engine_plan.c - golden plans: tests/plan/TOPIC-N.test, over a fake world.
 *
 *	free text: what this case shows
 *	--- before     a spec that is applied first; left out: nothing was ever made
 *	--- damage     what happens then, one thing a line (the table "damages" below)
 *	--- after      the spec that is planned; left out: nothing is wanted any more
 *	--- plan       what "reconcile plan" prints
 *	--- json       what "reconcile plan -o json" prints
 *
 * The last two are compared byte for byte; with REWRITE_PLANS=1 they are written instead, to be
 * read in the diff of the commit. Each plan is made twice, and the bytes must be the same. A plan
 * without a conflict is then run, and after it nothing may be left to do.
 */
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "tests/lib/engine.h"

#include <glob.h>

struct section {
	const char *name;
	char *text;
};

struct golden {
	char *preamble;
	struct section sections[5];
};

#define NOW_MS 1796083200000 /* 2026-12-01 */

enum { BEFORE, DAMAGE, AFTER, PLAN, JSON };

/* ---- files -------------------------------------------------------------------------------------- */

static struct golden read_golden(struct arena *a, const char *path)
{
	struct golden g = {.sections = {{"before", NULL}, {"damage", NULL}, {"after", NULL},
		{"plan", NULL}, {"json", NULL}}};
	struct err err = ERR_INIT;
	char *text, *next, **to = &g.preamble;
	size_t n;

	if (file_read(a, AT_FDCWD, path, 1 << 20, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	g.preamble = "";
	for (char *line = text; *line; line = next) {
		next = strchr(line, '\n');
		next = next ? next + 1 : line + strlen(line);
		if (strncmp(line, "--- ", 4)) {
			*to = arena_printf(a, "%s%.*s", *to, (int)(next - line), line);
			continue;
		}
		to = NULL;
		for (size_t i = 0; i < 5; i++)
			if (!strncmp(line + 4, g.sections[i].name, (size_t)(next - line) - 5))
				to = &g.sections[i].text;
		if (!to || *to)
			fail_msg("%s: unknown or repeated section: %.20s", path, line);
		*to = "";
	}
	return g;
}

static void write_golden(struct arena *a, const char *path, const struct golden *g)
{
	char *text = g->preamble;

	for (size_t i = 0; i < 5; i++)
		if (g->sections[i].text)
			text = arena_printf(a, "%s--- %s\n%s", text, g->sections[i].name,
				g->sections[i].text);
	put_text(AT_FDCWD, path, text);
}

/* ---- damage --------------------------------------------------------------------------------------- */

static struct fake_thing *thing(const char *object)
{
	char kind[16] = "";
	const char *slash = strchr(object, '/');
	struct fake_thing *t;

	assert_non_null(slash);
	memcpy(kind, object, (size_t)(slash - object));
	t = fake_find(engine_world, kind_parse(kind), slash + 1);
	if (!t)
		t = fake_add(engine_world, kind_parse(kind), slash + 1);
	return t;
}

static void dies(struct pass *p, const char *arg)
{
	(void)p;
	thing(arg)->running = false;
}

static void vanishes(struct pass *p, const char *arg)
{
	struct fake_thing *t = thing(arg);

	(void)p;
	t->running = t->exists = false;
}

static void tears(struct pass *p, const char *arg)
{
	(void)p;
	thing(arg)->half = true;
}

static void is_altered(struct pass *p, const char *arg)
{
	(void)p;
	thing(arg)->altered = true;
}

static void is_taken(struct pass *p, const char *arg)
{
	(void)p;
	thing(arg)->foreign = true;
}

static void tag_moves(struct pass *p, const char *arg)
{
	(void)p;
	snprintf(engine_world->content, sizeof(engine_world->content), "%s", arg);
}

static void is_of_source(struct pass *p, const char *arg)
{
	p->source = arena_dup(p->a, arg);
}

static void prunes_not(struct pass *p, const char *arg)
{
	(void)arg;
	p->no_prune = true;
}

static void state_is_lost(struct pass *p, const char *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)p;
	(void)arg;
	assert_int_equal(tree_remove(AT_FDCWD, arena_printf(&a, "%s/state", engine_dir), NULL), 0);
}

/* How long it really took to make what was there before is no part of a golden plan. */
static void forget_times(void)
{
	assert_int_equal(engine_sql("UPDATE object SET facts = json_remove(facts, '$." EXEC_AWAY "')"),
		0);
}

/* A spec of the same head that names only the VMs of arg, "web,db" or "none", was applied since. */
static void was_applied(struct pass *p, const char *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text = arena_dup(&a, SPEC_HEAD);
	struct pass other;

	(void)p;
	if (!strcmp(arg, "none"))
		text = arena_printf(&a, "version: 1\nvms: {}\n");
	else
		text = arena_printf(&a, "%s  %s: {image: base, kernel: k, memory: 128MiB}\n", text, arg);
	other = engine_pass(&a, text);
	other.now_ms = NOW_MS - 3600000;
	engine_look(&other);
	if (!engine_is_empty(&other))
		engine_act(&other);
	pass_close(&other);
	forget_times();
}

static void was_away(struct pass *p, const char *arg)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)p;
	assert_int_equal(engine_sql(arena_printf(&a, "UPDATE object SET facts = json_set(facts, '$."
		EXEC_AWAY "', '%s') WHERE kind = 'vm'", arg)), 0);
}

static const struct {
	const char *verb;
	void (*happen)(struct pass *p, const char *arg);
} damages[] = {
	{"dies", dies}, {"vanishes", vanishes}, {"tears", tears}, {"altered", is_altered}, {"is-taken", is_taken},
	{"tag-moves", tag_moves}, {"source", is_of_source}, {"no-prune", prunes_not},
	{"state-is-lost", state_is_lost}, {"applied-only", was_applied},
	{"was-away", was_away},
};

static void damage(struct pass *p, const char *text)
{
	char verb[32], arg[64];
	int used;

	for (; text && sscanf(text, "%31s %63s\n%n", verb, arg, &used) == 2; text += used) {
		bool known = false;

		for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++)
			if (!strcmp(damages[i].verb, verb)) {
				damages[i].happen(p, arg);
				known = true;
			}
		if (!known)
			fail_msg("unknown damage: %s", verb);
	}
	if (text && *text)
		fail_msg("damage is written VERB ARGUMENT: %s", text);
}

/* ---- one case --------------------------------------------------------------------------------------- */

static char *as_text(struct arena *a, const struct pass *p)
{
	const struct cli c = {0};
	char *buf = NULL, *out;
	size_t n = 0;
	FILE *f = open_memstream(&buf, &n);

	print_plan(&c, p, f);
	fclose(f);
	out = arena_dupn(a, buf, n);
	free(buf);
	return out;
}

static char *as_json(struct arena *a, const struct pass *p)
{
	_cleanup_json_ json_t *j = document_plan(p);
	char *text = json_dumps(j, JSON_INDENT(2)), *out;

	assert_non_null(text);
	out = arena_printf(a, "%s\n", text);
	free(text);
	return out;
}

static void plan_once(struct arena *a, const struct golden *g, char **text, char **json)
{
	struct pass p = engine_pass(a, g->sections[AFTER].text);

	p.now_ms = NOW_MS;
	damage(&p, g->sections[DAMAGE].text);
	engine_look(&p);
	snprintf(p.id, sizeof(p.id), "pass");
	*text = as_text(a, &p);
	*json = as_json(a, &p);
	pass_close(&p);
}

static void run_plan(struct arena *a, const struct golden *g)
{
	struct pass p = engine_pass(a, g->sections[AFTER].text);
	size_t conflicts;

	p.no_prune = g->sections[DAMAGE].text && strstr(g->sections[DAMAGE].text, "no-prune");
	engine_look(&p);
	conflicts = p.plan.conflicts;
	engine_act(&p);
	pass_close(&p);
	assert_string_equal(engine_world->violation, "");
	if (!conflicts && !p.no_prune)
		engine_assert_converged(g->sections[AFTER].text);
}

static void golden(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = *state;
	struct golden g = read_golden(&a, path);
	char *text, *json, *text2, *json2;

	if (g.sections[BEFORE].text)
		engine_apply(g.sections[BEFORE].text);
	forget_times();
	plan_once(&a, &g, &text, &json);
	plan_once(&a, &g, &text2, &json2);
	assert_string_equal(text, text2);
	assert_string_equal(json, json2);
	if (getenv("REWRITE_PLANS")) {
		g.sections[PLAN].text = text;
		g.sections[JSON].text = json;
		write_golden(&a, path, &g);
	}
	if (!g.sections[PLAN].text || !g.sections[JSON].text)
		fail_msg("%s: no plan in it; REWRITE_PLANS=1 writes it", path);
	assert_string_equal(text, g.sections[PLAN].text);
	assert_string_equal(json, g.sections[JSON].text);
	if (!g.sections[DAMAGE].text || !strstr(g.sections[DAMAGE].text, "source "))
		run_plan(&a, &g);
}

#define CASES_MAX 100
#define CASES_MIN 20

int main(void)
{
	struct CMUnitTest tests[CASES_MAX];
	glob_t found = {0};
	int rc;

	/* Tests run from the root of the tree. */
	if (glob("tests/plan/*.test", 0, NULL, &found) || found.gl_pathc < CASES_MIN ||
		found.gl_pathc > CASES_MAX) {
		fprintf(stderr, "tests/plan: %zu cases, expected %d to %d\n", found.gl_pathc, CASES_MIN,
			CASES_MAX);
		return 1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		tests[i] = (struct CMUnitTest){found.gl_pathv[i], golden, engine_set_up,
			engine_tear_down, found.gl_pathv[i]};
	rc = _cmocka_run_group_tests("golden plans", tests, found.gl_pathc, NULL, NULL);
	globfree(&found);
	return rc;
}
