/* print.c - the only file that formats errors, diagnostics, plans and status. */
#include "reconciler/print.h"

#include "reconciler/engine/drift.h"
#include "schema/base/clock.h"
#include "schema/base/utf8.h"

#include <string.h>

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

const char *print_safe(struct arena *a, const char *text)
{
	return text ? utf8_escape(a, text) : "";
}

void print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* ---- errors ------------------------------------------------------------------------------- */

void print_err(const struct cli *c, const struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (e->kind == ERR_NONE)
		return;
	if (e->line)
		fprintf(stderr, "%s:%u:%u: ", print_safe(&a, e->file), e->line, e->col);
	else
		fputs("reconcile: ", stderr);
	fprintf(stderr, "%serror:%s %s\n", c->colored_err ? RED BOLD : "", c->colored_err ? PLAIN : "",
		print_safe(&a, e->msg));
	if (e->hint[0])
		fprintf(stderr, "  %s\n", print_safe(&a, e->hint));
}

void print_diags(const struct cli *c, const struct diags *d)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)c;
	vec_each(one, d)
		fputs(diag_text(&a, one), stderr);
}

static json_t *pos_json(const struct pos *pos)
{
	if (!pos->line)
		return json_null();
	return json_pack("{s:o, s:i, s:i}", "file", json_lossy(pos->file ? pos->file : ""), "line",
		(int)pos->line, "col", (int)pos->col);
}

json_t *print_diags_json(const struct diags *d)
{
	json_t *list = json_array();

	vec_each(one, d)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "severity",
			one->severity == SEVERITY_ERROR ? "error" : "warning", "at",
			pos_json(&one->pos), "message", json_lossy(one->msg), "hint",
			json_lossy(one->hint)));
	return list;
}

/* ---- tables ------------------------------------------------------------------------------- */

/* Columns that a UTF-8 text takes, wide characters aside. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

void print_table(const char *const *cells, size_t rows, size_t columns, bool bold, FILE *to)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t *width = arena_array(&a, columns + 1, sizeof(*width));

	for (size_t i = 0; i < rows * columns; i++)
		if (cells[i] && width_of(cells[i]) > width[i % columns])
			width[i % columns] = width_of(cells[i]);
	for (size_t r = 0; r < rows; r++) {
		const char *const *row = cells + r * columns;
		size_t last = columns;

		while (last && (!row[last - 1] || !row[last - 1][0]))
			last--;
		if (bold && !r)
			fputs(BOLD, to);
		for (size_t c = 0; c < last; c++) {
			const char *cell = row[c] ? row[c] : "";

			fputs(cell, to);
			if (c + 1 < last)
				fprintf(to, "%*s", (int)(width[c] - width_of(cell) + 2), "");
		}
		fputs(bold && !r ? PLAIN "\n" : "\n", to);
	}
}

/* ---- plan --------------------------------------------------------------------------------- */

static const char *place_text(struct arena *a, const struct pos *pos)
{
	const char *slash = pos->file ? strrchr(pos->file, '/') : NULL;

	if (!pos->line)
		return "";
	return arena_printf(a, "%s:%u:%u", slash ? slash + 1 : pos->file, pos->line, pos->col);
}

/* Content ids are long: enough of them to tell them apart. */
static const char *shorten(struct arena *a, const char *value)
{
	if (!value)
		return "none";
	if (!strncmp(value, "sha256:", 7) && strlen(value) > 19)
		return arena_dupn(a, value, 19);
	if (strlen(value) > 48)
		return arena_printf(a, "%.45s...", value);
	return value;
}

static const char *reason_text(struct arena *a, const struct reason *r)
{
	if (!r->field)
		return r->text;
	return arena_printf(a, "%s  %s -> %s", r->field, shorten(a, r->from), shorten(a, r->to));
}

/* What the steps of an object amount to, in one word. */
static const char *action_of(const struct pass *p, uint32_t view)
{
	const struct delta *d = &p->plan.deltas[view];
	bool stops = false, starts = false;

	if (d->blocked)
		return "blocked";

	vec_each(s, &p->plan.steps)
		if (s->view == view && s->step.kind == KIND_VM) {
			stops |= s->step.op == STEP_STOP;
			starts |= s->step.op == STEP_START;
		}
	if (d->kind == KIND_VM && d->verdict != VERDICT_DELETE && (stops || starts)) {
		if (d->verdict == VERDICT_CREATE && !d->view->record)
			return "create";
		return stops && starts ? "restart" : starts ? "start" : "stop";
	}
	if (d->verdict == VERDICT_RESTART && d->kind == KIND_DISK)
		return kvs_get(&d->view->record->facts, "kept") ? "undelete"
			: kvs_get(&d->view->record->facts, "was") ? "rename" : "grow";
	if (d->verdict == VERDICT_CREATE && d->view->record)
		return "repair";
	if (d->verdict == VERDICT_LIVE)
		return "update";
	return verdict_name(d->verdict);
}

