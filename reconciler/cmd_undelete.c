/* cmd_undelete.c - take back a deletion: put the rows of a VM back, so that apply finds its disk. */
#include "reconciler/past.h"
#include "reconciler/print.h"

#include "reconciler/engine/pass.h"

#include <string.h>

/* The lock, the database and what is in it; nothing in the world is looked at. */
static int open_state(struct cli *c, struct pass *p, struct err *e)
{
	p->a = &c->arena;
	p->state_dir = c->state_dir;
	p->write = true;
	p->cancel = &cli_cancel;
	p->lock_wait_ms = (int64_t)c->lock_timeout_ms;
	pass_init(p);
	if (home_open(p->a, p->state_dir, true, p->lock_wait_ms, p->cancel, &p->home, e) < 0 ||
		store_open(p->home.host.state_dir, true, &p->store, e) < 0)
		return -1;
	if (store_load(p->store, p->a, &p->records, &p->leases, &p->interrupted, e) < 0)
		return -1;
	return store_tomb_list(p->store, p->a, &p->tombs.all, e);
}

static int undelete_all(struct cli *c, struct pass *p, struct err *e)
{
	_cleanup_json_ json_t *list = json_array();

	vec_each(arg, &c->args) {
		const char *name = strncmp(*arg, "vm/", 3) ? *arg : *arg + 3;
		const struct tombstone *t;

		if (tomb_undelete(p, name, &t, e) < 0)
			return -1;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "object",
			arena_printf(p->a, "vm/%s", name), "source", t->source, "deleted",
			past_time(p->a, t->deleted_ms)));
		if (c->output == OUTPUT_TABLE)
			printf("vm/%s is back, with its disk%s; apply %s to start it\n", name,
				kvs_get(&t->vm.facts, "cid") ? " and identity"
					: "; its vsock cid is not its own any more, it gets another",
				print_safe(p->a, t->source));
	}
	if (c->output == OUTPUT_JSON)
		print_json(list);
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {0};
	int rc;

	if (!c->args.n) {
		err_set(e, ERR_USAGE, "undelete: which VM?");
		return err_hint(e, "for example: reconcile undelete vm/web; what is kept: reconcile gc");
	}
	rc = open_state(c, &p, e);
	if (rc == 0)
		rc = undelete_all(c, &p, e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_undelete = {
	.name = "undelete",
	.args = "vm/NAME...",
	.caption = "take back the deletion of a VM",
	.help = "Brings back a VM that was deleted a short while ago, by delete or because its spec no longer\n"
		"named it: its record, its disk and its identity. The next apply of a spec that names it\n"
		"starts it with its data. An apply whose spec does not name it deletes it again. gc shows\n"
		"what is kept and until when; if there is more than one of a name, the newest comes back.\n\n"
		"  reconcile undelete vm/web",
	.run = run,
};
