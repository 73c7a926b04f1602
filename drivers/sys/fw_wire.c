/* fw_wire.c - rules, elements and what holds them as messages to the kernel. */
#include "drivers/sys/fw_wire.h"

#include <netinet/in.h> /* before the kernel's own */

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* Registers are words of 4 bytes; the kernel names each fourth one by its older name when it shows them. */
static uint32_t reg(unsigned word)
{
	return word % 4 ? NFT_REG32_00 + word : NFT_REG_1 + word / 4;
}

unsigned fw_wire_family(enum fw_family family)
{
	return family == FW_BRIDGE ? NFPROTO_BRIDGE : NFPROTO_INET;
}

/* ---- expressions -------------------------------------------------------------------------------- */

struct expr {
	size_t elem, data;
};

static struct expr open_expr(struct nft_pen *p, const char *name)
{
	struct expr x;

	x.elem = nft_nest(p, NFTA_LIST_ELEM);
	nft_text(p, NFTA_EXPR_NAME, name);
	x.data = nft_nest(p, NFTA_EXPR_DATA);
	return x;
}

static void close_expr(struct nft_pen *p, struct expr x)
{
	nft_unnest(p, x.data);
	nft_unnest(p, x.elem);
}

static void meta(struct nft_pen *p, uint32_t key, unsigned word)
{
	struct expr x = open_expr(p, "meta");

	nft_number(p, NFTA_META_KEY, key);
	nft_number(p, NFTA_META_DREG, reg(word));
	close_expr(p, x);
}

static void payload(struct nft_pen *p, uint32_t base, uint32_t offset, uint32_t len, unsigned word)
{
	struct expr x = open_expr(p, "payload");

	nft_number(p, NFTA_PAYLOAD_DREG, reg(word));
	nft_number(p, NFTA_PAYLOAD_BASE, base);
	nft_number(p, NFTA_PAYLOAD_OFFSET, offset);
	nft_number(p, NFTA_PAYLOAD_LEN, len);
	close_expr(p, x);
}

static void value(struct nft_pen *p, unsigned type, const void *v, size_t n)
{
	const size_t at = nft_nest(p, type);

	nft_put(p, NFTA_DATA_VALUE, v, n);
	nft_unnest(p, at);
}

static void compare(struct nft_pen *p, uint32_t op, const void *v, size_t n)
{
	struct expr x = open_expr(p, "cmp");

	nft_number(p, NFTA_CMP_SREG, reg(0));
	nft_number(p, NFTA_CMP_OP, op);
	value(p, NFTA_CMP_DATA, v, n);
	close_expr(p, x);
}

static void mask(struct nft_pen *p, const uint8_t v[4])
{
	static const uint8_t zero[4];
	struct expr x = open_expr(p, "bitwise");

	nft_number(p, NFTA_BITWISE_SREG, reg(0));
	nft_number(p, NFTA_BITWISE_DREG, reg(0));
	nft_number(p, NFTA_BITWISE_LEN, 4);
	value(p, NFTA_BITWISE_MASK, v, 4);
	value(p, NFTA_BITWISE_XOR, zero, 4);
	close_expr(p, x);
}

/* Is one of these bits set? They are kept in the host's own order. */
static void conntrack(struct nft_pen *p, uint32_t key, uint32_t bits)
{
	static const uint32_t zero;
	struct expr x = open_expr(p, "ct");
	uint8_t raw[4];

	nft_number(p, NFTA_CT_DREG, reg(0));
	nft_number(p, NFTA_CT_KEY, key);
	close_expr(p, x);
	memcpy(raw, &bits, sizeof(raw));
	mask(p, raw);
	compare(p, NFT_CMP_NEQ, &zero, sizeof(zero));
}

enum { NO_RESULT = -1, TO_VERDICT = -2 };

