/* cmd_ports.c - what listens in a guest. */
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "reconciler/session.h"
#include "reconciler/table.h"

#include "drivers/guest/agent.h"
#include "drivers/guest/listening.h"
#include "schema/base/json.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)1024 * 1024) /* some 6000 sockets: a server's connections stand there too */

static const char *fact(const struct view *v, const char *key)
{
	const char *found = kvs_get(&v->observed.facts, key);

	return found ? found : kvs_get(&v->record->facts, key);
}

/* A guest without IPv6 has no files for it. */
static int ask(struct cli *c, const char *run_dir, struct listenings *out, struct err *e)
{
	static const struct {
		const char *path, *proto;
		bool needed;
	} files[] = {
		{"/proc/net/tcp", "tcp", true}, {"/proc/net/tcp6", "tcp", false},
		{"/proc/net/udp", "udp", true}, {"/proc/net/udp6", "udp", false},
	};
	_cleanup_agent_ struct agent *agent = NULL;

	if (agent_reach(run_dir, (int64_t)c->timeout_ms, &cli_cancel, &agent, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct err why = ERR_INIT;
		char *text;
		size_t n;

		if (agent_read_file(agent, &c->arena, files[i].path, FILE_MAX, &text, &n, &why) == 0) {
			listening_parse(&c->arena, files[i].proto, arena_dupn(&c->arena, text, n), out);
		} else if (files[i].needed || why.kind != ERR_GUEST) {
			*e = why;
			return -1;
		}
	}
	listening_sort(out);
	return 0;
}

static void print_list(struct cli *c, const struct listenings *all)
{
	struct table t = {.columns = 4, .cut = 1, .head = true, .bold = c->colored_out};

	if (!all->n) {
		fprintf(stderr, "Nothing listens.\n");
		return;
	}
	table_row(&c->arena, &t, (const char *[]){"PORT", "ADDRESS", "PROTOCOL", "UID"});
	vec_each(l, all)
		table_row(&c->arena, &t, (const char *[]){arena_printf(&c->arena, "%u", l->port), l->address,
			l->proto, arena_printf(&c->arena, "%u", l->uid)});
	table_print(&t, 0, stdout);
}

static void set_document(struct cli *c, const char *vm, const struct listenings *all)
{
	json_t *list = json_array();

	vec_each(l, all)
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:I}", "protocol", l->proto, "address",
			l->address, "port", (int)l->port, "uid", (json_int_t)l->uid));
	document_set(c, json_pack("{s:s, s:o}", "object", document_object(&c->arena, KIND_VM, vm), "ports",
		list));
}

static int look(struct cli *c, const struct view *v, struct err *e)
{
	struct listenings all = {0};

	if (!v->observed.running) {
		err_set(e, ERR_GUEST, "vm/%s is not running", v->record->name);
		return err_hint(e, "see: reconcile status %s", v->record->name);
	}
	if (!fact(v, "run"))
		return err_set(e, ERR_STATE, "vm/%s: its runtime folder is not recorded", v->record->name);
	if (ask(c, fact(v, "run"), &all, e) < 0)
		return err_wrap(e, "vm/%s", v->record->name);
	if (c->output == OUTPUT_JSON)
		set_document(c, v->record->name, &all);
	else
		print_list(c, &all);
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {0};
	const struct view *v;
	int rc;

	if (c->args.n != 1) {
		err_set(e, ERR_USAGE, "ports: give one VM");
		return err_hint(e, "for example: reconcile ports web");
	}
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	if (rc == 0)
		rc = look(c, v, e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_ports = {
	.name = "ports",
	.args = "VM",
	.caption = "show what listens in a VM",
	.help = "Asks the agent in the guest for the ports that something listens on, TCP and UDP, and as which\n"
		"user. An ADDRESS of 0.0.0.0 or :: is every address of the guest, 127.0.0.1 only the guest\n"
		"itself.\n\n"
		"  reconcile ports web\n"
		"  reconcile ports web -o json",
	.run = run,
};
