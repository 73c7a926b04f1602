/* cmd_delete.c - take away what a spec made, or single VMs. */
#include "reconciler/session.h"

#include <string.h>
#include <unistd.h>

/* "vm/web" names a VM; everything else is a spec file, whose text need not be read: its objects
 * are those that are recorded under its source. */
static int sort_args(struct cli *c, struct pass *p, struct err *e)
{
	VEC(const char *) vms = {0};
	const char *const *files;
	size_t n;

	vec_each(a, &c->args)
		if (!strncmp(*a, "vm/", 3) && (*a)[3])
			*vec_push(&c->arena, &vms) = *a;
	if (vms.n) {
		if (vms.n != c->args.n || c->files.n || c->all)
			return err_set(e, ERR_USAGE, "delete: give either VMs or files, not both");
		p->only = (const char *const *)vms.v;
		p->n_only = vms.n;
		p->source = c->source;
		return 0;
	}
	if (c->all && !c->args.n && !c->files.n)
		return 0;
	if (c->all)
		return err_set(e, ERR_USAGE, "delete: --all goes with no file and no VM");
	if (!c->args.n && !c->files.n && c->source) {
		p->source = c->source;
		return 0;
	}
	if (cli_files(c, &files, &n, e) < 0)
		return err_hint(e, "for example: reconcile delete vms.yaml, or reconcile delete vm/web");
	p->source = cli_source(c, files, n);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int check_named(struct cli *c, const struct pass *p, struct err *e)
{
	const char *near;

	for (size_t i = 0; i < p->n_only; i++)
		if (!views_find(&p->views, KIND_VM, p->only[i] + 3) &&
			!(p->purge && tomb_is_kept(&p->tombs.all, p->only[i] + 3))) {
			session_no_vm(p, p->only[i] + 3, e);
			return err_wrap(e, "nothing was done");
		}
	if (p->views.n || p->n_only || !p->source)
		return 0;
	/* Deleting what is not there is done; but a VM's name is no file, and neither is a mistake. */
	if (strchr(p->source, '/') && access(p->source, F_OK) < 0) {
		near = session_near_vm(&c->arena, p, base_name(p->source));
		err_set(e, ERR_NOINPUT, "%s: no such file, and nothing is recorded for it", p->source);
		return near ? err_hint(e, "did you mean vm/%s?", near) : -1;
	}
	fprintf(stderr, "reconcile: nothing is recorded for source %s\n", p->source);
	return 0;
}

/* What is kept of the VMs that the command names, or of those of its source. */
static bool is_named(const struct pass *p, const struct tombstone *t)
{
	for (size_t i = 0; i < p->n_only; i++)
		if (!strcmp(p->only[i] + 3, t->name))
			return true;
	return !p->n_only && (!p->source || !strcmp(p->source, t->source));
}

/* With --allow-data-loss what was kept before goes too. */
static int act(struct cli *c, struct pass *p, struct err *e)
{
	size_t gone, failed;
	int code = session_act(c, p, e);

	if (code < 0 || !p->purge)
		return code;
	if (tomb_purge(p, is_named, &gone, &failed, e) < 0)
		return -1;
	if (gone)
		fprintf(stderr, "reconcile: %zu disk%s of deleted VMs removed\n", gone,
			gone == 1 ? "" : "s");
	return failed ? 3 : code;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.write = !c->dry_run, .looks = c->dry_run, .purge = c->allow_data_loss,
		.lock_wait_ms = (int64_t)c->lock_timeout_ms};
	int rc = sort_args(c, &p, e);

	if (rc == 0)
		rc = session_look(c, &p, e);
	if (rc == 0)
		rc = check_named(c, &p, e);
	if (rc == 0)
		rc = c->dry_run ? session_show(c, &p) : act(c, &p, e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "FILE...|vm/NAME...",
	.caption = "take away what a spec made, or single VMs",
	.help = "Stops the VMs (the guest is asked to power off first), then removes them and what only they\n"
		"used. Asks before it does, unless --yes is given. Their disks are kept for a day, or for as\n"
		"long as guards.undelete_window of their spec says; until then undelete brings them back.\n"
		"With --allow-data-loss nothing is kept, and what is kept of the VMs named goes too.\n\n"
		"  reconcile delete vms.yaml       everything that came from this file\n"
		"  reconcile delete vm/web vm/db   two VMs and their disks\n"
		"  reconcile delete --all -y       everything there is",
	.run = run,
};
