/* session.c - what plan, apply and delete share. */
#include "reconciler/session.h"

#include "reconciler/print.h"
#include "reconciler/progress.h"

#include "schema/field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELETE_FREELY 3 /* VMs that one apply may delete whatever their share is */
struct spec_input session_input(const struct cli *c)
{
	return (struct spec_input){
		.vars = c->vars.v,
		.n_vars = c->vars.n,
		.var_files = c->var_files.v,
		.n_var_files = c->var_files.n,
		.env = getenv,
	};
}

int session_spec(struct cli *c, const char *const *files, size_t n, struct spec **spec,
	struct err *e)
{
	const struct spec_input in = session_input(c);
	struct diags diags = {0};
	int rc = spec_read(&c->arena, &in, files, n, spec, &diags, e);

	print_diags(c, &diags);
	return rc;
}

/* ---- guards ------------------------------------------------------------------------------- */

static int refuse(const struct pass *p, const char *flag, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < p->views.n; i++)
		n += p->plan.deltas[i].tier != TIER_SAFE &&
			p->plan.deltas[i].verdict != VERDICT_CONFLICT;
	err_set(e, ERR_GUARD, n == 1 ? "%zu change deletes or replaces a VM or its disk; nothing was done"
				     : "%zu changes delete or replace VMs or their disks; nothing was "
				       "done", n);
	return err_hint(e, "look at the plan above, then give %s", flag);
}

static bool ask(struct err *e)
{
	char line[16];

	fputs("Go on? [y/N] ", stderr);
	fflush(stderr);
	if (!fgets(line, sizeof(line), stdin) || (line[0] != 'y' && line[0] != 'Y')) {
		if (cli_cancel) {
			err_set(e, ERR_CANCELLED, "cancelled; nothing was done");
			return false;
		}
		err_set(e, ERR_GUARD, "not confirmed; nothing was done");
		return false;
	}
	return true;
}

/* How many VMs of this source there are, and how many of them the plan deletes. */
static void count_vms(const struct pass *p, size_t *all, size_t *deleted)
{
	*all = *deleted = 0;
	for (size_t i = 0; i < p->views.n; i++) {
		const struct delta *d = &p->plan.deltas[i];

		if (d->kind != KIND_VM || !d->view->record)
			continue;
		++*all;
		*deleted += !d->view->object && !d->blocked;
	}
}

/* text NULL: no limit is given, *most stays. */
static int parse_limit(const char *text, size_t all, size_t *most, struct err *e)
{
	char *end;
	unsigned long n;

	if (!text)
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || (*end && strcmp(end, "%")) ||
		(*end && n > 100))
		return err_set(e, ERR_USAGE, "--max-delete: \"%.40s\" is neither a number nor a "
			"percentage", text);
	*most = *end ? all * n / 100 : n;
	return 0;
}

struct tally {
	size_t all, deleted, most;
};

/* Which guard it was, where it stands, and how to go on. */
static int too_many(const struct cli *c, const struct pass *p, struct tally t, struct err *e)
{
	const struct guard *g = &p->guard;

	if (c->max_delete || !g->max_delete) {
		err_set(e, ERR_GUARD, "%zu of %zu VMs would be deleted, at most %zu may; nothing was done",
			t.deleted, t.all, t.most);
	} else {
		err_set(e, ERR_GUARD, "%zu of %zu VMs would be deleted, guards.max_delete: %s (%s%s) "
			"allows %zu; nothing was done", t.deleted, t.all, g->max_delete, g->max_place,
			g->max_recalled ? ", as last applied: dropping the line does not lift it" : "",
			t.most);
	}
	return err_hint(e, "is the spec complete? if it is, give --max-delete %zu", t.deleted);
}

/* A spec that suddenly names none of them is more often a mistake than a wish. delete has no such
 * limit: there the wish is the command. */
static int check_max_delete(const struct cli *c, const struct pass *p, struct err *e)
{
	size_t all, deleted, most;

	count_vms(p, &all, &deleted);
	most = all / 2 > DELETE_FREELY ? all / 2 : DELETE_FREELY;
	if (parse_limit(c->max_delete ? c->max_delete : p->guard.max_delete, all, &most, e) < 0)
		return -1;
	if (deleted <= most || c->cmd != &cmd_apply)
		return 0;
	return too_many(c, p, (struct tally){all, deleted, most}, e);
}

int session_check_flags(const struct cli *c, struct err *e)
{
	size_t most;

	return parse_limit(c->max_delete, 0, &most, e);
}

int session_confirm(const struct cli *c, const struct pass *p, struct err *e)
{
	if (check_max_delete(c, p, e) < 0)
		return -1;
	if (p->plan.tier == TIER_DATA_LOSS && !c->allow_data_loss)
		return refuse(p, "--allow-data-loss", e);
	if (p->plan.tier == TIER_SAFE || c->yes || c->allow_data_loss)
		return 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return refuse(p, "--yes", e);
	return ask(e) ? 0 : -1;
}

/* ---- act ---------------------------------------------------------------------------------- */

