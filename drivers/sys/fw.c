/* fw.c - compare the firewall with the kernel, and change it.
 *
 * One look asks for everything that carries the owner's table name, and writes on the way what has to go.
 * What has to come follows, in an order that the kernel accepts: tables, sets, chains, elements that go,
 * rules, elements that come. The transaction names the generation that the look saw, so that it either
 * changes what was seen or is refused and tried again.
 */
#include "drivers/sys/fw_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libmnl's own loops narrow a pointer difference to int; it is at most the length of a message. */
#pragma GCC diagnostic ignored "-Wconversion"

#define BATCH_BYTES (4u << 20)
#define TRIES 8

struct chain_state {
	bool there, wrong;
	uint32_t rules; /* seen so far */
};

struct fw {
	struct nft nl;
	struct fw_rules rules;
	struct fw_elems elems;
	const struct fw_owner *o;
	uint32_t net, generation;
	bool tables[FW_FAMILY_N], sets[FW_SET_N];
	struct chain_state chains[FW_CHAIN_N];
	enum fw_family family;          /* that answers come from */
	enum fw_set set;
	bool conflict;
	struct fw_diff diff;
	struct nft_pen goes, batch;     /* deletions of elements; the transaction */
	uint8_t goes_bytes[BATCH_BYTES / 4], batch_bytes[BATCH_BYTES];
};

const char *fw_fault_text(enum fw_fault fault)
{
	static const char *const texts[FW_FAULT_N] = {
		[FW_FINE] = "nothing is wrong",
		[FW_NO_TABLE] = "the table is gone",
		[FW_STRANGE] = "somebody changed how the table is made",
		[FW_NO_PART] = "a part of the table is gone",
		[FW_RULES_DIFFER] = "rules were altered",
		[FW_ELEMS_MISSING] = "entries are missing",
		[FW_ELEMS_EXTRA] = "there are entries of somebody else's",
	};

	return fault < FW_FAULT_N ? texts[fault] : "it is not as it was made";
}

int fw_open(struct fw **fw, struct err *e)
{
	struct fw *new = calloc(1, sizeof(*new));

	if (!new)
		return err_sys(e, errno, "cannot work with the firewall");
	if (nft_open(&new->nl, e) < 0) {
		free(new);
		return -1;
	}
	*fw = new;
	return 0;
}

void fw_close(struct fw *fw)
{
	if (fw)
		nft_close(&fw->nl);
	free(fw);
}

/* A name that is longer is none of ours; cut off it still is none. */
static void copy_name(char to[FW_NAME_MAX], const char *from)
{
	snprintf(to, FW_NAME_MAX, "%.*s", FW_NAME_MAX - 1, from);
}

static void found(struct fw *fw, enum fw_fault fault, const char *where)
{
	if (fw->diff.first == FW_FINE || (fault == FW_STRANGE && fw->diff.first != FW_NO_TABLE)) {
		fw->diff.first = fault;
		copy_name(fw->diff.where, where);
	}
}

/* ---- answers -------------------------------------------------------------------------------------- */

static const char *text_of(const struct nlattr *a)
{
	/* The kernel ends its texts; what does not end is none. */
	return mnl_attr_get_payload_len(a) && !((const char *)mnl_attr_get_payload(a))
		[mnl_attr_get_payload_len(a) - 1] ? mnl_attr_get_str(a) : "";
}

static uint32_t number_of(const struct nlattr *a)
{
	return mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : UINT32_MAX;
}

#define each_attr(a, m) mnl_attr_for_each(a, m, sizeof(struct nfgenmsg))

static int got_table(const struct nlmsghdr *m, void *arg)
{
	struct fw *fw = arg;
	const struct nlattr *a;

	fw->tables[fw->family] = true;
	/* A dormant table is there and does nothing. */
	each_attr(a, m)
		if (mnl_attr_get_type(a) == NFTA_TABLE_FLAGS && number_of(a))
			found(fw, FW_STRANGE, "");
	return 0;
}

static bool hook_is(const struct nlattr *hook, const struct fw_chain_row *row)
{
	bool number = false, priority = false;
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, hook) {
		number |= mnl_attr_get_type(a) == NFTA_HOOK_HOOKNUM && number_of(a) == row->hook;
		priority |= mnl_attr_get_type(a) == NFTA_HOOK_PRIORITY &&
			number_of(a) == (uint32_t)row->priority;
	}
	return number && priority;
}

