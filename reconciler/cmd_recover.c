/* cmd_recover.c - put saved state together again from what is still there. */
#include "reconciler/document.h"

#include "reconciler/engine/recover.h"

static void print_recovered(const struct pass *p, const struct recovered *r)
{
	if (r->set_aside)
		printf("The database was damaged; it is kept as %s\n", r->set_aside);
	vec_each(row, &r->rows)
		printf("recovered %s/%s (from %s)\n", kind_name(row->kind), row->name, row->source);
	vec_each(note, &r->notes)
		fprintf(stderr, "reconcile: %s\n", *note);
	vec_each(o, &p->orphans)
		printf("orphan    %s/%s: %s carries our mark and is in no record; see: reconcile gc\n",
			kind_name(o->kind), o->name, o->what);
	if (!r->rows.n && !r->set_aside)
		puts("Nothing to recover: every VM that left its handles is recorded.");
}

static json_t *result_json(const struct pass *p, const struct recovered *r)
{
	json_t *rows = json_array(), *orphans = json_array(), *notes = json_array();

	vec_each(note, &r->notes)
		json_array_append_new(notes, json_lossy(*note));

	vec_each(row, &r->rows)
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "kind", kind_name(row->kind),
			"name", row->name, "source", row->source));
	vec_each(o, &p->orphans)
		json_array_append_new(orphans, json_pack("{s:s, s:s, s:s}", "kind",
			kind_name(o->kind), "name", o->name, "what", o->what));
	return json_pack("{s:o, s:o, s:o, s:s?}", "recovered", rows, "orphans", orphans, "notes",
		notes, "set_aside", r->set_aside);
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .write = true,
		.cancel = &cli_cancel, .lock_wait_ms = (int64_t)c->lock_timeout_ms};
	struct recovered r;
	int rc;

	pass_init(&p);
	rc = home_open(p.a, p.state_dir, true, p.lock_wait_ms, p.cancel, &p.home, e);
	if (rc == 0)
		rc = recover_run(&p, &r, e);
	if (rc == 0)
		rc = pass_scan(&p, e);
	if (rc == 0 && c->output == OUTPUT_JSON)
		document_set(c, result_json(&p, &r));
	else if (rc == 0)
		print_recovered(&p, &r);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_recover = {
	.name = "recover",
	.args = "",
	.caption = "rebuild a lost or damaged database",
	.help = "Puts the state database together again from what each VM left beside its disk, and shows\n"
		"what carries our mark but could not be recovered. Asks nothing and touches no VM. A damaged\n"
		"database is kept aside; a newer one is refused. Run apply afterwards.\n\n"
		"  reconcile recover",
	.run = run,
};
