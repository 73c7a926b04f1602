/* document.c - the one JSON document that a command prints. */
#include "reconciler/document.h"

#include "reconciler/downtime.h"
#include "reconciler/engine/drift.h"
#include "reconciler/print.h"

void document_set(struct cli *c, json_t *j)
{
	json_decref(c->document);
	c->document = j;
}

const char *document_object(struct arena *a, enum kind kind, const char *name)
{
	return arena_printf(a, "%s/%s", kind_name(kind), name);
}

/* ---- errors ------------------------------------------------------------------------------- */

json_t *document_pos(const struct pos *pos)
{
	if (!pos->line)
		return json_null();
	return json_pack("{s:o, s:i, s:i}", "file", json_lossy(pos->file ? pos->file : ""), "line",
		(int)pos->line, "column", (int)pos->col);
}

static json_t *number_or_null(uint32_t n)
{
	return n ? json_integer(n) : json_null();
}

static json_t *problem(const char *kind, const char *message, const char *expected,
	const char *hint, const struct pos *pos, const struct pos *also)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "kind", kind, "message",
		json_lossy(message), "expected", json_lossy(expected), "hint",
		json_lossy(hint && hint[0] ? hint : NULL), "file",
		json_lossy(pos->file && pos->file[0] ? pos->file : NULL), "line",
		number_or_null(pos->line), "column", number_or_null(pos->col), "also",
		document_pos(also));
}

static void append(json_t **list, json_t *j)
{
	if (!*list)
		*list = json_array();
	json_array_append_new(*list, j);
}

void document_error(struct cli *c, const struct err *e, const struct step *step,
	const char *pass)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct pos pos = {e->file, e->line, e->col}, nowhere = {0};
	json_t *j = problem(err_kind_name(e->kind), e->msg, NULL, e->hint, &pos, &nowhere);

	if (step) {
		json_object_set_new(j, "object",
			json_string(document_object(&a, step->kind, step->name)));
		json_object_set_new(j, "op", step->op == STEP_OP_N ? json_null()
								 : json_string(step_op_name(step->op)));
	}
	if (pass)
		json_object_set_new(j, "pass", json_string(pass));
	append(&c->errors, j);
}

void document_diags(struct cli *c, const struct diags *d)
{
	vec_each(one, d)
		append(one->severity == SEVERITY_ERROR ? &c->errors : &c->warnings,
			problem(err_kind_name(ERR_SPEC), one->msg, one->expected, one->hint, &one->pos,
				&one->other));
}

void document_drop(struct cli *c)
{
	json_drop(&c->document);
	json_drop(&c->errors);
	json_drop(&c->warnings);
}

/* The command's own members in the middle, what is common around them. */
void document_print(struct cli *c, int exit_code)
{
	_cleanup_json_ json_t *all = NULL;

	if (!c->document && !c->errors)
		return;
	all = json_pack("{s:i, s:s?}", "version", 1, "command", c->cmd ? c->cmd->name : NULL);
	if (c->document)
		json_object_update(all, c->document);
	json_object_set_new(all, "errors", c->errors ? json_incref(c->errors) : json_array());
	json_object_set_new(all, "warnings", c->warnings ? json_incref(c->warnings) : json_array());
	json_object_set_new(all, "exit_code", json_integer(exit_code));
	print_json(all);
}

/* ---- plan --------------------------------------------------------------------------------- */

/* A change that no field asks for has its reason too. */
static const char *reason_of(const struct delta *d)
{
	static const char *const reasons[VERDICT_N] = {
		[VERDICT_CREATE] = "is declared and is not there",
		[VERDICT_LIVE] = "is declared differently",
		[VERDICT_RESTART] = "is not as it was made",
		[VERDICT_REPLACE] = "is not as it was made",
		[VERDICT_DELETE] = "is not declared any more",
		[VERDICT_ADOPT] = "is there as declared, and is taken over",
		[VERDICT_FORGET] = "is neither declared nor there",
		[VERDICT_CONFLICT] = "something that is not ours is in the way",
	};

	return reasons[d->verdict];
}

