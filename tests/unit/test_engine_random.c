/* test_engine_random.c - random specs, random changes, random damage, random deaths.
 *
 * A story (tests/lib/story.h) is played on the fake world: in each round something is damaged, a
 * first pass may be killed or failed at any point, and then one pass with nothing in its way must
 * put all right. After it:
 *
 *	the next plan is empty, the world is exactly what the spec says, no rule of the world was
 *	broken (two VMMs on a disk, a context id twice, a disk changed under a running VM), what is
 *	foreign is byte for byte as it was, orphans (ours by their mark, their row lost) were left
 *	alone, no intent is open, no row is left over, identities and data survived unless the spec
 *	or the damage said otherwise
 *
 * and at the end everything is deleted and nothing may be left. A story that fails is made smaller
 * as long as it fails, and printed; fixed ones are kept in found[].
 *
 * SOAK_PASSES (2000) says how many passes, STORY_SEED where to begin, STORY plays one story.
 */
#include "reconciler/engine/handles.h"
#include "reconciler/engine/pass.h"
#include "schema/base/clock.h"
#include "schema/base/log.h"
#include "tests/lib/points.h"
#include "tests/lib/story.h"
#include "tests/lib/unit.h"
#include "tests/lib/world.h"

#include <time.h>

/* Stories that failed once, smallest form, and what they found (docs/reliability.md). */
static const struct {
	const char *found, *story;
	bool blocked;
} found[] = {
	{"the database lost, a disk of another size: made over it", "r0000 v0.02000000 r0000 v0.00000000 d13.0", false},
	{"a disk of another image under a VM that is in conflict: removed under it",
		"r0000 v2.00000000 v3.00000010 r0211 v2.00000010 v3.00000000", true},
	{"stopped for good while dead, with a new kernel: an old handles.json won, planned for ever",
		"r0000 v2.00000000 r0120 v2.00001000 d9.2", false},
	{"a lease was lost, the row still knew the id: another one was given",
		"r0000 v0.00000000 v2.00000000 r0000 v2.00000000 d19.2 r0000 v2.00000000 d17.2", false},
	{"the database lost, a VM that ran gets a fixed id: its old one was given while it ran",
		"r0000 v0.00000000 r0000 v0.10000010 v1.00000000 d13.0", false},
	{"the lease of a VM that goes was lost: its id was given away while it ran",
		"r0000 v31.00000000 r0000 v15.00000000 d19.31", false},
	{"lease and facts of a VM that runs on were lost: its id was given away",
		"r0000 v1.00000000 v2.01010000 r0000 v1.00000000 v2.01010000 d19.2 d16.2 "
		"r0000 v2.01010000 r0200 v1.00000000 v2.00000000", false},
	{"stopped in the pass that brought a new kernel: planned again", "r0000 v1.00000000 r0020 v1.00001000", false},
};

static char work[SCRATCH_MAX], state_dir[SCRATCH_MAX + 8], state_db[SCRATCH_MAX + 24];
static struct fake_world *world, *before;
static struct saved *backup;

/* What a test does to a world behind the last pass, to see that it is noticed. */
enum { SABOTAGE_NONE, SABOTAGE_LEAK, SABOTAGE_DEATH, SABOTAGE_FOREIGN, SABOTAGE_DATA, SABOTAGE_ROW,
	SABOTAGE_INTENT, SABOTAGE_N };

static struct shared {
	uint64_t passes;
	unsigned sabotage;
	bool blocked;     /* the story ends in a conflict: only the rules of the world count */
	char wrong[1024]; /* empty: the story is fine */
} *shared;

static void wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Runs in the child that plays: the first thing that is wrong ends the story. */
static void wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(shared->wrong, sizeof(shared->wrong), fmt, ap);
	va_end(ap);
	_exit(0);
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* What a round's damage allows: who may lose data or identity, what may be left over. */
static struct allowed {
	bool data[STORY_VMS], identity[STORY_VMS];
	bool orphans; /* rows were lost: things without one may stay */
	bool squatted; /* a foreign thing has a name of ours */
} allowed;

static const char *vm_name(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof(name), "v%u", i);
	return name;
}

static struct fake_thing *thing(enum kind kind, unsigned i)
{
	char name[16];

	snprintf(name, sizeof(name), "%c%u", kind == KIND_IMAGE ? 'i' : kind == KIND_KERNEL ? 'k' : 'v',
		kind <= KIND_KERNEL ? i % 2 : i);
	return fake_find(world, kind, name);
}

