/* fake.c - an in-memory world with scripted failures; see fake.h. */
#include "drivers/fake/fake.h"

#include "schema/field.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct fake_world *world;
static void (*apply_hook)(const struct step *step);

struct fake_world *fake_new(void)
{
	void *p = mmap(NULL, sizeof(struct fake_world), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void fake_use(struct fake_world *w, void (*on_apply)(const struct step *step))
{
	world = w;
	apply_hook = on_apply;
}

struct fake_world *fake_world_now(void)
{
	return world;
}

struct fake_thing *fake_find(struct fake_world *w, enum kind kind, const char *name)
{
	for (size_t i = 0; i < FAKE_THINGS; i++)
		if (w->things[kind][i].exists && !strcmp(w->things[kind][i].name, name))
			return &w->things[kind][i];
	return NULL;
}

struct fake_thing *fake_add(struct fake_world *w, enum kind kind, const char *name)
{
	struct fake_thing *t;

	while (__atomic_test_and_set(&w->adding, __ATOMIC_ACQUIRE))
		sched_yield();
	t = fake_find(w, kind, name);
	for (size_t i = 0; !t && i < FAKE_THINGS; i++)
		if (!w->things[kind][i].exists)
			t = &w->things[kind][i];
	if (!t)
		abort();
	*t = (struct fake_thing){.exists = true};
	snprintf(t->name, sizeof(t->name), "%s", name);
	__atomic_clear(&w->adding, __ATOMIC_RELEASE);
	return t;
}

void fake_violate(struct fake_world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->violation[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->violation, sizeof(w->violation), fmt, ap);
	va_end(ap);
}

static bool any_running(const char *disk)
{
	struct fake_thing *vm = fake_find(world, KIND_VM, disk);

	return vm && vm->running && !vm->foreign && !vm->lost;
}

static bool has_id(enum kind kind, const char *id)
{
	for (size_t i = 0; id && i < FAKE_THINGS; i++)
		if (world->things[kind][i].exists && !strcmp(world->things[kind][i].id, id))
			return true;
	return false;
}

/* ---- effects -------------------------------------------------------------------------------- */

static void set_id(struct fake_thing *t, const struct kvs *args)
{
	const char *id = kvs_get(args, "id");

	snprintf(t->id, sizeof(t->id), "%s", id ? id : "");
	t->size = kvs_u64(args, "size", 0);
}

static void check_nic(const struct step *s, const struct fake_thing *t)
{
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)s->object->spec;

	if (any_running(s->name))
		fake_violate(world, "nic/%s made under a running VM", s->name);
	if (t && !t->half)
		fake_violate(world, "nic/%s made over another", s->name);
	for (size_t i = 0; i < vm->networks.n; i++)
		if (!fake_find(world, KIND_NETWORK, vm->networks.v[i]))
			fake_violate(world, "nic/%s made without network/%s", s->name, vm->networks.v[i]);
}

/* Some VM has an interface in it. */
static bool is_used(const char *network)
{
	for (size_t i = 0; i < FAKE_THINGS; i++)
		if (world->things[KIND_NIC][i].exists && strstr(world->things[KIND_NIC][i].id, network))
			return true;
	return false;
}

static void make(const struct step *s, bool half)
{
	struct fake_thing *t = fake_find(world, s->kind, s->name);

	if (t && t->foreign) {
		fake_violate(world, "overwrote foreign %s/%s", kind_name(s->kind), s->name);
		return;
	}
	if (s->kind == KIND_DISK && !has_id(KIND_IMAGE, kvs_get(&s->args, "base")))
		fake_violate(world, "disk/%s made without its image", s->name);
	if (s->kind == KIND_DISK && t && !t->half)
		fake_violate(world, "disk/%s made over another", s->name);
	if (s->kind == KIND_NIC)
		check_nic(s, t);
	t = fake_add(world, s->kind, s->name);
	set_id(t, &s->args);
	t->half = half;
	t->birth = __atomic_add_fetch(&world->births, 1, __ATOMIC_RELAXED);
}

static void check_start(const struct step *s, const struct fake_thing *t)
{
	uint64_t cid = kvs_u64(&s->args, "cid", 0);

	if (t && t->running)
		fake_violate(world, "second VMM for vm/%s", s->name);
	if (!fake_find(world, KIND_DISK, s->name) || fake_find(world, KIND_DISK, s->name)->half)
		fake_violate(world, "vm/%s started without its disk", s->name);
	if (!has_id(KIND_KERNEL, kvs_get(&s->args, "kernel_id")))
		fake_violate(world, "vm/%s started without its kernel", s->name);
	for (size_t i = 0; s->object && i < ((const struct vm_spec *)(const void *)s->object->spec)->networks.n; i++)
		if (!fake_find(world, KIND_FIREWALL,
			((const struct vm_spec *)(const void *)s->object->spec)->networks.v[i]))
			fake_violate(world, "vm/%s started without the rules of its network", s->name);
	if (kvs_get(&s->args, "nic") && !fake_find(world, KIND_NIC, s->name))
		fake_violate(world, "vm/%s started without its interfaces", s->name);
	for (size_t i = 0; i < FAKE_THINGS; i++)
		if (world->things[KIND_VM][i].running && !world->things[KIND_VM][i].lost &&
			world->things[KIND_VM][i].cid == cid)
			fake_violate(world, "cid %llu twice", (unsigned long long)cid);
}

static void start(const struct step *s, bool half)
{
	struct fake_thing *t = fake_find(world, KIND_VM, s->name);
	const char *shape = kvs_get(&s->args, "shape");
	uint32_t starts = t ? t->starts : 0;

	check_start(s, t);
	t = fake_add(world, KIND_VM, s->name);
	t->starts = starts + 1;
	t->cid = kvs_u64(&s->args, "cid", 0);
	t->running = !half;
	t->networked = kvs_get(&s->args, "nic") != NULL;
	snprintf(t->shape, sizeof(t->shape), "%s", shape ? shape : "");
}

/* The thing of a step, also where a rename has left it. */
static struct fake_thing *find_for(const struct step *s)
{
	const char *was = kvs_get(&s->args, "was");
	struct fake_thing *t = fake_find(world, s->kind, s->name);

