/* plan_net.c - identities in networks: bridges, taps, addresses, MACs. PURE.
 *
 *	pool      owner          value
 *	bridge    network/lab    number of its bridge
 *	ipv4      network/lab    the gateway's address
 *	ipv4      vm/web@lab     the VM's address
 *	mac       vm/web@lab     the 48 bits of its hardware address
 *	tap       vm/web@lab     number of its tap
 *
 * One pool of addresses for all networks: that no two owners have the same is a constraint of the table,
 * not of this file. What is fixed in the spec comes first, then what somebody has, then the lowest that is
 * free; so a VM keeps what it has for as long as it is there.
 */
#include "reconciler/engine/planner.h"

#include "schema/base/sha256.h"
#include "schema/netaddr.h"
#include "schema/value.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 999999u /* HELPER_INDEX_MAX: names of links are short */
#define MAC_TRIES 64u

static void take(struct planner *p, const char *pool, const char *owner, uint64_t value)
{
	const struct lease l = {pool, owner, value};
	uint64_t had = lease_of(&p->leases, pool, owner);

	if (had == value)
		return;
	if (had)
		lease_drop(&p->leases, pool, had);
	lease_add(&p->leases, &l);
	/* One that it had may have been taken just now, by this plan. */
	for (size_t i = 0; had && i < p->plan->take.n; i++) {
		struct lease *t = &p->plan->take.v[i];

		if (strcmp(t->pool, pool) != 0 || strcmp(t->owner, owner) != 0)
			continue;
		t->value = value;
		return;
	}
	*vec_push(p->a, &p->plan->take) = l;
}

/* Whether the value is the owner's or could be. */
static bool is_free_for(const struct planner *p, const char *pool, const char *owner, uint64_t value)
{
	const char *holder = lease_owner(&p->leases, pool, value);

	return !holder || !strcmp(holder, owner);
}

static const struct net_spec *net_of(const struct view *v)
{
	return (const struct net_spec *)(const void *)v->object->spec;
}

static bool is_planned(const struct planner *p, uint32_t i, enum kind kind)
{
	return p->views->v[i].object && p->views->v[i].object->kind == kind &&
		p->plan->deltas[i].verdict != VERDICT_CONFLICT;
}

/* Nothing of a VM that lacks an address can be made. */
static void block(struct planner *p, uint32_t i, const char *text, struct pos pos)
{
	const uint32_t vm = planner_find(p, KIND_VM, p->plan->deltas[i].name);

	diff_block(p->a, &p->plan->deltas[i], text, pos);
	if (p->plan->deltas[i].kind == KIND_NIC && vm != NO_STEP)
		diff_block(p->a, &p->plan->deltas[vm], arena_printf(p->a, "nic/%s is in conflict",
			p->plan->deltas[i].name), pos);
}

static bool is_in(const struct vm_spec *vm, const char *network)
{
	for (size_t i = 0; i < vm->networks.n; i++)
		if (!strcmp(vm->networks.v[i], network))
			return true;
	return false;
}

/* And no interface in a network that cannot be had. */
static void block_network(struct planner *p, uint32_t i, const char *text, struct pos pos)
{
	const char *name = p->plan->deltas[i].name;

	block(p, i, text, pos);
	for (uint32_t k = 0; k < p->views->n; k++)
		if (is_planned(p, k, KIND_NIC) && is_in(vm_of(&p->views->v[k]), name))
			block(p, k, arena_printf(p->a, "network/%s is in conflict", name), pos);
}

static struct kvs *leases_of(struct planner *p, uint32_t i)
{
	if (!p->leased[i])
		p->leased[i] = arena_new(p->a, struct kvs);
	return p->leased[i];
}

/* ---- networks --------------------------------------------------------------------------------- */