static void sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void sql(const char *fmt, ...)
{
	char text[512];
	sqlite3 *db = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (sqlite3_open_v2(state_db, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
		sqlite3_exec(db, text, NULL, NULL, NULL);
	sqlite3_close(db);
}

/* What is ours now may be an orphan from here on. */
static void rows_were_lost(void)
{
	allowed.orphans = true;
	for (size_t i = 0; i < FAKE_THINGS; i++)
		world->things[KIND_VM][i].lost = true;
}

static void all_may_change(void)
{
	memset(allowed.data, true, sizeof(allowed.data));
	memset(allowed.identity, true, sizeof(allowed.identity));
}

static void vmm_dies(unsigned i)
{
	struct fake_thing *t = thing(KIND_VM, i);

	if (t && !t->foreign)
		t->running = false;
}

static void vm_vanishes(unsigned i)
{
	struct fake_thing *t = thing(KIND_VM, i);

	vmm_dies(i);
	if (t && !t->foreign)
		t->exists = false;
}

static void disk_vanishes(unsigned i)
{
	struct fake_thing *t = thing(KIND_DISK, i);

	allowed.data[i] = true;
	if (t && !t->foreign)
		t->exists = false;
}

static void disk_is_half(unsigned i)
{
	struct fake_thing *t = thing(KIND_DISK, i);

	allowed.data[i] = true;
	if (t && !t->foreign)
		t->half = true;
}

static void image_vanishes(unsigned i)
{
	struct fake_thing *t = thing(KIND_IMAGE, i);

	if (t)
		t->exists = false;
}

static void image_is_half(unsigned i)
{
	struct fake_thing *t = thing(KIND_IMAGE, i);

	if (t)
		t->half = true;
}

static void image_is_altered(unsigned i)
{
	struct fake_thing *t = thing(KIND_IMAGE, i);

	if (t)
		t->altered = true;
}

static void kernel_vanishes(unsigned i)
{
	struct fake_thing *t = thing(KIND_KERNEL, i);

	if (t)
		t->exists = false;
}

static void kernel_is_half(unsigned i)
{
	struct fake_thing *t = thing(KIND_KERNEL, i);

	if (t)
		t->half = true;
}

static void host_reboots(unsigned i)
{
	for (i = 0; i < STORY_VMS; i++)
		vmm_dies(i);
}

static void put_handles(unsigned i, const char *text)
{
	char path[sizeof(state_dir) + 48];
	int fd;

	snprintf(path, sizeof(path), "%s/vms/%s/handles.json", state_dir, vm_name(i));
	if (!text) {
		unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd >= 0 && fd_write_all(fd, text, strlen(text)) < 0)
		wrong("cannot write %s", path);
	fd_close(&fd);
}

static void handles_vanish(unsigned i)
{
	put_handles(i, NULL);
}

static void handles_are_torn(unsigned i)
{
	put_handles(i, "{\"v\":1,\"inst");
}

/* Whole, of this instance and VM, with a right check value; but not true. */
static void handles_lie(unsigned i)
{
	_cleanup_fd_ int dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int id = openat(dir, "instance", O_RDONLY | O_CLOEXEC);
	char instance[9] = "";
	struct handles h = {0};

	if (id < 0 || read(id, instance, 8) != 8 || !thing(KIND_VM, i))
		return;
	kvs_set(&a, &h.facts, "pid", "1");
	kvs_set(&a, &h.facts, "start", "1");
	kvs_set(&a, &h.facts, "boot_id", "of another boot");
	handles_write(dir, instance, vm_name(i), &h, NULL);
}

static void state_vanishes(unsigned i)
{
	const char *const suffix[] = {"", "-wal", "-shm"};

	for (i = 0; i < 3; i++) {
		char path[sizeof(state_db) + 8];

		snprintf(path, sizeof(path), "%s%s", state_db, suffix[i]);
		unlink(path);
	}
	rows_were_lost();
	all_may_change();
}

/* Somebody put back a state directory as it was a round ago. */
static void backup_is_restored(unsigned i)
{
	struct fake_world *now = xmalloc(sizeof(*now));

	(void)i;
	*now = *world;
	world_restore(backup, state_dir, world);
	*world = *now;
	free(now);
	rows_were_lost();
	all_may_change();
}

static void row_is_lost(unsigned i)
{
	const char *const kinds[] = {"vm", "disk"};

	sql("DELETE FROM object WHERE kind = '%s' AND name = '%s'", kinds[i % 2], vm_name(i));
	rows_were_lost();
	allowed.data[i] = allowed.identity[i] = true;
}

static void facts_are_lost(unsigned i)
{
	sql("UPDATE object SET facts = '{}' WHERE name = '%s'", vm_name(i));
	allowed.data[i] = allowed.identity[i] = true;
}

static void fields_are_lost(unsigned i)
{
	sql("UPDATE object SET fields = '{}' WHERE name = '%s'", vm_name(i));
	allowed.data[i] = true;
}

static void row_state_lies(unsigned i)
{
	const char *const states[] = {"making", "failed", "deleting"};

	sql("UPDATE object SET state = '%s', attempts = 7, retry_at_ms = 4102444800000"
	    " WHERE name = '%s'", states[i % 3], vm_name(i));
	allowed.data[i] = true;
}

static void lease_is_lost(unsigned i)
{
	sql("DELETE FROM lease WHERE owner = 'vm/%s'", vm_name(i));
	/* The number may go to somebody else, who is there first. */
	memset(allowed.identity, true, sizeof(allowed.identity));
}

static void lease_of_nobody(unsigned i)
{
	sql("INSERT INTO lease (pool, value, owner) VALUES ('cid', %u, 'vm/nobody%u')", 3 + i, i);
}

static void intent_of_nobody(unsigned i)
{
	sql("INSERT INTO journal (pass, op, kind, name, args, state, begun_ms) VALUES"
	    " ('x', 'create', 'disk', '%s', '{}', 'intent', 1)", vm_name(i));
}

static void squat(enum kind kind, unsigned i)
{
	struct fake_thing *t = thing(kind, i);

	if (t)
		return;
	t = fake_add(world, kind, vm_name(i));
	t->foreign = t->running = true;
	t->cid = 90000 + i;
	allowed.squatted = allowed.data[i] = allowed.identity[i] = true;
}

static void disk_is_squatted(unsigned i)
{
	squat(KIND_DISK, i);
}

static void vm_is_squatted(unsigned i)
{
	squat(KIND_VM, i);
}

static void (*const damages[])(unsigned i) = {vmm_dies, vm_vanishes, disk_vanishes, disk_is_half,
	image_vanishes, image_is_half, image_is_altered, kernel_vanishes, kernel_is_half,
	host_reboots, handles_vanish, handles_are_torn, handles_lie, state_vanishes,
	backup_is_restored, row_is_lost, facts_are_lost, fields_are_lost, row_state_lies,
	lease_is_lost, lease_of_nobody, intent_of_nobody, disk_is_squatted, vm_is_squatted};

#define DAMAGES (sizeof(damages) / sizeof(damages[0]))

/* ---- passes ---------------------------------------------------------------------------------- */

static struct spec *parse(struct arena *a, const char *text)
{
	struct diags diags = {0};
	struct err err = ERR_INIT;
	struct spec *spec = NULL;

	if (text && spec_parse(a, "test.yaml", "/", text, strlen(text), &spec, &diags, &err) < 0)
		wrong("the spec is wrong: %s", diags.n ? diags.v[0].msg : err.msg);
	return spec;
}

/* When one story is looked at. */
static void show_steps(const struct pass *p, const char *what)
{
	for (size_t i = 0; i < p->plan.steps.n; i++)
		printf("# %s: %s %s/%s\n", what, step_op_name(p->plan.steps.v[i].step.op),
			kind_name(p->plan.steps.v[i].step.kind), p->plan.steps.v[i].step.name);
	fflush(stdout);
}

/* A pass that must not fail; only_look: its plan must be empty. */
static void clean_pass(const char *text, bool only_look, const char *what)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = {.a = &a, .source = "test", .write = true, .spec = parse(&a, text)};
	struct err err = ERR_INIT;

	shared->passes++;
	if (pass_look(&p, &err) < 0 || (!only_look && pass_act(&p, &err) < 0))
		wrong("%s: %s", what, err.msg);
	for (size_t i = 0; !only_look && i < p.plan.steps.n; i++)
		if (p.exec.results[i].state != STEP_DONE && p.exec.results[i].state != STEP_SKIPPED)
			wrong("%s: %s", what, p.exec.results[i].err.msg);
	if (only_look && p.plan.steps.n)
		wrong("%s: still to do: %s %s/%s, %zu steps", what,
			step_op_name(p.plan.steps.v[0].step.op), kind_name(p.plan.steps.v[0].step.kind),
			p.plan.steps.v[0].step.name, p.plan.steps.n);
	for (size_t i = 0; only_look && i < p.views.n; i++) {
		const struct delta *d = &p.plan.deltas[i];
		const struct reason *r = d->reasons.n ? &d->reasons.v[0] : &(struct reason){0};

		if (d->verdict != VERDICT_NONE)
			wrong("%s: still %s of %s/%s (%s %s)", what, verdict_name(d->verdict),
				kind_name(d->kind), d->name, r->field ? r->field : "", r->text ? r->text : "");
	}
	if (getenv("STORY"))
		show_steps(&p, what);
	pass_close(&p);
}

static void hit_pass(const char *text, const struct story_round *r)
{
	static const int errors[] = {EIO, ENOSPC, ENOMEM, EMFILE, EINTR};
	pid_t pid;

	points_reset();
	points_plan(0, r->fault_at, (enum point_mode)r->fault_mode, errors[r->fault_error % 5]);
	shared->passes++;
	pid = fork();
	if (!pid) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct pass p = {.a = &a, .source = "test", .write = true, .spec = parse(&a, text)};
		struct err err = ERR_INIT;

		points->on = true;
		if (pass_look(&p, &err) == 0)
			pass_act(&p, &err);
		pass_close(&p);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &(int){0}, 0) != pid)
		wrong("cannot run a pass");
	memset(world->script, 0, sizeof(world->script));
	points->on = false;
	points->torn = POINT_OFF;
}