	return t || !was ? t : fake_find(world, s->kind, was);
}

static void take_name(struct fake_thing *t, const char *name)
{
	snprintf(t->name, sizeof(t->name), "%s", name);
}

static void stop(const struct step *s, bool half)
{
	struct fake_thing *t = s->kind == KIND_VM ? find_for(s) : NULL;

	if (!t || half)
		return;
	t->running = false;
	take_name(t, s->name);
}

/* ---- disks that are kept ---------------------------------------------------------------------- */

static struct fake_kept *kept_find(const char *file)
{
	for (size_t i = 0; file && i < FAKE_KEPT; i++)
		if (world->kept[i].thing.exists && !strcmp(world->kept[i].file, file))
			return &world->kept[i];
	return NULL;
}

/* One rename: half of it is none of it. */
static void keep(struct fake_thing *t, const char *file, bool half)
{
	struct fake_kept *k = world->kept;

	if (half)
		return;
	if (kept_find(file))
		fake_violate(world, "%s is kept twice", file);
	while (k < world->kept + FAKE_KEPT && k->thing.exists)
		k++;
	if (k == world->kept + FAKE_KEPT)
		abort();
	k->thing = *t;
	snprintf(k->file, sizeof(k->file), "%s", file);
	t->exists = false;
}

static void bring_home(const struct step *s)
{
	struct fake_kept *k = kept_find(kvs_get(&s->args, "kept"));
	struct fake_thing *t = find_for(s);

	if (t) {
		take_name(t, s->name);
	} else if (k) {
		*fake_add(world, KIND_DISK, s->name) = k->thing;
		snprintf(fake_find(world, KIND_DISK, k->thing.name)->name, sizeof(k->thing.name), "%s",
			s->name);
		k->thing.exists = false;
	}
}

static void drop_kept(const struct step *s, bool half)
{
	struct fake_kept *k = kvs_get(&s->args, "keep") ? NULL : kept_find(kvs_get(&s->args, "kept"));

	if (k && !half)
		k->thing.exists = false;
}

static void take_away(const struct step *s, bool half)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	struct fake_thing *t = find_for(s);
	const char *id = kvs_get(&s->args, "id"), *to = kvs_get(&s->args, "keep");
	const char *shared = kvs_get(&s->args, "shared");

