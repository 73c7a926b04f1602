/* cmd_status.c - what is recorded and what is really there, as vmstate.h says it. */
#include "reconciler/again.h"
#include "reconciler/document.h"
#include "reconciler/past.h"
#include "reconciler/print.h"
#include "reconciler/session.h"
#include "reconciler/table.h"
#include "reconciler/vmstate.h"

#include "schema/base/clock.h"
#include "schema/field.h"

#include <stdlib.h>
#include <string.h>

#define WATCH_MS 1000

static const char *field_or_dash(const struct record *r, const char *key)
{
	const char *v = kvs_get(&r->fields, key);

	return v ? v : "-";
}

static const char *fact_or_dash(const struct view *v, const char *key)
{
	return vmstate_fact(v, key) ? vmstate_fact(v, key) : "-";
}

/* ---- tables --------------------------------------------------------------------------------- */

enum { NAME, STATE, READY, VCPUS, MEMORY, CID, ADDRESS, SINCE, IMAGE, KERNEL, PID, SOURCE, NOTE, COLUMNS };

/* Columns that only -o wide shows. */
static bool is_wide(size_t column)
{
	return column >= IMAGE && column <= SOURCE;
}

static void add_row(struct cli *c, struct table *t, const char *const *cells)
{
	const char *row[COLUMNS];
	size_t n = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		if (c->output == OUTPUT_WIDE || !is_wide(i))
			row[n++] = cells[i];
	t->columns = n;
	t->cut = n - 1;
	table_row(&c->arena, t, row);
}

/* The field is its disk's. */
static const char *image_of(const struct pass *p, const struct record *vm)
{
	const struct view *disk = views_find(&p->views, KIND_DISK, vm->name);

	return disk ? kvs_get(&disk->record->fields, "image") : NULL;
}

/* The facts of what a VM has in networks, NULL: it is in none. */
static const struct kvs *nic_facts(const struct pass *p, const char *vm)
{
	const struct view *nic = views_find(&p->views, KIND_NIC, vm);

	return nic && nic->record ? &nic->record->facts : NULL;
}

#define ADDRESS_FACT "address." /* and the network's name */

/* "10.77.0.2", or all of them with a comma between. */
static const char *addresses_of(struct arena *a, const struct kvs *facts)
{
	const char *text = NULL;

	if (facts)
		kvs_each(f, facts)
			if (!strncmp(f->key, ADDRESS_FACT, strlen(ADDRESS_FACT)))
				text = text ? arena_printf(a, "%s,%s", text, f->value) : f->value;
	return text ? text : "-";
}

static void vm_row(struct cli *c, const struct pass *p, struct table *t, const struct view *v)
{
	const struct record *r = v->record;
	const char *image = image_of(p, r);
	struct arena *a = &c->arena;
	struct vmstate s;
	char age[CLOCK_TEXT_MAX];

	vmstate_find(a, v, &cli_cancel, &s);
	clock_span(clock_real_ms() - s.since_ms, age);
	add_row(c, t, (const char *[COLUMNS]){r->name, s.state, s.ready, field_or_dash(r, "vcpus"),
		field_or_dash(r, "memory"), fact_or_dash(v, "cid"),
		addresses_of(a, nic_facts(p, r->name)), s.ended ? arena_printf(a, "%s ago", age)
		: arena_dup(a, age), image ? image : "-", field_or_dash(r, "kernel"),
		v->observed.running ? fact_or_dash(v, "pid") : "-", print_safe(a, r->source),
		print_safe(a, s.note)});
}

/* Deleted VMs that can come back, below those that there are. */
static void print_kept(struct cli *c, const struct pass *p)
{
	vec_each(t, &p->tombs.all)
		if (t->state == TOMB_KEPT)
			printf("vm/%s was deleted; its disk is kept until %s, see undelete\n", t->name,
				past_time(&c->arena, t->until_ms));
}

static size_t print_vms(struct cli *c, const struct pass *p)
{
	static const char *const head[COLUMNS] = {"NAME", "STATE", "READY", "VCPUS", "MEMORY", "CID",
		"ADDRESS", "SINCE", "IMAGE", "KERNEL", "PID", "SOURCE", "NOTE"};
	struct table t = {.head = true, .bold = c->colored_out};
	size_t n = 0;

	add_row(c, &t, head);
	vec_each(v, &p->views)
		if (v->record->kind == KIND_VM) {
			vm_row(c, p, &t, v);
			n++;
		}
	if (n)
		table_print(&t, 0, stdout);
	return n;
}

