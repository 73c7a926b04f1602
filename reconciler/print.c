/* print.c - the only file that formats errors, diagnostics, plans and status. */
#include "reconciler/print.h"

#include "reconciler/downtime.h"
#include "reconciler/engine/drift.h"
#include "reconciler/table.h"
#include "schema/base/clock.h"
#include "schema/base/utf8.h"

#include <string.h>
#include <sys/stat.h>

#define RED "\033[31m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

const char *print_safe(struct arena *a, const char *text)
{
	return text ? utf8_escape(a, text) : "";
}

const char *print_size(struct arena *a, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double x = (double)bytes;
	size_t u = 0;

	for (; x >= 1024 && u < 4; u++)
		x /= 1024;
	return arena_printf(a, u ? "%.1f %s" : "%.0f %s", x, units[u]);
}

void print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* Without empty and "." parts, and with each ".." taken back: what a person would have written. */
static const char *tidy(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2);
	size_t n = 0, len;

	for (; *path; path += len) {
		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len || (len == 1 && *path == '.'))
			continue;
		if (len == 2 && !strncmp(path, "..", 2)) {
			while (n && out[--n] != '/')
				;
			continue;
		}
		out[n++] = '/';
		memcpy(out + n, path, len);
		n += len;
	}
	out[n] = '\0';
	return n ? out : "/";
}

/* Behind a symbolic link ".." is something else: then the path stays as it is. */
/* The file that a text names: what stands behind a ':' may be the tag of a layout's image. */
static int stat_named(struct arena *a, const char *path, struct stat *st)
{
	const char *slash = strrchr(path, '/'), *colon = strrchr(path, ':');

	if (stat(path, st) == 0)
		return 0;
	if (!colon || (slash && colon < slash))
		return -1;
	return stat(arena_dupn(a, path, (size_t)(colon - path)), st);
}

const char *print_path(struct arena *a, const char *path)
{
	const char *tidied = *path == '/' ? tidy(a, path) : path;
	struct stat was, is;

	if (!strstr(path, "/../") || (stat_named(a, path, &was) == 0 && stat_named(a, tidied, &is) == 0 &&
		was.st_ino == is.st_ino && was.st_dev == is.st_dev))
		return tidied;
	return path;
}

/* ---- errors ------------------------------------------------------------------------------- */

void print_failure(const struct cli *c, const struct err *e, const char *pass)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	if (e->kind == ERR_NONE)
		return;
	if (e->line)
		fprintf(stderr, "%s:%u:%u: ", print_safe(&a, e->file), e->line, e->col);
	else
		fputs("reconcile: ", stderr);
	fprintf(stderr, "%serror:%s %s", c->colored_err ? RED BOLD : "", c->colored_err ? PLAIN : "",
		print_safe(&a, e->msg));
	if (pass)
		fprintf(stderr, " [pass %s]", pass);
	fputc('\n', stderr);
	if (e->hint[0])
		fprintf(stderr, "  %s\n", print_safe(&a, e->hint));
}

void print_err(const struct cli *c, const struct err *e)
{
	print_failure(c, e, NULL);
}

void print_rest(const struct repeats *r)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *line;
	size_t at = 0;

	while ((line = repeats_rest(&a, r, &at)))
		fprintf(stderr, "%s\n", print_safe(&a, line));
}

void print_diags(const struct diags *d)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct repeats seen = {0};

	vec_each(one, d)
		if (repeats_show(&a, &seen, one->msg))
			fputs(diag_text(&a, one), stderr);
	print_rest(&seen);
}

void print_table(const char *const *cells, size_t rows, size_t columns, bool bold, FILE *to)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct table t = {.columns = columns, .cut = columns - 1, .head = bold, .bold = bold};

	for (size_t r = 0; r < rows; r++)
		table_row(&a, &t, cells + r * columns);
	table_print(&t, 0, to);
}

/* ---- plan --------------------------------------------------------------------------------- */

