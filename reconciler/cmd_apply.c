/* cmd_apply.c - one pass: make the host look like the spec. */
#include "reconciler/session.h"

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.no_prune = c->no_prune, .refresh = c->refresh, .write = !c->dry_run,
		.looks = c->dry_run, .lock_wait_ms = (int64_t)c->lock_timeout_ms};
	const char *const *files;
	struct spec *spec;
	size_t n;
	int rc;

	if (session_check_flags(c, e) < 0 || cli_files(c, &files, &n, e) < 0 || session_spec(c, files, n, &spec, e) < 0)
		return -1;
	p.spec = spec;
	p.source = cli_source(c, files, n);
	rc = session_look(c, &p, e);
	if (rc == 0)
		rc = c->dry_run ? session_show(c, &p) : session_act(c, &p, e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_apply = {
	.name = "apply",
	.args = "FILE...",
	.caption = "make the host look like the spec",
	.help = "One pass: look at what is there, compare it with the spec, do what is needed, in order\n"
		"and as much as can be done; what fails is undone and reported, the rest goes on. Run it\n"
		"again at any time, also after a crash: it starts from what is really there.\n\n"
		"What the spec no longer names is deleted (after confirmation), if it came from the same\n"
		"source. The source is the path of the first file, or - for standard input and <(command),\n"
		"unless --source names one.\n\n"
		"  reconcile apply vms.yaml\n"
		"  reconcile apply -y -f base.yaml -f web.yaml\n"
		"  reconcile apply --dry-run vms.yaml\n"
		"  reconcile apply --source web <(./generate web)",
	.run = run,
};