static json_t *reason_json(const char *field, const char *from, const char *to, const char *text,
	enum change cost, const struct pos *pos)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o}", "field", json_lossy(field), "from",
		json_lossy(from), "to", json_lossy(to), "text", json_lossy(text), "cost",
		change_name(cost), "at", document_pos(pos));
}

static json_t *reasons_json(const struct delta *d, const struct pos *pos)
{
	json_t *list = json_array();

	vec_each(r, &d->reasons)
		json_array_append_new(list, reason_json(r->field, r->from, r->to, r->text, r->cost,
			&r->pos));
	if (!d->reasons.n)
		json_array_append_new(list, reason_json(NULL, NULL, NULL, reason_of(d), d->cost, pos));
	return list;
}

static json_t *delta_json(struct arena *a, const struct pass *p, uint32_t i)
{
	static const char *const tiers[] = {"safe", "yes", "data-loss"};
	const struct delta *d = &p->plan.deltas[i];
	const struct pos pos = d->view->object ? d->view->object->spec->pos : (struct pos){0};
	const int64_t away = downtime_ms(&p->plan, i);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "object",
		document_object(a, d->kind, d->name), "verdict", verdict_name(d->verdict), "action",
		print_action(p, i), "cost", change_name(d->cost), "needs", tiers[d->tier], "at",
		document_pos(&pos), "reasons", reasons_json(d, &pos));

	/* A running VM that is stopped; null when nobody knows for how long. */
	if (away != DOWNTIME_NONE)
		json_object_set_new(j, "downtime_ms", away == DOWNTIME_UNKNOWN ? json_null()
			: json_integer((json_int_t)away));
	/* What is not declared any more has no place; where it was is text of an earlier pass. */
	if (!d->view->object && d->view->record)
		json_object_set_new(j, "was", json_lossy(d->view->record->where));
	/* A disk that is moved aside, not removed. */
	if (print_is_kept(d))
		json_object_set_new(j, "kept_until_ms", json_integer((json_int_t)d->view->keep_until_ms));
	return j;
}

static json_t *left_json(struct arena *a, const struct delta *d)
{
	const struct drift_rule rule = drift_rule_of(d->view->object, NULL, 0);

	return json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s?, s:o}", "object",
		document_object(a, d->kind, d->name), "policy", drift_name(d->drift), "text", d->left,
		"drifted", drift_is(d->view), "until", rule.until, "why", rule.why, "at",
		document_pos(&rule.pos));
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

static json_t *step_json(struct arena *a, const struct pass *p, size_t i)
{
	static const char *const states[] = {"pending", "done", "failed", "skipped", "undone",
		"not-ready"};
	const struct plan_step *s = &p->plan.steps.v[i];
	json_t *j = json_pack("{s:s, s:s, s:i}", "op", step_op_name(s->step.op), "object",
		document_object(a, s->step.kind, s->step.name), "level", (int)s->step.level);

	if (p->exec.results) {
		const struct step_result *r = &p->exec.results[i];

		json_object_set_new(j, "state", json_string(states[r->state]));
		json_object_set_new(j, "took_ms", json_integer(r->took_ms));
	}
	return j;
}

json_t *document_plan(const struct pass *p)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	json_t *changes = json_array(), *steps = json_array(), *plan;

	for (uint32_t i = 0; i < p->views.n; i++)
		if (p->plan.deltas[i].verdict != VERDICT_NONE)
			json_array_append_new(changes, delta_json(&a, p, i));
	for (size_t i = 0; i < p->plan.steps.n; i++)
		json_array_append_new(steps, step_json(&a, p, i));
	plan = json_pack("{s:s, s:o, s:o, s:i, s:i, s:i}", "pass", p->id, "changes", changes, "steps",
		steps, "unchanged",
		(int)(p->views.n - p->plan.changes - p->plan.conflicts - p->plan.blocked), "conflicts",
		(int)p->plan.conflicts, "blocked", (int)p->plan.blocked);
	add_left(&a, p, plan);
	return plan;
}