static const char *place_text(struct arena *a, const struct pos *pos)
{
	const char *slash = pos->file ? strrchr(pos->file, '/') : NULL;

	if (!pos->line)
		return "";
	return arena_printf(a, "%s:%u:%u", slash ? slash + 1 : pos->file, pos->line, pos->col);
}

/* Content ids are long: enough of them to tell them apart. */
static const char *shorten(struct arena *a, const char *value)
{
	if (!value)
		return "none";
	if (!strncmp(value, "sha256:", 7) && strlen(value) > 19)
		return arena_dupn(a, value, 19);
	if (strlen(value) > 48)
		return arena_printf(a, "%.45s...", value);
	return value;
}

static const char *reason_text(struct arena *a, const struct reason *r)
{
	if (!r->field)
		return r->text;
	return arena_printf(a, "%s  %s -> %s", r->field, shorten(a, r->from), shorten(a, r->to));
}

/* What the steps of an object amount to, in one word. */
const char *print_action(const struct pass *p, uint32_t view)
{
	const struct delta *d = &p->plan.deltas[view];
	bool stops = false, starts = false;

	if (d->blocked)
		return "blocked";

	vec_each(s, &p->plan.steps)
		if (s->view == view && s->step.kind == KIND_VM) {
			stops |= s->step.op == STEP_STOP && d->view->observed.running;
			starts |= s->step.op == STEP_START;
		}
	if (d->kind == KIND_VM && d->verdict != VERDICT_DELETE && (stops || starts)) {
		if (d->verdict == VERDICT_CREATE && !d->view->record)
			return "create";
		return stops && starts ? "restart" : starts ? "start" : "stop";
	}
	if (d->verdict == VERDICT_RESTART && d->view->record &&
		kvs_get(&d->view->record->facts, "was"))
		return "rename";
	if (d->verdict == VERDICT_RESTART && d->kind == KIND_DISK)
		return kvs_get(&d->view->record->facts, "kept") ? "undelete" : "grow";
	if (d->verdict == VERDICT_CREATE && d->view->record)
		return "repair";
	if (d->verdict == VERDICT_LIVE || ((d->kind == KIND_NETWORK || d->kind == KIND_FIREWALL) && d->verdict == VERDICT_RESTART))
		return "update";
	return verdict_name(d->verdict);
}

static const char *policy(uint32_t allow)
{
	return allow == ALLOW ? "allow" : "deny";
}

static const char *firewall_text(struct arena *a, const struct net_spec *s)
{
	return arena_printf(a, "siblings %s, host %s, internet %s%s", policy(s->policy_siblings),
		policy(s->policy_host), policy(s->policy_internet),
		s->policy_internet == ALLOW && s->nat_masquerade ? ", masquerade" : "");
}

/* "lab 10.77.0.2, dmz 10.78.0.2" */
static const char *nic_text(struct arena *a, const struct vm_spec *vm, const struct kvs *facts)
{
	const char *text = "";

	for (size_t i = 0; i < vm->networks.n; i++) {
		const char *name = vm->networks.v[i];
		const char *address = kvs_get(facts, arena_printf(a, "address.%s", name));

		text = arena_printf(a, "%s%s%s %s", text, i ? ", " : "", name, address ? address : "?");
	}
	return text;
}

static const char *kernel_text(struct arena *a, const struct kernel_spec *k, const struct kvs *facts)
{
	if (k->file)
		return print_path(a, k->file);
	return arena_printf(a, "%s  %s", k->oci, shorten(a, kvs_get(facts, "image")));
}