/* What a base chain was made with. */
static bool chain_is(const struct nlmsghdr *m, const struct fw_chain_row *row)
{
	const struct nlattr *a;
	unsigned good = 0, base = 0;

	each_attr(a, m) {
		const unsigned type = mnl_attr_get_type(a);

		base += type == NFTA_CHAIN_HOOK;
		if (!row->type)
			continue;
		good += type == NFTA_CHAIN_HOOK && hook_is(a, row);
		good += type == NFTA_CHAIN_POLICY && number_of(a) == NF_ACCEPT;
		good += type == NFTA_CHAIN_TYPE && !strcmp(text_of(a), row->type);
	}
	return row->type ? good == 3 : !base;
}

static int got_chain(const struct nlmsghdr *m, void *arg)
{
	struct fw *fw = arg;
	const char *table = "", *name = "";
	enum fw_chain chain;
	const struct nlattr *a;
	uint32_t net;

	each_attr(a, m) {
		if (mnl_attr_get_type(a) == NFTA_CHAIN_TABLE)
			table = text_of(a);
		else if (mnl_attr_get_type(a) == NFTA_CHAIN_NAME)
			name = text_of(a);
	}
	if (strcmp(table, fw->o->table))
		return 0;
	chain = fw_chain_find(fw->family, name, &net);
	if (chain == FW_CHAIN_N || !chain_is(m, &fw_chains[chain]))
		found(fw, FW_STRANGE, name);
	else if (fw_chains[chain].per_net && net != fw->net)
		fw->diff.last = false;
	else
		fw->chains[chain].there = true;
	return 0;
}

static enum fw_set set_find(enum fw_family family, const char *name)
{
	for (unsigned i = 0; i < FW_SET_N; i++)
		if (fw_sets[i].family == family && !strcmp(fw_sets[i].name, name))
			return (enum fw_set)i;
	return FW_SET_N;
}

static int got_set(const struct nlmsghdr *m, void *arg)
{
	struct fw *fw = arg;
	uint32_t flags = 0, key_type = 0, data_type = 0;
	const char *name = "";
	const struct nlattr *a;
	enum fw_set set;

	each_attr(a, m) {
		const unsigned type = mnl_attr_get_type(a);

		if (type == NFTA_SET_NAME)
			name = text_of(a);
		flags = type == NFTA_SET_FLAGS ? number_of(a) : flags;
		key_type = type == NFTA_SET_KEY_TYPE ? number_of(a) : key_type;
		data_type = type == NFTA_SET_DATA_TYPE ? number_of(a) : data_type;
	}
	set = set_find(fw->family, name);
	if (set == FW_SET_N || key_type != fw_sets[set].key_type || data_type != fw_sets[set].data_type ||
		flags != (data_type ? NFT_SET_MAP : 0u))
		found(fw, FW_STRANGE, name);
	else
		fw->sets[set] = true;
	return 0;
}

/* The n-th rule of that chain as it has to be, NULL when it has fewer. */
static const struct fw_rule *wanted(const struct fw *fw, enum fw_chain chain, uint32_t n)
{
	for (size_t i = 0; i < fw->rules.n; i++)
		if (fw->rules.v[i].chain == chain && !n--)
			return &fw->rules.v[i];
	return NULL;
}

static bool rule_is(const struct nlattr *exprs, const struct fw_rule *rule)
{
	uint8_t ours[4096];
	struct nft_pen p = {ours, 0, sizeof(ours), 0, false};

	fw_wire_exprs(&p, rule);
	return exprs && fw_wire_same(mnl_attr_get_payload(exprs), mnl_attr_get_payload_len(exprs), ours, p.n);
}

