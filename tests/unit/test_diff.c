/* test_diff.c - three views -> a verdict: all 24 rows, and what each reason costs.
 *
 * The rows are enumerated here from the three enums, brought about with real views, and compared
 * with three_way[] and with the table that stands in docs/three-way.md.
 */
#include "reconciler/engine/diff.h"

#include "schema/spec.h"
#include "tests/lib/unit.h"

#define HEAD "version: 1\nimages: {base: {oci: 'registry.example/base:1'}}\n" \
	"kernels: {k: {file: /boot/k}}\nvms:\n"
#define WEB HEAD "  web: {image: base, kernel: k, memory: 128MiB, disk: 4GiB}\n"

struct fixture {
	struct arena a;
	struct objects objects;
	struct view view;
	struct record record;
};

static const char *no_id(void *arg, enum kind kind, const char *name)
{
	(void)kind;
	(void)name;
	return arg;
}

static struct object *object_of(struct fixture *f, const char *text, enum kind kind)
{
	struct diags diags = {0};
	struct err err = ERR_INIT;
	struct spec *spec = NULL;

	if (spec_parse(&f->a, "test.yaml", "/", text, strlen(text), &spec, &diags, &err) < 0)
		fail_msg("%s: %s", err.msg, diags.n ? diags.v[0].msg : "");
	f->objects = (struct objects){0};
	spec_expand(&f->a, spec, &f->objects);
	vec_each(o, &f->objects)
		if (o->kind == kind)
			return o;
	fail_msg("no %s in the spec", kind_name(kind));
	return NULL;
}

/* A view of an object of text, recorded as of text as well, seen as it should be. */
static void make(struct fixture *f, const char *text, enum kind kind)
{
	struct object *o;

	*f = (struct fixture){0};
	o = object_of(f, text, kind);
	f->record = (struct record){.kind = kind, .name = o->name, .source = "test",
		.state = RECORD_MADE, .generation = 1};
	field_values(&f->a, o->spec->noun, o->spec, kind, &f->record.fields);
	f->view = (struct view){.object = o, .record = &f->record, .observed = {.seen = SEEN_SAME}};
}

static struct delta diff(struct fixture *f)
{
	struct delta d;

	diff_object(&f->a, &f->view, "test", no_id, NULL, &d);
	return d;
}

static void assert_reason(const struct delta *d, size_t i, const char *field, const char *from,
	const char *to, enum change cost)
{
	const struct reason *r = &d->reasons.v[i];

	assert_true(i < d->reasons.n);
	assert_string_equal(r->field ? r->field : r->text, field);
	assert_int_equal(r->cost, cost);
	if (from)
		assert_string_equal(r->from, from);
	else
		assert_null(r->from);
	if (to)
		assert_string_equal(r->to, to);
	else
		assert_null(r->to);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void the_table_is_complete(void **state)
{
	(void)state;
	for (int desired = 0; desired < 2; desired++)
		for (int rec = REC_ABSENT; rec <= REC_DIFFERENT; rec++)
			for (int seen = SEEN_ABSENT; seen <= SEEN_FOREIGN; seen++) {
				const struct three_way *row = three_way_find(desired, (enum rec)rec,
					(enum seen)seen);

				assert_int_equal(row->desired, desired);
				assert_int_equal(row->rec, rec);
				assert_int_equal(row->seen, seen);
				assert_true(strlen(row->meaning) > 0);
			}
}

/* Rules that no row may break, whatever else is changed. */
static void the_table_is_safe(void **state)
{
	(void)state;
	for (size_t i = 0; i < THREE_WAY_ROWS; i++) {
		const struct three_way *row = &three_way[i];
		bool acts = row->verdict != VERDICT_NONE && row->verdict != VERDICT_CONFLICT &&
			row->verdict != VERDICT_FORGET;

		if (row->seen == SEEN_FOREIGN)
			assert_false(acts); /* nothing foreign is touched */
		if (!row->desired && row->rec == REC_ABSENT)
			assert_false(acts); /* nobody asked for it, now or before */
		if (row->verdict == VERDICT_FORGET)
			assert_true(row->seen == SEEN_ABSENT || row->seen == SEEN_FOREIGN);
		if (row->verdict == VERDICT_CREATE)
			assert_int_equal(row->seen, SEEN_ABSENT);
		if (row->verdict == VERDICT_DELETE || row->verdict == VERDICT_REPLACE)
			assert_true(row->tier >= TIER_YES);
		if (row->desired && row->seen == SEEN_ABSENT)
			assert_int_equal(row->verdict, VERDICT_CREATE);
	}
}

/* Real views for each row that can come about; the verdict is the row's. */
static void every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < THREE_WAY_ROWS; i++) {
		const struct three_way *row = &three_way[i];
		struct fixture f;
		struct delta d;

		if (!row->desired && row->rec == REC_ABSENT)
			continue; /* no view: nobody looks for what is neither wanted nor recorded */
		make(&f, WEB, KIND_VM);
		f.view.observed = (struct observed){.seen = row->seen, .cost = CHANGE_RESTART};
		if (!row->desired)
			f.view.object = NULL;
		if (row->rec == REC_ABSENT)
			f.view.record = NULL;
		if (row->rec == REC_DIFFERENT)
			kvs_set(&f.a, &f.record.fields, "memory", "64MiB");
		d = diff(&f);
		if (d.verdict != row->verdict || d.tier != row->tier)
			fail_msg("row %zu (%s): got %s", i + 1, row->meaning, verdict_name(d.verdict));
		assert_string_equal(d.name, "web");
		assert_int_equal(d.kind, KIND_VM);
		arena_free(&f.a);
	}
}