static const char *summary_of(struct arena *a, const struct pass *p, uint32_t view)
{
	const struct object *o = p->plan.deltas[view].view->object;
	const struct kvs *facts = p->plan.facts[view];
	const struct vm_spec *vm;
	const char *ref;

	if (!o || !facts)
		return "";
	switch (o->kind) {
	case KIND_IMAGE:
		ref = kvs_get(facts, "ref");
		return arena_printf(a, "%s%s%s", ref ? print_path(a, ref) : "", ref ? "  " : "",
			shorten(a, kvs_get(facts, "id")));
	case KIND_KERNEL:
		return kernel_text(a, (const struct kernel_spec *)(const void *)o->spec, facts);
	case KIND_DISK:
		return arena_printf(a, "%s, %s of the image", size_print(a, kvs_u64(facts, "size", 0)),
			kvs_get(facts, "backend") ? kvs_get(facts, "backend") : "copy");
	case KIND_NETWORK:
		return arena_printf(a, "%s, bridge %s", ((const struct net_spec *)(const void *)o->spec)->subnet,
			kvs_get(facts, "ifname") ? kvs_get(facts, "ifname") : "?");
	case KIND_FIREWALL:
		return firewall_text(a, (const struct net_spec *)(const void *)o->spec);
	case KIND_NIC:
		return nic_text(a, (const struct vm_spec *)(const void *)o->spec, facts);
	default:
		vm = (const struct vm_spec *)(const void *)o->spec;
		return arena_printf(a, "%u vCPU%s, %s, cid %s", vm->vcpus, vm->vcpus == 1 ? "" : "s",
			size_print(a, vm->memory), kvs_get(facts, "cid") ? kvs_get(facts, "cid") : "?");
	}
}

static char mark_of(const struct delta *d)
{
	static const char marks[VERDICT_N] = {
		[VERDICT_CREATE] = '+', [VERDICT_LIVE] = '~', [VERDICT_RESTART] = '~',
		[VERDICT_REPLACE] = '!', [VERDICT_DELETE] = '-', [VERDICT_ADOPT] = '=',
		[VERDICT_FORGET] = '-', [VERDICT_CONFLICT] = 'x',
	};

	return marks[d->verdict] ? marks[d->verdict] : ' ';
}

/* Object, action, what and why, place. */
#define PLAN_COLUMNS 4
#define PLAN_WHAT 2

static void add_row(struct arena *a, struct table *t, const char *object, const char *action,
	const char *what, const char *place)
{
	table_row(a, t, (const char *[]){object, action, what, place});
}

bool print_is_kept(const struct delta *d)
{
	return d->verdict == VERDICT_DELETE && d->kind == KIND_DISK && d->view->keep;
}

static const char *kept_text(struct arena *a, const struct delta *d)
{
	char until[CLOCK_TEXT_MAX];

	clock_text(d->view->keep_until_ms, until);
	return arena_printf(a, "disk kept until %s (undelete)", until);
}

/* What becomes of the data, in a sentence. */
static const char *loss_text(const struct plan *plan)
{
	bool kept = false, lost = false;

	for (size_t i = 0; i < plan->views->n; i++) {
		const struct delta *d = &plan->deltas[i];

		kept |= print_is_kept(d);
		lost |= d->kind == KIND_DISK && d->tier != TIER_SAFE && d->verdict != VERDICT_CONFLICT &&
			!print_is_kept(d);
	}
	if (plan->tier == TIER_DATA_LOSS)
		return "DATA LOSS, see above.";
	if (lost)
		return "Root disks marked ! or - go, with what was written to them.";
	return kept ? "No data loss: undelete brings back what is deleted." : "No data loss.";
}

static void plan_rows(struct arena *a, const struct pass *p, uint32_t i, struct table *rows)
{
	const struct delta *d = &p->plan.deltas[i];
	const char *object = arena_printf(a, "%c %s/%s", mark_of(d), kind_name(d->kind), d->name);
	const char *action = print_action(p, i);
	const char *place = d->view->object ? place_text(a, &d->view->object->spec->pos)
					    : arena_printf(a, "was %s", d->view->record->where);
	bool first = true;

	if (print_is_kept(d)) {
		add_row(a, rows, object, action, kept_text(a, d), place);
		first = false;
	} else if (!d->reasons.n) {
		add_row(a, rows, object, action, summary_of(a, p, i), place);
	}
	vec_each(r, &d->reasons) {
		add_row(a, rows, first ? object : "", first ? action : "", reason_text(a, r),
			r->pos.line ? place_text(a, &r->pos) : first ? place : "");
		first = false;
	}
}

