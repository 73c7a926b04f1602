/* fw_rules.c - from facts to rules and elements.
 *
 * Order in a chain matters: what is already agreed upon first, then drops that nothing below may lift,
 * then what is allowed, and the drop of the rest last.
 */
#include "drivers/sys/fw.h"

#include <netinet/in.h> /* before the kernel's own */

#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the fixed part -------------------------------------------------------------------------- */

/* Types of keys by the numbers that the nft program gives them, 6 bits each, so that it can show them:
 * ipv4_addr 7, ether_addr 9, inet_proto 12, inet_service 13, ifname 41. */
#define T2(a, b) ((a) << 6 | (b))
#define T3(a, b, c) ((a) << 12 | (b) << 6 | (c))
#define T_VERDICT 0xffffff00u /* linux/netfilter/nf_tables.h, NFT_DATA_VERDICT */

const struct fw_set_row fw_sets[FW_SET_N] = {
	[FW_GUESTS] = {"guests", FW_BRIDGE, T3(41, 9, 7), 28, 0, 0, true},
	[FW_APART] = {"apart", FW_BRIDGE, 41, 16, 0, 0, false},
	[FW_OUTWARD] = {"outward", FW_INET, 41, 16, T_VERDICT, 0, false},
	[FW_TO_HOST] = {"to_host", FW_INET, 41, 16, T_VERDICT, 0, false},
	[FW_LEAVE] = {"leave", FW_INET, 41, 16, T_VERDICT, 0, false},
	[FW_BACK] = {"back", FW_INET, 41, 16, T_VERDICT, 0, false},
	[FW_PORTS] = {"ports", FW_INET, T2(12, 13), 8, T2(7, 13), 8, false},
	[FW_PORTS_AT] = {"ports_at", FW_INET, T3(7, 12, 13), 12, T2(7, 13), 8, false},
};

