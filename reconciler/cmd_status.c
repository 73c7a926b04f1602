/* cmd_status.c - what is recorded and what is really there. Never says more than was proved:
 * "running" is a live VMM of ours, "ready" is an agent that answered just now. */
#include "reconciler/past.h"
#include "reconciler/print.h"

#include "drivers/guest/agent.h"
#include "reconciler/engine/drift.h"
#include "schema/base/clock.h"
#include "schema/field.h"

#include <string.h>

#define READY_TIMEOUT_MS 1000

struct vm_status {
	const char *state, *ready, *note;
};

static const char *fact(const struct view *v, const char *key)
{
	const char *now = kvs_get(&v->observed.facts, key);

	return now ? now : kvs_get(&v->record->facts, key);
}

static const char *ask_agent(const struct view *v)
{
	_cleanup_agent_ struct agent *agent = NULL;
	struct err err = ERR_INIT;
	const char *run = fact(v, "run");

	if (!run)
		return "no";
	if (agent_open(run, READY_TIMEOUT_MS, &cli_cancel, &agent, &err) < 0)
		return err.kind == ERR_LOCKED ? "busy" : "no";
	return agent_ping(agent, READY_TIMEOUT_MS, &err) == 0 ? "yes" : "no";
}

/* When it is tried again and what to do, after why it failed. */
static const char *failed_note(struct arena *a, const struct record *r)
{
	char at[CLOCK_TEXT_MAX];

	clock_text(r->retry_at_ms, at);
	return arena_printf(a, "%s (attempt %u; watch mode tries again at %s, reconcile apply at once)",
		r->reason ? r->reason : "the last change failed", r->attempts, at);
}

/* What the drift policy has to do with the state that is shown. */
static const char *policy_note(struct arena *a, const struct view *v, const char *state,
	const char *note)
{
	const struct drift_rule rule = drift_rule_of(NULL, v->record, clock_real_ms());
	const char *why = rule.why ? arena_printf(a, ": %s", rule.why) : "";
	const char *sep = note[0] ? "; " : "";

	if (rule.expired)
		return arena_printf(a, "%s%sdrift%s%s.until %s has passed, drift is %s", note, sep,
			rule.part ? "." : "", rule.part ? rule.part : "", rule.until,
			drift_done(rule.policy));
	if (rule.policy == DRIFT_HOLD)
		return arena_printf(a, "%s%sheld%s%s%s", note, sep, rule.until ? " until " : "",
			rule.until ? rule.until : "", why);
	if (rule.policy == DRIFT_REPORT && !strcmp(state, "dead"))
		return arena_printf(a, "%s%sdrift, left so%s%s%s", note, sep, rule.until ? " until " : "",
			rule.until ? rule.until : "", why);
	return note;
}

/* Its rows are back and nothing has been done since. */
static bool is_undeleted(const struct record *r)
{
	return r->state == RECORD_MAKING && r->reason && !strncmp(r->reason, "undeleted", 9);
}

static struct vm_status status_of(struct arena *a, const struct view *v)
{
	const struct record *r = v->record;
	struct vm_status s = {.ready = "-", .note = r->reason ? r->reason : ""};
	const char *wanted = kvs_get(&r->fields, "running");

	if (v->observed.running) {
		s.state = "running";
		s.ready = ask_agent(v);
	} else if (r->state == RECORD_FAILED) {
		s.state = "failed";
		s.note = failed_note(a, r);
	} else if (wanted && !strcmp(wanted, "false")) {
		s.state = "stopped";
	} else if (v->observed.finished) {
		s.state = "exited";
		s.note = fact(v, "exit") ? fact(v, "exit") : "";
	} else {
		s.state = "dead";
		s.note = v->observed.reason ? v->observed.reason
			: fact(v, "exit")   ? fact(v, "exit")
					    : "expected to run; see: reconcile plan";
	}
	if (is_undeleted(r))
		s.note = r->reason;
	else if (r->state == RECORD_DELETING || r->state == RECORD_MAKING)
		s.note = arena_printf(a, "%s; an earlier pass did not end, apply again",
			record_state_name(r->state));
	s.note = policy_note(a, v, s.state, s.note);
	return s;
}

static const char *field_or_dash(const struct record *r, const char *key)
{
	const char *v = kvs_get(&r->fields, key);

	return v ? v : "-";
}

#define COLUMNS 8