static int exit_code_of(const struct pass *p)
{
	const struct exec *x = &p->exec;
	bool cancelled = false;

	for (size_t i = 0; i < p->plan.steps.n; i++)
		cancelled |= x->results[i].err.kind == ERR_CANCELLED;
	if (cancelled && cli_cancel)
		return 128 + cli_cancel;
	if (x->failed || x->skipped)
		return x->done || p->plan.conflicts ? 3 : 1;
	if (p->plan.conflicts)
		return x->done ? 3 : 1;
	if (p->plan.blocked)
		return err_exit_code(ERR_GUARD);
	return x->not_ready ? err_exit_code(ERR_TIMEOUT) : 0;
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

static void show_conflicts(const struct cli *c, const struct pass *p)
{
	for (size_t i = 0; i < p->views.n; i++) {
		const struct delta *d = &p->plan.deltas[i];
		const struct reason *why = reason_in_words(d);
		struct err err = ERR_INIT;

		if (d->verdict != VERDICT_CONFLICT)
			continue;
		err_set(&err, d->blocked ? ERR_GUARD : ERR_CONFLICT, "%s/%s: %s", kind_name(d->kind), d->name,
			why ? why->text : "something that is not ours is in the way");
		if (d->view->object)
			err_at(&err, d->view->object->spec->pos.file, d->view->object->spec->pos.line,
				d->view->object->spec->pos.col);
		print_err(c, &err);
	}
}

static int run_plan(struct cli *c, struct pass *p, struct err *e)
{
	struct progress_view view;
	int rc;

	progress_start(&view, c, p);
	rc = pass_act(p, e);
	progress_clear(&view);
	return rc;
}

/* What is kept of deleted VMs goes when its time is over, whatever else there is to do. */
static int purge(struct pass *p, struct err *e)
{
	size_t gone, failed;

	if (tomb_purge(p, NULL, &gone, &failed, e) < 0)
		return -1;
	if (gone)
		fprintf(stderr, "reconcile: %zu disk%s of deleted VMs removed: the time to undelete is "
			"over\n", gone, gone == 1 ? "" : "s");
	return 0;
}

int session_act(struct cli *c, struct pass *p, struct err *e)
{
	bool idle = !p->plan.changes && !p->plan.steps.n && !p->interrupted.n;
	int code;

	print_expired(c, p);
	if (pass_note(p, e) < 0 || purge(p, e) < 0)
		return -1;
	if (c->output == OUTPUT_TABLE && idle && !p->plan.conflicts && !p->plan.blocked) {
		print_plan(c, p, stdout);
		return 0;
	}
	/* Whoever is to agree has to see to what. */
	if (!idle && (!c->quiet || (p->plan.tier != TIER_SAFE && !c->yes)))
		print_plan(c, p, stderr);
	if (session_confirm(c, p, e) < 0 || (!idle && run_plan(c, p, e) < 0))
		return -1;
	if (idle)
		p->exec.results = arena_array(p->a, 1, sizeof(struct step_result));
	code = exit_code_of(p);
	show_conflicts(c, p);
	if (c->output == OUTPUT_JSON) {
		_cleanup_json_ json_t *j = print_plan_json(p, code);

		print_json(j);
	} else {
		print_outcome(c, p, stdout);
	}
	return code;
}

int session_show(struct cli *c, const struct pass *p)
{
	bool differs = p->plan.changes || p->plan.conflicts || p->plan.blocked || p->plan.steps.n;
	int code = c->exit_code && differs ? 2 : 0;

	print_expired(c, p);
	if (c->output == OUTPUT_JSON) {
		_cleanup_json_ json_t *j = print_plan_json(p, code);

		print_json(j);
	} else {
		print_plan(c, p, stdout);
	}
	vec_each(o, &p->orphans)
		fprintf(stderr, "orphan: %s carries our mark (%s/%s) and is in no record; left alone\n",
			o->what, kind_name(o->kind), o->name);
	return code;
}

/* ---- one VM ------------------------------------------------------------------------------- */

static int no_such_vm(const struct pass *p, const char *name, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char **names = arena_array(&a, p->records.n + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	vec_each(r, &p->records)
		if (r->kind == KIND_VM)
			names[n++] = r->name;
	err_set(e, ERR_FAILED, "there is no VM \"%.80s\"", name);
	near = nearest_name(name, names, n);
	if (near)
		return err_hint(e, "did you mean \"%s\"?", near);
	return err_hint(e, n ? "see: reconcile status" : "there is none at all; see: reconcile apply");
}

int session_vm(struct cli *c, struct pass *p, const char *name, const struct view **view,
	struct err *e)
{
	const char *only[1];

	name = strncmp(name, "vm/", 3) ? name : name + 3;
	only[0] = arena_printf(&c->arena, "vm/%s", name);
	p->a = &c->arena;
	p->state_dir = c->state_dir;
	p->only = only;
	p->n_only = 1;
	if (pass_look(p, e) < 0)
		return -1;
	p->only = NULL;
	*view = views_find(&p->views, KIND_VM, name);
	return *view ? 0 : no_such_vm(p, name, e);
}