const struct fw_chain_row fw_chains[FW_CHAIN_N] = {
	[FW_C_FRAMES] = {"frames", FW_BRIDGE, "filter", NF_BR_PRE_ROUTING, NF_BR_PRI_NAT_DST_BRIDGED, false},
	[FW_C_TAP] = {"tap", FW_BRIDGE, NULL, 0, 0, false},
	[FW_C_BETWEEN] = {"between", FW_BRIDGE, "filter", NF_BR_FORWARD, NF_BR_PRI_FILTER_BRIDGED, false},
	[FW_C_RAW] = {"raw", FW_INET, "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW, false},
	[FW_C_DSTNAT] = {"dstnat", FW_INET, "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST, false},
	[FW_C_OUTPUT] = {"output", FW_INET, "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST, false},
	[FW_C_FORWARD] = {"forward", FW_INET, "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER, false},
	[FW_C_INPUT] = {"input", FW_INET, "filter", NF_INET_LOCAL_IN, NF_IP_PRI_FILTER, false},
	[FW_C_SRCNAT] = {"srcnat", FW_INET, "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC, false},
	[FW_C_NET_OUT] = {"out_", FW_INET, NULL, 0, 0, true},
	[FW_C_NET_HOST] = {"host_", FW_INET, NULL, 0, 0, true},
	[FW_C_NET_LEAVE] = {"leave_", FW_INET, NULL, 0, 0, true},
	[FW_C_NET_BACK] = {"back_", FW_INET, NULL, 0, 0, true},
};

void fw_chain_name(enum fw_chain chain, uint32_t net, char out[FW_NAME_MAX])
{
	if (fw_chains[chain].per_net)
		snprintf(out, FW_NAME_MAX, "%s%u", fw_chains[chain].name, net);
	else
		snprintf(out, FW_NAME_MAX, "%s", fw_chains[chain].name);
}

enum fw_chain fw_chain_find(enum fw_family family, const char *name, uint32_t *net)
{
	char want[FW_NAME_MAX];

	for (unsigned i = 0; i < FW_CHAIN_N; i++) {
		const struct fw_chain_row *row = &fw_chains[i];
		const size_t n = strlen(row->name);

		*net = 0;
		if (row->family != family || strncmp(name, row->name, n))
			continue;
		if (row->per_net)
			*net = (uint32_t)strtoul(name + n, NULL, 10);
		fw_chain_name((enum fw_chain)i, *net, want);
		if (!strcmp(want, name))
			return (enum fw_chain)i;
	}
	return FW_CHAIN_N;
}

enum fw_chain fw_set_chain(enum fw_set set)
{
	return set == FW_OUTWARD ? FW_C_NET_OUT : set == FW_TO_HOST ? FW_C_NET_HOST :
		set == FW_LEAVE ? FW_C_NET_LEAVE : FW_C_NET_BACK;
}

/* ---- rules ------------------------------------------------------------------------------------ */

/* What a chain of calls writes a rule with. */
struct writer {
	const struct fw_owner *o;
	const struct fw_net *net;
	struct fw_rules *out;
};

static struct fw_rule *rule(struct writer *w, enum fw_chain chain, enum fw_verdict verdict)
{
	struct fw_rule *r = &w->out->v[w->out->n++];

	*r = (struct fw_rule){.chain = chain, .verdict = verdict, .counter = verdict == FW_DROP};
	return r;
}

static struct fw_term *term(struct fw_rule *r, enum fw_term_kind kind)
{
	struct fw_term *t = &r->terms[r->n++];

	*t = (struct fw_term){.kind = kind};
	return t;
}

/* Any interface of ours of that kind. */
static struct fw_term *any(struct fw_rule *r, enum fw_term_kind kind, const char *prefix)
{
	struct fw_term *t = term(r, kind);

	t->any = true;
	memcpy(t->name, prefix, sizeof(t->name));
	return t;
}

/* The bridge of the network. */
static void own(struct writer *w, struct fw_rule *r, enum fw_term_kind kind)
{
	struct fw_term *t = term(r, kind);

	/* The owner's prefixes leave room for the largest number (helper_link_name). */
	snprintf(t->name, sizeof(t->name), "%.9s%u", w->o->bridge, w->net->index % 1000000);
}

static void network(struct fw_rule *r, enum fw_term_kind kind, uint32_t address, uint32_t prefix)
{
	struct fw_term *t = term(r, kind);

	t->number = prefix ? address & ~(uint32_t)0 << (32 - prefix) : 0;
	t->prefix = prefix;
}

static void frames(struct writer *w)
{
	struct fw_rule *r = rule(w, FW_C_FRAMES, FW_GOTO_TAP);

	any(r, FW_IIF, w->o->tap);
	r = rule(w, FW_C_TAP, FW_ACCEPT);
	term(r, FW_IP);
	term(r, FW_IS_GUEST);
	/* In ARP the frame's sender has to be the guest, and has to say so inside as well. */
	r = rule(w, FW_C_TAP, FW_ACCEPT);
	term(r, FW_ARP);
	term(r, FW_IS_ARP_GUEST);
	term(r, FW_IS_ARP_SENDER);
	rule(w, FW_C_TAP, FW_DROP);
	r = rule(w, FW_C_BETWEEN, FW_DROP);
	term(r, FW_IS_APART);
	any(r, FW_OIF, w->o->tap);
}

static void to_guests(struct writer *w, enum fw_chain chain)
{
	struct fw_rule *r = rule(w, chain, FW_GO_ON);

	term(r, FW_TO_US);
	term(r, FW_BY_ADDRESS);
	r = rule(w, chain, FW_GO_ON);
	term(r, FW_TO_US);
	term(r, FW_BY_PORT);
}

static void known(struct writer *w, enum fw_chain chain, enum fw_term_kind side)
{
	struct fw_rule *r = rule(w, chain, FW_ACCEPT);

	any(r, side, w->o->bridge);
	term(r, FW_KNOWN);
}

static void drop_any(struct writer *w, enum fw_chain chain, enum fw_term_kind side)
{
	any(rule(w, chain, FW_DROP), side, w->o->bridge);
}

static void routed(struct writer *w)
{
	struct fw_rule *r = rule(w, FW_C_RAW, FW_DROP);

	/* A forward from 127.0.0.1 needs route_localnet on the bridge, which would let guests in too. */
	any(r, FW_IIF, w->o->bridge);
	network(r, FW_DADDR, 0x7f000000, 8);
	to_guests(w, FW_C_DSTNAT);
	to_guests(w, FW_C_OUTPUT);
	r = rule(w, FW_C_FORWARD, FW_DROP);
	any(r, FW_IIF, w->o->bridge);
	term(r, FW_IPV6);
	known(w, FW_C_FORWARD, FW_IIF);
	known(w, FW_C_FORWARD, FW_OIF);
	term(rule(w, FW_C_FORWARD, FW_GO_ON), FW_BY_BRIDGE)->set = FW_OUTWARD;
	drop_any(w, FW_C_FORWARD, FW_IIF);
	r = rule(w, FW_C_FORWARD, FW_ACCEPT);
	any(r, FW_OIF, w->o->bridge);
	term(r, FW_REDIRECTED);
	drop_any(w, FW_C_FORWARD, FW_OIF);
	known(w, FW_C_INPUT, FW_IIF);
	term(rule(w, FW_C_INPUT, FW_GO_ON), FW_BY_BRIDGE)->set = FW_TO_HOST;
	drop_any(w, FW_C_INPUT, FW_IIF);
	r = rule(w, FW_C_SRCNAT, FW_MASQUERADE);
	any(r, FW_OIF, w->o->bridge);
	network(r, FW_SADDR, 0x7f000000, 8);
	term(rule(w, FW_C_SRCNAT, FW_GO_ON), FW_TO_BRIDGE)->set = FW_BACK;
	term(rule(w, FW_C_SRCNAT, FW_GO_ON), FW_BY_BRIDGE)->set = FW_LEAVE;
}

static void egress(struct writer *w, const struct fw_facts *f, bool allow)
{
	for (size_t i = 0; i < f->n_egress; i++)
		if (f->egress[i].allow == allow)
			network(rule(w, FW_C_NET_OUT, allow ? FW_ACCEPT : FW_DROP), FW_DADDR,
				f->egress[i].net, f->egress[i].prefix);
}

static void outwards(struct writer *w, const struct fw_facts *f)
{
	const struct fw_net *n = w->net;
	struct fw_rule *r;

	own(w, rule(w, FW_C_NET_OUT, n->siblings ? FW_ACCEPT : FW_DROP), FW_OIF);
	if (n->internet) {
		r = rule(w, FW_C_NET_OUT, FW_ACCEPT);
		any(r, FW_OIF, w->o->bridge);
		term(r, FW_REDIRECTED);
		drop_any(w, FW_C_NET_OUT, FW_OIF);
		if (n->uplink[0]) {
			struct fw_term *t = term(rule(w, FW_C_NET_OUT, FW_DROP), FW_OIF);

			t->isnt = true;
			memcpy(t->name, n->uplink, sizeof(t->name));
		}
		egress(w, f, false);
		egress(w, f, true);
	}
	rule(w, FW_C_NET_OUT, n->internet && !n->deny ? FW_ACCEPT : FW_DROP);
}

static void at_gateway(struct writer *w, uint32_t proto, uint32_t port)
{
	struct fw_rule *r = rule(w, FW_C_NET_HOST, FW_ACCEPT);

	network(r, FW_DADDR, w->net->gateway, 32);
	*term(r, port ? FW_DPORT : FW_ECHO) = (struct fw_term){.kind = port ? FW_DPORT : FW_ECHO,
		.number = port, .prefix = proto};
}

/* The gateway answers a ping whatever the policy: it tells a guest with no network from one with no
 * permission. */
static void to_host(struct writer *w)
{
	if (w->net->host) {
		rule(w, FW_C_NET_HOST, FW_ACCEPT);
		return;
	}
	at_gateway(w, IPPROTO_ICMP, 0);
	if (w->net->dns) {
		at_gateway(w, IPPROTO_UDP, 53);
		at_gateway(w, IPPROTO_TCP, 53);
	}
}

static void leave(struct writer *w)
{
	struct fw_rule *r = rule(w, FW_C_NET_BACK, FW_MASQUERADE);
	struct fw_term *t;

	/* A guest that uses a forward to a sibling: the answer has to come back through here. By its
	 * address, since a packet that br_netfilter took out of the bridge came in by no interface. */
	network(r, FW_SADDR, w->net->gateway, w->net->prefix);
	term(r, FW_REDIRECTED);
	if (!w->net->masquerade)
		return;
	r = rule(w, FW_C_NET_LEAVE, FW_MASQUERADE);
	if (!w->net->uplink[0]) {
		any(r, FW_OIF, w->o->bridge)->isnt = true;
		return;
	}
	t = term(r, FW_OIF);
	memcpy(t->name, w->net->uplink, sizeof(t->name));
}

void fw_rules(const struct fw_owner *o, const struct fw_facts *f, struct fw_rules *out)
{
	struct writer w = {o, &f->net, out};

	out->n = 0;
	frames(&w);
	routed(&w);
	outwards(&w, f);
	to_host(&w);
	leave(&w);
}

/* ---- elements ---------------------------------------------------------------------------------- */

static void put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static struct fw_elem *elem(struct fw_elems *out, enum fw_set set)
{
	struct fw_elem *e = &out->v[out->n++];

	*e = (struct fw_elem){.set = set};
	return e;
}

static void put_name(uint8_t *at, const char *prefix, uint32_t index)
{
	char name[IFNAMSIZ] = {0};

	snprintf(name, sizeof(name), "%.9s%u", prefix, index % 1000000);
	memcpy(at, name, sizeof(name));
}

static void guest(const struct fw_owner *o, const struct fw_net *net, const struct fw_guest *g,
	struct fw_elems *out)
{
	struct fw_elem *e = elem(out, FW_GUESTS);

	put_name(e->key, o->tap, g->tap);
	memcpy(e->key + 16, g->mac, sizeof(g->mac));
	put32(e->key + 24, g->address);
	if (!net->siblings)
		put_name(elem(out, FW_APART)->key, o->tap, g->tap);
}

static void forward(const struct fw_forward *f, struct fw_elems *out)
{
	struct fw_elem *e = elem(out, f->listen ? FW_PORTS_AT : FW_PORTS);
	uint8_t *at = e->key;

	if (f->listen) {
		put32(at, f->listen);
		at += 4;
	}
	at[0] = f->udp ? IPPROTO_UDP : IPPROTO_TCP;
	put16(at + 4, f->port);
	put32(e->data, f->address);
	put16(e->data + 4, f->to);
}

int fw_elem_compare(const struct fw_elem *a, const struct fw_elem *b)
{
	return a->set != b->set ? (a->set < b->set ? -1 : 1) : memcmp(a->key, b->key, FW_KEY_MAX);
}

static int by_key(const void *a, const void *b)
{
	return fw_elem_compare(a, b);
}

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const uint8_t byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

/* Let the element at its place below n sink until its children are not larger. */
static void sink(uint8_t *v, size_t at, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	for (size_t child; (child = 2 * at + 1) < n; at = child) {
		if (child + 1 < n && compare(v + child * size, v + (child + 1) * size) < 0)
			child++;
		if (compare(v + at * size, v + child * size) >= 0)
			return;
		swap(v + at * size, v + child * size, size);
	}
}

/* A heap sort. The C library's allocates, and asks the system how much memory there is: the root helper
 * does neither. */
static void sort(void *list, size_t n, size_t size, int (*compare)(const void *, const void *))
{
	uint8_t *v = list;

	for (size_t i = n / 2; i-- > 0;)
		sink(v, i, n, size, compare);
	for (size_t i = n; i-- > 1;) {
		swap(v, v + i * size, size);
		sink(v, 0, i, size, compare);
	}
}

void fw_elems(const struct fw_owner *o, const struct fw_facts *f, struct fw_elems *out)
{
	out->n = 0;
	put_name(elem(out, FW_OUTWARD)->key, o->bridge, f->net.index);
	put_name(elem(out, FW_TO_HOST)->key, o->bridge, f->net.index);
	put_name(elem(out, FW_LEAVE)->key, o->bridge, f->net.index);
	put_name(elem(out, FW_BACK)->key, o->bridge, f->net.index);
	for (size_t i = 0; i < f->n_guests; i++)
		guest(o, &f->net, &f->guests[i], out);
	for (size_t i = 0; i < f->n_forwards; i++)
		forward(&f->forwards[i], out);
	sort(out->v, out->n, sizeof(out->v[0]), by_key);
}

/* ---- whether facts agree --------------------------------------------------------------------------- */

static int check_net(const struct fw_net *n, struct err *e)
{
	const uint32_t host = n->prefix < 32 ? UINT32_MAX >> n->prefix : 0;

	if (n->prefix < 8 || n->prefix > 30)
		return err_set(e, ERR_USAGE, "network %u: %u bits are too many or too few", n->index, n->prefix);
	if (!(n->gateway & host) || (n->gateway & host) == host)
		return err_set(e, ERR_USAGE, "network %u: its gateway is no address of a host", n->index);
	return 0;
}

static bool is_host_of(const struct fw_net *n, uint32_t address)
{
	const uint32_t host = UINT32_MAX >> n->prefix;

	return (address & ~host) == (n->gateway & ~host) && (address & host) &&
		(address & host) != host && address != n->gateway;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts v. */
static bool has_twice(uint32_t *v, size_t n)
{
	sort(v, n, sizeof(v[0]), by_number);
	for (size_t i = 1; i < n; i++)
		if (v[i] == v[i - 1])
			return true;
	return false;
}

static int check_guests(const struct fw_facts *f, uint32_t addresses[FW_GUESTS_MAX], struct err *e)
{
	uint32_t taps[FW_GUESTS_MAX];

	for (size_t i = 0; i < f->n_guests; i++) {
		const struct fw_guest *g = &f->guests[i];

		if (!is_host_of(&f->net, g->address))
			return err_set(e, ERR_USAGE, "the guest at tap %u: its address is none of the subnet's "
				"hosts", g->tap);
		if (g->mac[0] & 1 || !memcmp(g->mac, "\0\0\0\0\0\0", 6))
			return err_set(e, ERR_USAGE, "the guest at tap %u: its hardware address is that of no "
				"single host", g->tap);
		taps[i] = g->tap;
		addresses[i] = g->address;
	}
	if (has_twice(taps, f->n_guests) || has_twice(addresses, f->n_guests))
		return err_set(e, ERR_USAGE, "two guests have one tap or one address");
	return 0;
}

int fw_check(const struct fw_facts *f, struct err *e)
{
	uint32_t addresses[FW_GUESTS_MAX];

	if (check_net(&f->net, e) < 0 || check_guests(f, addresses, e) < 0)
		return -1;
	for (size_t i = 0; i < f->n_egress; i++)
		if (f->egress[i].prefix > 32)
			return err_set(e, ERR_USAGE, "egress: %u bits", f->egress[i].prefix);
	for (size_t i = 0; i < f->n_forwards; i++) {
		const struct fw_forward *p = &f->forwards[i];

		if (!p->port || !p->to)
			return err_set(e, ERR_USAGE, "a forward of port 0");
		if (!bsearch(&p->address, addresses, f->n_guests, sizeof(addresses[0]), by_number))
			return err_set(e, ERR_USAGE, "port %u: leads to no guest of the network", p->port);
		for (size_t k = 0; k < i; k++)
			if (p->port == f->forwards[k].port && p->udp == f->forwards[k].udp &&
				p->listen == f->forwards[k].listen)
				return err_set(e, ERR_USAGE, "port %u: leads to two guests", p->port);
	}
	return 0;
}