static void reserve_network(struct planner *p, uint32_t i)
{
	const struct view *v = &p->views->v[i];
	const struct net_spec *s = net_of(v);
	const char *owner = arena_printf(p->a, "network/%s", s->head.name);
	const uint32_t gateway = net_gateway(s);
	const char *holder = lease_owner(&p->leases, PLAN_IPV4_POOL, gateway);
	uint64_t bridge = lease_of(&p->leases, PLAN_BRIDGE_POOL, owner);

	/* A VM in it that leased what becomes the gateway's gets another one: it restarts anyway. One that
	 * asks for it by number was refused with the spec. */
	if (holder && !strncmp(holder, "vm/", 3) && strchr(holder, '@') &&
		!strcmp(strchr(holder, '@') + 1, s->head.name))
		lease_drop(&p->leases, PLAN_IPV4_POOL, gateway);
	if (!is_free_for(p, PLAN_IPV4_POOL, owner, gateway)) {
		block_network(p, i, arena_printf(p->a, "its gateway %s is in use by %s",
			netaddr_print(p->a, gateway), lease_owner(&p->leases, PLAN_IPV4_POOL, gateway)),
			field_pos(&s->head, "gateway"));
		return;
	}
	take(p, PLAN_IPV4_POOL, owner, gateway);
	if (!bridge && v->record)
		bridge = kvs_u64(&v->record->facts, "bridge", 0);
	if (!bridge || !is_free_for(p, PLAN_BRIDGE_POOL, owner, bridge))
		bridge = lease_lowest(&p->leases, PLAN_BRIDGE_POOL, 1, NUMBER_MAX);
	take(p, PLAN_BRIDGE_POOL, owner, bridge);
	kvs_setf(p->a, leases_of(p, i), "bridge", "%llu", (unsigned long long)bridge);
}

/* ---- interfaces ------------------------------------------------------------------------------- */

/* One interface: a VM in a network. */
struct nic {
	uint32_t view;
	const struct vm_spec *vm;
	const struct net_spec *net;
	const char *owner;
	struct net4 subnet;
};

static const char *fact_of(const struct planner *p, const struct nic *n, const char *what)
{
	const struct record *r = p->views->v[n->view].record;

	return r ? kvs_get(&r->facts, arena_printf(p->a, "%s.%s", what, n->net->head.name)) : NULL;
}

static const char *fixed_of(const struct strv *map, const struct nic *n)
{
	return value_of_key(map, n->net->head.name, strlen(n->net->head.name));
}

static uint64_t mac_parse(const char *text)
{
	uint64_t v = 0;

	for (const char *p = text; p && *p; p += 2 + (p[2] == ':'))
		v = v << 8 | strtoul((const char[]){p[0], p[1], '\0'}, NULL, 16);
	return v;
}

static const char *mac_print(struct arena *a, uint64_t v)
{
	return arena_printf(a, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)(v >> 40 & 255),
		(unsigned)(v >> 32 & 255), (unsigned)(v >> 24 & 255), (unsigned)(v >> 16 & 255),
		(unsigned)(v >> 8 & 255), (unsigned)(v & 255));
}

static bool is_usable(const struct nic *n, uint64_t address)
{
	return address >= netaddr_first(n->subnet) && address <= netaddr_last(n->subnet) &&
		address != net_gateway(n->net);
}

/* false after a conflict. */
static bool take_fixed(struct planner *p, const struct nic *n, const char *pool, uint64_t value,
	const char *path, const char *text)
{
	if (is_free_for(p, pool, n->owner, value)) {
		take(p, pool, n->owner, value);
		return true;
	}
	block(p, n->view, arena_printf(p->a, "%s %s is in use by %s; choose another, or apply again when that "
		"one is gone", path, text, lease_owner(&p->leases, pool, value)),
		field_pos(&n->vm->head, path));
	return false;
}

/* What the spec fixes. */
static void reserve_fixed(struct planner *p, const struct nic *n)
{
	const char *address = fixed_of(&n->vm->net_addresses, n);
	const char *mac = fixed_of(&n->vm->net_macs, n);

	if (address && !take_fixed(p, n, PLAN_IPV4_POOL, netaddr_parse(address), "network.*.address",
		address))
		return;
	if (mac)
		take_fixed(p, n, PLAN_MAC_POOL, mac_parse(mac), "network.*.mac", mac);
}