static const char *summary_of(struct arena *a, const struct pass *p, uint32_t view)
{
	const struct object *o = p->plan.deltas[view].view->object;
	const struct kvs *facts = p->plan.facts[view];
	const struct vm_spec *vm;

	if (!o || !facts)
		return "";
	switch (o->kind) {
	case KIND_IMAGE:
		return arena_printf(a, "%s  %s", kvs_get(facts, "ref") ? kvs_get(facts, "ref") : "",
			shorten(a, kvs_get(facts, "id")));
	case KIND_KERNEL:
		return ((const struct kernel_spec *)(const void *)o->spec)->file;
	case KIND_DISK:
		return arena_printf(a, "%s, %s of the image", size_print(a, kvs_u64(facts, "size", 0)),
			kvs_get(facts, "backend") ? kvs_get(facts, "backend") : "copy");
	default:
		vm = (const struct vm_spec *)(const void *)o->spec;
		return arena_printf(a, "%u vCPU%s, %s, cid %s", vm->vcpus, vm->vcpus == 1 ? "" : "s",
			size_print(a, vm->memory), kvs_get(facts, "cid") ? kvs_get(facts, "cid") : "?");
	}
}

static char mark_of(const struct delta *d)
{
	static const char marks[VERDICT_N] = {
		[VERDICT_CREATE] = '+', [VERDICT_LIVE] = '~', [VERDICT_RESTART] = '~',
		[VERDICT_REPLACE] = '!', [VERDICT_DELETE] = '-', [VERDICT_ADOPT] = '=',
		[VERDICT_FORGET] = '-', [VERDICT_CONFLICT] = 'x',
	};

	return marks[d->verdict] ? marks[d->verdict] : ' ';
}

#define PLAN_COLUMNS 4

struct rows {
	const char **v;
	size_t n, cap;
};

static void add_row(struct arena *a, struct rows *rows, const char *object, const char *action,
	const char *what, const char *place)
{
	*vec_push(a, rows) = object;
	*vec_push(a, rows) = action;
	*vec_push(a, rows) = what;
	*vec_push(a, rows) = place;
}

/* A disk that is moved aside, not removed. */
static bool is_kept(const struct delta *d)
{
	return d->verdict == VERDICT_DELETE && d->kind == KIND_DISK && d->view->keep;
}

static const char *kept_text(struct arena *a, const struct delta *d)
{
	char until[CLOCK_TEXT_MAX];

	clock_text(d->view->keep_until_ms, until);
	return arena_printf(a, "disk kept until %s (undelete)", until);
}

/* What becomes of the data, in a sentence. */
static const char *loss_text(const struct plan *plan)
{
	bool kept = false, lost = false;

	for (size_t i = 0; i < plan->views->n; i++) {
		const struct delta *d = &plan->deltas[i];

		kept |= is_kept(d);
		lost |= d->kind == KIND_DISK && d->tier != TIER_SAFE && d->verdict != VERDICT_CONFLICT &&
			!is_kept(d);
	}
	if (plan->tier == TIER_DATA_LOSS)
		return "DATA LOSS, see above.";
	if (lost)
		return "Root disks marked ! or - go, with what was written to them.";
	return kept ? "No data loss: undelete brings back what is deleted." : "No data loss.";
}

static void plan_rows(struct arena *a, const struct pass *p, uint32_t i, struct rows *rows)
{
	const struct delta *d = &p->plan.deltas[i];
	const char *object = arena_printf(a, "%c %s/%s", mark_of(d), kind_name(d->kind), d->name);
	const char *action = action_of(p, i);
	const char *place = d->view->object ? place_text(a, &d->view->object->spec->pos)
					    : arena_printf(a, "was %s", d->view->record->where);
	bool first = true;

	if (is_kept(d)) {
		add_row(a, rows, object, action, kept_text(a, d), place);
		first = false;
	} else if (!d->reasons.n) {
		add_row(a, rows, object, action, summary_of(a, p, i), place);
	}
	vec_each(r, &d->reasons) {
		add_row(a, rows, first ? object : "", first ? action : "", reason_text(a, r),
			r->pos.line ? place_text(a, &r->pos) : first ? place : "");
		first = false;
	}
}

/* What the drift policy leaves as it is: shown, unless it is to be ignored. */
static bool is_left(const struct delta *d)
{
	return d->left && d->drift != DRIFT_IGNORE;
}

