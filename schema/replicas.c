/* replicas.c - one VM of the spec that stands for several: NAME-1 to NAME-N.
 *
 * What is written is judged once, under its own name. The names of the replicas are known from then
 * on: who depends on NAME depends on all of them, who names NAME-2 on that one. They become VMs of their own when the spec
 * is known to be right. With "replicas: 1" the VM is NAME-1, so that another number later keeps it.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 60
#define NAME_BYTES_MAX 63
#define SUFFIX_MAX 16
#define EDGES_MAX 1000000u

static const char *name_of(struct arena *a, const struct vm_spec *vm, uint32_t i)
{
	return arena_printf(a, "%s-%u", vm->head.name, i);
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct diag *complain(struct load *l, const struct vm_spec *vm, const char *path,
	const char *text)
{
	return load_error(l, field_pos(&vm->head, path), "%s: %s", path, text);
}

/* Whether the longest name is one, and there are not too many. */
static bool has_room(struct load *l, const struct vm_spec *vm)
{
	char suffix[SUFFIX_MAX];
	size_t n = (size_t)snprintf(suffix, sizeof(suffix), "-%u", vm->replicas);

	l->objects += vm->replicas - 1;
	if (l->objects > BIND_OBJECTS_MAX) {
		complain(l, vm, "replicas", arena_printf(l->a,
			"more than %u objects, the most that is read", BIND_OBJECTS_MAX));
		return false;
	}
	if (strlen(vm->head.name) + n <= NAME_BYTES_MAX || strlen(vm->head.name) > NAME_BYTES_MAX)
		return true;
	complain(l, vm, "replicas", arena_printf(l->a, "the name %.64s%s has more than %d bytes",
		vm->head.name, suffix, NAME_BYTES_MAX));
	return false;
}

static void know_name(struct load *l, struct vm_spec *vm, uint32_t i)
{
	const char *name = name_of(l->a, vm, i);
	const struct spec_head *twin = map_add(l->a, &l->names[KIND_VM], name, strlen(name),
		&vm->head);
	struct diag *d;

	if (!twin)
		return;
	d = complain(l, vm, "replicas", arena_printf(l->a, "one of them is vm %s, which is there",
		utf8_quote(l->a, name, SHOWN)));
	d->other = twin->pos;
}

static void check_self(struct load *l, const struct vm_spec *vm)
{
	for (size_t i = 0; i < vm->depends_on.n; i++) {
		const char *name = vm->depends_on.v[i];

		if (strcmp(name, vm->head.name) != 0 &&
			map_get(&l->names[KIND_VM], name, strlen(name)) == &vm->head)
			complain(l, vm, "depends_on", arena_printf(l->a,
				"vm %s is one of its own replicas",
				utf8_quote(l->a, name, SHOWN)));
	}
}

/* Whether the name stands for several VMs. */
static const struct vm_spec *group_of(struct load *l, const char *name)
{
	const struct vm_spec *vm = map_get(&l->names[KIND_VM], name, strlen(name));

	return vm && vm->replicas && !strcmp(vm->head.name, name) ? vm : NULL;
}

/* A few lines may stand for more edges than anybody can look at: bounded for each VM as in its row, and
 * in all. */
static void check_edges(struct load *l)
{
	const struct field *row = field_find(&noun_vm, "depends_on");
	size_t all = 0;

	vec_each(at, &l->spec->vms) {
		const struct vm_spec *vm = *at;
		size_t n = 0;

		for (size_t i = 0; i < vm->depends_on.n; i++) {
			const struct vm_spec *group = group_of(l, vm->depends_on.v[i]);

			n += group ? group->replicas : 1;
		}
		all += n * (vm->replicas ? vm->replicas : 1);
		if (n > (size_t)row->max)
			complain(l, vm, "depends_on", arena_printf(l->a,
				"%zu VMs with their replicas; at most %lld are allowed", n,
				(long long)row->max));
		else if (all > EDGES_MAX)
			complain(l, vm, "depends_on", arena_printf(l->a,
				"more than %u of them in all, the most that is read", EDGES_MAX));
		if (n > (size_t)row->max || all > EDGES_MAX)
			return;
	}
}

static void check_interfaces(struct load *l, const struct vm_spec *vm)
{
	static const char *const paths[] = {"network.*.address", "network.*.mac"};
	const struct strv *lists[] = {&vm->net_addresses, &vm->net_macs};

	for (size_t i = 0; i < 2; i++)
		if (lists[i]->n)
			complain(l, vm, paths[i], "not possible with replicas; each VM needs its own")
				->other = field_pos(&vm->head, "replicas");
}

void replicas_check(struct load *l)
{
	vec_each(at, &l->spec->vms) {
		struct vm_spec *vm = *at;
		struct diag *d;

		if (!vm->replicas || diags_full(l->diags))
			continue;
		l->has_replicas = true;
		if (!has_room(l, vm))
			continue;
		for (uint32_t i = 1; i <= vm->replicas && !diags_full(l->diags); i++)
			know_name(l, vm, i);
		check_self(l, vm);
		if (vm->replicas > 1)
			check_interfaces(l, vm);
		if (vm->replicas == 1 || !vm->vsock_cid)
			continue;
		d = complain(l, vm, "vsock.cid", "not possible with replicas; each VM needs its own");
		d->other = field_pos(&vm->head, "replicas");
	}
	if (l->has_replicas && !diags_full(l->diags))
		check_edges(l);
}

/* ---- VMs ------------------------------------------------------------------------------------ */

static bool names_a_group(struct load *l, const struct strv *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (group_of(l, names->v[i]))
			return true;
	return false;
}

/* The names with each group replaced by its VMs, each name once. */
static struct strv without_groups(struct load *l, struct vm_spec *vm)
{
	const struct strv *names = &vm->depends_on;
	VEC(const char *) all = {0};
	struct map seen = {0};
	struct strv out;

	for (size_t i = 0; i < names->n; i++) {
		const struct vm_spec *group = group_of(l, names->v[i]);

		for (uint32_t k = 1; k <= (group ? group->replicas : 1); k++) {
			const char *name = group ? name_of(l->a, group, k) : names->v[i];

			if (!map_add(l->a, &seen, name, strlen(name), vm))
				*vec_push(l->a, &all) = name;
		}
	}
	out.n = all.n;
	*vec_push(l->a, &all) = NULL;
	out.v = all.v;
	return out;
}

static void add_replica(struct load *l, const struct vm_spec *vm, uint32_t i)
{
	struct vm_spec *copy = arena_new(l->a, struct vm_spec);

	*copy = *vm; /* lists are shared: nothing grows any more */
	copy->head.name = name_of(l->a, vm, i);
	*vec_push(l->a, &l->spec->vms) = copy;
}

void replicas_expand(struct load *l)
{
	struct spec *s = l->spec;
	struct vm_spec **old = s->vms.v;
	size_t n = s->vms.n;

	if (!l->has_replicas)
		return;
	memset(&s->vms, 0, sizeof(s->vms));
	for (size_t i = 0; i < n; i++) {
		struct vm_spec *vm = old[i];

		if (names_a_group(l, &vm->depends_on))
			vm->depends_on = without_groups(l, vm);
		if (!vm->replicas)
			*vec_push(l->a, &s->vms) = vm;
		for (uint32_t k = 1; k <= vm->replicas; k++)
			add_replica(l, vm, k);
	}
}
