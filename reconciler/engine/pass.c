/* pass.c - one pass on one screen: load -> resolve -> observe -> diff -> plan -> execute. */
#include "reconciler/engine/pass.h"

#include "reconciler/engine/drift.h"
#include "reconciler/engine/drive.h"
#include "reconciler/engine/handles.h"
#include "reconciler/engine/history.h"
#include "reconciler/engine/recall.h"
#include "drivers/sys/cage.h"
#include "schema/base/clock.h"
#include "schema/base/log.h"
#include "schema/base/map.h"
#include "schema/field.h"
#include "schema/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HANDLES_CHECKED 128u /* files that one pass reads although nothing says that they changed */

/* ---- load --------------------------------------------------------------------------------- */

/* handles.json is written before SQLite: what it says about the process is newer. Nothing else in it
 * is: of a VM that died, it may be older than what was decided about the VM since. */
static void believe_process(struct pass *p, struct record *r, const struct kvs *facts)
{
	static const char *const newer[] = {"pid", "start", "boot_id", "nonce", "accel"};

	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++)
		if (kvs_get(facts, newer[i]))
			kvs_set(p->a, &r->facts, newer[i], kvs_get(facts, newer[i]));
}

static void load_handles(struct pass *p, struct record *r)
{
	struct handles handles;
	const char *why;

	if (handles_read(p->a, p->home.host.state_fd, p->home.host.instance, r->name, &handles,
		    &why) == 0) {
		believe_process(p, r, &handles.facts);
		return;
	}
	if (why)
		log_warn("handles.json is not used", "vm=%s why=\"%s\"", r->name, why);
	if (kvs_get(&r->facts, "run") && r->state == RECORD_MADE)
		*vec_push(p->a, &p->no_handles) = r->name;
}

/* A handles.json can be newer than its row only where a step did not end. The others are read to see
 * whether they are still whole: of very many VMs some in each pass, or reading them would be nearly all
 * that a pass does. */
static void load_all_handles(struct pass *p)
{
	_cleanup_arena_ struct arena tmp = ARENA_INIT;
	struct map open = MAP_INIT;
	size_t vms = 0, first, i = 0;

	vec_each(in, &p->interrupted)
		map_add(&tmp, &open, in->name, strlen(in->name), in);
	vec_each(r, &p->records)
		vms += r->kind == KIND_VM;
	if (!vms)
		return;
	first = vms > HANDLES_CHECKED ? (size_t)(clock_real_ms() / 1000) * HANDLES_CHECKED % vms : 0;
	vec_each(r, &p->records) {
		if (r->kind != KIND_VM)
			continue;
		if (r->state != RECORD_MADE || (i++ + vms - first) % vms < HANDLES_CHECKED ||
			map_get(&open, r->name, strlen(r->name)))
			load_handles(p, r);
	}
}

static int load(struct pass *p, struct err *e)
{
	int rc = store_open(p->home.host.state_dir, p->write, &p->store, e);

	for (int kind = 0; p->looks && kind < KIND_N; kind++)
		if (driver_look_for((enum kind)kind).prepare)
			driver_look_for((enum kind)kind).prepare(&p->home.host, p->spec && p->spec->networks.n);
	if (rc < 0 || (p->looks && cage_enter(e) < 0))
		return -1;
	if (rc == 0 && (store_load(p->store, p->a, &p->records, &p->leases, &p->interrupted, e) < 0 ||
			store_tomb_list(p->store, p->a, &p->tombs.all, e) < 0))
		return -1;
	if (guard_load(p->a, p->store, p->spec, p->source, &p->guard, e) < 0)
		return -1;
	load_all_handles(p);
	return 0;
}

/* ---- views -------------------------------------------------------------------------------- */

static bool is_selected(const struct pass *p, enum kind kind, const char *name)
{
	for (size_t i = 0; i < p->n_only; i++) {
		const char *want = p->only[i];

		if ((kind == KIND_VM || kind == KIND_DISK || kind == KIND_NIC) &&
			!strncmp(want, "vm/", 3) &&
			!strcmp(want + 3, name))
			return true;
	}
	return !p->only;
}

static bool is_in_scope(const struct pass *p, const struct record *r)
{
	if (p->source && strcmp(r->source, p->source))
		return false;
	return is_selected(p, r->kind, r->name);
}

static int compare_object_record(const struct object *o, const struct record *r)
{
	return o->kind != r->kind ? (o->kind < r->kind ? -1 : 1) : strcmp(o->name, r->name);
}

