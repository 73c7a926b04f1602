/* check_net.c - rules across networks and the interfaces in them: no address, MAC or subnet twice, each
 * address one of its network.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/netaddr.h"
#include "schema/value.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 60

/* ---- networks ------------------------------------------------------------------------------- */

/* RFC 1918 and RFC 6598: what no provider routes, and all that the helper gives a bridge. */
static bool is_private(struct net4 n)
{
	static const struct net4 nets[] = {
		{0x0a000000, 8}, {0x64400000, 10}, {0xac100000, 12}, {0xc0a80000, 16},
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		if (n.bits >= nets[i].bits && netaddr_overlap(n, nets[i]))
			return true;
	return false;
}

static void check_network(struct load *l, const struct net_spec *s)
{
	struct diag *d;

	check_label(l, s->head.pos, s->head.name, "network");
	if (s->subnet && !is_private(netaddr_subnet(s->subnet))) {
		d = load_error(l, field_pos(&s->head, "subnet"), "subnet: %s is not a private network",
			s->subnet);
		diag_hint(l->a, d, "one within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or "
			"100.64.0.0/10");
	}
	if (s->subnet && s->gateway && !value_is_host_in(s->gateway, s->subnet)) {
		d = load_error(l, field_pos(&s->head, "gateway"),
			"gateway: %s is no address of a host in %s", s->gateway, s->subnet);
		d->other = field_pos(&s->head, "subnet");
	}
}

static int compare_subnets(const void *x, const void *y)
{
	const struct net_spec *a = *(struct net_spec *const *)x, *b = *(struct net_spec *const *)y;
	const struct net4 n = netaddr_subnet(a->subnet), m = netaddr_subnet(b->subnet);

	if (n.address != m.address)
		return n.address < m.address ? -1 : 1;
	return n.bits != m.bits ? n.bits < m.bits ? -1 : 1 : strcmp(a->head.name, b->head.name);
}

/* Sorted by their first address, the largest first: what overlaps is the neighbour of the largest
 * that came before. */
static void check_overlap(struct load *l)
{
	VEC(struct net_spec *) all = {0};
	size_t widest = 0;

	vec_each(n, &l->spec->networks)
		if ((*n)->subnet)
			*vec_push(l->a, &all) = *n;
	if (all.n)
		qsort(all.v, all.n, sizeof(*all.v), compare_subnets);
	for (size_t i = 1; i < all.n; i++) {
		const struct net_spec *before = all.v[widest], *s = all.v[i];
		struct diag *d;

		if (!netaddr_overlap(netaddr_subnet(s->subnet), netaddr_subnet(before->subnet))) {
			widest = i;
			continue;
		}
		d = load_error(l, field_pos(&s->head, "subnet"), "subnet: %s overlaps with %s of network %s",
			s->subnet, before->subnet, utf8_quote(l->a, before->head.name, SHOWN));
		d->other = field_pos(&before->head, "subnet");
	}
}

/* ---- forwards -------------------------------------------------------------------------------------- */

static const struct vm_spec *vm_named(const struct load *l, const char *name)
{
	return map_get(&l->names[KIND_VM], name, strlen(name));
}

static bool is_in(const struct vm_spec *vm, const char *network)
{
	for (size_t i = 0; i < vm->networks.n; i++)
		if (!strcmp(vm->networks.v[i], network))
			return true;
	return false;
}

static void check_target(struct load *l, const struct net_spec *s, const char *forward)
{
	const struct pos pos = field_pos(&s->head, "nat.forward");
	const char *name = value_forward_vm(l->a, forward);
	const struct vm_spec *vm = vm_named(l, name);

	if (!vm)
		load_error(l, pos, "nat.forward: there is no VM %s", utf8_quote(l->a, name, SHOWN));
	else if (!is_in(vm, s->head.name))
		load_error(l, pos, "nat.forward: vm %s is not in network %s", utf8_quote(l->a, name, SHOWN),
			s->head.name)->other = vm->head.pos;
}

/* Two addresses of this host can have the same port, but not beside a port of all addresses. */
static void check_port(struct load *l, struct map *taken, const struct net_spec *s, const char *forward)
{
	const struct value_port p = value_split_port(forward);
	const char *port = arena_printf(l->a, "%s port %u", p.is_udp ? "UDP" : "TCP", p.port);
	const char *of_all = arena_printf(l->a, "%s of all", port);
	const char *own = p.address ? arena_printf(l->a, "%s of %u", port, p.address) : of_all;
	const struct net_spec *same = map_get(taken, of_all, strlen(of_all)), *any;

	any = map_add(l->a, taken, port, strlen(port), (void *)(uintptr_t)s);
	if (!same)
		same = p.address ? map_get(taken, own, strlen(own)) : any;
	map_add(l->a, taken, own, strlen(own), (void *)(uintptr_t)s);
	if (same)
		load_error(l, field_pos(&s->head, "nat.forward"),
			"nat.forward: %s of this host leads elsewhere already", port)->other =
			field_pos(&same->head, "nat.forward");
}

static void check_forwards(struct load *l)
{
	struct map taken = {0};

	vec_each(n, &l->spec->networks)
		for (size_t i = 0; i < (*n)->forwards.n; i++) {
			check_target(l, *n, (*n)->forwards.v[i]);
			check_port(l, &taken, *n, (*n)->forwards.v[i]);
		}
}

/* ---- interfaces ----------------------------------------------------------------------------- */

/* Who has a value already: address or MAC -> the VM that said it first. */
struct taken {
	struct load *l;
	struct map addresses, macs;
};

static const struct net_spec *network_of(const struct load *l, const char *name)
{
	return map_get(&l->names[KIND_NETWORK], name, strlen(name));
}

static void check_twice(struct load *l, struct map *taken, const struct vm_spec *vm,
	const char *path, const char *value)
{
	const struct vm_spec *first = map_add(l->a, taken, value, strlen(value),
		(void *)(uintptr_t)vm);
	struct diag *d;

	if (!first)
		return;
	d = load_error(l, field_pos(&vm->head, path), "%s: %s is taken by vm %s", path, value,
		utf8_quote(l->a, first->head.name, SHOWN));
	d->other = field_pos(&first->head, path);
}

static void check_address(struct taken *t, const struct vm_spec *vm, const char *entry)
{
	static const char path[] = "network.*.address";
	const char *address = strchr(entry, '=') + 1;
	const struct net_spec *net = network_of(t->l, arena_dupn(t->l->a, entry,
		(size_t)(address - entry) - 1));
	struct diag *d = NULL;

	if (!net || !net->subnet)
		return;
	if (!value_is_host_in(address, net->subnet))
		d = load_error(t->l, field_pos(&vm->head, path), "%s: %s is no address of a host in %s",
			path, address, net->subnet);
	else if (netaddr_parse(address) == net_gateway(net))
		d = load_error(t->l, field_pos(&vm->head, path),
			"%s: %s is the gateway of network %s", path, address, net->head.name);
	if (d)
		d->other = field_pos(&net->head, "subnet");
	else
		check_twice(t->l, &t->addresses, vm, path, address);
}

static void check_interfaces(struct taken *t, const struct vm_spec *vm)
{
	for (size_t i = 0; i < vm->net_addresses.n; i++)
		check_address(t, vm, vm->net_addresses.v[i]);
	for (size_t i = 0; i < vm->net_macs.n; i++)
		check_twice(t->l, &t->macs, vm, "network.*.mac", strchr(vm->net_macs.v[i], '=') + 1);
}

void check_networks(struct load *l)
{
	struct taken t = {.l = l};

	vec_each(n, &l->spec->networks)
		check_network(l, *n);
	check_overlap(l);
	check_forwards(l);
	vec_each(v, &l->spec->vms)
		check_interfaces(&t, *v);
}
