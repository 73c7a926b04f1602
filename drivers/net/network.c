/* network.c - the driver of KIND_NETWORK: a bridge of this host with one address.
 *
 * A bridge is made once and changed in place, whatever is wrong with it: taps of running VMs are its
 * ports. What has to be so: it is up, it has our mark, the MTU and the address that the spec says, and no
 * other address out of its subnet.
 */
#include "drivers/net/links.h"

#include "schema/field.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct driver driver_network;

#define OVERLAP "its subnet %s overlaps with %s/%u on %s of this host"

static const struct net_spec *spec_of(const struct object *o)
{
	return (const struct net_spec *)(const void *)o->spec;
}

/* ---- resolve ---------------------------------------------------------------------------------- */

/* What guests are told: who depends on the network compares this. */
static const char *use_of(struct arena *a, const struct net_spec *s)
{
	const char *text = arena_printf(a, "%s via %s mtu %u dns", s->subnet,
		netaddr_print(a, net_gateway(s)), s->mtu);

	for (size_t i = 0; i < s->dns.n; i++)
		text = arena_printf(a, "%s %s", text, s->dns.v[i]);
	return text;
}

static const char *name_of(const struct links *l, int ifindex)
{
	vec_each(link, &l->all)
		if ((*link)->index == ifindex)
			return (*link)->name;
	return "a link";
}

static int check_overlap(struct host *h, const struct net_spec *s, struct err *e)
{
	const struct net4 subnet = netaddr_subnet(s->subnet);
	struct links l;

	if (links_load(h, &l, e) < 0 || links_load_routes(&l, e) < 0)
		return -1;
	vec_each(r, &l.routes) {
		if (!netaddr_overlap(subnet, r->net))
			continue;
		err_set(e, ERR_CONFLICT, OVERLAP, s->subnet, netaddr_print(h->arena, r->net.address),
			r->net.bits, name_of(&l, r->ifindex));
		return err_hint(e, "choose another subnet, which is free here");
	}
	return 0;
}

/* Asked only of a network that is still to be made: what is there works, whatever was added since. */
static int resolve(struct host *h, const struct object *object, const struct record *record,
	struct kvs *facts, struct err *e)
{
	const struct net_spec *s = spec_of(object);
	const char *use = use_of(h->arena, s), *had = record ? kvs_get(&record->facts, "use") : NULL;
	bool as_made = record && record->state == RECORD_MADE && had && !strcmp(had, use);

	if (!as_made && (links_helper_there(h, e) < 0 || check_overlap(h, s, e) < 0))
		return -1;
	kvs_setf(h->arena, facts, "id", "%s-%s", h->instance, s->head.name);
	kvs_set(h->arena, facts, "use", use);
	return 0;
}

/* ---- observe ---------------------------------------------------------------------------------- */

struct want {
	uint64_t bridge;
	uint32_t address, mtu;
	struct net4 subnet;
};

static bool want_of(const struct kvs *facts, struct want *w)
{
	const char *address = kvs_get(facts, "address");
	char text[32];

	*w = (struct want){.bridge = kvs_u64(facts, "bridge", 0), .mtu = (uint32_t)kvs_u64(facts, "mtu", 0)};
	if (!w->bridge || !address || strlen(address) >= sizeof(text))
		return false;
	w->subnet = netaddr_subnet(address);
	w->address = w->subnet.address;
	if (w->subnet.bits < 16 || w->subnet.bits > 30)
		return false;
	w->subnet.address &= UINT32_MAX << (32 - w->subnet.bits);
	return true;
}

/* What is wrong with the addresses of the bridge, NULL if nothing is. */
static const char *wrong_address(struct arena *a, const struct links *l, const struct want *w, int ifindex)
{
	bool found = false;

	vec_each(x, &l->addresses) {
		if (x->ifindex != ifindex)
			continue;
		if (x->address == w->address && x->bits == w->subnet.bits)
			found = true;
		else if (netaddr_overlap((struct net4){x->address, 32}, w->subnet))
			return arena_printf(a, "its bridge has the address %s/%u, which is not its own",
				netaddr_print(a, x->address), x->bits);
	}
	return found ? NULL : arena_printf(a, "its bridge has lost the address %s",
		netaddr_print(a, w->address));
}

static const char *what_is_wrong(struct arena *a, const struct links *l, const struct want *w,
	const struct rtnl_link *link)
{
	if (!link->up)
		return "its bridge is down";
	if (link->mtu != w->mtu)
		return arena_printf(a, "its bridge has an MTU of %u, expected %u", link->mtu, w->mtu);
	return wrong_address(a, l, w, link->index);
}

static void look(struct host *h, const struct links *l, struct view *v)
{
	struct observed *o = &v->observed;
	const struct rtnl_link *link;
	struct want w;

	*o = (struct observed){.seen = SEEN_ABSENT};
	if (!v->record || !want_of(&v->record->facts, &w))
		return;
	link = links_find(l, HELPER_KIND_BRIDGE, w.bridge);
	if (!link) {
		o->reason = "its bridge is gone";
		return;
	}
	if (strcmp(link->kind, "bridge") != 0 || !links_label(l, link)) {
		o->seen = SEEN_FOREIGN;
		o->reason = arena_printf(h->arena, "%s is there and has no mark of ours", link->name);
		return;
	}
	o->reason = what_is_wrong(h->arena, l, &w, link);
	o->seen = o->reason ? SEEN_DRIFTED : SEEN_SAME;
	o->cost = CHANGE_LIVE;
}

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0 || links_load_addresses(&l, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		look(h, &l, &views[i]);
	return 0;
}