/* What it has without a lease that says so: the database was lost, or this row of it. */
static void reserve_recorded(struct planner *p, const struct nic *n)
{
	static const char *const facts[] = {"address", "mac", "tap"};
	static const char *const pools[] = {PLAN_IPV4_POOL, PLAN_MAC_POOL, PLAN_TAP_POOL};

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		const char *text = lease_of(&p->leases, pools[i], n->owner) ? NULL : fact_of(p, n, facts[i]);
		uint64_t v = !text ? 0 : !i ? netaddr_parse(text)
			: i == 1 ? mac_parse(text) : strtoull(text, NULL, 10);

		if (v && is_free_for(p, pools[i], n->owner, v) && (i || is_usable(n, v)))
			take(p, pools[i], n->owner, v);
	}
}

/* The same on every run: it follows from the names. Locally administered, of one host. */
static uint64_t make_mac(struct planner *p, const struct nic *n)
{
	for (unsigned i = 0; i < MAC_TRIES; i++) {
		const char *text = arena_printf(p->a, "reconcile nic %s %s %u", p->host->instance, n->owner, i);
		uint8_t hash[SHA256_BYTES];
		uint64_t mac = 0x02;

		sha256(text, strlen(text), hash);
		for (size_t k = 0; k < 5; k++)
			mac = mac << 8 | hash[k];
		if (!lease_owner(&p->leases, PLAN_MAC_POOL, mac))
			return mac;
	}
	return 0;
}

static bool lease_address(struct planner *p, const struct nic *n)
{
	uint64_t address = lease_of(&p->leases, PLAN_IPV4_POOL, n->owner);

	if (!address || !is_usable(n, address))
		address = lease_lowest(&p->leases, PLAN_IPV4_POOL, netaddr_first(n->subnet),
			netaddr_last(n->subnet));
	if (!address) {
		block(p, n->view, arena_printf(p->a, "network %s has no free address left: %s",
			n->net->head.name, n->net->subnet), field_pos(&n->net->head, "subnet"));
		return false;
	}
	take(p, PLAN_IPV4_POOL, n->owner, address);
	kvs_set(p->a, leases_of(p, n->view), arena_printf(p->a, "address.%s", n->net->head.name),
		netaddr_print(p->a, (uint32_t)address));
	return true;
}

static void lease_rest(struct planner *p, const struct nic *n)
{
	struct kvs *out = leases_of(p, n->view);
	uint64_t mac = lease_of(&p->leases, PLAN_MAC_POOL, n->owner);
	uint64_t tap = lease_of(&p->leases, PLAN_TAP_POOL, n->owner);

	if (!lease_address(p, n))
		return;
	mac = mac ? mac : make_mac(p, n);
	tap = tap ? tap : lease_lowest(&p->leases, PLAN_TAP_POOL, 1, NUMBER_MAX);
	if (!mac || !tap) {
		block(p, n->view, "no tap or MAC address is left", n->vm->head.pos);
		return;
	}
	take(p, PLAN_MAC_POOL, n->owner, mac);
	take(p, PLAN_TAP_POOL, n->owner, tap);
	kvs_set(p->a, out, arena_printf(p->a, "mac.%s", n->net->head.name), mac_print(p->a, mac));
	kvs_setf(p->a, out, arena_printf(p->a, "tap.%s", n->net->head.name), "%llu",
		(unsigned long long)tap);
}

static void each_nic(struct planner *p, void (*fn)(struct planner *p, const struct nic *n))
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct vm_spec *vm;

		if (!is_planned(p, i, KIND_NIC))
			continue;
		vm = vm_of(&p->views->v[i]);
		for (size_t k = 0; k < vm->networks.n; k++) {
			const uint32_t on = planner_find(p, KIND_NETWORK, vm->networks.v[k]);
			struct nic n = {.view = i, .vm = vm};

			if (on == NO_STEP || !p->views->v[on].object)
				continue;
			n.net = net_of(&p->views->v[on]);
			n.subnet = netaddr_subnet(n.net->subnet);
			n.owner = arena_printf(p->a, "vm/%s@%s", vm->head.name, vm->networks.v[k]);
			if (p->plan->deltas[i].verdict != VERDICT_CONFLICT)
				fn(p, &n);
		}
	}
}

/* ---- the rules of networks --------------------------------------------------------------------- */

/* The guests that the rules of one network know, each "TAP=MAC=ADDRESS". */
struct guests {
	VEC(const char *) list;
	size_t bytes;
};

