/* cmd_gc.c - remove what carries our mark and is in no record. */
#include "reconciler/past.h"
#include "reconciler/print.h"

#include "reconciler/engine/pass.h"

#include <string.h>

static bool same_target(const struct orphan *a, const struct orphan *b)
{
	return a->kind == b->kind && !strcmp(a->name, b->name) && kvs_equal(&a->args, &b->args);
}

static int remove_orphan(struct pass *p, const struct orphan *o, struct err *e)
{
	const struct driver *d = driver_for(o->kind);
	struct step s = {.op = STEP_STOP, .kind = o->kind, .name = o->name, .args = o->args};
	struct kvs facts = {0};

	if (o->kind == KIND_VM && d->apply(&p->home.host, &s, &facts, e) < 0)
		return -1;
	s.op = STEP_DELETE;
	return d->apply(&p->home.host, &s, &facts, e);
}

/* VMs before their disks: no disk goes under a running VM. */
static int remove_all(struct cli *c, struct pass *p, size_t *failed)
{
	for (int kind = KIND_N - 1; kind >= 0; kind--)
		for (size_t i = 0; i < p->orphans.n; i++) {
			const struct orphan *o = &p->orphans.v[i];
			struct err err = ERR_INIT;
			bool seen = false;

			for (size_t k = 0; k < i; k++)
				seen |= same_target(o, &p->orphans.v[k]);
			if ((int)o->kind != kind || seen)
				continue;
			if (remove_orphan(p, o, &err) == 0)
				continue;
			err_wrap(&err, "%s/%s", kind_name(o->kind), o->name);
			print_err(c, &err);
			++*failed;
		}
	return 0;
}

/* What is kept of deleted VMs is no orphan; only its time makes it go. */
static void print_kept(struct cli *c, const struct pass *p)
{
	vec_each(t, &p->tombs.all)
		if (t->state != TOMB_CLOSING)
			printf("vm/%s  deleted %s, disk kept until %s (undelete)\n", t->name,
				past_time(&c->arena, t->deleted_ms), past_time(&c->arena, t->until_ms));
}

static void print_orphans(struct cli *c, const struct pass *p)
{
	_cleanup_json_ json_t *j = NULL;
	json_t *list;

	if (c->output == OUTPUT_TABLE) {
		vec_each(o, &p->orphans)
			printf("%s/%s  %s\n", kind_name(o->kind), o->name, o->what);
		print_kept(c, p);
		return;
	}
	list = json_array();
	vec_each(o, &p->orphans)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "kind", kind_name(o->kind),
			"name", o->name, "what", o->what));
	j = json_pack("{s:o, s:o}", "orphans", list, "kept", past_kept_json(&c->arena, &p->tombs.all));
	print_json(j);
}

static int collect(struct cli *c, struct pass *p, struct err *e)
{
	size_t failed = 0, gone = 0, stuck = 0;

	if (pass_look(p, e) < 0 || pass_scan(p, e) < 0)
		return -1;
	print_orphans(c, p);
	if (c->yes && tomb_purge(p, NULL, &gone, &stuck, e) < 0)
		return -1;
	if (gone)
		fprintf(stderr, "%zu disk%s of deleted VMs removed: the time to undelete is over\n", gone,
			gone == 1 ? "" : "s");
	failed = stuck;
	if (!p->orphans.n || !c->yes) {
		fprintf(stderr, p->orphans.n ? "%zu orphan%s; nothing was done, --yes removes them\n"
					     : "No orphans.\n", p->orphans.n,
			p->orphans.n == 1 ? "" : "s");
		return failed ? 3 : 0;
	}
	if (remove_all(c, p, &failed) < 0)
		return -1;
	return failed ? 3 : 0;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .write = c->yes,
		.cancel = &cli_cancel, .lock_wait_ms = (int64_t)c->lock_timeout_ms};
	int rc = collect(c, &p, e);

	pass_close(&p);
	return rc;
}

const struct cmd cmd_gc = {
	.name = "gc",
	.args = "",
	.caption = "show or remove what is ours by its mark but in no record",
	.help = "Lists processes, disks, kernels and images that carry this instance's mark and that no\n"
		"record names: what a lost database left behind; and deleted VMs whose disks are kept, with the\n"
		"end of their time. Does nothing more unless --yes is given: that removes the orphans and what\n"
		"is kept beyond its time.\n"
		"Try recover first: it puts back what it can.\n\n"
		"  reconcile gc\n"
		"  reconcile gc --yes",
	.run = run,
};
