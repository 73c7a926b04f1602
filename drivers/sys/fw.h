/* fw.h - the firewall of one owner: typed facts about networks, guests and forwards in, one table of
 * sets, maps and a few rules out.
 *
 * The table has two halves of one name, changed in one transaction: family bridge sees frames between
 * taps, family inet sees what is routed, and the kernel has no family for both. There is no rule for a VM.
 * A VM is an element of a set, a port of the host an element of a map, a network four short chains. So
 * a packet costs the same with one VM and with a thousand, and a change of one VM touches no other's
 * counters.
 *
 *	bridge  prerouting  what comes in by a tap of ours has that guest's hardware address and IPv4
 *	                    address, in ARP too; everything else, IPv6 and VLANs as well, is dropped
 *	        forward     siblings that may not meet
 *	inet    raw         no guest speaks to 127.0.0.0/8 of the host
 *	        dstnat      ports of the host that lead to guests; output: the same for the host itself
 *	        forward     what guests may reach, and who may reach them
 *	        input       what guests may ask of the host
 *	        srcnat      masquerade, and the way back for a forward that is used from inside
 *
 * All names of interfaces are made of the owner's prefixes, so a rule can say "any bridge of ours" before
 * the bridge is there, and what no chain knows is dropped. Each element and chain of a network carries the
 * network's number: one network can be compared and changed without knowing the others.
 *
 *	fw_rules.c  PURE: facts to rules and elements        fw_text.c  PURE: the same, for people and tests
 *	fw_wire.c   PURE: rules and elements as messages     fw.c       compare with the kernel, and change it
 */
#pragma once

#include "schema/base/err.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FW_GUESTS_MAX 4096   /* of one network */
#define FW_FORWARDS_MAX 1024
#define FW_EGRESS_MAX 64     /* networks allowed and denied together */
#define FW_NAME_MAX 48

/* ---- facts --------------------------------------------------------------------------------- */

struct fw_owner {
	char table[FW_NAME_MAX];
	char bridge[IFNAMSIZ], tap[IFNAMSIZ]; /* prefixes: the number of the interface follows */
};

/* Addresses are IPv4, first byte highest. */
struct fw_net {
	uint32_t index;        /* number of its bridge */
	uint32_t gateway;
	uint32_t prefix;
	char uplink[IFNAMSIZ]; /* empty: whichever way the route leads */
	bool masquerade;
	bool siblings, host, internet; /* allowed */
	bool dns;              /* the gateway answers questions about names */
	bool deny;             /* outside, what no egress entry names is refused */
};

struct fw_egress {
	uint32_t net, prefix;
	bool allow;
};

struct fw_guest {
	uint32_t tap, address;
	uint8_t mac[6];
};

struct fw_forward {
	bool udp;
	uint32_t listen;       /* 0: any address of this host */
	uint16_t port;
	uint32_t address;
	uint16_t to;
};

/* One network with all that belongs to it. */
struct fw_facts {
	struct fw_net net;
	struct fw_egress egress[FW_EGRESS_MAX];
	struct fw_guest guests[FW_GUESTS_MAX];
	struct fw_forward forwards[FW_FORWARDS_MAX];
	size_t n_egress, n_guests, n_forwards;
};

/* ---- the table ------------------------------------------------------------------------------ */

enum fw_family { FW_BRIDGE, FW_INET, FW_FAMILY_N };

enum fw_set {
	FW_GUESTS,    /* tap . hardware address . address, each with a counter */
	FW_APART,     /* taps of networks whose guests may not meet */
	FW_OUTWARD,   /* bridge : the network's chain for what its guests send out */
	FW_TO_HOST,   /* bridge : the one for what they send to this host */
	FW_LEAVE,     /* bridge : the one for their address outside */
	FW_BACK,      /* bridge : the one for what a forward sends back to where it came from */
	FW_PORTS,     /* protocol . port : address . port */
	FW_PORTS_AT,  /* address of this host . protocol . port : address . port */
	FW_SET_N
};

enum fw_chain {
	FW_C_FRAMES, FW_C_TAP, FW_C_BETWEEN,
	FW_C_RAW, FW_C_DSTNAT, FW_C_OUTPUT, FW_C_FORWARD, FW_C_INPUT, FW_C_SRCNAT,
	FW_C_NET_OUT, FW_C_NET_HOST, FW_C_NET_LEAVE, FW_C_NET_BACK, /* one each for a network: its number follows the name */
	FW_CHAIN_N
};

/* What a part of a rule looks at. */
enum fw_term_kind {
	FW_IIF, FW_OIF,           /* name; prefix: any that begins so */
	FW_IPV6,
	FW_ARP, FW_IP,            /* kind of a frame; ARP of Ethernet and IPv4 only */
	FW_DPORT,                 /* number: port; prefix: IPPROTO_TCP or IPPROTO_UDP */
	FW_ECHO,                  /* an ICMP echo request; behind FW_DADDR */
	FW_SADDR, FW_DADDR,       /* number: address; prefix */
	FW_KNOWN, FW_REDIRECTED,  /* established or related; a forward changed its address */
	FW_TO_US,                 /* to an address of this host */
	FW_IS_GUEST,              /* tap . ether saddr . ip saddr in FW_GUESTS */
	FW_IS_ARP_GUEST, FW_IS_ARP_SENDER, /* the same with the sender's address in ARP, and with both */
	FW_IS_APART,              /* tap in FW_APART */
	FW_BY_BRIDGE,             /* the verdict of set for the bridge that it came in by */
	FW_TO_BRIDGE,             /* the same for the one that it goes out by */
	FW_BY_PORT, FW_BY_ADDRESS /* to where FW_PORTS or FW_PORTS_AT say */
};