/* ---- what must hold -------------------------------------------------------------------------- */

static size_t count_rows(const char *query)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	size_t n = 9999;

	if (sqlite3_open_v2(state_db, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, query, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = (size_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* An orphan may stay, as it was. */
static bool is_orphan(enum kind kind, const char *name)
{
	const struct fake_thing *was = fake_find(before, kind, name);
	const struct fake_thing *is = fake_find(world, kind, name);

	return allowed.orphans && was && is && !memcmp(was, is, sizeof(*is));
}

static void check_foreign(const char *what)
{
	for (int k = 0; k < KIND_N; k++)
		for (size_t i = 0; i < FAKE_THINGS; i++) {
			const struct fake_thing *t = &before->things[k][i];

			if (t->exists && t->foreign && memcmp(t, &world->things[k][i], sizeof(*t)))
				wrong("%s: foreign %s/%s was touched", what, kind_name((enum kind)k),
					t->name);
		}
}

static void check_survival(const struct story_round *was, const struct story_round *is,
	const char *what)
{
	for (unsigned i = 0; i < STORY_VMS; i++) {
		const struct fake_thing *disk = thing(KIND_DISK, i), *vm = thing(KIND_VM, i);
		const struct fake_thing *old_disk = fake_find(before, KIND_DISK, vm_name(i));
		const struct fake_thing *old_vm = fake_find(before, KIND_VM, vm_name(i));
		const uint8_t *a = was->vm[i], *b = is->vm[i];
		bool same_image = a[VM_IMAGE] == b[VM_IMAGE] && (a[VM_IMAGE] || was->images == is->images);

		if (!was->there[i] || !is->there[i] || was->nothing || is->nothing)
			continue;
		if (!allowed.data[i] && same_image && a[VM_DISK] == b[VM_DISK] && old_disk && !old_disk->half &&
			disk->birth != old_disk->birth)
			wrong("%s: disk/%s lost its data", what, vm_name(i));
		if (!allowed.identity[i] && !a[VM_CID] && !b[VM_CID] && old_vm && old_vm->running &&
			vm && vm->running && old_vm->cid != vm->cid)
			wrong("%s: vm/%s has another id", what, vm_name(i));
	}
}

static void check_round(const char *text, const char *what)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct spec *spec = parse(&a, text);
	const char *bad = world_wrong(&a, world, spec, is_orphan);

	/* Known and open (docs/reliability.md): ids of orphans are given to others. */
	if (allowed.orphans && !strncmp(world->violation, "cid ", 4)) {
		world->violation[0] = '\0';
		bad = world_wrong(&a, world, spec, is_orphan);
	}
	if (shared->blocked ? world->violation[0] != '\0' : bad != NULL)
		wrong("%s: %s", what, bad);
	if (shared->blocked)
		return;
	clean_pass(text, true, what);
	if (count_rows("SELECT count(*) FROM journal WHERE state = 'intent'"))
		wrong("%s: an intent is left open", what);
	if (count_rows("SELECT count(*) FROM object WHERE state != 'made'"))
		wrong("%s: a row is not settled", what);
	if (count_rows("SELECT count(*) FROM object WHERE kind = 'disk'") != (spec ? spec->vms.n : 0))
		wrong("%s: there are rows of disks that nobody wants", what);
	if (count_rows("SELECT count(*) FROM lease WHERE owner LIKE 'vm/%'") > (spec ? spec->vms.n : 0) ||
		count_rows("SELECT count(*) FROM lease WHERE owner NOT LIKE 'vm/%' AND owner NOT IN"
			   " (SELECT 'kept/' || id FROM tombstone)"))
		wrong("%s: there are leases of nobody", what);
	if (count_rows("SELECT count(*) FROM tombstone WHERE state <> 'kept'"))
		wrong("%s: a tombstone is neither open nor closed", what);
}

static void sabotage(unsigned how)
{
	struct fake_thing *stranger = fake_find(world, KIND_VM, "v0-old");

	if (how == SABOTAGE_LEAK)
		fake_add(world, KIND_DISK, "v77");
	if (how == SABOTAGE_DEATH)
		vmm_dies(0);
	if (how == SABOTAGE_FOREIGN)
		stranger->running = false;
	if (how == SABOTAGE_DATA)
		thing(KIND_DISK, 0)->birth++;
	if (how == SABOTAGE_ROW)
		sql("UPDATE object SET name = 'v77' WHERE kind = 'disk'");
	if (how == SABOTAGE_INTENT)
		intent_of_nobody(0);
}

/* ---- a story --------------------------------------------------------------------------------- */

static void drop_squatters(void)
{
	for (unsigned i = 0; i < STORY_VMS; i++)
		for (int k = KIND_DISK; k <= KIND_VM; k++) {
			struct fake_thing *t = thing((enum kind)k, i);

			if (t && t->foreign)
				t->exists = false;
		}
}

static void play_round(const struct story *s, const struct story_round *r,
	const struct story_round *was)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *text = r->nothing ? NULL : story_spec(&a, s, r);
	char what[32];

	snprintf(what, sizeof(what), "round %zu", (size_t)(r - s->rounds));
	allowed = (struct allowed){.orphans = allowed.orphans};
	for (size_t d = 0; d < r->n_damages; d++)
		if (r->damage[d].kind < DAMAGES && r->damage[d].victim < STORY_VMS)
			damages[r->damage[d].kind](r->damage[d].victim);
	*before = *world;
	if (r->fault_at)
		hit_pass(text, r);
	clean_pass(text, false, what);
	if (was)
		sabotage(shared->sabotage);
	check_foreign(what);
	if (allowed.squatted) {
		drop_squatters();
		clean_pass(text, false, what);
	}
	check_round(text, what);
	if (was)
		check_survival(was, r, what);
}

static void play(const struct story *s)
{
	static const enum kind kinds[] = {KIND_IMAGE, KIND_DISK, KIND_VM};
	struct err err = ERR_INIT;

	if (tree_remove(AT_FDCWD, state_dir, &err) < 0 || mkdir(state_dir, 0700) < 0)
		wrong("%s", err.msg);
	memset(world, 0, sizeof(*world));
	allowed = (struct allowed){0};
	for (size_t i = 0; i < 3; i++) { /* our prefix, not ours */
		struct fake_thing *t = fake_add(world, kinds[i], i ? "v0-old" : "i0-old");

		t->foreign = t->running = true;
		t->cid = 80000 + i;
	}
	for (size_t i = 0; i < s->n_rounds; i++) {
		play_round(s, &s->rounds[i], i ? &s->rounds[i - 1] : NULL);
		world_save(backup, state_dir, world);
	}
	allowed = (struct allowed){.orphans = allowed.orphans};
	*before = *world;
	clean_pass(NULL, false, "the end");
	check_foreign("the end");
	check_round(NULL, "the end");
}

/* NULL when the story went well. Played in a child, so that nothing of it is left. */
static const char *play_in_child(const struct story *s)
{
	struct log_config quiet = {.level = LOG_ERROR};
	int status;
	pid_t pid;

	shared->wrong[0] = '\0';
	fflush(NULL);
	pid = fork();
	if (!pid) {
		log_setup(&quiet);
		fake_use(world, NULL);
		play(s);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "cannot play";
	if (!shared->wrong[0] && status)
		snprintf(shared->wrong, sizeof(shared->wrong), "died with wait status %d", status);
	return shared->wrong[0] ? shared->wrong : NULL;
}

#include "tests/lib/shrink.h"

/* ---- tests ----------------------------------------------------------------------------------- */

static void fail_story(struct story *s, uint64_t seed)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *whole = arena_dup(&a, shared->wrong);

	shrink(s);
	play_in_child(s);
	fail_msg("seed %llu: %s\nsmallest: %s\nSTORY='%s'", (unsigned long long)seed, whole,
		shared->wrong, story_text(&a, s));
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void found_stories(void **state)
{
	static struct story s;

	(void)state;
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		assert_true(story_read(found[i].story, &s));
		shared->blocked = found[i].blocked;
		if (play_in_child(&s))
			fail_msg("%s: %s", found[i].found, shared->wrong);
	}
	shared->blocked = false;
}

/* What is printed is what is played. */
static void stories_can_be_read_back(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	static struct story s, t;

	(void)state;
	for (uint64_t seed = 1; seed < 50; seed++) {
		story_make(seed, DAMAGES, POINT_MODE_N, &s);
		assert_true(story_read(story_text(&a, &s), &t));
		assert_string_equal(story_text(&a, &s), story_text(&a, &t));
	}
}

/* The judge can say no: what is done behind the last pass is not accepted. */
static void a_bad_world_is_seen(void **state)
{
	static struct story s;

	(void)state;
	assert_true(story_read("r0000 v0.00000000 r0000 v0.00000000", &s));
	assert_null(play_in_child(&s));
	for (shared->sabotage = 1; shared->sabotage < SABOTAGE_N; shared->sabotage++)
		if (!play_in_child(&s))
			fail_msg("sabotage %u was not seen", shared->sabotage);
	shared->sabotage = SABOTAGE_NONE;
}

static void random_stories(void **state)
{
	const uint64_t wanted = from_env("SOAK_PASSES", 2000);
	const uint64_t first = from_env("STORY_SEED", (uint64_t)time(NULL) * 1000);
	const int64_t begun = clock_mono_ms();
	static struct story s;
	uint64_t seed = first, ms;

	(void)state;
	printf("# STORY_SEED=%llu\n", (unsigned long long)first);
	if (getenv("STORY")) {
		assert_true(story_read(getenv("STORY"), &s));
		if (play_in_child(&s))
			fail_story(&s, 0);
		return;
	}
	for (shared->passes = 0; shared->passes < wanted; seed++) {
		story_make(seed, DAMAGES, POINT_MODE_N, &s);
		if (play_in_child(&s))
			fail_story(&s, seed);
	}
	ms = (uint64_t)(clock_mono_ms() - begun) + 1;
	printf("# %llu stories, %llu passes, %llu passes a second\n", (unsigned long long)(seed - first),
		(unsigned long long)shared->passes, (unsigned long long)(shared->passes * 1000 / ms));
}

static void *share(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

static int make_work(void **state)
{
	(void)state;
	world = fake_new();
	before = fake_new();
	shared = share(sizeof(*shared));
	backup = xcalloc(1, sizeof(*backup));
	scratch_make(work);
	snprintf(state_dir, sizeof(state_dir), "%s/state", work);
	snprintf(state_db, sizeof(state_db), "%s/state.db", state_dir);
	setenv("RECONCILE_STATE_DIR", state_dir, 1);
	setenv("RECONCILE_CACHE_DIR", work, 1);
	unsetenv("RECONCILE_RUN_DIR");
	points_reset();
	return world && before ? layer_install() : -1;
}

static int remove_work(void **state)
{
	(void)state;
	free(backup);
	return tree_remove(AT_FDCWD, work, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stories_can_be_read_back),
		cmocka_unit_test(a_bad_world_is_seen),
		cmocka_unit_test(found_stories),
		cmocka_unit_test(random_stories),
	};

	return cmocka_run_group_tests_name("engine, random worlds", tests, make_work, remove_work);
}