/* Images, kernels, networks, disks and interfaces: made, or what is wrong with them. */
static const char *state_of(const struct view *v)
{
	if (v->record->state != RECORD_MADE)
		return record_state_name(v->record->state);
	return v->observed.seen == SEEN_SAME ? "made" : v->observed.seen == SEEN_ABSENT ? "missing"
										       : "drifted";
}

static const char *origin_of(struct arena *a, const struct view *v)
{
	const char *ref = vmstate_fact(v, "ref");

	if (v->record->kind == KIND_DISK)
		return arena_printf(a, "%s of the image", fact_or_dash(v, "backend"));
	if (v->record->kind == KIND_NETWORK)
		return arena_printf(a, "%s on %s", fact_or_dash(v, "address"), fact_or_dash(v, "ifname"));
	if (v->record->kind == KIND_FIREWALL)
		return arena_printf(a, "table %s", fact_or_dash(v, "table"));
	if (v->record->kind == KIND_NIC)
		return addresses_of(a, &v->record->facts);
	if (!ref)
		ref = field_or_dash(v->record, "file");
	return print_safe(a, print_path(a, ref));
}

/* What the VMs are made of. */
static void print_parts(struct cli *c, const struct pass *p, bool gap)
{
	struct table t = {.columns = 5, .cut = 4, .head = true, .bold = c->colored_out};
	struct arena *a = &c->arena;
	size_t n = 0;

	table_row(a, &t, (const char *[]){"OBJECT", "STATE", "SIZE", "FROM", "NOTE"});
	vec_each(v, &p->views) {
		const struct record *r = v->record;
		uint64_t size = kvs_u64(&r->facts, r->kind == KIND_KERNEL ? "kernel_size" : "size", 0);

		if (r->kind == KIND_VM)
			continue;
		table_row(a, &t, (const char *[]){document_object(a, r->kind, r->name), state_of(v),
			size ? print_size(a, size) : "-",
			origin_of(a, v), print_safe(a, v->observed.reason ? v->observed.reason
				: r->reason ? r->reason : "")});
		n++;
	}
	if (n && gap)
		putchar('\n');
	if (n)
		table_print(&t, 0, stdout);
}

static void print_all(struct cli *c, const struct pass *p)
{
	const size_t n = print_vms(c, p);

	fflush(stdout);
	if (!n)
		fprintf(stderr, p->source ? "No VMs of source %s.\n" : "No VMs.\n", p->source);
	if (c->output == OUTPUT_WIDE || p->source)
		print_parts(c, p, n);
	if (!c->args.n)
		print_kept(c, p);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* What drivers promise about an object (drivers/driver.h) and a person can use; the rest is their own. */
static const char *const public_facts[KIND_N][6] = {
	[KIND_IMAGE] = {"id", "ref", "file", "size"},
	[KIND_KERNEL] = {"id", "file", "initrd"},
	[KIND_NETWORK] = {"id", "ifname", "address", "mtu"},
	[KIND_FIREWALL] = {"id", "table"},
	[KIND_DISK] = {"id", "file", "size", "backend"},
	[KIND_VM] = {"id", "cid", "run", "accel"},
};

static json_t *facts_json(const struct view *v)
{
	json_t *j = json_object();

	for (const char *const *key = public_facts[v->record->kind]; *key; key++)
		if (vmstate_fact(v, *key))
			json_object_set_new(j, *key, json_lossy(vmstate_fact(v, *key)));
	return j;
}

static json_t *number(const char *text)
{
	return text ? json_integer((json_int_t)strtoll(text, NULL, 10)) : json_null();
}

static json_t *bytes(const char *size)
{
	uint64_t n;

	return size && size_parse(size, &n, NULL) == 0 ? json_integer((json_int_t)n) : json_null();
}

static json_t *when(struct arena *a, bool known, int64_t ms)
{
	return known && ms ? json_string(past_time(a, ms)) : json_null();
}

static json_t *ended_json(struct arena *a, const struct vmstate *s)
{
	if (!s->ended)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "at", when(a, true, s->since_ms), "how", json_lossy(s->how),
		"exit_code", s->exit_code < 0 ? json_null() : json_integer(s->exit_code));
}

/* From a network's name to the address there. */
static json_t *addresses_json(const struct kvs *facts)
{
	json_t *j = json_object();

	if (facts)
		kvs_each(f, facts)
			if (!strncmp(f->key, ADDRESS_FACT, strlen(ADDRESS_FACT)))
				json_object_set_new(j, f->key + strlen(ADDRESS_FACT), json_string(f->value));
	return j;
}