/* result: NO_RESULT for a set, TO_VERDICT, or the word that a map's data goes to. */
static void lookup(struct nft_pen *p, enum fw_set set, int result)
{
	struct expr x = open_expr(p, "lookup");

	nft_text(p, NFTA_LOOKUP_SET, fw_sets[set].name);
	nft_number(p, NFTA_LOOKUP_SREG, reg(0));
	if (result == TO_VERDICT)
		nft_number(p, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	else if (result >= 0)
		nft_number(p, NFTA_LOOKUP_DREG, reg((unsigned)result));
	close_expr(p, x);
}

static void redirect(struct nft_pen *p)
{
	struct expr x = open_expr(p, "nat");

	nft_number(p, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_number(p, NFTA_NAT_FAMILY, NFPROTO_IPV4);
	nft_number(p, NFTA_NAT_REG_ADDR_MIN, reg(0));
	nft_number(p, NFTA_NAT_REG_ADDR_MAX, reg(0));
	nft_number(p, NFTA_NAT_REG_PROTO_MIN, reg(1));
	nft_number(p, NFTA_NAT_REG_PROTO_MAX, reg(1));
	nft_number(p, NFTA_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
	close_expr(p, x);
}

/* ---- terms ----------------------------------------------------------------------------------------- */

static void interface(struct nft_pen *p, const struct fw_term *t)
{
	meta(p, t->kind == FW_IIF ? NFT_META_IIFNAME : NFT_META_OIFNAME, 0);
	compare(p, t->isnt ? NFT_CMP_NEQ : NFT_CMP_EQ, t->name, t->any ? strlen(t->name) : IFNAMSIZ);
}

static void is_family(struct nft_pen *p, uint8_t family)
{
	meta(p, NFT_META_NFPROTO, 0);
	compare(p, NFT_CMP_EQ, &family, 1);
}

static void is_proto(struct nft_pen *p, uint8_t proto)
{
	meta(p, NFT_META_L4PROTO, 0);
	compare(p, NFT_CMP_EQ, &proto, 1);
}

static void address(struct nft_pen *p, const struct fw_term *t)
{
	const uint32_t bits = t->prefix ? ~(uint32_t)0 << (32 - t->prefix) : 0;
	const uint32_t big = htonl(t->number), big_mask = htonl(bits);
	uint8_t raw[4];

	is_family(p, NFPROTO_IPV4);
	payload(p, NFT_PAYLOAD_NETWORK_HEADER, t->kind == FW_SADDR ? 12 : 16, 4, 0);
	memcpy(raw, &big_mask, sizeof(raw));
	if (t->prefix < 32)
		mask(p, raw);
	compare(p, NFT_CMP_EQ, &big, 4);
}

static void port(struct nft_pen *p, const struct fw_term *t)
{
	const uint16_t big = htons((uint16_t)t->number);

	is_proto(p, (uint8_t)t->prefix);
	payload(p, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0);
	compare(p, NFT_CMP_EQ, &big, sizeof(big));
}

static void echo(struct nft_pen *p)
{
	static const uint8_t request = 8;

	is_proto(p, IPPROTO_ICMP);
	payload(p, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0);
	compare(p, NFT_CMP_EQ, &request, 1);
}

/* The kind stands behind both hardware addresses. A tagged frame has the tag's kind there. */
static void frame(struct nft_pen *p, uint16_t kind)
{
	static const uint8_t arp[6] = {0, 1, 8, 0, 6, 4};
	const uint16_t big = htons(kind);

	payload(p, NFT_PAYLOAD_LL_HEADER, 12, 2, 0);
	compare(p, NFT_CMP_EQ, &big, sizeof(big));
	if (kind != ETH_P_ARP)
		return;
	payload(p, NFT_PAYLOAD_NETWORK_HEADER, 0, sizeof(arp), 0);
	compare(p, NFT_CMP_EQ, arp, sizeof(arp));
}

static void is_guest(struct nft_pen *p, enum fw_term_kind kind)
{
	meta(p, NFT_META_IIFNAME, 0);
	if (kind == FW_IS_ARP_SENDER)
		payload(p, NFT_PAYLOAD_NETWORK_HEADER, 8, 6, 4);
	else
		payload(p, NFT_PAYLOAD_LL_HEADER, 6, 6, 4);
	payload(p, NFT_PAYLOAD_NETWORK_HEADER, kind == FW_IS_GUEST ? 12 : 14, 4, 6);
	lookup(p, FW_GUESTS, NO_RESULT);
}

static void to_us(struct nft_pen *p)
{
	static const uint32_t local = RTN_LOCAL;
	struct expr x = open_expr(p, "fib");

	nft_number(p, NFTA_FIB_DREG, reg(0));
	nft_number(p, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_number(p, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	close_expr(p, x);
	compare(p, NFT_CMP_EQ, &local, sizeof(local));
}

static void by_port(struct nft_pen *p, bool with_address)
{
	unsigned word = 0;

	is_family(p, NFPROTO_IPV4);
	if (with_address)
		payload(p, NFT_PAYLOAD_NETWORK_HEADER, 16, 4, word++);
	meta(p, NFT_META_L4PROTO, word++);
	payload(p, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
	lookup(p, with_address ? FW_PORTS_AT : FW_PORTS, 0);
	redirect(p);
}

static void term(struct nft_pen *p, const struct fw_term *t)
{
	switch (t->kind) {
	case FW_IIF:
	case FW_OIF:
		return interface(p, t);
	case FW_IPV6:
		return is_family(p, NFPROTO_IPV6);
	case FW_ARP:
		return frame(p, ETH_P_ARP);
	case FW_IP:
		return frame(p, ETH_P_IP);
	case FW_DPORT:
		return port(p, t);
	case FW_ECHO:
		return echo(p);
	case FW_SADDR:
	case FW_DADDR:
		return address(p, t);
	case FW_KNOWN:
		return conntrack(p, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_ESTABLISHED) |
			NF_CT_STATE_BIT(IP_CT_RELATED));
	case FW_REDIRECTED:
		return conntrack(p, NFT_CT_STATUS, IPS_DST_NAT);
	case FW_TO_US:
		return to_us(p);
	case FW_IS_GUEST:
	case FW_IS_ARP_GUEST:
	case FW_IS_ARP_SENDER:
		return is_guest(p, t->kind);
	case FW_IS_APART:
		meta(p, NFT_META_IIFNAME, 0);
		return lookup(p, FW_APART, NO_RESULT);
	case FW_BY_BRIDGE:
	case FW_TO_BRIDGE:
		meta(p, t->kind == FW_BY_BRIDGE ? NFT_META_IIFNAME : NFT_META_OIFNAME, 0);
		return lookup(p, t->set, TO_VERDICT);
	case FW_BY_PORT:
		return by_port(p, false);
	case FW_BY_ADDRESS:
		return by_port(p, true);
	}
}

static void put_verdict(struct nft_pen *p, unsigned type, int code, const char *chain)
{
	const size_t data = nft_nest(p, type), at = nft_nest(p, NFTA_DATA_VERDICT);

	nft_number(p, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nft_text(p, NFTA_VERDICT_CHAIN, chain);
	nft_unnest(p, at);
	nft_unnest(p, data);
}

static void verdict(struct nft_pen *p, enum fw_verdict v)
{
	struct expr x;

	if (v == FW_GO_ON)
		return;
	x = open_expr(p, v == FW_MASQUERADE ? "masq" : "immediate");
	if (v != FW_MASQUERADE) {
		nft_number(p, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
		put_verdict(p, NFTA_IMMEDIATE_DATA, v == FW_ACCEPT ? NF_ACCEPT : v == FW_DROP ? NF_DROP :
			NFT_GOTO, v == FW_GOTO_TAP ? fw_chains[FW_C_TAP].name : NULL);
	}
	close_expr(p, x);
}

void fw_wire_exprs(struct nft_pen *p, const struct fw_rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		term(p, &rule->terms[i]);
	if (rule->counter)
		close_expr(p, open_expr(p, "counter"));
	verdict(p, rule->verdict);
}

/* ---- comparing --------------------------------------------------------------------------------------- */

struct attrs {
	const uint8_t *v;
	size_t n;
};

/* The next attribute, false at the end or where the bytes are none. */
static bool next(struct attrs *in, unsigned *type, struct attrs *body)
{
	struct nlattr head;
	size_t step;

	if (in->n < sizeof(head))
		return false;
	memcpy(&head, in->v, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > in->n)
		return false;
	*type = head.nla_type & NLA_TYPE_MASK;
	*body = (struct attrs){in->v + sizeof(head), head.nla_len - sizeof(head)};
	step = (head.nla_len + 3u) & ~3u;
	in->n -= step < in->n ? step : in->n;
	in->v += step;
	return true;
}

static struct attrs find(struct attrs in, unsigned want)
{
	struct attrs body;
	unsigned type;

	while (next(&in, &type, &body))
		if (type == want)
			return body;
	return (struct attrs){NULL, 0};
}

static bool same_bytes(struct attrs a, struct attrs b)
{
	return a.v && b.v && a.n == b.n && !memcmp(a.v, b.v, b.n);
}

static bool is_zero(struct attrs a)
{
	for (size_t i = 0; i < a.n; i++)
		if (a.v[i])
			return false;
	return true;
}

/* All that we say is there, and what the kernel adds says nothing: flags that are not set. */
static bool same_data(struct attrs kernel, struct attrs ours)
{
	struct attrs rest = ours, body;
	unsigned type;

	while (next(&rest, &type, &body))
		if (!same_bytes(find(kernel, type), body))
			return false;
	while (next(&kernel, &type, &body))
		if (!find(ours, type).v && !is_zero(body))
			return false;
	return true;
}

static bool same_expr(struct attrs kernel, struct attrs ours)
{
	const struct attrs name = find(kernel, NFTA_EXPR_NAME), own = find(ours, NFTA_EXPR_NAME);

	if (!same_bytes(name, own))
		return false;
	/* What a counter has counted is its own. */
	if (own.n == sizeof("counter") && !memcmp(own.v, "counter", own.n))
		return true;
	return same_data(find(kernel, NFTA_EXPR_DATA), find(ours, NFTA_EXPR_DATA));
}

bool fw_wire_same(const uint8_t *kernel, size_t n, const uint8_t *ours, size_t n_ours)
{
	struct attrs a = {kernel, n}, b = {ours, n_ours}, x, y;
	unsigned type;
	bool more;

	do {
		more = next(&b, &type, &y);
		if (next(&a, &type, &x) != more)
			return false;
		if (more && !same_expr(x, y))
			return false;
	} while (more);
	return true;
}

/* ---- messages ------------------------------------------------------------------------------------------ */

void fw_wire_table(struct nft_pen *p, const struct fw_owner *o, enum fw_family family, bool remove)
{
	const size_t at = nft_begin(p, remove ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE,
		remove ? 0 : NLM_F_CREATE, fw_wire_family(family));

	nft_text(p, NFTA_TABLE_NAME, o->table);
	if (!remove)
		nft_number(p, NFTA_TABLE_FLAGS, 0);
	nft_end(p, at);
}

static void put_element_counter(struct nft_pen *p)
{
	const size_t at = nft_nest(p, NFTA_SET_EXPR);
	size_t data;

	nft_text(p, NFTA_EXPR_NAME, "counter");
	data = nft_nest(p, NFTA_EXPR_DATA);
	nft_unnest(p, data);
	nft_unnest(p, at);
}

/* Without it the nft program shows names of interfaces backwards (libnftnl, udata.h: the order of the bytes of
 * the key is the host's). */
static const uint8_t host_order[] = {0, 4, 1, 0, 0, 0};

void fw_wire_set(struct nft_pen *p, const struct fw_owner *o, enum fw_set set)
{
	const struct fw_set_row *row = &fw_sets[set];
	const size_t at = nft_begin(p, NFT_MSG_NEWSET, NLM_F_CREATE, fw_wire_family(row->family));

	nft_text(p, NFTA_SET_TABLE, o->table);
	nft_text(p, NFTA_SET_NAME, row->name);
	nft_number(p, NFTA_SET_ID, (uint32_t)set + 1);
	nft_number(p, NFTA_SET_FLAGS, row->data_type ? NFT_SET_MAP : 0);
	nft_number(p, NFTA_SET_KEY_TYPE, row->key_type);
	nft_number(p, NFTA_SET_KEY_LEN, row->key_len);
	if (row->data_type)
		nft_number(p, NFTA_SET_DATA_TYPE, row->data_type);
	if (row->data_len)
		nft_number(p, NFTA_SET_DATA_LEN, row->data_len);
	if (row->counter)
		put_element_counter(p);
	nft_put(p, NFTA_SET_USERDATA, host_order, sizeof(host_order));
	nft_end(p, at);
}

void fw_wire_chain(struct nft_pen *p, const struct fw_owner *o, enum fw_chain chain, uint32_t net,
	bool remove)
{
	const struct fw_chain_row *row = &fw_chains[chain];
	const size_t at = nft_begin(p, remove ? NFT_MSG_DELCHAIN : NFT_MSG_NEWCHAIN,
		remove ? 0 : NLM_F_CREATE, fw_wire_family(row->family));
	char name[FW_NAME_MAX];

	fw_chain_name(chain, net, name);
	nft_text(p, NFTA_CHAIN_TABLE, o->table);
	nft_text(p, NFTA_CHAIN_NAME, name);
	if (row->type && !remove) {
		const size_t hook = nft_nest(p, NFTA_CHAIN_HOOK);

		nft_number(p, NFTA_HOOK_HOOKNUM, row->hook);
		nft_number(p, NFTA_HOOK_PRIORITY, (uint32_t)row->priority);
		nft_unnest(p, hook);
		nft_number(p, NFTA_CHAIN_POLICY, NF_ACCEPT);
		nft_text(p, NFTA_CHAIN_TYPE, row->type);
	}
	nft_end(p, at);
}

static size_t begin_rule(struct nft_pen *p, const struct fw_owner *o, unsigned type, unsigned flags,
	enum fw_chain chain, uint32_t net)
{
	const size_t at = nft_begin(p, type, flags, fw_wire_family(fw_chains[chain].family));
	char name[FW_NAME_MAX];

	fw_chain_name(chain, net, name);
	nft_text(p, NFTA_RULE_TABLE, o->table);
	nft_text(p, NFTA_RULE_CHAIN, name);
	return at;
}

void fw_wire_rule(struct nft_pen *p, const struct fw_owner *o, const struct fw_rule *rule, uint32_t net)
{
	const size_t at = begin_rule(p, o, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, rule->chain, net);
	const size_t exprs = nft_nest(p, NFTA_RULE_EXPRESSIONS);

	fw_wire_exprs(p, rule);
	nft_unnest(p, exprs);
	nft_end(p, at);
}

void fw_wire_flush(struct nft_pen *p, const struct fw_owner *o, enum fw_chain chain, uint32_t net)
{
	nft_end(p, begin_rule(p, o, NFT_MSG_DELRULE, 0, chain, net));
}

/* A comment as the nft program writes it (libnftnl, udata.h): type 0, length, text with its end. */
size_t fw_wire_tag(uint32_t net, uint8_t out[64])
{
	const int n = snprintf((char *)out + 2, 62, "network %u", net);

	out[0] = 0;
	out[1] = (uint8_t)(n + 1);
	return (size_t)n + 3;
}

static void put_key(struct nft_pen *p, const struct fw_elem *elem)
{
	value(p, NFTA_SET_ELEM_KEY, elem->key, fw_sets[elem->set].key_len);
}

static void put_data(struct nft_pen *p, const struct fw_elem *elem, uint32_t net)
{
	const struct fw_set_row *row = &fw_sets[elem->set];
	char name[FW_NAME_MAX];

	if (row->data_len)
		value(p, NFTA_SET_ELEM_DATA, elem->data, row->data_len);
	if (!row->data_type || row->data_len)
		return;
	fw_chain_name(fw_set_chain(elem->set), net, name);
	put_verdict(p, NFTA_SET_ELEM_DATA, NFT_JUMP, name);
}

void fw_wire_elem(struct nft_pen *p, const struct fw_owner *o, const struct fw_elem *elem, uint32_t net,
	bool remove)
{
	const struct fw_set_row *row = &fw_sets[elem->set];
	const size_t at = nft_begin(p, remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
		remove ? 0 : NLM_F_CREATE | NLM_F_EXCL, fw_wire_family(row->family));
	size_t list, one;
	uint8_t tag[64];

	nft_text(p, NFTA_SET_ELEM_LIST_TABLE, o->table);
	nft_text(p, NFTA_SET_ELEM_LIST_SET, row->name);
	list = nft_nest(p, NFTA_SET_ELEM_LIST_ELEMENTS);
	one = nft_nest(p, NFTA_LIST_ELEM);
	put_key(p, elem);
	if (!remove) {
		put_data(p, elem, net);
		nft_put(p, NFTA_SET_ELEM_USERDATA, tag, fw_wire_tag(net, tag));
	}
	nft_unnest(p, one);
	nft_unnest(p, list);
	nft_end(p, at);
}