static void left_row(struct arena *a, const struct delta *d, struct rows *rows)
{
	const struct drift_rule rule = drift_rule_of(d->view->object, NULL, 0);
	const char *object = arena_printf(a, ". %s/%s", kind_name(d->kind), d->name);

	add_row(a, rows, object, d->drift == DRIFT_HOLD ? "held" : "drift",
		arena_printf(a, "%s; left so%s%s%s%s", d->left, rule.until ? " until " : "",
			rule.until ? rule.until : "", rule.why ? ": " : "",
			rule.why ? print_safe(a, rule.why) : ""),
		place_text(a, &rule.pos));
}

static size_t count_left(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->views->n; i++)
		n += is_left(&plan->deltas[i]);
	return n;
}

static const char *counts_text(struct arena *a, const struct plan *plan)
{
	static const struct {
		enum verdict verdict;
		const char *word;
	} words[] = {
		{VERDICT_CREATE, "to create"}, {VERDICT_LIVE, "to update"},
		{VERDICT_RESTART, "to restart or repair"}, {VERDICT_REPLACE, "to replace"},
		{VERDICT_DELETE, "to delete"}, {VERDICT_ADOPT, "to adopt"},
		{VERDICT_FORGET, "to forget"}, {VERDICT_CONFLICT, "in conflict"},
	};
	char *text = "";

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t n = 0;

		for (size_t i = 0; i < plan->views->n; i++)
			n += plan->deltas[i].verdict == words[w].verdict && !plan->deltas[i].blocked;
		if (n)
			text = arena_printf(a, "%s%s%zu %s", text, text[0] ? ", " : "", n,
				words[w].word);
	}
	if (plan->blocked)
		text = arena_printf(a, "%s%s%zu blocked", text, text[0] ? ", " : "", plan->blocked);
	return text;
}

/* VMs that are running and will be stopped. */
static const char *downtime_text(struct arena *a, const struct plan *plan)
{
	char *text = "";

	vec_each(s, &plan->steps)
		if (s->step.op == STEP_STOP && s->step.kind == KIND_VM)
			text = arena_printf(a, "%s%svm/%s", text, text[0] ? ", " : "", s->step.name);
	return text[0] ? arena_printf(a, "Downtime: %s.", text) : "No downtime.";
}

void print_plan(const struct cli *c, const struct pass *p, FILE *to)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t left = count_left(&p->plan), same = p->views.n - left;
	bool idle = true;
	struct rows rows = {0};

	(void)c;
	for (uint32_t i = 0; i < p->views.n; i++) {
		idle &= p->plan.deltas[i].verdict == VERDICT_NONE;
		if (p->plan.deltas[i].verdict != VERDICT_NONE)
			plan_rows(&a, p, i, &rows);
		if (is_left(&p->plan.deltas[i]))
			left_row(&a, &p->plan.deltas[i], &rows);
	}
	if (rows.n)
		print_table(rows.v, rows.n / PLAN_COLUMNS, PLAN_COLUMNS, false, to);
	if (idle) {
		fprintf(to, "%sNothing to do: %zu object%s as declared", rows.n ? "\n" : "", same,
			same == 1 ? " is" : "s are");
		fprintf(to, left ? ", %zu left as %s.\n" : ".\n", left, left == 1 ? "it is" : "they are");
		return;
	}
	fprintf(to, "\n%s.  %s  %s\n", counts_text(&a, &p->plan), downtime_text(&a, &p->plan),
		loss_text(&p->plan));
}

void print_expired(const struct cli *c, const struct pass *p)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	vec_each(v, &p->views) {
		const struct drift_rule rule = drift_rule_of(v->object, NULL, clock_real_ms());

		/* What holds for the whole VM is said once, at the VM. */
		if (!rule.expired || (v->object->kind != KIND_VM && !rule.part))
			continue;
		fprintf(stderr, "%s:%u:%u: %swarning:%s vm/%s: drift%s%s.until %s has passed: %s no "
			"longer holds, drift is %s\n", print_safe(&a, rule.pos.file), rule.pos.line,
			rule.pos.col, c->colored_err ? YELLOW : "", c->colored_err ? PLAIN : "",
			v->object->name, rule.part ? "." : "", rule.part ? rule.part : "", rule.until,
			drift_name(rule.written), drift_done(rule.policy));
	}
}

/* ---- plan as JSON ------------------------------------------------------------------------- */

static json_t *delta_json(struct arena *a, const struct pass *p, uint32_t i)
{
	static const char *const tiers[] = {"safe", "yes", "data-loss"};
	const struct delta *d = &p->plan.deltas[i];
	json_t *reasons = json_array(), *change;

	vec_each(r, &d->reasons)
		json_array_append_new(reasons, json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "field",
			json_lossy(r->field), "from", json_lossy(r->from), "to", json_lossy(r->to), "text",
			json_lossy(r->text), "cost", change_name(r->cost), "at", pos_json(&r->pos)));
	change = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "object",
		arena_printf(a, "%s/%s", kind_name(d->kind), d->name), "verdict",
		verdict_name(d->verdict), "action", action_of(p, i), "cost", change_name(d->cost),
		"needs", tiers[d->tier], "reasons", reasons);
	if (is_kept(d))
		json_object_set_new(change, "kept_until_ms",
			json_integer((json_int_t)d->view->keep_until_ms));
	return change;
}

