/* tombstone.c - deleted VMs that can come back; see tombstone.h. */
#include "reconciler/engine/tombstone.h"

#include "reconciler/engine/drive.h"
#include "reconciler/engine/pass.h"
#include "schema/base/clock.h"
#include "schema/base/json.h"
#include "schema/base/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *tomb_file(struct arena *a, const char *id)
{
	return arena_printf(a, "kept/%s.img", id);
}

const char *tomb_owner(struct arena *a, const char *id)
{
	return arena_printf(a, "kept/%s", id);
}

bool tomb_owns(const struct tombstones *all, const char *file)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	vec_each(t, all)
		if (!strcmp(tomb_file(&a, t->id), file))
			return true;
	return false;
}

/* The newest one of that VM in that state; NULL: none. Lists are in order of name: one that a pass
 * makes follows its views. */
static const struct tombstone *find(const struct tombstones *all, const char *name,
	enum tomb_state state)
{
	size_t low = 0, high = all->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(all->v[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < all->n && !strcmp(all->v[low].name, name); low++)
		if (all->v[low].state == state)
			return &all->v[low];
	return NULL;
}

bool tomb_is_kept(const struct tombstones *all, const char *name)
{
	return find(all, name, TOMB_KEPT) != NULL;
}

static struct event event_of(struct arena *a, const char *pass, enum kind kind,
	const struct tombstone *t, const char *what, const char *state, const char *text)
{
	_cleanup_json_ json_t *detail = json_pack("{s:s}", "text", text);

	return (struct event){.time_ms = clock_real_ms(), .pass = pass, .kind = kind, .name = t->name,
		.source = t->source, .what = what, .state = state, .detail = json_text(a, detail),
		.place = t->vm.where, .uid = (uint32_t)getuid()};
}

/* ---- back --------------------------------------------------------------------------------- */

static const char *identity(const struct kvs *facts)
{
	return kvs_get(facts, "use") ? kvs_get(facts, "use") : kvs_get(facts, "id");
}

/* Why the disk cannot go on as it is: it has to be made from the same content, and be not larger than asked
 * for. NULL: it can. */
static const char *what_differs(const struct pass *p, const struct view *disk, const struct tombstone *t)
{
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)disk->object->spec;
	const struct view *image = views_find(&p->views, KIND_IMAGE, vm->image);
	const char *from = kvs_get(&t->disk.facts, arena_printf(p->a, "in.image/%s", vm->image));
	const char *to = image ? identity(&image->resolved) : NULL;

	if (!from || (to && strcmp(from, to) != 0))
		return "of another image";
	return kvs_u64(&t->disk.facts, "size", 0) <= vm->disk_size ? NULL : "larger";
}

static struct record *row_back(struct arena *a, const struct tombstone *t, const struct record *of)
{
	struct record *r = arena_new(a, struct record);

	*r = *of;
	r->changed_at_ms = clock_real_ms(); /* a tombstone does not keep it, and it is a change */
	kvs_copy(a, &r->facts, &of->facts);
	if (r->kind == KIND_DISK)
		kvs_set(a, &r->facts, "kept", tomb_file(a, t->id));
	return r;
}

/* A disk whose deletion has begun: its file may be here or there already. */
static bool is_going(const struct view *v)
{
	return !v->record || v->record->state == RECORD_DELETING || v->record->state == RECORD_FAILED;
}

/* Where its file is when its deletion has not moved it yet: only its row says that, not the tombstone,
 * since the name may be another VM's later. */
static void keep_place(struct arena *a, const struct view *disk, struct tombstone *t)
{
	const char *was = disk->record ? kvs_get(&disk->record->facts, "was") : NULL;
	struct kvs facts;

	if (!was)
		return;
	kvs_copy(a, &facts, &t->disk.facts);
	kvs_set(a, &facts, "was", was);
	t->disk.facts = facts;
}

static void bring_back(struct pass *p, struct view *disk, struct view *vm,
	const struct tombstone *from)
{
	const char *owner = tomb_owner(p->a, from->id);
	struct tombstone *t;

	/* With steps at the same time the VM may be forgotten before its disk is begun with. */
	if (from->state == TOMB_CLOSING && !is_going(disk) && vm && vm->record) {
		*vec_push(p->a, &p->tombs.stale) = from->id;
		return;
	}
	t = vec_push(p->a, &p->tombs.back);
	*t = *from;
	keep_place(p->a, disk, t);
	disk->record = row_back(p->a, t, &t->disk);
	if (vm && vm->record) /* it has not been deleted yet: its row is newer */
		t->vm.name = NULL;
	else if (vm)
		vm->record = row_back(p->a, t, &t->vm);
	vec_each(l, &p->leases)
		if (l->value == kvs_u64(&t->vm.facts, "cid", 0) && !strcmp(l->owner, owner))
			l->owner = arena_printf(p->a, "vm/%s", t->name);
}