	if (!t && to && kept_find(kvs_get(&s->args, "kept")) && !half)
		snprintf(kept_find(kvs_get(&s->args, "kept"))->file, sizeof(world->kept[0].file), "%s", to);
	if (kvs_get(&s->args, "kept"))
		drop_kept(s, half);
	if (kvs_get(&s->args, "kept") && !to && !kvs_get(&s->args, "file"))
		return;
	if (!t || (shared && !strcmp(shared, "1")))
		return;
	if (t->foreign) {
		fake_violate(world, "removed foreign %s/%s", kind_name(s->kind), s->name);
		return;
	}
	if (s->kind <= KIND_KERNEL && id && strcmp(t->id, id))
		return; /* pruning what was there before: that name is a new thing by now */
	if (s->kind == KIND_NETWORK && is_used(arena_printf(&scratch, " %s ", s->name)))
		fake_violate(world, "network/%s removed while it has interfaces", s->name);
	if (s->kind == KIND_NIC && any_running(s->name) && fake_find(world, KIND_VM, s->name)->networked)
		fake_violate(world, "nic/%s removed under a running VM", s->name);
	if ((s->kind == KIND_DISK || s->kind == KIND_VM) && any_running(s->name))
		fake_violate(world, "%s/%s removed under a running VM", kind_name(s->kind), s->name);
	if (to && !t->half) {
		keep(t, to, half);
		return;
	}
	t->half = true;
	t->exists = half;
}

static void grow(const struct step *s, bool half)
{
	struct fake_thing *t = fake_find(world, s->kind, s->name);

	if (s->kind != KIND_DISK) { /* a network or an interface is put right in place */
		if (t && !half)
			t->altered = t->half = false;
		return;
	}
	if (any_running(s->name))
		fake_violate(world, "disk/%s changed under a running VM", s->name);
	if (!half)
		bring_home(s);
	t = fake_find(world, KIND_DISK, s->name);
	if (t && !half)
		t->size = kvs_u64(&s->args, "size", 0);
}

static void effect(const struct step *s, bool half)
{
	switch (s->op) {
	case STEP_CREATE:
		make(s, half);
		break;
	case STEP_START:
		start(s, half);
		break;
	case STEP_STOP:
		stop(s, half);
		break;
	case STEP_DELETE:
		take_away(s, half);
		break;
	case STEP_UPDATE:
		grow(s, half);
		break;
	default:
		break;
	}
}

/* ---- script --------------------------------------------------------------------------------- */

/* What the script says about this call; FAKE_MODE_N: nothing. */
static enum fake_mode scripted(void)
{
	world->calls++;
	for (size_t i = 0; i < FAKE_SCRIPT; i++)
		if (world->script[i].at == world->calls) {
			world->fired++;
			return world->script[i].mode;
		}
	return FAKE_MODE_N;
}

static int perform(const struct step *s, void (*act)(const struct step *s, bool half),
	struct err *e)
{
	enum fake_mode mode = scripted();

	if (mode == FAKE_KILL_BEFORE)
		_exit(FAKE_EXIT);
	if (mode == FAKE_FAIL)
		return err_set(e, ERR_SYSTEM, "scripted failure at call %u", world->calls);
	act(s, mode == FAKE_FAIL_HALF || mode == FAKE_KILL_HALF);
	if (mode == FAKE_KILL_AFTER || mode == FAKE_KILL_HALF)
		_exit(FAKE_EXIT);
	if (mode == FAKE_FAIL_HALF || mode == FAKE_FAIL_AFTER)
		return err_set(e, ERR_SYSTEM, "scripted failure in call %u", world->calls);
	return 0;
}

/* ---- slots ---------------------------------------------------------------------------------- */

static int fake_resolve(struct host *h, const struct object *o, const struct record *r,
	struct kvs *facts, struct err *e)
{
	const struct image_spec *image = (const struct image_spec *)(const void *)o->spec;
	const struct kernel_spec *kernel = (const struct kernel_spec *)(const void *)o->spec;
	const struct net_spec *net = (const struct net_spec *)(const void *)o->spec;

	(void)r;
	(void)e;
	if (o->kind == KIND_IMAGE)
		kvs_setf(h->arena, facts, "id", "sha256:%s%s", image->oci, world->content);
	else if (o->kind == KIND_NETWORK)
		kvs_setf(h->arena, facts, "use", "%s%s%s", net->subnet, net->gateway ? " via " : "",
			net->gateway ? net->gateway : "");
	else
		kvs_setf(h->arena, facts, "id", "kernel:%s", kernel->file);
	return 0;
}

static const char *shape_of(struct arena *a, const struct vm_spec *vm)
{
	return arena_printf(a, "%u cpus, %llu bytes", vm->vcpus, (unsigned long long)vm->memory);
}