static json_t *left_json(struct arena *a, const struct delta *d)
{
	const struct drift_rule rule = drift_rule_of(d->view->object, NULL, 0);

	return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s?, s:o}", "object",
		arena_printf(a, "%s/%s", kind_name(d->kind), d->name), "policy", drift_name(d->drift),
		"text", d->left, "drifted", drift_is(d->view), "until", rule.until, "why", rule.why, "at",
		pos_json(&rule.pos));
}

/* Only where there is something: it is an exception that a plan has something to leave alone. */
static void add_left(struct arena *a, const struct pass *p, json_t *plan)
{
	json_t *left = json_array();

	for (uint32_t i = 0; i < p->views.n; i++)
		if (p->plan.deltas[i].left)
			json_array_append_new(left, left_json(a, &p->plan.deltas[i]));
	if (json_array_size(left))
		json_object_set(plan, "left", left);
	json_decref(left);
}

static const char *const state_names[] = {"pending", "done", "failed", "skipped", "undone",
	"not-ready"};

static json_t *step_json(struct arena *a, const struct pass *p, size_t i)
{
	const struct plan_step *s = &p->plan.steps.v[i];
	json_t *j = json_pack("{s:s, s:s, s:i}", "op", step_op_name(s->step.op), "object",
		arena_printf(a, "%s/%s", kind_name(s->step.kind), s->step.name), "level",
		(int)s->step.level);

	if (p->exec.results) {
		const struct step_result *r = &p->exec.results[i];

		json_object_set_new(j, "state", json_string(state_names[r->state]));
		json_object_set_new(j, "took_ms", json_integer(r->took_ms));
		if (r->err.kind != ERR_NONE)
			json_object_set_new(j, "error", json_pack("{s:s, s:o, s:o}", "kind",
				err_kind_name(r->err.kind), "message", json_lossy(r->err.msg), "hint",
				json_lossy(r->err.hint)));
	}
	return j;
}

json_t *print_plan_json(const struct pass *p, int exit_code)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	json_t *changes = json_array(), *steps = json_array(), *plan;

	for (uint32_t i = 0; i < p->views.n; i++)
		if (p->plan.deltas[i].verdict != VERDICT_NONE)
			json_array_append_new(changes, delta_json(&a, p, i));
	for (size_t i = 0; i < p->plan.steps.n; i++)
		json_array_append_new(steps, step_json(&a, p, i));
	plan = json_pack("{s:i, s:s, s:o, s:o, s:i, s:i, s:i, s:i}", "version", 1, "pass", p->id,
		"changes", changes, "steps", steps, "unchanged",
		(int)(p->views.n - p->plan.changes - p->plan.conflicts - p->plan.blocked),
		"conflicts", (int)p->plan.conflicts, "blocked", (int)p->plan.blocked, "exit_code",
		exit_code);
	add_left(&a, p, plan);
	return plan;
}

/* ---- outcome ------------------------------------------------------------------------------ */

/* A step that did not succeed, as an error at the place that asks for it. */
static void print_failed(const struct cli *c, const struct plan_step *ps, const struct step_result *r)
{
	const struct step *s = &ps->step;
	struct err err = r->err;

	err_wrap(&err, "%s/%s: %s", kind_name(s->kind), s->name, step_op_name(s->op));
	if (s->object && !err.file[0])
		err_at(&err, s->object->spec->pos.file, s->object->spec->pos.line,
			s->object->spec->pos.col);
	print_err(c, &err);
}

void print_outcome(const struct cli *c, const struct pass *p, FILE *to)
{
	const struct exec *x = &p->exec;
	bool well = !x->failed && !x->skipped && !x->not_ready && !p->plan.conflicts &&
		!p->plan.blocked;

	for (size_t i = 0; i < p->plan.steps.n; i++) {
		enum step_state state = x->results[i].state;

		if (state == STEP_FAILED || state == STEP_SKIPPED || state == STEP_NOT_READY)
			print_failed(c, &p->plan.steps.v[i], &x->results[i]);
	}
	if (well)
		fprintf(to, "%sDone:%s %zu step%s.\n", c->colored_out ? GREEN : "",
			c->colored_out ? PLAIN : "", x->done, x->done == 1 ? "" : "s");
	else
		fprintf(to, "%s%zu done, %zu failed, %zu skipped, %zu not ready, %zu in conflict, "
			"%zu blocked.%s\n",
			c->colored_out ? YELLOW : "", x->done, x->failed, x->skipped, x->not_ready,
			p->plan.conflicts, p->plan.blocked, c->colored_out ? PLAIN : "");
}