/* What the drift policy leaves as it is: shown, unless it is to be ignored. */
static bool is_left(const struct delta *d)
{
	return d->left && d->drift != DRIFT_IGNORE;
}

static void left_row(struct arena *a, const struct delta *d, struct table *rows)
{
	const struct drift_rule rule = drift_rule_of(d->view->object, NULL, 0);
	const char *object = arena_printf(a, ". %s/%s", kind_name(d->kind), d->name);

	add_row(a, rows, object, d->drift == DRIFT_HOLD ? "held" : "drift",
		arena_printf(a, "%s; left so%s%s%s%s", d->left, rule.until ? " until " : "",
			rule.until ? rule.until : "", rule.why ? ": " : "",
			rule.why ? print_safe(a, rule.why) : ""),
		place_text(a, &rule.pos));
}

static size_t count_left(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->views->n; i++)
		n += is_left(&plan->deltas[i]);
	return n;
}

static const char *counts_text(struct arena *a, const struct plan *plan)
{
	static const struct {
		enum verdict verdict;
		const char *word;
	} words[] = {
		{VERDICT_CREATE, "to create"}, {VERDICT_LIVE, "to update"},
		{VERDICT_RESTART, "to restart or repair"}, {VERDICT_REPLACE, "to replace"},
		{VERDICT_DELETE, "to delete"}, {VERDICT_ADOPT, "to adopt"},
		{VERDICT_FORGET, "to forget"}, {VERDICT_CONFLICT, "in conflict"},
	};
	char *text = "";

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		size_t n = 0;

		for (size_t i = 0; i < plan->views->n; i++)
			n += plan->deltas[i].verdict == words[w].verdict && !plan->deltas[i].blocked;
		if (n)
			text = arena_printf(a, "%s%s%zu %s", text, text[0] ? ", " : "", n,
				words[w].word);
	}
	if (plan->blocked)
		text = arena_printf(a, "%s%s%zu blocked", text, text[0] ? ", " : "", plan->blocked);
	return text;
}

void print_plan(const struct cli *c, const struct pass *p, FILE *to)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t left = count_left(&p->plan), same = p->views.n - left;
	bool idle = true;
	struct table rows = {.columns = PLAN_COLUMNS, .cut = PLAN_WHAT};

	(void)c;
	for (uint32_t i = 0; i < p->views.n; i++) {
		idle &= p->plan.deltas[i].verdict == VERDICT_NONE;
		if (p->plan.deltas[i].verdict != VERDICT_NONE)
			plan_rows(&a, p, i, &rows);
		if (is_left(&p->plan.deltas[i]))
			left_row(&a, &p->plan.deltas[i], &rows);
	}
	table_print(&rows, 0, to);
	if (idle) {
		fprintf(to, "%sNothing to do: %zu object%s as declared", rows.cells.n ? "\n" : "", same,
			same == 1 ? " is" : "s are");
		fprintf(to, left ? ", %zu left as %s.\n" : ".\n", left, left == 1 ? "it is" : "they are");
		return;
	}
	fprintf(to, "\n%s.  %s  %s\n", counts_text(&a, &p->plan), downtime_text(&a, &p->plan),
		loss_text(&p->plan));
}

void print_expired(const struct cli *c, const struct pass *p)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	vec_each(v, &p->views) {
		const struct drift_rule rule = drift_rule_of(v->object, NULL, clock_real_ms());

		/* What holds for the whole VM is said once, at the VM. */
		if (!rule.expired || (v->object->kind != KIND_VM && !rule.part))
			continue;
		fprintf(stderr, "%s:%u:%u: %swarning:%s vm/%s: drift%s%s.until %s has passed: %s no "
			"longer holds, drift is %s\n", print_safe(&a, rule.pos.file), rule.pos.line,
			rule.pos.col, c->colored_err ? YELLOW : "", c->colored_err ? PLAIN : "",
			v->object->name, rule.part ? "." : "", rule.part ? rule.part : "", rule.until,
			drift_name(rule.written), drift_done(rule.policy));
	}
}