static void observe_vm(struct host *h, struct view *v, const struct fake_thing *t)
{
	const struct vm_spec *vm = v->object ? (const void *)v->object->spec : NULL;
	struct observed *o = &v->observed;

	o->running = t && t->running;
	if (o->running && (!v->record || !kvs_get(&v->record->facts, "pid")))
		kvs_setf(h->arena, &o->facts, "pid", "%u", 1000 + t->starts);
	if (o->running && !v->record)
		kvs_setf(h->arena, &o->facts, "cid", "%llu", (unsigned long long)t->cid);
	if (!vm) {
		o->seen = t ? SEEN_SAME : SEEN_ABSENT;
		return;
	}
	o->seen = SEEN_SAME;
	if (!t && (vm->running || !v->record))
		o->seen = SEEN_ABSENT;
	if (t && o->running != vm->running) {
		o->seen = SEEN_DRIFTED;
		o->cost = CHANGE_RESTART;
		o->reason = o->running ? "running, expected stopped" : "not running";
	}
	if (o->running && strcmp(t->shape, shape_of(h->arena, vm)) && !v->record) {
		o->seen = SEEN_DRIFTED;
		o->cost = CHANGE_RESTART;
	}
}

/* An image or kernel that is not the one recorded; with no row, not the one wanted. */
static bool is_other_content(const struct view *v, enum kind kind, const struct fake_thing *t)
{
	const char *id = kvs_get(v->record ? &v->record->facts : &v->resolved, "id");

	return t->altered || (kind <= KIND_KERNEL && id && strcmp(t->id, id) != 0);
}

/* By its name, by the one that it had, or where it is kept. */
static const struct fake_thing *find_thing(enum kind kind, const struct view *v)
{
	const struct fake_thing *t = fake_find(world, kind, v->object ? v->object->name : v->record->name);
	const char *was = v->record ? kvs_get(&v->record->facts, "was") : NULL;
	const struct fake_kept *k = v->record ? kept_find(kvs_get(&v->record->facts, "kept")) : NULL;

	if (!t && was)
		t = fake_find(world, kind, was);
	return !t && k ? &k->thing : t;
}

static int fake_observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	(void)e;
	for (struct view *v = views; v < views + n; v++) {
		enum kind kind = v->object ? v->object->kind : v->record->kind;
		const struct fake_thing *t = find_thing(kind, v);

		v->observed = (struct observed){.seen = t ? SEEN_SAME : SEEN_ABSENT};
		if (t && t->foreign)
			v->observed.seen = SEEN_FOREIGN;
		else if (kind == KIND_VM)
			observe_vm(h, v, t);
		else if (t && (kind == KIND_NETWORK || kind == KIND_FIREWALL || kind == KIND_NIC))
			v->observed = (struct observed){
				.seen = t->half || t->altered ? SEEN_DRIFTED : SEEN_SAME,
				.cost = t->half ? CHANGE_RESTART : CHANGE_LIVE,
				.reason = !t->half && !t->altered ? NULL : kind == KIND_FIREWALL
					? "rules were altered" : "its link is down"};
		else if (t && (t->half || is_other_content(v, kind, t)))
			v->observed = (struct observed){.seen = SEEN_DRIFTED, .cost = CHANGE_REPLACE,
				.reason = "half made"};
		else if (kind == KIND_DISK && t && v->object && !v->record && t->size !=
			((const struct vm_spec *)(const void *)v->object->spec)->disk_size)
			v->observed = (struct observed){.seen = SEEN_DRIFTED, .cost = CHANGE_REPLACE,
				.reason = "has another size, and nothing tells whose it is"};
	}
	return 0;
}