static int got_rule(const struct nlmsghdr *m, void *arg)
{
	struct fw *fw = arg;
	const struct nlattr *a, *exprs = NULL;
	const struct fw_rule *rule;
	const char *table = "", *name = "";
	struct chain_state *state;
	enum fw_chain chain;
	uint32_t net;

	each_attr(a, m) {
		if (mnl_attr_get_type(a) == NFTA_RULE_CHAIN)
			name = text_of(a);
		else if (mnl_attr_get_type(a) == NFTA_RULE_TABLE)
			table = text_of(a);
		else if (mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS)
			exprs = a;
	}
	chain = fw_chain_find(fw->family, name, &net);
	if (strcmp(table, fw->o->table) || chain == FW_CHAIN_N || (fw_chains[chain].per_net && net != fw->net))
		return 0;
	state = &fw->chains[chain];
	rule = wanted(fw, chain, state->rules++);
	if (!rule || !rule_is(exprs, rule))
		state->wrong = true;
	return 0;
}

/* ---- elements --------------------------------------------------------------------------------------- */

struct seen {
	struct fw_elem elem;
	char chain[FW_NAME_MAX];
	bool has_key, is_plain;
	uint32_t net;           /* UINT32_MAX: it does not say */
};

static void take_value(const struct nlattr *nest, uint8_t *to, size_t n, struct seen *s)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, nest) {
		if (mnl_attr_get_type(a) == NFTA_DATA_VALUE && mnl_attr_get_payload_len(a) == n)
			memcpy(to, mnl_attr_get_payload(a), n);
		if (mnl_attr_get_type(a) != NFTA_DATA_VERDICT)
			continue;
		mnl_attr_for_each_nested(b, a) {
			if (mnl_attr_get_type(b) == NFTA_VERDICT_CHAIN)
				copy_name(s->chain, text_of(b));
			else if (mnl_attr_get_type(b) == NFTA_VERDICT_CODE)
				s->is_plain &= (int)number_of(b) == NFT_JUMP;
		}
	}
}

static uint32_t take_tag(const struct nlattr *a)
{
	const uint8_t *v = mnl_attr_get_payload(a);
	const size_t n = mnl_attr_get_payload_len(a);
	uint8_t want[64];
	uint32_t net;

	if (n < 12 || n > sizeof(want) || v[n - 1])
		return UINT32_MAX;
	net = (uint32_t)strtoul((const char *)v + sizeof("  network ") - 1, NULL, 10);
	return fw_wire_tag(net, want) == n && !memcmp(want, v, n) ? net : UINT32_MAX;
}

static void take_elem(const struct nlattr *nest, enum fw_set set, struct seen *s)
{
	const struct nlattr *a;

	*s = (struct seen){.elem.set = set, .is_plain = true, .net = UINT32_MAX};
	mnl_attr_for_each_nested(a, nest)
		switch (mnl_attr_get_type(a)) {
		case NFTA_SET_ELEM_KEY:
			take_value(a, s->elem.key, fw_sets[set].key_len, s);
			s->has_key = true;
			break;
		case NFTA_SET_ELEM_DATA:
			take_value(a, s->elem.data, fw_sets[set].data_len, s);
			break;
		case NFTA_SET_ELEM_FLAGS:
			s->is_plain &= !number_of(a);
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			s->is_plain = false; /* it would go away by itself */
			break;
		case NFTA_SET_ELEM_USERDATA:
			s->net = take_tag(a);
			break;
		default:
			break;
		}
}

/* Whether it is one of this network's, as it has to be. */
static bool elem_is(const struct fw *fw, const struct seen *s, const struct fw_elem *want)
{
	const struct fw_set_row *row = &fw_sets[want->set];
	char chain[FW_NAME_MAX];

	if (s->net != fw->net || !s->is_plain)
		return false;
	if (row->data_len)
		return !memcmp(s->elem.data, want->data, row->data_len);
	if (!row->data_type)
		return true;
	fw_chain_name(fw_set_chain(want->set), fw->net, chain);
	return !strcmp(chain, s->chain);
}

static int by_key(const void *a, const void *b)
{
	return fw_elem_compare(a, b);
}

static void look_elem(struct fw *fw, const struct seen *s)
{
	struct fw_elem *want;

	if (!s->has_key)
		return found(fw, FW_STRANGE, fw_sets[fw->set].name);
	want = bsearch(&s->elem, fw->elems.v, fw->elems.n, sizeof(s->elem), by_key);
	if (want && elem_is(fw, s, want)) {
		want->there = true;
		return;
	}
	if (s->net != fw->net && s->net != UINT32_MAX && s->is_plain) {
		fw->conflict |= want != NULL;
		return;
	}
	fw->diff.extra++;
	found(fw, FW_ELEMS_EXTRA, fw_sets[fw->set].name);
	fw_wire_elem(&fw->goes, fw->o, &s->elem, 0, true);
}