void tomb_bring_back(struct pass *p)
{
	if (!p->tombs.all.n || !p->spec)
		return;
	vec_each(v, &p->views) {
		const struct tombstone *t;
		const struct view *vm;
		const char *differs;

		if (!v->object || v->object->kind != KIND_DISK || v->drift == DRIFT_HOLD)
			continue;
		t = find(&p->tombs.all, v->object->name, TOMB_CLOSING);
		vm = views_find(&p->views, KIND_VM, v->object->name);
		if (!t && !v->record && !(vm && vm->record)) {
			t = find(&p->tombs.all, v->object->name, TOMB_KEPT);
			differs = t ? what_differs(p, v, t) : NULL;
			if (differs) { /* the plan says so before anybody agrees to it */
				v->note = arena_printf(p->a, "made anew: its old data stays in %s, which is %s",
					tomb_file(p->a, t->id), differs);
				t = NULL;
			}
		}
		if (t && p->source && !strcmp(t->source, p->source))
			bring_back(p, v, vm ? &p->views.v[vm - p->views.v] : NULL, t);
	}
}

/* ---- delete ------------------------------------------------------------------------------- */

/* It was complete once: what was never made holds nothing of anybody. */
static bool has_data(const struct record *disk)
{
	return disk->state == RECORD_MADE || disk->state == RECORD_DELETING ||
		kvs_get(&disk->facts, "backend");
}

/* The window of a source; that of the last one asked for is at hand. */
struct window {
	const char *source;
	uint64_t ms;
};

static int window_of(struct pass *p, const char *source, struct window *last, struct err *e)
{
	struct guard guard;

	if (last->source && !strcmp(last->source, source))
		return 0;
	if (guard_load(p->a, p->store, NULL, source, &guard, e) < 0)
		return -1;
	*last = (struct window){source, guard.undelete_ms};
	return 0;
}

int tomb_mark(struct pass *p, struct err *e)
{
	struct window window = {p->source, p->guard.undelete_ms};

	vec_each(v, &p->views) {
		const struct tombstone *t;

		if (v->object || v->record->kind != KIND_DISK || p->purge)
			continue;
		t = find(&p->tombs.all, v->record->name, TOMB_CLOSING);
		if (t) {
			v->keep = tomb_file(p->a, t->id);
			v->keep_until_ms = t->until_ms;
			continue;
		}
		if (window_of(p, v->record->source, &window, e) < 0)
			return -1;
		if (!window.ms || !has_data(v->record))
			continue;
		v->keep = tomb_file(p->a, arena_printf(p->a, "%s-%lld", v->record->name,
			(long long)p->now_ms));
		v->keep_until_ms = p->now_ms + (int64_t)window.ms;
	}
	return 0;
}

/* A process that is over is nothing to come back to. */
static void strip(struct arena *a, struct record *r)
{
	static const char *const over[] = {"pid", "start", "boot_id", "nonce", "exit", "accel", "ready",
		"was", "kept"};
	struct kvs facts;

	kvs_copy(a, &facts, &r->facts);
	for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
		kvs_set(a, &facts, over[i], NULL);
	r->facts = facts;
}

static void close_one(struct pass *p, const struct view *v)
{
	struct tombstone *t = vec_push(p->a, &p->tombs.closing);
	const struct tombstone *old = find(&p->tombs.all, v->record->name, TOMB_CLOSING);
	const struct view *vm = views_find(&p->views, KIND_VM, v->record->name);
	const char *id = v->keep + strlen("kept/");

	if (old) {
		*t = *old;
		return;
	}
	*t = (struct tombstone){
		.id = arena_dupn(p->a, id, strlen(id) - strlen(".img")),
		.name = v->record->name,
		.source = v->record->source,
		.state = TOMB_CLOSING,
		.deleted_ms = p->now_ms,
		.until_ms = v->keep_until_ms,
		.vm = {.kind = KIND_VM, .name = v->record->name, .source = v->record->source},
		.disk = *v->record,
	};
	if (vm && vm->record)
		t->vm = *vm->record;
	strip(p->a, &t->vm);
	strip(p->a, &t->disk);
}

