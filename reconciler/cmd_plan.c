/* cmd_plan.c - show what apply would do. Opens state for reading only and takes no lock. */
#include "reconciler/session.h"

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.no_prune = c->no_prune, .refresh = c->refresh, .looks = true};
	const char *const *files;
	struct spec *spec;
	size_t n;
	int rc;

	if (cli_files(c, &files, &n, e) < 0 || session_spec(c, files, n, &spec, e) < 0)
		return -1;
	p.spec = spec;
	p.source = cli_source(c, files, n);
	rc = session_look(c, &p, e);
	if (rc == 0)
		rc = session_show(c, &p);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_plan = {
	.name = "plan",
	.args = "FILE...",
	.caption = "show what apply would do, and why",
	.help = "Compares the spec with what is recorded and what is really there, and shows what apply\n"
		"would do: which object, which field, from what to what, at what cost, and the place in\n"
		"the spec that asks for it. Changes nothing.\n\n"
		"  reconcile plan vms.yaml\n"
		"  reconcile plan --exit-code vms.yaml     exit 2 when something would change\n"
		"  reconcile plan -o json vms.yaml",
	.run = run,
};