static int got_elems(const struct nlmsghdr *m, void *arg)
{
	const struct nlattr *a, *b;
	struct fw *fw = arg;
	struct seen s;

	each_attr(a, m) {
		if (mnl_attr_get_type(a) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(b, a) {
			take_elem(b, fw->set, &s);
			look_elem(fw, &s);
		}
	}
	return 0;
}

/* ---- one look ----------------------------------------------------------------------------------------- */

static int question(struct fw *fw, unsigned type, unsigned flags, unsigned table_attr, unsigned name_attr,
	const char *name, int (*each)(const struct nlmsghdr *m, void *arg))
{
	uint8_t buf[256];
	struct nft_pen p = {buf, 0, sizeof(buf), fw->nl.seq, false};
	const size_t at = nft_begin(&p, type, flags, fw_wire_family(fw->family));

	nft_text(&p, table_attr, fw->o->table);
	if (name)
		nft_text(&p, name_attr, name);
	nft_end(&p, at);
	fw->nl.seq = p.seq;
	return nft_ask(&fw->nl, &p, each, fw);
}

static int look_family(struct fw *fw)
{
	int rc = question(fw, NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, 0, NULL, got_table);

	if (rc == ENOENT)
		return 0;
	if (!rc)
		rc = question(fw, NFT_MSG_GETCHAIN, NLM_F_DUMP, NFTA_CHAIN_TABLE, 0, NULL, got_chain);
	if (!rc)
		rc = question(fw, NFT_MSG_GETSET, NLM_F_DUMP, NFTA_SET_TABLE, 0, NULL, got_set);
	if (!rc)
		rc = question(fw, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, 0, NULL, got_rule);
	for (unsigned i = 0; !rc && i < FW_SET_N; i++) {
		fw->set = (enum fw_set)i;
		if (fw->sets[i] && fw_sets[i].family == fw->family)
			rc = question(fw, NFT_MSG_GETSETELEM, NLM_F_DUMP, NFTA_SET_ELEM_LIST_TABLE,
				NFTA_SET_ELEM_LIST_SET, fw_sets[i].name, got_elems);
	}
	return rc;
}

/* What was not seen. */
static void look_rest(struct fw *fw)
{
	char name[FW_NAME_MAX];

	for (unsigned i = 0; i < FW_SET_N; i++)
		if (!fw->sets[i])
			found(fw, FW_NO_PART, fw_sets[i].name);
	for (unsigned i = 0; i < FW_CHAIN_N; i++) {
		struct chain_state *c = &fw->chains[i];

		fw_chain_name((enum fw_chain)i, fw->net, name);
		c->wrong |= wanted(fw, (enum fw_chain)i, c->rules) != NULL;
		fw->diff.chains += c->wrong;
		if (!c->there && wanted(fw, (enum fw_chain)i, 0))
			found(fw, FW_NO_PART, name);
		else if (c->wrong)
			found(fw, FW_RULES_DIFFER, name);
	}
	for (size_t i = 0; i < fw->elems.n; i++)
		if (!fw->elems.v[i].there) {
			fw->diff.missing++;
			found(fw, FW_ELEMS_MISSING, fw_sets[fw->elems.v[i].set].name);
		}
}

static void start(struct fw *fw)
{
	memset(fw->tables, 0, sizeof(fw->tables));
	memset(fw->sets, 0, sizeof(fw->sets));
	memset(fw->chains, 0, sizeof(fw->chains));
	for (size_t i = 0; i < fw->elems.n; i++)
		fw->elems.v[i].there = false;
	fw->conflict = false;
	fw->diff = (struct fw_diff){.last = true};
	fw->goes = (struct nft_pen){fw->goes_bytes, 0, sizeof(fw->goes_bytes), 0, false};
}

/* 0, or an errno; EINTR: it changed meanwhile. */
static int look(struct fw *fw)
{
	int rc;

	start(fw);
	rc = nft_generation(&fw->nl, &fw->generation);
	for (unsigned i = 0; !rc && i < FW_FAMILY_N; i++) {
		fw->family = (enum fw_family)i;
		rc = look_family(fw);
	}
	if (rc)
		return rc;
	if (!fw->tables[FW_BRIDGE] || !fw->tables[FW_INET]) {
		fw->diff.first = FW_FINE;
		found(fw, FW_NO_TABLE, "");
	}
	look_rest(fw);
	return 0;
}

static int take_facts(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct err *e)
{
	if (fw_check(f, e) < 0)
		return -1;
	fw->o = o;
	fw->net = f->net.index;
	fw_rules(o, f, &fw->rules);
	fw_elems(o, f, &fw->elems);
	return 0;
}

static int failed(int errnum, struct err *e)
{
	return err_sys(e, errnum, "cannot read the firewall's tables");
}

int fw_compare(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *out,
	struct err *e)
{
	int rc = EINTR;

	if (take_facts(fw, o, f, e) < 0)
		return -1;
	for (int i = 0; rc == EINTR && i < TRIES; i++)
		rc = look(fw);
	if (rc)
		return failed(rc, e);
	*out = fw->diff;
	return 0;
}

/* ---- changing ------------------------------------------------------------------------------------------ */

/* All of it anew: what is there is known to nobody. */
static void forget(struct fw *fw)
{
	struct nft_pen *p = &fw->batch;

	for (unsigned i = 0; i < FW_FAMILY_N; i++) {
		if (fw->tables[i])
			fw_wire_table(p, fw->o, (enum fw_family)i, true);
		fw->tables[i] = false;
	}
	fw->goes.n = 0;
	fw->goes.full = false;
	memset(fw->sets, 0, sizeof(fw->sets));
	memset(fw->chains, 0, sizeof(fw->chains));
	for (size_t i = 0; i < fw->elems.n; i++)
		fw->elems.v[i].there = false;
}

static void write_parts(struct fw *fw)
{
	struct nft_pen *p = &fw->batch;

	for (unsigned i = 0; i < FW_FAMILY_N; i++)
		if (!fw->tables[i])
			fw_wire_table(p, fw->o, (enum fw_family)i, false);
	for (unsigned i = 0; i < FW_SET_N; i++)
		if (!fw->sets[i])
			fw_wire_set(p, fw->o, (enum fw_set)i);
	for (unsigned i = 0; i < FW_CHAIN_N; i++)
		if (!fw->chains[i].there)
			fw_wire_chain(p, fw->o, (enum fw_chain)i, fw->net, false);
}

static void write_rules(struct fw *fw, enum fw_chain chain)
{
	if (fw->chains[chain].rules)
		fw_wire_flush(&fw->batch, fw->o, chain, fw->net);
	for (size_t i = 0; i < fw->rules.n; i++)
		if (fw->rules.v[i].chain == chain)
			fw_wire_rule(&fw->batch, fw->o, &fw->rules.v[i], fw->net);
}

/* Deletions were numbered on their own. */
static void append_goes(struct fw *fw)
{
	struct nft_pen *p = &fw->batch;
	struct nlmsghdr head;

	if (fw->goes.full || p->max - p->n < fw->goes.n) {
		p->full = true;
		return;
	}
	for (size_t i = 0; i < fw->goes.n; i += (head.nlmsg_len + 3u) & ~3u) {
		memcpy(&head, fw->goes.v + i, sizeof(head));
		head.nlmsg_seq = ++p->seq;
		memcpy(fw->goes.v + i, &head, sizeof(head));
	}
	memcpy(p->v + p->n, fw->goes.v, fw->goes.n);
	p->n += fw->goes.n;
}

static void begin_batch(struct fw *fw)
{
	fw->batch = (struct nft_pen){fw->batch_bytes, 0, sizeof(fw->batch_bytes), fw->nl.seq, false};
	nft_batch_begin(&fw->batch, fw->generation);
}

static int send_batch(struct fw *fw)
{
	/* Nothing in it: nothing would be answered. */
	if (fw->batch.seq == fw->nl.seq + 1)
		return 0;
	nft_batch_end(&fw->batch);
	fw->nl.seq = fw->batch.seq;
	return nft_commit(&fw->nl, &fw->batch);
}

static int change(struct fw *fw)
{
	begin_batch(fw);
	if (fw->diff.first == FW_STRANGE || fw->tables[FW_BRIDGE] != fw->tables[FW_INET])
		forget(fw);
	write_parts(fw);
	append_goes(fw);
	for (unsigned i = 0; i < FW_CHAIN_N; i++)
		if (!fw->chains[i].there || fw->chains[i].wrong)
			write_rules(fw, (enum fw_chain)i);
	for (size_t i = 0; i < fw->elems.n; i++)
		if (!fw->elems.v[i].there)
			fw_wire_elem(&fw->batch, fw->o, &fw->elems.v[i], fw->net, false);
	return send_batch(fw);
}

static bool again(int errnum)
{
	return errnum == EINTR || errnum == ERESTART;
}

int fw_apply(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *out,
	struct err *e)
{
	int rc = EINTR;

	if (take_facts(fw, o, f, e) < 0)
		return -1;
	for (int i = 0; again(rc) && i < TRIES; i++) {
		rc = look(fw);
		if (!rc && fw->conflict && fw->diff.first != FW_STRANGE)
			return err_set(e, ERR_CONFLICT, "a port or a tap belongs to another network already");
		if (!rc && fw->diff.first != FW_FINE)
			rc = change(fw);
	}
	if (rc == ENOENT || rc == EOPNOTSUPP) {
		err_sys(e, rc, "the kernel does not take the rules");
		return err_hint(e, "it needs nf_tables with bridge, nat, masq, fib and ct");
	}
	if (rc)
		return err_sys(e, rc, "cannot change the firewall");
	*out = fw->diff;
	return 0;
}

static int take_away(struct fw *fw)
{
	static const enum fw_chain own[] = {FW_C_NET_OUT, FW_C_NET_HOST, FW_C_NET_LEAVE, FW_C_NET_BACK};
	const bool whole = fw->diff.last || fw->diff.first == FW_STRANGE;

	begin_batch(fw);
	for (unsigned i = 0; whole && i < FW_FAMILY_N; i++)
		if (fw->tables[i])
			fw_wire_table(&fw->batch, fw->o, (enum fw_family)i, true);
	if (!whole)
		append_goes(fw);
	for (unsigned i = 0; !whole && i < 4; i++) {
		if (!fw->chains[own[i]].there)
			continue;
		fw_wire_flush(&fw->batch, fw->o, own[i], fw->net);
		fw_wire_chain(&fw->batch, fw->o, own[i], fw->net, true);
	}
	return send_batch(fw);
}

int fw_remove(struct fw *fw, const struct fw_owner *o, uint32_t net, struct err *e)
{
	int rc = EINTR;

	fw->o = o;
	fw->net = net;
	fw->rules.n = 0;
	fw->elems.n = 0;
	for (int i = 0; again(rc) && i < TRIES; i++) {
		rc = look(fw);
		if (!rc && (fw->tables[FW_BRIDGE] || fw->tables[FW_INET]))
			rc = take_away(fw);
	}
	return rc ? err_sys(e, rc, "cannot take a network out of the firewall") : 0;
}

/* ---- others --------------------------------------------------------------------------------------------- */

struct census {
	const char *prefix, *but;
	uint32_t n;
};

static int count_table(const struct nlmsghdr *m, void *arg)
{
	struct census *c = arg;
	const struct nlattr *a;

	each_attr(a, m)
		if (mnl_attr_get_type(a) == NFTA_TABLE_NAME)
			c->n += !strncmp(text_of(a), c->prefix, strlen(c->prefix)) &&
				strcmp(text_of(a), c->but) != 0;
	return 0;
}

int fw_others(struct fw *fw, const char *prefix, const char *but, uint32_t *n, struct err *e)
{
	struct census c = {prefix, but, 0};
	uint8_t buf[64];
	struct nft_pen p = {buf, 0, sizeof(buf), fw->nl.seq, false};
	int rc;

	nft_end(&p, nft_begin(&p, NFT_MSG_GETTABLE, NLM_F_DUMP, fw_wire_family(FW_INET)));
	fw->nl.seq = p.seq;
	rc = nft_ask(&fw->nl, &p, count_table, &c);
	if (rc)
		return failed(rc, e);
	*n = c.n;
	return 0;
}