static int fake_name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	struct arena *a = in->host->arena;
	const struct object *o = in->object;
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)o->spec;
	const struct kvs *dep;

	(void)e;
	kvs_merge(a, args, in->resolved);
	if (o->kind <= KIND_KERNEL)
		kvs_setf(a, args, "file", "%s", kvs_get(args, "id"));
	if (o->kind == KIND_NETWORK || o->kind == KIND_FIREWALL || o->kind == KIND_NIC)
		kvs_merge(a, args, in->leases);
	if (o->kind == KIND_NETWORK)
		kvs_setf(a, args, "id", "network-%s", o->name);
	if (o->kind == KIND_FIREWALL)
		kvs_setf(a, args, "id", "firewall-%s", o->name);
	if (o->kind == KIND_NETWORK)
		kvs_setf(a, args, "ifname", "br%s", kvs_get(args, "bridge"));
	if (o->kind == KIND_NIC) {
		const char *id = "in ";

		for (size_t i = 0; i < vm->networks.n; i++)
			id = arena_printf(a, "%s %s at %s", id, vm->networks.v[i],
				kvs_get(in->leases, arena_printf(a, "address.%s", vm->networks.v[i])));
		kvs_set(a, args, "id", id);
	}
	if (o->kind == KIND_DISK) {
		dep = in->dep(in, KIND_IMAGE, vm->image);
		kvs_setf(a, args, "id", "disk-%s-%u", o->name, in->generation);
		kvs_setf(a, args, "file", "vms/%s", o->name);
		kvs_setf(a, args, "size", "%llu", (unsigned long long)vm->disk_size);
		kvs_set(a, args, "base", dep ? kvs_get(dep, "id") : "?");
	}
	if (o->kind == KIND_VM) {
		dep = in->dep(in, KIND_KERNEL, vm->kernel);
		kvs_setf(a, args, "id", "vm-%s", o->name);
		kvs_setf(a, args, "cid", "%u", in->cid);
		kvs_set(a, args, "shape", shape_of(a, vm));
		kvs_set(a, args, "kernel_id", dep ? kvs_get(dep, "id") : "?");
		dep = vm->networks.n ? in->dep(in, KIND_NIC, o->name) : NULL;
		kvs_set(a, args, "nic", dep ? kvs_get(dep, "id") : NULL);
	}
	return 0;
}

static int fake_apply(struct host *h, const struct step *s, struct kvs *facts, struct err *e)
{
	struct fake_thing *t;

	if (apply_hook)
		apply_hook(s);
	if (perform(s, effect, e) < 0)
		return -1;
	t = fake_find(world, KIND_VM, s->name);
	if (s->op == STEP_WAIT && (!t || !t->running))
		return err_set(e, ERR_GUEST, "vm/%s is not running", s->name);
	/* As the real one: without its pid nobody can tell a slow VM from a dead one. */
	if (s->op == STEP_WAIT && !kvs_get(&s->args, "pid"))
		return err_set(e, ERR_GUEST, "vm/%s is to be waited for, and nobody says which process", s->name);
	if (s->op == STEP_WAIT && world->slow_guest)
		return err_set(e, ERR_TIMEOUT, "vm/%s is not ready", s->name);
	if (s->op == STEP_CREATE && s->kind == KIND_DISK)
		kvs_set(h->arena, facts, "backend", "copy");
	if (s->op == STEP_DELETE && kvs_get(&s->args, "keep"))
		kvs_set(h->arena, facts, "kept_as", kept_find(kvs_get(&s->args, "keep"))
			? kvs_get(&s->args, "keep") : "nothing");
	if (s->op == STEP_START)
		kvs_setf(h->arena, facts, "pid", "%u", 1000 + t->starts);
	return 0;
}

static void reverse(const struct step *s, bool half)
{
	struct fake_thing *t = fake_find(world, s->kind, s->name);

	if (!t || t->foreign)
		return;
	t->running = false;
	t->half = true;
	t->exists = half;
}

static int fake_undo(struct host *h, const struct step *s, struct err *e)
{
	(void)h;
	return perform(s, reverse, e);
}

#define SLOTS .observe = fake_observe, .name_step = fake_name_step, .apply = fake_apply, \
	.undo = fake_undo

static const struct driver drivers[KIND_N] = {
	[KIND_IMAGE] = {.name = "fake image", .kind = KIND_IMAGE, .resolve = fake_resolve, SLOTS},
	[KIND_KERNEL] = {.name = "fake kernel", .kind = KIND_KERNEL, .resolve = fake_resolve, SLOTS},
	[KIND_NETWORK] = {.name = "fake network", .kind = KIND_NETWORK, .resolve = fake_resolve, SLOTS},
	[KIND_FIREWALL] = {.name = "fake firewall", .kind = KIND_FIREWALL, SLOTS},
	[KIND_NIC] = {.name = "fake nic", .kind = KIND_NIC, SLOTS},
	[KIND_DISK] = {.name = "fake disk", .kind = KIND_DISK, SLOTS},
	[KIND_VM] = {.name = "fake vm", .kind = KIND_VM, SLOTS},
	[KIND_GUEST] = {.name = "fake guest", .kind = KIND_GUEST, SLOTS},
};

const struct driver *driver_for(enum kind kind)
{
	return &drivers[kind];
}