/* Merge the two sorted lists. A record of another source is seen only where its name is wanted
 * here too and names are host-wide: that is a conflict. */
static void make_views(struct pass *p)
{
	size_t o = 0, r = 0;

	while (o < p->objects.n || r < p->records.n) {
		const struct object *obj = o < p->objects.n ? &p->objects.v[o] : NULL;
		const struct record *rec = r < p->records.n ? &p->records.v[r] : NULL;
		int order = !obj ? 1 : !rec ? -1 : compare_object_record(obj, rec);
		bool ours = rec && is_in_scope(p, rec);

		if (order > 0) {
			if (ours && !p->no_prune)
				*vec_push(p->a, &p->views) = (struct view){.record = rec};
			r++;
			continue;
		}
		if (order == 0 && !ours && (obj->kind == KIND_IMAGE || obj->kind == KIND_KERNEL)) {
			r++; /* same name in another source's images: not ours to look at */
			continue;
		}
		*vec_push(p->a, &p->views) = (struct view){
			.object = obj,
			.record = order == 0 ? rec : NULL,
		};
		o++;
		/* Rows of the same kind and name in other sources come next; skip them. */
		while (order == 0 && r < p->records.n &&
			compare_object_record(obj, &p->records.v[r]) == 0)
			r++;
	}
}

static int compare_record_name(const void *key, const void *element)
{
	const struct record *k = key, *r = element;

	return k->kind != r->kind ? (k->kind < r->kind ? -1 : 1) : strcmp(k->name, r->name);
}

/* The row of a VM or disk, whose names are host-wide; of another kind that of any source. */
static struct record *find_record(const struct pass *p, enum kind kind, const char *name)
{
	const struct record key = {.kind = kind, .name = name};

	if (!p->records.n)
		return NULL;
	return bsearch(&key, p->records.v, p->records.n, sizeof(key), compare_record_name);
}

/* Each record with the object that it was made by: what was last applied is what is wanted. */
static void recall_views(struct pass *p)
{
	vec_each(r, &p->records) {
		const struct record *vm = r->kind == KIND_DISK || r->kind == KIND_NIC
			? find_record(p, KIND_VM, r->name) : NULL;

		if (!is_in_scope(p, r))
			continue;
		*vec_push(p->a, &p->views) = (struct view){
			.object = recall_object(p->a, r, vm),
			.record = r,
		};
	}
}

/* ---- look --------------------------------------------------------------------------------- */

/* It was made, and the spec asks for the same as then: its own copy serves. */
static bool is_as_applied(const struct view *v)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs fields = {0};

	if (!v->record || v->record->state != RECORD_MADE)
		return false;
	field_values(&a, v->object->spec->noun, v->object->spec, v->object->kind, &fields);
	return kvs_equal(&fields, &v->record->fields);
}

static void stage(const struct pass *p, const char *what)
{
	if (p->on_stage)
		p->on_stage(p->on_stage_arg, what);
}

/* An image or kernel whose content cannot be found out holds back what needs it; the rest of the spec
 * can still be done. */
static int resolve(struct pass *p, struct err *e)
{
	vec_each(v, &p->views) {
		const struct driver_look d = driver_look_for(v->object ? v->object->kind : v->record->kind);
		struct err why = ERR_INIT;

		if (!v->object || !d.resolve)
			continue;
		stage(p, arena_printf(p->a, "%s/%s  looking up what it is now", kind_name(v->object->kind),
			v->object->name));
		if (d.resolve(&p->home.host, v->object, p->refresh ? NULL : v->record,
			    &v->resolved, &why) == 0)
			continue;
		if (why.kind == ERR_CANCELLED) {
			*e = why;
			return -1;
		}
		v->resolved = (struct kvs){0};
		if (is_as_applied(v)) {
			log_warn("using what was made before", "object=%s/%s why=\"%s\"",
				kind_name(v->object->kind), v->object->name, why.msg);
			continue;
		}
		v->unresolved = why.hint[0] ? arena_printf(p->a, "%s; %s", why.msg, why.hint)
					    : arena_dup(p->a, why.msg);
	}
	return 0;
}

/* A newer version began something here that this one does not know, and so cannot finish or take back:
 * what has that name stays as it is. */
static void distrust_unknown(struct pass *p)
{
	vec_each(i, &p->interrupted) {
		if (i->op != STEP_OP_N && i->kind != KIND_N)
			continue;
		vec_each(v, &p->views) {
			const enum kind kind = v->object ? v->object->kind : v->record->kind;

			if (strcmp(i->name, v->object ? v->object->name : v->record->name) ||
				(kind != i->kind && kind != KIND_VM && kind != KIND_DISK &&
				kind != KIND_NIC))
				continue;
			v->unresolved = arena_printf(p->a, "pass %s began a step that this version "
				"does not know; use the newer reconcile that ran it", i->pass);
		}
	}
}

