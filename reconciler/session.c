/* session.c - what plan, apply and delete share. */
#include "reconciler/session.h"

#include "reconciler/document.h"
#include "reconciler/engine/lock.h"
#include "reconciler/outcome.h"
#include "reconciler/print.h"
#include "reconciler/engine/many.h"
#include "reconciler/progress.h"

#include "drivers/sys/capture.h"
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
		.places = c->effective,
	};
}

#define SECRET_TIMEOUT_MS (30 * 1000) /* long enough to unlock a key by hand */

/* The program is the user's own and runs as the user does: with our environment. */
static int run_secret(void *arg, struct arena *a, const char *const *argv, const char *folder,
	size_t max, char **text, size_t *len, struct err *e)
{
	const struct capture what = {.argv = argv, .envp = (const char *const *)environ,
		.folder = folder, .max = max, .timeout_ms = SECRET_TIMEOUT_MS};

	(void)arg;
	return capture_run(a, &what, text, len, e);
}

void session_diags(struct cli *c, const struct diags *diags)
{
	if (c->output == OUTPUT_JSON)
		document_diags(c, diags);
	else
		print_diags(diags);
}

int session_spec(struct cli *c, const char *const *files, size_t n, struct spec **spec,
	struct err *e)
{
	struct spec_input in = session_input(c);
	struct diags diags = {0};
	int rc;

	if (c->cmd == &cmd_plan || c->cmd == &cmd_apply || c->cmd == &cmd_drift)
		in.run = run_secret;
	in.owners = true;
	rc = spec_read(&c->arena, &in, files, n, spec, &diags, e);
	session_diags(c, &diags);
	return rc;
}

int session_look(struct cli *c, struct pass *p, struct err *e)
{
	struct progress_view view;
	int rc;

	progress_start(&view, c, p);
	rc = pass_look(p, e);
	progress_stop(&view, p);
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

bool session_ask(struct err *e)
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
	return session_ask(e) ? 0 : -1;
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

static void limit_waits(const struct cli *c, struct pass *p)
{
	if (c->wait_timeout_ms == UINT64_MAX)
		return;
	vec_each(s, &p->plan.steps)
		if (s->step.op == STEP_WAIT)
			kvs_setf(p->a, &s->step.args, "ready_timeout_ms", "%llu",
				(unsigned long long)c->wait_timeout_ms);
}

static int run_plan(struct cli *c, struct pass *p, struct err *e)
{
	struct progress_view view;
	int rc;

	p->exec.parallel = !c->parallel ? many_usual() : c->parallel < 1000 ? (unsigned)c->parallel : 1000;
	limit_waits(c, p);
	progress_start(&view, c, p);
	progress_steps(&view, p);
	rc = pass_act(p, e);
	progress_stop(&view, p);
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
	if (session_confirm(c, p, e) < 0 || (!idle && run_plan(c, p, e) < 0)) {
		if (c->output == OUTPUT_JSON)
			document_set(c, document_plan(p));
		return -1;
	}
	if (idle)
		p->exec.results = arena_array(p->a, 1, sizeof(struct step_result));
	code = exit_code_of(p);
	outcome_errors(c, p);
	if (c->output == OUTPUT_JSON)
		document_set(c, document_plan(p));
	else
		outcome_summary(c, p, stdout);
	return code;
}

/* What is looked for only when an earlier pass did not end. While the lock is held, it is still at
 * work, or a worker of its is that has yet to notice: what they make is nobody's orphan. */
static void show_orphans(const struct cli *c, const struct pass *p)
{
	if (!p->interrupted.n || c->quiet)
		return;
	if (lock_is_held(p->home.host.state_fd)) {
		fputs("note: another reconcile, or a worker of one that was killed, is at work on this "
		      "state directory; this is how things stand meanwhile\n", stderr);
		return;
	}
	vec_each(o, &p->orphans)
		fprintf(stderr, "orphan: %s carries our mark (%s/%s) and is in no record; left alone, "
				"see: reconcile gc\n", o->what, kind_name(o->kind), o->name);
}

int session_show(struct cli *c, const struct pass *p)
{
	bool differs = p->plan.changes || p->plan.conflicts || p->plan.blocked || p->plan.steps.n;
	int code = c->exit_code && differs ? 2 : 0;

	print_expired(c, p);
	if (c->output == OUTPUT_JSON)
		document_set(c, document_plan(p));
	else
		print_plan(c, p, stdout);
	show_orphans(c, p);
	return code;
}

/* ---- one VM ------------------------------------------------------------------------------- */

const char *session_near_vm(struct arena *a, const struct pass *p, const char *word)
{
	const char **names = arena_array(a, p->records.n + 1, sizeof(*names));
	size_t n = 0;

	vec_each(r, &p->records)
		if (r->kind == KIND_VM)
			names[n++] = r->name;
	return nearest_name(word, names, n);
}

int session_no_vm(const struct pass *p, const char *name, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *near = session_near_vm(&a, p, name);
	bool any = false;

	vec_each(r, &p->records)
		any |= r->kind == KIND_VM;
	err_set(e, ERR_FAILED, "there is no VM \"%.80s\"", name);
	if (near)
		return err_hint(e, "did you mean \"%s\"?", near);
	return err_hint(e, any ? "see: reconcile status" : "there is none at all; see: reconcile apply");
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
	return *view ? 0 : session_no_vm(p, name, e);
}