static const char *row_text(struct arena *a, size_t i)
{
	static const char *const recs[] = {"absent", "same", "different"};
	static const char *const seens[] = {"absent", "same", "drifted", "foreign"};
	static const char *const tiers[] = {"", "`--yes`", "`--allow-data-loss`"};
	const struct three_way *row = &three_way[i];
	bool by_cost = row->desired && row->rec != REC_ABSENT && row->verdict == VERDICT_RESTART;

	return arena_printf(a, "| %zu | %s | %s | %s | %s | %s | %s |\n", i + 1,
		row->desired ? "present" : "absent", recs[row->rec], seens[row->seen],
		by_cost ? "by cost" : verdict_name(row->verdict), by_cost ? "by cost" : tiers[row->tier],
		row->meaning);
}

/* docs/three-way.md holds exactly these rows. Tests run from the root of the tree. */
static void the_document_tells_the_truth(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	size_t n, missing = 0, rows = 0;
	char *text;

	(void)state;
	if (file_read(&a, AT_FDCWD, "docs/three-way.md", 1 << 20, &text, &n, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < THREE_WAY_ROWS; i++) {
		const char *row = row_text(&a, i);

		if (strstr(text, row))
			continue;
		missing++;
		printf("missing: %s", row);
	}
	for (const char *p = text; (p = strstr(p, "\n| ")); p += 3)
		rows += p[3] >= '1' && p[3] <= '9';
	assert_int_equal(missing, 0);
	assert_int_equal(rows, THREE_WAY_ROWS);
}

/* ---- fields --------------------------------------------------------------------------------- */

/* Each row of the VM's table, changed alone: its own change class, its path, its place. */
static void every_field_costs_what_its_row_says(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	for (size_t i = 0; i < noun_vm.n_fields; i++) {
		const struct field *row = &noun_vm.fields[i];
		const char *now;

		if (row->feeds != KIND_VM && row->feeds != KIND_DISK)
			continue;
		make(&f, WEB, row->feeds);
		now = field_print(&f.a, row, f.view.object->spec);
		kvs_set(&f.a, &f.record.fields, row->path, "something");
		d = diff(&f);
		assert_int_equal(d.reasons.n, 1);
		assert_reason(&d, 0, row->path, "something", now, row->change);
		assert_true(d.reasons.v[0].pos.line > 0);
		assert_int_equal(d.cost, row->change);
		arena_free(&f.a);
	}
}

/* A row from before a field was there means its default; anything else is a change. */
static void a_field_that_the_row_lacks(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, WEB, KIND_VM);
	for (size_t i = 0; i < noun_vm.n_fields; i++)
		if (noun_vm.fields[i].feeds == KIND_VM && noun_vm.fields[i].dflt &&
			!strcmp(field_print(&f.a, &noun_vm.fields[i], f.view.object->spec),
				noun_vm.fields[i].dflt))
			kvs_set(&f.a, &f.record.fields, noun_vm.fields[i].path, NULL);
	assert_int_equal(diff(&f).reasons.n, 0);
	kvs_set(&f.a, &f.record.fields, "memory", NULL); /* 128MiB, which is not the default */
	assert_int_equal(diff(&f).reasons.n, 1);
	arena_free(&f.a);
}

static void the_highest_cost_decides(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_VM);
	kvs_set(&f.a, &f.record.fields, "stop_timeout", "3s");
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_LIVE);
	assert_int_equal(d.tier, TIER_SAFE);
	kvs_set(&f.a, &f.record.fields, "memory", "64MiB");
	d = diff(&f);
	assert_int_equal(d.reasons.n, 2);
	assert_int_equal(d.cost, CHANGE_RESTART);
	assert_int_equal(d.verdict, VERDICT_RESTART);
	assert_reason(&d, 0, "memory", "64MiB", "128MiB", CHANGE_RESTART);
	arena_free(&f.a);
}

