/* expand.c - from a checked spec to objects and the edges between them.
 *
 *	image/X <- disk/VM <- vm/VM -> kernel/Y
 *	                      vm/VM -> vm/OTHER      depends_on
 *	network/N <- nic/VM <- vm/VM
 *	network/N <- firewall/N <- vm/VM
 *
 * What an edge costs when the other end's content changes is said here, once.
 */
#include "schema/field.h"
#include "schema/spec.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return strcmp(x->name, y->name);
}

static struct object *add(struct arena *a, struct objects *out, enum kind kind,
	const struct spec_head *head)
{
	struct object *o = vec_push(a, out);

	*o = (struct object){.kind = kind, .name = head->name, .spec = head};
	return o;
}

static void depend(struct arena *a, struct object *o, enum kind kind, const char *name,
	enum change change, struct pos pos)
{
	*vec_push(a, &o->deps) =
		(struct dep){.kind = kind, .name = name, .change = change, .pos = pos};
}

/* Guests are told their addresses when they start. A network that is changed changes in place. */
static void expand_nic(struct arena *a, const struct vm_spec *s, struct objects *out)
{
	struct object *nic = add(a, out, KIND_NIC, &s->head);

	for (size_t i = 0; i < s->networks.n; i++)
		depend(a, nic, KIND_NETWORK, s->networks.v[i], CHANGE_RESTART,
			field_pos(&s->head, "network.*"));
}

/* Rules change under running VMs. A VM starts when the rules of its networks are there: its edge costs
 * nothing, since what a firewall is called never changes. */
static void expand_network(struct arena *a, const struct net_spec *s, struct objects *out)
{
	add(a, out, KIND_NETWORK, &s->head);
	depend(a, add(a, out, KIND_FIREWALL, &s->head), KIND_NETWORK, s->head.name, CHANGE_LIVE,
		s->head.pos);
}

static void expand_vm(struct arena *a, const struct vm_spec *s, struct objects *out)
{
	struct object *disk = add(a, out, KIND_DISK, &s->head), *vm;

	depend(a, disk, KIND_IMAGE, s->image, CHANGE_REPLACE, field_pos(&s->head, "image"));
	if (s->networks.n)
		expand_nic(a, s, out);
	vm = add(a, out, KIND_VM, &s->head);
	depend(a, vm, KIND_DISK, s->head.name, CHANGE_RESTART, s->head.pos);
	depend(a, vm, KIND_KERNEL, s->kernel, CHANGE_RESTART, field_pos(&s->head, "kernel"));
	if (s->networks.n)
		depend(a, vm, KIND_NIC, s->head.name, CHANGE_RESTART, field_pos(&s->head, "network.*"));
	for (size_t i = 0; i < s->networks.n; i++)
		depend(a, vm, KIND_FIREWALL, s->networks.v[i], CHANGE_LIVE,
			field_pos(&s->head, "network.*"));
	for (size_t i = 0; i < s->depends_on.n; i++)
		depend(a, vm, KIND_VM, s->depends_on.v[i], CHANGE_NONE,
			field_pos(&s->head, "depends_on"));
}

void spec_expand(struct arena *a, const struct spec *spec, struct objects *out)
{
	size_t start = out->n;

	vec_each(i, &spec->images)
		add(a, out, KIND_IMAGE, &(*i)->head);
	vec_each(k, &spec->kernels)
		add(a, out, KIND_KERNEL, &(*k)->head);
	vec_each(n, &spec->networks)
		expand_network(a, *n, out);
	vec_each(v, &spec->vms)
		expand_vm(a, *v, out);
	if (out->n > start)
		qsort(out->v + start, out->n - start, sizeof(*out->v), compare);
}
