/* outcome.c - what a pass did, and what it did not. */
#include "reconciler/outcome.h"

#include "reconciler/document.h"
#include "reconciler/print.h"

#include <string.h>

#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct telling {
	struct cli *cli;
	const struct pass *pass;
	struct arena arena;
	struct repeats seen;
};

/* One error of an object. As text it begins with the object, as JSON that is a member. */
static void tell(struct telling *t, const struct step *s, struct err *err)
{
	const char *kind = kind_name(s->kind), *op = step_op_name(s->op);

	if (s->object && !err->file[0])
		err_at(err, s->object->spec->pos.file, s->object->spec->pos.line,
			s->object->spec->pos.col);
	if (t->cli->output == OUTPUT_JSON) {
		document_error(t->cli, err, s, t->pass->id);
		return;
	}
	err_wrap(err, "%s/%s%s%s", kind, s->name, s->op == STEP_OP_N ? "" : ": ",
		s->op == STEP_OP_N ? "" : op);
	if (repeats_show(&t->arena, &t->seen, err->msg))
		print_failure(t->cli, err, t->pass->id);
}

/* The reason in words; other reasons of a conflict are fields that differ too. */
static const struct reason *reason_in_words(const struct delta *d)
{
	const struct reason *last = NULL;

	vec_each(r, &d->reasons)
		if (!r->field)
			last = r;
	return last;
}

static void tell_conflict(struct telling *t, const struct delta *d)
{
	const struct step nothing = {.op = STEP_OP_N, .kind = d->kind, .name = d->name,
		.object = d->view->object};
	const struct reason *why = reason_in_words(d);
	struct err err = ERR_INIT;

	err_set(&err, d->blocked ? ERR_GUARD : ERR_CONFLICT, "%s",
		why ? why->text : "something that is not ours is in the way");
	tell(t, &nothing, &err);
}

void outcome_errors(struct cli *c, const struct pass *p)
{
	struct telling t = {.cli = c, .pass = p};

	for (size_t i = 0; i < p->views.n; i++)
		if (p->plan.deltas[i].verdict == VERDICT_CONFLICT)
			tell_conflict(&t, &p->plan.deltas[i]);
	for (size_t i = 0; i < p->plan.steps.n; i++) {
		enum step_state state = p->exec.results[i].state;
		struct err err = p->exec.results[i].err;

		if (state == STEP_FAILED || state == STEP_SKIPPED || state == STEP_NOT_READY)
			tell(&t, &p->plan.steps.v[i].step, &err);
	}
	print_rest(&t.seen);
	arena_free(&t.arena);
}

void outcome_summary(const struct cli *c, const struct pass *p, FILE *to)
{
	const struct exec *x = &p->exec;
	const struct {
		size_t n;
		const char *word;
	} counts[] = {
		{x->failed, "failed"}, {x->skipped, "skipped"}, {x->not_ready, "not ready"},
		{p->plan.conflicts, "in conflict"}, {p->plan.blocked, "blocked"},
	};
	bool well = true;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		well &= !counts[i].n;
	if (well) {
		fprintf(to, "%sDone:%s %zu step%s.\n", c->colored_out ? GREEN : "",
			c->colored_out ? PLAIN : "", x->done, x->done == 1 ? "" : "s");
		return;
	}
	fprintf(to, "%s%zu done", c->colored_out ? YELLOW : "", x->done);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].n)
			fprintf(to, ", %zu %s", counts[i].n, counts[i].word);
	fprintf(to, ".%s\n", c->colored_out ? PLAIN : "");
}