static void disks_grow_and_never_shrink_unasked(void **state)
{
	static const struct {
		const char *was;
		enum verdict verdict;
		enum tier tier;
	} cases[] = {
		{"4GiB", VERDICT_NONE, TIER_SAFE},
		{"2GiB", VERDICT_RESTART, TIER_SAFE},
		{"4194303KiB", VERDICT_RESTART, TIER_SAFE},
		{"4194305KiB", VERDICT_REPLACE, TIER_DATA_LOSS},
		{"8GiB", VERDICT_REPLACE, TIER_DATA_LOSS},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delta d;

		make(&f, WEB, KIND_DISK);
		kvs_set(&f.a, &f.record.fields, "disk.size", cases[i].was);
		d = diff(&f);
		if (d.verdict != cases[i].verdict || d.tier != cases[i].tier)
			fail_msg("4GiB after %s: %s", cases[i].was, verdict_name(d.verdict));
		arena_free(&f.a);
	}
}

/* ---- content -------------------------------------------------------------------------------- */

/* Another version may have written its fields in another order, or one that is no field here. */
static void a_row_may_be_in_any_order(void **state)
{
	struct fixture f;
	struct kvs turned = {0};
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_VM);
	kvs_set(&f.a, &turned, "of_another_version", "1");
	for (size_t i = f.record.fields.n; i-- > 0;)
		kvs_set(&f.a, &turned, f.record.fields.v[i].key, f.record.fields.v[i].value);
	f.record.fields = turned;
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_NONE);
	assert_int_equal(d.reasons.n, 0);
	kvs_set(&f.a, &f.record.fields, "memory", "64MiB");
	d = diff(&f);
	assert_int_equal(d.reasons.n, 1);
	assert_string_equal(d.reasons.v[0].field, "memory");
	assert_string_equal(d.reasons.v[0].from, "64MiB");
	arena_free(&f.a);
}

static void content_is_compared_by_identity(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_IMAGE);
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_NONE); /* neither is known */
	kvs_set(&f.a, &f.view.resolved, "id", "sha256:2");
	assert_int_equal(diff(&f).verdict, VERDICT_NONE); /* it was not recorded */
	kvs_set(&f.a, &f.record.facts, "id", "sha256:2");
	assert_int_equal(diff(&f).verdict, VERDICT_NONE);
	kvs_set(&f.a, &f.record.facts, "id", "sha256:1");
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_REPLACE);
	assert_int_equal(d.tier, TIER_SAFE); /* an image can be fetched again */
	assert_reason(&d, 0, "content", "sha256:1", "sha256:2", CHANGE_REPLACE);
	arena_free(&f.a);
}

static const char *two(void *arg, enum kind kind, const char *name)
{
	(void)arg;
	(void)kind;
	(void)name;
	return "2";
}

static void inputs_cost_what_the_edge_says(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_DISK);
	kvs_set(&f.a, &f.record.facts, "in.image/base", "1");
	diff_object(&f.a, &f.view, "test", no_id, NULL, &d);
	assert_int_equal(d.verdict, VERDICT_NONE); /* what the image will be is not known */
	diff_object(&f.a, &f.view, "test", two, NULL, &d);
	assert_int_equal(d.verdict, VERDICT_REPLACE);
	assert_int_equal(d.tier, TIER_YES);
	assert_reason(&d, 0, "image/base content", "1", "2", CHANGE_REPLACE);
	assert_true(d.reasons.v[0].pos.line > 0);
	arena_free(&f.a);
	make(&f, WEB, KIND_VM);
	kvs_set(&f.a, &f.record.facts, "in.kernel/k", "1");
	diff_object(&f.a, &f.view, "test", two, NULL, &d);
	assert_int_equal(d.verdict, VERDICT_RESTART);
	assert_reason(&d, 0, "kernel/k content", "1", "2", CHANGE_RESTART);
	arena_free(&f.a);
}

/* ---- other reasons ---------------------------------------------------------------------------- */

static void another_source_is_a_conflict(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_VM);
	f.record.source = "/srv/other.yaml";
	kvs_set(&f.a, &f.record.fields, "memory", "64MiB");
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_CONFLICT);
	assert_int_equal(d.reasons.n, 1);
	assert_non_null(strstr(d.reasons.v[0].text, "/srv/other.yaml"));
	arena_free(&f.a);
}