void tomb_close(struct pass *p)
{
	for (size_t i = 0; i < p->views.n; i++) {
		const struct view *v = &p->views.v[i];
		enum verdict verdict = p->plan.deltas[i].verdict;

		/* A disk that is gone left nothing to keep, unless it is gone because it is kept. */
		if (v->keep && (verdict == VERDICT_DELETE || (verdict == VERDICT_FORGET &&
			find(&p->tombs.all, v->record->name, TOMB_CLOSING))))
			close_one(p, v);
	}
}

/* ---- write -------------------------------------------------------------------------------- */

static int put_back(struct store *s, struct arena *a, const struct tombstone *t, const char *pass,
	struct err *e)
{
	struct record *vm = row_back(a, t, &t->vm);
	struct events events = {0};

	vm->reason = "undeleted: apply the spec that names it";
	if ((vm->name && store_put(s, vm, e) < 0) || store_put(s, row_back(a, t, &t->disk), e) < 0 ||
		store_lease_rename(s, PLAN_CID_POOL, tomb_owner(a, t->id),
			arena_printf(a, "vm/%s", t->name), e) < 0 ||
		store_tomb_drop(s, t->id, e) < 0)
		return -1;
	*vec_push(a, &events) = event_of(a, pass, KIND_DISK, t, "undeleted", "making",
		"its data is back");
	*vec_push(a, &events) = event_of(a, pass, KIND_VM, t, "undeleted", "making",
		kvs_get(&t->vm.facts, "cid") || !vm->name ? "its identity is back"
			: "back without its vsock cid: another VM has that by now");
	return store_event_add(s, &events, e);
}

/* An identity that the spec gives to somebody by name is not kept for who is gone. */
static int release_taken(struct store *s, const struct plan *plan, const struct leases *leases,
	struct err *e)
{
	vec_each(take, &plan->take)
		vec_each(l, leases)
			if (l->value == take->value && !strcmp(l->pool, take->pool) &&
				!strncmp(l->owner, "kept/", 5) &&
				store_release(s, l->pool, l->owner, e) < 0)
				return -1;
	return 0;
}

int tomb_write(const struct tomb_work *w, const struct plan *plan, const struct leases *leases,
	struct store *s, struct arena *a, const char *pass, struct err *e)
{
	vec_each(id, &w->stale)
		if (store_tomb_drop(s, *id, e) < 0)
			return -1;
	vec_each(t, &w->back)
		if (put_back(s, a, t, pass, e) < 0)
			return -1;
	vec_each(t, &w->closing)
		if (store_tomb_put(s, t, e) < 0)
			return -1;
	return release_taken(s, plan, leases, e);
}

int tomb_forget(const struct tomb_work *w, const struct record *r, struct store *s, struct arena *a,
	struct err *e)
{
	const struct tombstone *t = w ? find(&w->closing, r->name, TOMB_CLOSING) : NULL;
	const char *as = kvs_get(&r->facts, "kept_as");
	struct tombstone kept;

	if (r->kind == KIND_VM) {
		const char *owner = arena_printf(a, "vm/%s", r->name);

		return t ? store_lease_rename(s, PLAN_CID_POOL, owner, tomb_owner(a, t->id), e)
			 : store_release(s, PLAN_CID_POOL, owner, e);
	}
	if (r->kind != KIND_DISK || !t)
		return 0;
	if (as && !strcmp(as, "nothing")) /* the driver found no file to keep */
		return store_tomb_drop(s, t->id, e);
	kept = *t;
	kept.state = TOMB_KEPT;
	return store_tomb_put(s, &kept, e);
}

/* ---- undelete ----------------------------------------------------------------------------- */

static int none_kept(const struct pass *p, const char *name, struct err *e)
{
	vec_each(r, &p->records)
		if (r->kind == KIND_VM && !strcmp(r->name, name))
			return err_set(e, ERR_CONFLICT, "vm/%s is there", name);
	err_set(e, ERR_FAILED, "nothing is kept of vm/%s", name);
	return err_hint(e, p->tombs.all.n ? "what is kept: reconcile gc"
					  : "nothing is kept of any VM");
}