static void add_vm(struct arena *a, const struct pass *p, const struct view *v, json_t *j)
{
	const struct record *r = v->record;
	const char *memory = kvs_get(&r->fields, "memory");
	const int restarts = vmstate_restarts(a, p->store, r->name);
	struct vmstate s;
	json_t *more;

	vmstate_find(a, v, &cli_cancel, &s);
	more = json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
		s.state, "ready", !strcmp(s.ready, "yes"), "note", json_lossy(s.note), "since",
		when(a, true, s.since_ms), "ended", ended_json(a, &s), "restarts",
		restarts < 0 ? json_null() : json_integer(restarts), "vcpus",
		number(kvs_get(&r->fields, "vcpus")), "memory", json_lossy(memory), "memory_bytes",
		bytes(memory), "image", json_lossy(image_of(p, r)), "kernel",
		json_lossy(kvs_get(&r->fields, "kernel")), "pid",
		number(v->observed.running ? vmstate_fact(v, "pid") : NULL), "attempts",
		json_integer(r->attempts), "retry_at", when(a, r->state == RECORD_FAILED, r->retry_at_ms));
	json_object_set_new(more, "addresses", addresses_json(nic_facts(p, r->name)));
	json_object_update(j, more);
	json_decref(more);
}

static json_t *view_json(struct arena *a, const struct pass *p, const struct view *v)
{
	static const char *const seen[] = {"absent", "same", "drifted", "foreign"};
	const struct record *r = v->record;
	json_t *j = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:o, s:i, s:o}", "object",
		document_object(a, r->kind, r->name), "kind", kind_name(r->kind), "name", r->name,
		"source", json_lossy(r->source), "was", json_lossy(r->where), "record",
		record_state_name(r->state), "seen", seen[v->observed.seen], "reason",
		json_lossy(r->reason), "generation", (int)r->generation, "facts", facts_json(v));

	if (r->kind == KIND_VM)
		add_vm(a, p, v, j);
	return j;
}

static void set_document(struct cli *c, const struct pass *p)
{
	json_t *list = json_array();

	vec_each(v, &p->views)
		json_array_append_new(list, view_json(&c->arena, p, v));
	document_set(c, json_pack("{s:s, s:o, s:o}", "instance", p->home.host.instance, "objects", list,
		"kept", past_kept_json(&c->arena, &p->tombs.all)));
}

/* ---- the command ---------------------------------------------------------------------------- */

static int select_vms(struct cli *c, struct pass *p, struct err *e)
{
	VEC(const char *) only = {0};

	vec_each(a, &c->args)
		*vec_push(&c->arena, &only) = strncmp(*a, "vm/", 3)
			? arena_printf(&c->arena, "vm/%s", *a) : *a;
	if (only.n) {
		p->only = (const char *const *)only.v;
		p->n_only = only.n;
	}
	if (pass_look(p, e) < 0)
		return -1;
	for (size_t i = 0; i < only.n; i++)
		if (!views_find(&p->views, KIND_VM, only.v[i] + 3))
			return session_no_vm(p, only.v[i] + 3, e);
	return 0;
}

static int show(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.source = c->source, .looks = true};
	int rc;

	rc = select_vms(c, &p, e);
	if (rc == 0 && c->output == OUTPUT_JSON)
		set_document(c, &p);
	else if (rc == 0)
		print_all(c, &p);
	pass_close(&p);
	return rc;
}

static int run(struct cli *c, struct err *e)
{
	if (c->watch && (c->at || c->output == OUTPUT_JSON))
		return err_set(e, ERR_USAGE, "status: --watch has no end; it goes neither with --at nor with "
			"-o json, see: reconcile events -f -o jsonl");
	if (c->at)
		return past_status(c, e);
	return c->watch ? again_run(c, show, WATCH_MS, e) : show(c, e);
}

const struct cmd cmd_status = {
	.name = "status",
	.args = "[VM...]",
	.caption = "show VMs: running, ready, and if not, why",
	.help = "Shows each VM as it is now. STATE running means that its VMM is alive, READY yes that the\n"
		"agent in the guest answered just now. SINCE is how long it is so; of a VM that ended, how\n"
		"long ago. ADDRESS is what it has in networks. With --source, and with -o wide, what the VMs\n"
		"are made of is shown too: images, kernels, networks, rules, disks and interfaces.\n\n"
		"  reconcile status\n"
		"  reconcile status --source web -o wide\n"
		"  reconcile status -o json web\n"
		"  reconcile status --watch web                 again whenever it is different\n"
		"  reconcile status --at '2026-11-21 03:00'     as it was then, out of history",
	.wide = true,
	.run = run,
};