static void add_guest(struct planner *p, struct guests *g, const struct kvs *facts, const char *network)
{
	const char *tap = kvs_get(facts, arena_printf(p->a, "tap.%s", network));
	const char *mac = kvs_get(facts, arena_printf(p->a, "mac.%s", network));
	const char *address = kvs_get(facts, arena_printf(p->a, "address.%s", network));

	if (!tap || !mac || !address)
		return;
	*vec_push(p->a, &g->list) = arena_printf(p->a, "%s=%s=%s", tap, mac, address);
	g->bytes += strlen(g->list.v[g->list.n - 1]) + 1;
}

/* A VM that is in conflict goes on with what it has, and so does what the rules know of it. */
static void gather_guests(struct planner *p, struct guests *of)
{
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct view *v = &p->views->v[i];
		const struct kvs *facts = p->leased[i];

		if (!v->object || v->object->kind != KIND_NIC)
			continue;
		if (!facts && v->record)
			facts = &v->record->facts;
		if (!facts)
			continue;
		for (size_t k = 0; k < vm_of(v)->networks.n; k++) {
			const char *network = vm_of(v)->networks.v[k];
			const uint32_t on = planner_find(p, KIND_FIREWALL, network);

			if (on != NO_STEP)
				add_guest(p, &of[on], facts, network);
		}
	}
}

static const char *join_guests(struct arena *a, const struct guests *g)
{
	char *text = arena_alloc(a, g->bytes + 1), *at = text;

	vec_each(one, &g->list) {
		const size_t n = strlen(*one);

		memcpy(at, *one, n);
		at[n] = ' ';
		at += n + 1;
	}
	if (at > text)
		at[-1] = '\0';
	return text;
}

/* Where the ports of this host lead, each "tcp=LISTEN=PORT=ADDRESS=PORT". One whose VM has no address is
 * left out: the VM is in conflict. */
static const char *forwards_of(struct planner *p, const struct net_spec *s)
{
	const char *text = "";

	for (size_t i = 0; i < s->forwards.n; i++) {
		const char *forward = s->forwards.v[i];
		const uint32_t nic = planner_find(p, KIND_NIC, value_forward_vm(p->a, forward));
		const struct value_port port = value_split_port(forward);
		const struct kvs *facts = nic == NO_STEP ? NULL : p->leased[nic] ? p->leased[nic]
			: p->views->v[nic].record ? &p->views->v[nic].record->facts : NULL;
		const char *address = facts ? kvs_get(facts, arena_printf(p->a, "address.%s", s->head.name))
			: NULL;

		if (address)
			text = arena_printf(p->a, "%s%s%s=%s=%u=%s=%u", text, *text ? " " : "",
				port.is_udp ? "udp" : "tcp", netaddr_print(p->a, port.address), port.port,
				address, value_forward_port(forward));
	}
	return text;
}

static void plan_firewalls(struct planner *p)
{
	struct guests *of = arena_array(p->a, p->views->n + 1, sizeof(*of));

	gather_guests(p, of);
	for (uint32_t i = 0; i < p->views->n; i++) {
		const struct view *v = &p->views->v[i];
		const char *had = v->record ? kvs_get(&v->record->facts, "guests") : NULL, *text;

		if (!is_planned(p, i, KIND_FIREWALL))
			continue;
		text = join_guests(p->a, &of[i]);
		kvs_set(p->a, leases_of(p, i), "guests", text);
		kvs_set(p->a, leases_of(p, i), "forwards", forwards_of(p, net_of(v)));
		if (had && strcmp(had, text) != 0)
			diff_raise(p->a, &p->plan->deltas[i], CHANGE_LIVE,
				"other VMs, or other addresses, are in its network", v->object->spec->pos);
	}
}

void plan_net_leases(struct planner *p)
{
	for (uint32_t i = 0; i < p->views->n; i++)
		if (is_planned(p, i, KIND_NETWORK))
			reserve_network(p, i);
	each_nic(p, reserve_fixed);
	each_nic(p, reserve_recorded);
	each_nic(p, lease_rest);
	plan_firewalls(p);
}