static int observe(struct pass *p, struct err *e)
{
	for (size_t from = 0, to; from < p->views.n; from = to) {
		const struct view *v = &p->views.v[from];
		enum kind kind = v->object ? v->object->kind : v->record->kind;

		for (to = from; to < p->views.n; to++) {
			v = &p->views.v[to];
			if ((v->object ? v->object->kind : v->record->kind) != kind)
				break;
		}
		/* Without a state directory there is nothing of ours anywhere. */
		if (p->home.host.state_fd < 0)
			continue;
		stage(p, arena_printf(p->a, "looking at every %s", kind_name(kind)));
		if (driver_look_for(kind).observe(&p->home.host, &p->views.v[from], to - from, e) < 0)
			return err_wrap(e, "looking at every %s", kind_name(kind));
		if (kind == KIND_VM && !p->recall && p->spec &&
			driver_look_for(KIND_GUEST).observe(&p->home.host, &p->views.v[from], to - from,
				e) < 0)
			return err_wrap(e, "asking every vm");
		if (p->write)
			drive_tidy(&p->home.host, kind, &p->views.v[from], to - from);
	}
	return 0;
}

static bool is_owner(const struct record *r, const struct orphan *o)
{
	const char *was = kvs_get(&r->facts, "was");

	if (r->kind != o->kind)
		return false;
	if (!o->args.n)
		return !strcmp(r->name, o->name) || (was && !strcmp(was, o->name));
	kvs_each(f, &o->args) {
		const char *has = kvs_get(&r->facts, f->key);

		if (!has || strcmp(has, f->value))
			return false;
	}
	return true;
}

int pass_scan(struct pass *p, struct err *e)
{
	struct orphans found = {0};

	if (p->home.host.state_fd < 0)
		return 0;
	for (int kind = 0; kind < KIND_N; kind++) {
		const struct driver_look d = driver_look_for((enum kind)kind);

		if (d.scan && d.scan(&p->home.host, &found, e) < 0)
			return err_wrap(e, "looking for what is marked as ours");
	}
	vec_each(o, &found) {
		/* Nearly always its name says whose it is; where not, every record is asked. */
		const struct record *named = find_record(p, o->kind, o->name);
		const char *kept = kvs_get(&o->args, "kept");
		bool known = (named && is_owner(named, o)) || (kept && tomb_owns(&p->tombs.all, kept));

		for (size_t i = 0; !known && i < p->records.n; i++)
			known = is_owner(&p->records.v[i], o);
		if (!known)
			*vec_push(p->a, &p->orphans) = *o;
	}
	return 0;
}

void pass_init(struct pass *p)
{
	snprintf(p->id, sizeof(p->id), "%llx-%x", (unsigned long long)clock_real_ms(),
		(unsigned)getpid());
	p->now_ms = p->now_ms ? p->now_ms : clock_real_ms();
	log_operation(p->id);
	p->home.host.lock_fd = p->home.host.state_fd = p->home.host.run_fd = -1;
}

static int plan_views(struct pass *p, struct err *e)
{
	if (resolve(p, e) < 0)
		return -1;
	moved_keep_off(p->a, &p->views, &p->records);
	tomb_bring_back(p);
	if (observe(p, e) < 0)
		return -1;
	distrust_unknown(p);
	if (tomb_mark(p, e) < 0)
		return -1;
	if (p->interrupted.n && pass_scan(p, e) < 0)
		return -1;
	if (plan_build(p->a, &p->home.host, &p->views, &p->records, &p->leases,
		    p->source ? p->source : "", &p->plan, e) < 0)
		return -1;
	tomb_close(p);
	return 0;
}

static int recall(struct pass *p, struct err *e)
{
	if (observe(p, e) < 0)
		return -1;
	distrust_unknown(p);
	return 0;
}

static int look(struct pass *p, struct err *e)
{
	pass_init(p);
	stage(p, p->write ? "waiting for another reconcile to end" : NULL);
	if (home_open(p->a, p->state_dir, p->write, p->lock_wait_ms, p->cancel, &p->home, e) < 0)
		return -1;
	stage(p, NULL);
	if (load(p, e) < 0)
		return -1;
	if (p->spec)
		spec_expand(p->a, p->spec, &p->objects);
	if (p->spec && moved_apply(p->a, p->spec, p->source, &p->records, &p->leases, &p->renames, e) < 0)
		return -1;
	if (p->recall)
		recall_views(p);
	else
		make_views(p);
	vec_each(v, &p->views)
		v->drift = drift_rule_of(v->object, NULL, clock_real_ms()).policy;
	return p->recall ? recall(p, e) : plan_views(p, e);
}

