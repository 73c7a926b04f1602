/* cmd_gc.c - remove what carries our mark and is in no record. */
#include "reconciler/document.h"
#include "reconciler/past.h"
#include "reconciler/print.h"
#include "reconciler/table.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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

static bool is_repeated(const struct pass *p, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_target(&p->orphans.v[i], &p->orphans.v[k]))
			return true;
	return false;
}

/* VMs before their disks: no disk goes under a running VM. */
static size_t remove_all(struct cli *c, struct pass *p)
{
	size_t failed = 0;

	for (int kind = KIND_N - 1; kind >= 0; kind--)
		for (size_t i = 0; i < p->orphans.n; i++) {
			const struct orphan *o = &p->orphans.v[i];
			const struct step step = {.op = STEP_DELETE, .kind = o->kind, .name = o->name};
			struct err err = ERR_INIT;

			if ((int)o->kind != kind || is_repeated(p, i) || remove_orphan(p, o, &err) == 0)
				continue;
			failed++;
			if (c->output == OUTPUT_JSON) {
				document_error(c, &err, &step, p->id);
				continue;
			}
			err_wrap(&err, "%s/%s", kind_name(o->kind), o->name);
			print_failure(c, &err, p->id);
		}
	return failed;
}

/* What nobody can fetch or make again: a disk with what its guest wrote. */
static bool has_data(const struct orphan *o)
{
	return o->kind == KIND_DISK;
}

/* How much data it is: "4GiB, 12.3 MiB of it written". */
static const char *data_text(struct arena *a, const struct pass *p, const struct orphan *o)
{
	struct stat st;

	if (!has_data(o))
		return "";
	if (strncmp(o->what, "file ", 5) != 0 ||
		fstatat(p->home.host.state_fd, o->what + 5, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return "data of a VM";
	return arena_printf(a, "data of a VM: %s, %s of it written", print_size(a, (uint64_t)st.st_size),
		print_size(a, (uint64_t)st.st_blocks * 512));
}

/* What is kept of deleted VMs is no orphan; only its time makes it go. */
static void print_kept(struct cli *c, const struct pass *p)
{
	vec_each(t, &p->tombs.all)
		if (t->state != TOMB_CLOSING)
			printf("vm/%s  deleted %s, disk kept until %s (undelete)\n", t->name,
				past_time(&c->arena, t->deleted_ms), past_time(&c->arena, t->until_ms));
}

static void show_orphans(struct cli *c, const struct pass *p, bool removed)
{
	struct table t = {.columns = 3, .cut = 2};
	json_t *list = json_array();

	vec_each(o, &p->orphans) {
		const char *data = data_text(&c->arena, p, o);

		table_row(&c->arena, &t, (const char *[]){
			document_object(&c->arena, o->kind, o->name), o->what, data});
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:b}", "kind",
			kind_name(o->kind), "name", o->name, "what", o->what, "data", has_data(o),
			"removed", removed));
	}
	if (c->output == OUTPUT_JSON)
		document_set(c, json_pack("{s:O, s:o}", "orphans", list, "kept",
			past_kept_json(&c->arena, &p->tombs.all)));
	else if (!removed) {
		table_print(&t, 0, stdout);
		print_kept(c, p);
	}
	json_decref(list);
}

static int check_words(const struct cli *c, const struct pass *p, struct err *e)
{
	size_t disks = 0;

	vec_each(o, &p->orphans)
		disks += has_data(o);
	if (!disks || c->allow_data_loss)
		return 0;
	err_set(e, ERR_GUARD, "%zu disk%s with the data of a VM would be removed; nothing was done", disks,
		disks == 1 ? "" : "s");
	return err_hint(e, "try recover first; to throw them away give --allow-data-loss too");
}

static int collect(struct cli *c, struct pass *p, struct err *e)
{
	size_t failed, gone = 0, stuck = 0;

	if (pass_look(p, e) < 0 || pass_scan(p, e) < 0)
		return -1;
	show_orphans(c, p, false);
	if (c->yes && check_words(c, p, e) < 0)
		return -1;
	if (c->yes && tomb_purge(p, NULL, &gone, &stuck, e) < 0)
		return -1;
	if (gone && !c->quiet)
		fprintf(stderr, "%zu disk%s of deleted VMs removed: the time to undelete is over\n", gone,
			gone == 1 ? "" : "s");
	if (!p->orphans.n || !c->yes) {
		if (!c->quiet && c->output == OUTPUT_TABLE)
			fprintf(stderr, p->orphans.n
				? "%zu orphan%s; nothing was done, --yes removes them\n"
				: "No orphans.\n", p->orphans.n, p->orphans.n == 1 ? "" : "s");
		return stuck ? 3 : 0;
	}
	failed = remove_all(c, p);
	if (!failed)
		show_orphans(c, p, true);
	if (!c->quiet && c->output == OUTPUT_TABLE)
		fprintf(stderr, "%zu removed, %zu failed.\n", p->orphans.n - failed, failed);
	return !failed && !stuck ? 0 : failed < p->orphans.n ? 3 : 1;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .write = c->yes,
		.looks = !c->yes, .cancel = &cli_cancel, .lock_wait_ms = (int64_t)c->lock_timeout_ms};
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
		"is kept beyond its time. Disks hold what their VMs wrote: to remove one that is an orphan takes\n"
		"--allow-data-loss as well. Try recover first: it puts back what it can.\n\n"
		"  reconcile gc\n"
		"  reconcile gc --yes --allow-data-loss",
	.run = run,
};