static void found(const struct links *l, const char *name, const struct rtnl_link *link, uint64_t index,
	struct orphans *out)
{
	struct orphan *o = vec_push(l->a, out);

	*o = (struct orphan){.kind = KIND_NETWORK, .name = arena_dup(l->a, name),
		.what = arena_printf(l->a, "bridge %s", link->name)};
	kvs_setf(l->a, &o->args, "bridge", "%llu", (unsigned long long)index);
}

static int scan(struct host *h, struct orphans *out, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	links_scan(&l, HELPER_KIND_BRIDGE, found, out);
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------------ */

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct helper_owner owner = links_owner(in->host);
	const struct net_spec *s = spec_of(in->object);
	struct arena *a = in->host->arena;
	const char *bridge = in->leases ? kvs_get(in->leases, "bridge") : NULL;
	char name[IFNAMSIZ];

	if (!bridge)
		return err_set(e, ERR_STATE, "network %s has no number of a bridge", s->head.name);
	helper_link_name(&owner, HELPER_KIND_BRIDGE, strtoull(bridge, NULL, 10), name);
	kvs_merge(a, args, in->resolved);
	kvs_set(a, args, "bridge", bridge);
	kvs_set(a, args, "ifname", arena_dup(a, name));
	kvs_setf(a, args, "address", "%s/%u", netaddr_print(a, net_gateway(s)),
		netaddr_subnet(s->subnet).bits);
	kvs_setf(a, args, "mtu", "%u", s->mtu);
	kvs_set(a, args, "dns", field_print(a, field_find(&noun_network, "dns"), s));
	return 0;
}

/* Addresses of its own subnet that are not the one, and the one of an earlier subnet. */
static int drop_addresses(struct host *h, struct helper *helper, const struct want *w, int ifindex,
	struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0 || links_load_addresses(&l, e) < 0)
		return -1;
	vec_each(x, &l.addresses) {
		const union helper_request r = {.address = {w->bridge, x->address, x->bits}};
		union helper_answer answer;

		if (x->ifindex != ifindex || (x->address == w->address && x->bits == w->subnet.bits))
			continue;
		if (helper_call(helper, HELPER_ADDRESS_DELETE, &r, -1, &answer, e) < 0)
			return err_wrap(e, "cannot take %s/%u from it", netaddr_print(h->arena, x->address),
				x->bits);
	}
	return 0;
}

static int see_it(struct host *h, const struct want *w, struct err *e)
{
	const struct rtnl_link *link;
	const char *wrong;
	struct links l;

	if (links_load(h, &l, e) < 0 || links_load_addresses(&l, e) < 0)
		return -1;
	link = links_find(&l, HELPER_KIND_BRIDGE, w->bridge);
	wrong = link ? what_is_wrong(h->arena, &l, w, link) : "its bridge is gone again";
	return wrong ? err_set(e, ERR_FAILED, "%s", wrong) : 0;
}

/* Make it, or put right what is there. */
static int put(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	union helper_request bridge = {0}, up = {0}, address = {0};
	union helper_answer answer;
	struct want w;

	if (!want_of(&step->args, &w))
		return err_set(e, ERR_STATE, "the step names no bridge and address");
	bridge.new_link.index = w.bridge;
	bridge.new_link.mtu = w.mtu;
	snprintf(bridge.new_link.label, sizeof(bridge.new_link.label), "network/%s", step->name);
	up.link_set = (struct helper_link_set){.kind = HELPER_KIND_BRIDGE, .index = w.bridge, .up = 1};
	address.address = (struct helper_address){w.bridge, w.address, w.subnet.bits};
	if (links_helper(h, &helper, e) < 0 ||
		helper_call(&helper, HELPER_BRIDGE_CREATE, &bridge, -1, &answer, e) < 0 ||
		drop_addresses(h, &helper, &w, (int)answer.link.ifindex, e) < 0 ||
		helper_call(&helper, HELPER_ADDRESS_ADD, &address, -1, &answer, e) < 0 ||
		helper_call(&helper, HELPER_LINK_SET, &up, -1, &answer, e) < 0)
		return -1;
	return see_it(h, &w, e);
}

static int take_away(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	const union helper_request r = {.link = {.index = kvs_u64(&step->args, "bridge", 0)}};
	union helper_answer answer;
	struct links l;

	if (!r.link.index)
		return 0;
	if (links_load(h, &l, e) < 0)
		return -1;
	if (!links_find(&l, HELPER_KIND_BRIDGE, r.link.index)) /* nobody has to be asked */
		return 0;
	if (links_helper(h, &helper, e) < 0)
		return -1;
	return helper_call(&helper, HELPER_BRIDGE_DELETE, &r, -1, &answer, e);
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	(void)facts;
	switch (step->op) {
	case STEP_CREATE:
	case STEP_UPDATE:
		return put(h, step, e);
	case STEP_DELETE:
		return take_away(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "a network has no step \"%s\"", step_op_name(step->op));
	}
}

static int undo(struct host *h, const struct step *step, struct err *e)
{
	return step->op == STEP_CREATE ? take_away(h, step, e) : 0;
}

const struct driver driver_network = {
	.name = "network",
	.kind = KIND_NETWORK,
	.resolve = resolve,
	.observe = observe,
	.scan = scan,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