struct fw_term {
	enum fw_term_kind kind;
	bool isnt, any;           /* FW_IIF, FW_OIF: not this one; all that begin so */
	enum fw_set set;          /* FW_BY_BRIDGE, FW_TO_BRIDGE */
	uint32_t number, prefix;
	char name[IFNAMSIZ];
};

/* FW_GO_ON: a term has said what becomes of it. */
enum fw_verdict { FW_GO_ON, FW_ACCEPT, FW_DROP, FW_MASQUERADE, FW_GOTO_TAP };

#define FW_TERMS_MAX 5

struct fw_rule {
	enum fw_chain chain;
	bool counter;
	enum fw_verdict verdict;
	size_t n;
	struct fw_term terms[FW_TERMS_MAX];
};

#define FW_RULES_MAX (64 + FW_EGRESS_MAX)

struct fw_rules {
	struct fw_rule v[FW_RULES_MAX];
	size_t n;
};

#define FW_KEY_MAX 28

/* An element as the kernel keeps it: each part of its key padded to 4 bytes, first byte highest. */
struct fw_elem {
	enum fw_set set;
	uint8_t key[FW_KEY_MAX];
	uint8_t data[8];          /* of FW_PORTS and FW_PORTS_AT */
	bool there;               /* while comparing */
};

#define FW_ELEMS_MAX (2 * FW_GUESTS_MAX + FW_FORWARDS_MAX + 4)

struct fw_elems {
	struct fw_elem v[FW_ELEMS_MAX];
	size_t n;
};

struct fw_set_row {
	const char *name;
	enum fw_family family;
	uint32_t key_type, key_len, data_type, data_len; /* data_type 0: a set, no map */
	bool counter;
};

struct fw_chain_row {
	const char *name;
	enum fw_family family;
	const char *type;         /* NULL: no base chain */
	uint32_t hook;
	int32_t priority;
	bool per_net;
};

extern const struct fw_set_row fw_sets[FW_SET_N];
extern const struct fw_chain_row fw_chains[FW_CHAIN_N];

/* Name of a chain; net only counts for those of a network. */
void fw_chain_name(enum fw_chain chain, uint32_t net, char out[FW_NAME_MAX]);

/* The chain of that name in that family, FW_CHAIN_N when it is none of ours; then also its network. */
enum fw_chain fw_chain_find(enum fw_family family, const char *name, uint32_t *net);

/* The chain that an element of a map of verdicts leads to. */
enum fw_chain fw_set_chain(enum fw_set set);

/* PURE. Whether the facts agree with each other: addresses of the subnet, no two guests or forwards
 * alike, forwards that lead to guests. ERR_USAGE with what is wrong. */
int fw_check(const struct fw_facts *f, struct err *e);

/* PURE. All rules of the table's fixed part and of this network, by chain, in their order. */
void fw_rules(const struct fw_owner *o, const struct fw_facts *f, struct fw_rules *out);

/* PURE. All elements of this network, sorted by set and key. */
void fw_elems(const struct fw_owner *o, const struct fw_facts *f, struct fw_elems *out);

/* Order of fw_elems: less than 0, 0, more. */
int fw_elem_compare(const struct fw_elem *a, const struct fw_elem *b);

/* PURE. One rule as the nft program would show it, without its line end; returns its length. */
size_t fw_rule_text(const struct fw_rule *rule, char *out, size_t max);

/* ---- the kernel (fw.c) ------------------------------------------------------------------------- */

/* What is wrong with the table; the first that was found counts. */
enum fw_fault {
	FW_FINE,
	FW_NO_TABLE,  /* it is not there */
	FW_STRANGE,   /* a set, a chain or the table itself is not as it was made: all of it is made anew */
	FW_NO_PART,   /* a set or a chain is missing */
	FW_RULES_DIFFER,
	FW_ELEMS_MISSING,
	FW_ELEMS_EXTRA,
	FW_FAULT_N
};

/* "the table is gone": for people. */
const char *fw_fault_text(enum fw_fault fault);

struct fw_diff {
	enum fw_fault first;
	char where[FW_NAME_MAX]; /* the chain or set; empty: the table */
	uint32_t missing, extra; /* elements */
	uint32_t chains;         /* whose rules are other ones */
	bool last;               /* no other network has chains in the table */
};

struct fw; /* a connection to the kernel, and room to work in */

int fw_open(struct fw **fw, struct err *e);
void fw_close(struct fw *fw);

/* Compare one network, and the fixed part, with the kernel. Other networks of the table are not looked at;
 * an element that says it belongs to none is extra. */
int fw_compare(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *out,
	struct err *e);

/* Make it so in one transaction that touches nothing that is right already. out: what was wrong.
 * ERR_CONFLICT when a port or a tap is another network's. */
int fw_apply(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *out,
	struct err *e);

/* Take away what belongs to the network of that number, and the table with the last one. Gone already is
 * success. */
int fw_remove(struct fw *fw, const struct fw_owner *o, uint32_t net, struct err *e);

/* How many tables of any owner's there are whose name begins so, but not this one. */
int fw_others(struct fw *fw, const char *prefix, const char *but, uint32_t *n, struct err *e);