/* Whoever asked for its context id by number has it now: two rows must not both name it. */
static const struct tombstone *with_own_cid(struct pass *p, const struct tombstone *kept)
{
	const char *owner = tomb_owner(p->a, kept->id);
	struct tombstone *t = arena_new(p->a, struct tombstone);

	vec_each(l, &p->leases)
		if (!strcmp(l->owner, owner))
			return kept;
	*t = *kept;
	kvs_copy(p->a, &t->vm.facts, &kept->vm.facts);
	kvs_set(p->a, &t->vm.facts, "cid", NULL);
	return t;
}

int tomb_undelete(struct pass *p, const char *name, const struct tombstone **out, struct err *e)
{
	const struct tombstone *t = find(&p->tombs.all, name, TOMB_KEPT);

	if (!t)
		return none_kept(p, name, e);
	vec_each(r, &p->records) {
		if ((r->kind != KIND_VM && r->kind != KIND_DISK) || strcmp(r->name, name) != 0)
			continue;
		err_set(e, ERR_CONFLICT, "there is another vm/%s (from %s)", name, r->source);
		return err_hint(e, "its name has to be free: delete or rename that one first");
	}
	t = with_own_cid(p, t);
	if (store_begin(p->store, e) < 0)
		return -1;
	if (put_back(p->store, p->a, t, p->id, e) < 0) {
		store_rollback(p->store);
		return -1;
	}
	*out = t;
	return store_commit(p->store, e);
}

/* ---- purge -------------------------------------------------------------------------------- */

static int begin_purge(struct pass *p, const struct tombstone *t, const struct step *step,
	int64_t *intent, struct err *e)
{
	struct tombstone purging = *t;

	purging.state = TOMB_PURGING;
	if (store_begin(p->store, e) < 0)
		return -1;
	if (store_tomb_put(p->store, &purging, e) < 0 ||
		store_intent(p->store, p->id, step, intent, e) < 0) {
		store_rollback(p->store);
		return -1;
	}
	return store_commit(p->store, e);
}

static int end_purge(struct pass *p, const struct tombstone *t, int64_t intent, const char *error,
	struct err *e)
{
	const bool done = !error;
	struct events events = {0};

	*vec_push(p->a, &events) = event_of(p->a, p->id, KIND_DISK, t, "purged", NULL,
		done ? "what was kept of it is removed" : error);
	if (store_begin(p->store, e) < 0)
		return -1;
	if (store_outcome(p->store, intent, done ? "done" : "failed", error, e) < 0 ||
		(done && (store_tomb_drop(p->store, t->id, e) < 0 ||
			store_release(p->store, PLAN_CID_POOL, tomb_owner(p->a, t->id), e) < 0 ||
			store_event_add(p->store, &events, e) < 0))) {
		store_rollback(p->store);
		return -1;
	}
	return store_commit(p->store, e);
}

/* 0 gone, 1 it could not be removed, -1 with e. */
static int purge_one(struct pass *p, const struct tombstone *t, struct err *e)
{
	struct step step = {.op = STEP_DELETE, .kind = KIND_DISK, .name = t->name};
	struct err why = ERR_INIT;
	struct kvs facts = {0};
	int64_t intent = 0;
	int rc;

	kvs_set(p->a, &step.args, "kept", tomb_file(p->a, t->id));
	if (begin_purge(p, t, &step, &intent, e) < 0)
		return -1;
	rc = drive_apply(&p->home.host, &step, &facts, &why);
	if (rc < 0)
		log_warn("what is kept of a deleted VM cannot be removed", "vm=%s error=\"%s\"", t->name,
			why.msg);
	if (end_purge(p, t, intent, rc < 0 ? why.msg : NULL, e) < 0)
		return -1;
	return rc < 0;
}

/* Its rows are about to be put back, or have been. */
static bool is_back(const struct pass *p, const struct tombstone *t)
{
	vec_each(b, &p->tombs.back)
		if (!strcmp(b->id, t->id))
			return true;
	return false;
}

int tomb_purge(struct pass *p, bool (*chosen)(const struct pass *p, const struct tombstone *t),
	size_t *gone, size_t *failed, struct err *e)
{
	*gone = *failed = 0;
	vec_each(t, &p->tombs.all) {
		bool over = t->state == TOMB_PURGING || t->until_ms <= p->now_ms ||
			(chosen && chosen(p, t));
		int rc;

		if (!over || t->state == TOMB_CLOSING || t->state == TOMB_GONE || is_back(p, t))
			continue;
		rc = purge_one(p, t, e);
		if (rc < 0)
			return -1;
		t->state = rc ? TOMB_PURGING : TOMB_GONE;
		*failed += (size_t)rc;
		*gone += !rc;
	}
	return 0;
}