/* What the first commit writes before all else. */
static int write_first(void *arg, struct store *s, struct err *e)
{
	struct pass *p = arg;

	if (moved_write(s, &p->renames, p->id, p->a, e) < 0 ||
		tomb_write(&p->tombs, &p->plan, &p->leases, s, p->a, p->id, e) < 0)
		return -1;
	return p->spec ? guard_keep(p->a, s, p->spec, p->source, NULL, e) : 0;
}

int pass_look(struct pass *p, struct err *e)
{
	int rc = look(p, e);

	stage(p, NULL);
	return rc;
}

int pass_act(struct pass *p, struct err *e)
{
	p->exec.host = &p->home.host;
	p->exec.store = p->store;
	p->exec.plan = &p->plan;
	p->exec.source = p->source ? p->source : "";
	p->exec.pass = p->id;
	p->exec.interrupted = &p->interrupted;
	p->exec.write_first = write_first;
	p->exec.write_first_arg = p;
	p->exec.tombs = &p->tombs;
	return exec_run(&p->exec, e);
}

static bool has_news(const struct view *v)
{
	kvs_each(f, &v->resolved) {
		const char *old = v->record ? kvs_get(&v->record->facts, f->key) : NULL;

		if (old && strcmp(old, f->value))
			return true;
		if (v->record && !old)
			return true;
	}
	return false;
}

static int write_lost_handles(struct pass *p, struct err *e)
{
	static const enum kind kinds[] = {KIND_DISK, KIND_NIC, KIND_VM};

	vec_each(name, &p->no_handles) {
		struct handles h = {0};

		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			const struct record *r = find_record(p, kinds[i], *name);

			if (!r)
				continue;
			*vec_push(p->a, &h.rows) = *r;
			if (r->kind == KIND_VM)
				h.facts = r->facts;
		}
		if (handles_write(p->home.host.state_fd, p->home.host.instance, *name, &h, e) < 0)
			return -1;
	}
	return 0;
}

static int note_history(struct pass *p, bool *begun, struct err *e)
{
	struct history h;

	history_init(&h, p->a, &p->plan, p->id, p->source ? p->source : "");
	if (history_notices(&h, p->store, e) < 0)
		return -1;
	if (!h.pending.n)
		return 0;
	if (!*begun && store_begin(p->store, e) < 0)
		return -1;
	*begun = true;
	return history_write(&h, p->store, e);
}

/* Guards of a spec that changes nothing else. Where there is more to do, the plan's first commit keeps
 * them: not before somebody has agreed to it. */
static int note_guards(struct pass *p, bool *begun, struct err *e)
{
	bool changed = false;

	if (!p->spec || p->plan.changes || p->plan.steps.n || p->plan.blocked)
		return 0;
	if (guard_keep(p->a, p->store, p->spec, p->source, &changed, e) < 0)
		return -1;
	if (!changed)
		return 0;
	if (!*begun && store_begin(p->store, e) < 0)
		return -1;
	*begun = true;
	return guard_keep(p->a, p->store, p->spec, p->source, NULL, e);
}

int pass_note(struct pass *p, struct err *e)
{
	bool begun = false;

	if (write_lost_handles(p, e) < 0)
		return -1;
	for (size_t i = 0; i < p->views.n; i++) {
		const struct view *v = &p->views.v[i];
		struct record r;

		if (p->plan.deltas[i].verdict != VERDICT_NONE || !has_news(v))
			continue;
		if (!begun && store_begin(p->store, e) < 0)
			return -1;
		begun = true;
		r = *v->record;
		kvs_copy(p->a, &r.facts, &v->record->facts);
		kvs_merge(p->a, &r.facts, &v->resolved);
		if (store_put(p->store, &r, e) < 0) {
			store_rollback(p->store);
			return -1;
		}
	}
	if (note_history(p, &begun, e) < 0 || note_guards(p, &begun, e) < 0) {
		store_rollback(p->store);
		return -1;
	}
	return begun ? store_commit(p->store, e) : 0;
}

void pass_close(struct pass *p)
{
	log_operation(NULL);
	store_close(p->store);
	p->store = NULL;
	home_close(&p->home);
}