/* A pass that was interrupted behind its effect: only the row is to be put right. */
static void an_interrupted_row_is_adopted(void **state)
{
	static const enum record_state states[] = {RECORD_MAKING, RECORD_FAILED, RECORD_DELETING};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		make(&f, WEB, KIND_VM);
		f.record.state = states[i];
		assert_int_equal(diff(&f).verdict, VERDICT_ADOPT);
		assert_int_equal(diff(&f).tier, TIER_SAFE);
		f.view.observed.seen = SEEN_ABSENT;
		assert_int_equal(diff(&f).verdict, VERDICT_CREATE);
		arena_free(&f.a);
	}
}

static void a_lost_disk_asks(void **state)
{
	struct fixture f;
	struct delta d;

	(void)state;
	make(&f, WEB, KIND_DISK);
	f.view.observed.seen = SEEN_ABSENT;
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_CREATE);
	assert_int_equal(d.tier, TIER_YES);
	assert_non_null(strstr(d.reasons.v[0].text, "data"));
	f.record.state = RECORD_MAKING; /* it was never there */
	d = diff(&f);
	assert_int_equal(d.verdict, VERDICT_CREATE);
	assert_int_equal(d.tier, TIER_SAFE);
	arena_free(&f.a);
}

static void drift_says_what_it_costs(void **state)
{
	static const struct {
		enum change cost;
		enum verdict verdict;
		enum tier tier;
	} cases[] = {
		{CHANGE_NONE, VERDICT_LIVE, TIER_SAFE}, {CHANGE_LIVE, VERDICT_LIVE, TIER_SAFE},
		{CHANGE_RESTART, VERDICT_RESTART, TIER_SAFE}, {CHANGE_REPLACE, VERDICT_REPLACE, TIER_YES},
		{CHANGE_DATA_LOSS, VERDICT_REPLACE, TIER_DATA_LOSS},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct delta d;

		make(&f, WEB, KIND_DISK);
		f.view.observed = (struct observed){.seen = SEEN_DRIFTED, .cost = cases[i].cost,
			.reason = "torn"};
		d = diff(&f);
		assert_int_equal(d.verdict, cases[i].verdict);
		assert_int_equal(d.tier, cases[i].tier);
		assert_reason(&d, 0, "torn", NULL, NULL, cases[i].cost);
		f.view.observed.reason = NULL;
		d = diff(&f);
		assert_reason(&d, 0, "is not as it should be", NULL, NULL, cases[i].cost);
		arena_free(&f.a);
	}
}

/* ---- raise ------------------------------------------------------------------------------------ */

static void raise_goes_up_only(void **state)
{
	static const enum verdict fixed[] = {VERDICT_CREATE, VERDICT_DELETE, VERDICT_FORGET,
		VERDICT_CONFLICT};
	const struct pos at = {"test.yaml", 5, 3};
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct delta d = {.verdict = fixed[i]};

		diff_raise(&a, &d, CHANGE_RESTART, "x", at);
		assert_int_equal(d.verdict, fixed[i]);
		assert_int_equal(d.reasons.n, 0);
	}
	for (int v = VERDICT_NONE; v <= VERDICT_REPLACE; v++) {
		struct delta d = {.verdict = (enum verdict)v,
			.cost = v == VERDICT_REPLACE ? CHANGE_REPLACE : CHANGE_NONE};

		if (v == VERDICT_CREATE)
			continue;
		diff_raise(&a, &d, CHANGE_RESTART, "x", at);
		assert_int_equal(d.verdict, v == VERDICT_REPLACE ? VERDICT_REPLACE : VERDICT_RESTART);
		assert_int_equal(d.reasons.v[0].pos.line, 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_complete),
		cmocka_unit_test(the_table_is_safe),
		cmocka_unit_test(every_row),
		cmocka_unit_test(the_document_tells_the_truth),
		cmocka_unit_test(every_field_costs_what_its_row_says),
		cmocka_unit_test(a_field_that_the_row_lacks),
		cmocka_unit_test(the_highest_cost_decides),
		cmocka_unit_test(disks_grow_and_never_shrink_unasked),
		cmocka_unit_test(a_row_may_be_in_any_order),
		cmocka_unit_test(content_is_compared_by_identity),
		cmocka_unit_test(inputs_cost_what_the_edge_says),
		cmocka_unit_test(another_source_is_a_conflict),
		cmocka_unit_test(an_interrupted_row_is_adopted),
		cmocka_unit_test(a_lost_disk_asks),
		cmocka_unit_test(drift_says_what_it_costs),
		cmocka_unit_test(raise_goes_up_only),
	};

	return cmocka_run_group_tests_name("diff", tests, NULL, NULL);
}