static void vm_row(struct arena *a, const struct view *v, const char **row)
{
	struct vm_status s = status_of(a, v);
	char age[CLOCK_TEXT_MAX];

	clock_span(clock_real_ms() - v->record->changed_at_ms, age);
	row[0] = v->record->name;
	row[1] = s.state;
	row[2] = s.ready;
	row[3] = field_or_dash(v->record, "vcpus");
	row[4] = field_or_dash(v->record, "memory");
	row[5] = fact(v, "cid") ? fact(v, "cid") : "-";
	row[6] = arena_dup(a, age);
	row[7] = print_safe(a, s.note);
}

/* Deleted VMs that can come back, below those that there are. */
static void print_kept(struct cli *c, const struct pass *p)
{
	vec_each(t, &p->tombs.all)
		if (t->state == TOMB_KEPT)
			printf("vm/%s was deleted; its disk is kept until %s, see undelete\n", t->name,
				past_time(&c->arena, t->until_ms));
}

static void print_vms(struct cli *c, const struct pass *p)
{
	static const char *const head[COLUMNS] = {"NAME", "STATE", "READY", "VCPUS", "MEMORY", "CID",
		"SINCE", "NOTE"};
	const char **cells = arena_array(&c->arena, (p->views.n + 1) * COLUMNS, sizeof(*cells));
	size_t rows = 1;

	memcpy(cells, head, sizeof(head));
	vec_each(v, &p->views)
		if (v->record->kind == KIND_VM)
			vm_row(&c->arena, v, cells + rows++ * COLUMNS);
	if (rows == 1)
		puts("No VMs.");
	else
		print_table(cells, rows, COLUMNS, c->colored_out, stdout);
	if (!c->args.n)
		print_kept(c, p);
}

static json_t *facts_json(const struct view *v)
{
	json_t *j = json_object();

	kvs_each(f, &v->record->facts)
		if (strcmp(f->key, "config") && strcmp(f->key, "old"))
			json_object_set_new(j, f->key, json_lossy(f->value));
	kvs_each(f, &v->observed.facts)
		json_object_set_new(j, f->key, json_lossy(f->value));
	return j;
}

static json_t *view_json(struct arena *a, const struct view *v)
{
	static const char *const seen[] = {"absent", "same", "drifted", "foreign"};
	const struct record *r = v->record;
	json_t *j = json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o}", "object",
		arena_printf(a, "%s/%s", kind_name(r->kind), r->name), "name", r->name, "source",
		json_lossy(r->source), "record", record_state_name(r->state), "seen", seen[v->observed.seen],
		"reason", json_lossy(r->reason), "facts", facts_json(v));

	if (r->kind == KIND_VM) {
		struct vm_status s = status_of(a, v);

		json_object_set_new(j, "state", json_string(s.state));
		json_object_set_new(j, "ready", json_boolean(!strcmp(s.ready, "yes")));
		json_object_set_new(j, "note", json_lossy(s.note));
		json_object_set_new(j, "attempts", json_integer((json_int_t)r->attempts));
		json_object_set_new(j, "retry_at_ms", json_integer((json_int_t)r->retry_at_ms));
		if (v->observed.running && fact(v, "pid"))
			json_object_set_new(j, "pid",
				json_integer((json_int_t)strtoll(fact(v, "pid"), NULL, 10)));
	}
	return j;
}

static void print_all_json(struct cli *c, const struct pass *p)
{
	_cleanup_json_ json_t *j = NULL;
	json_t *list = json_array();

	vec_each(v, &p->views)
		json_array_append_new(list, view_json(&c->arena, v));
	j = json_pack("{s:i, s:s, s:o, s:o}", "version", 1, "instance", p->home.host.instance, "objects",
		list, "kept", past_kept_json(&c->arena, &p->tombs.all));
	print_json(j);
}

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
			return err_set(e, ERR_FAILED, "there is no VM \"%s\"", only.v[i] + 3);
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel};
	int rc;

	if (c->at)
		return past_status(c, e);
	rc = select_vms(c, &p, e);

	if (rc == 0 && c->output == OUTPUT_JSON)
		print_all_json(c, &p);
	else if (rc == 0)
		print_vms(c, &p);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_status = {
	.name = "status",
	.args = "[VM...]",
	.caption = "show VMs: running, ready, and if not, why",
	.help = "Shows each VM as it is now. STATE running means that its VMM is alive, READY yes that the\n"
		"agent in the guest answered just now.\n\n"
		"  reconcile status\n"
		"  reconcile status -o json web\n"
		"  reconcile status --at '2026-11-21 03:00'     as it was then, out of history",
	.run = run,
};
