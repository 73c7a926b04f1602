/* verb.h - what the root helper can be asked: one closed table of typed verbs.
 *
 * The table is all there is. A row holds the verb's number on the wire, its name, the fields of its
 * request and of its answer, how many descriptors come with it, its check, what it does and why it
 * needs root. Encoder, decoder, documentation and tests are loops over it; what does the work stands in
 * op.h, by the same number.
 *
 * There are no paths, no names of kernel objects, no rule texts and no commands among the fields. A
 * caller chooses a small number (a tap's index, a loop's key); the name in the kernel follows from that
 * number, the caller's uid and its instance (helper_link_name), so that a lost answer can be asked for
 * again and no caller can name what is another's.
 *
 * PURE. Shared by both sides.
 */
#pragma once

#include "schema/base/err.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELPER_VERSION 1
#define HELPER_LABEL_MAX 80    /* bytes of a label; "vm/" and 63 bytes of a name fit, an index too */
#define HELPER_INSTANCE_LEN 8  /* hex digits of an instance */
#define HELPER_OP_LEN 16       /* bytes of an operation id */
#define HELPER_ITEMS_MAX 32    /* entries of one answer of list_owned */
#define HELPER_MARK_MAX 128    /* bytes of a mark with its end */
#define HELPER_INDEX_MAX 999999u
#define HELPER_SOCKET "/run/reconcile-helper/socket"
#define HELPER_CONF "/etc/reconcile/helper.conf"

enum helper_verb_id {
	HELPER_NONE,
	HELPER_HELLO,
	HELPER_LIST_OWNED,
	HELPER_TAP_CREATE,
	HELPER_TAP_DELETE,
	HELPER_BRIDGE_CREATE,
	HELPER_BRIDGE_DELETE,
	HELPER_LINK_SET,
	HELPER_ADDRESS_ADD,
	HELPER_ADDRESS_DELETE,
	HELPER_LOOP_ATTACH,
	HELPER_LOOP_DETACH,
	HELPER_CGROUP_CREATE,
	HELPER_CGROUP_KILL,
	HELPER_CGROUP_REMOVE,
	HELPER_SIGNAL,
	HELPER_FIREWALL_LOOK,
	HELPER_FIREWALL_SET,
	HELPER_FIREWALL_DROP,
	HELPER_UPLINK_SET,
	HELPER_VERB_N
};

/* Kinds of objects that list_owned knows. */
enum helper_kind { HELPER_KIND_TAP = 1, HELPER_KIND_BRIDGE, HELPER_KIND_LOOP, HELPER_KIND_CGROUP };

/* ---- requests and answers ---------------------------------------------------------------- */

/* Numbers are 64 bits in memory and on the wire; the bounds stand in the field's row. */
struct helper_list { uint64_t kind, from; };
struct helper_new_link { uint64_t index, mtu, uid; char label[HELPER_LABEL_MAX + 1]; };
struct helper_link { uint64_t kind, index; };
struct helper_link_set { uint64_t kind, index, up, attach, bridge; };
struct helper_address { uint64_t bridge, address, prefix; };
struct helper_loop { uint64_t key, read_only; };
struct helper_cgroup { uint64_t key, memory_max, pids_max, cpu_weight; };
struct helper_signal { uint64_t key, pid, start, sig; };
struct helper_uplink { uint64_t ifindex, forwarding; };

union helper_request {
	struct helper_list list;
	struct helper_new_link new_link;
	struct helper_link link;
	struct helper_link_set link_set;
	struct helper_address address;
	struct helper_loop loop;
	struct helper_cgroup cgroup;
	struct helper_signal signal;
	struct helper_uplink uplink;
};

struct helper_item { uint64_t key, number; }; /* number: ifindex, loop number, processes */

union helper_answer {
	struct { uint64_t version, uid, verbs; } hello; /* verbs: bit N is set when verb N is known */
	struct { uint64_t count, more; struct helper_item items[HELPER_ITEMS_MAX]; } list;
	struct { uint64_t ifindex; } link;
	struct { uint64_t number; } loop;
	struct { uint64_t fault, missing, extra, chains, settings; } firewall; /* fault: enum fw_fault */
	struct { uint64_t was; } uplink;
};

/* ---- the table ---------------------------------------------------------------------------- */

enum helper_type {
	HELPER_NUMBER, /* uint64_t, 8 bytes, little end first; min and max are bounds of the value */
	HELPER_TEXT,   /* 1 byte length, then bytes; min and max are bounds of the length */
	HELPER_ITEMS,  /* as many items as the number before it says */
};

struct helper_field {
	const char *name;
	enum helper_type type;
	size_t offset; /* into the union */
	uint64_t min, max;
	const char *help;
};

struct helper_verb {
	const char *name;
	const struct helper_field *request, *answer;
	size_t n_request, n_answer;
	unsigned n_fds;  /* descriptors that come with the request: exactly so many */
	bool reads;      /* changes nothing: its answer is made anew each time */
	int (*check)(const union helper_request *r, struct err *e); /* across fields; may be NULL */
	const char *does;
	const char *why; /* the privilege that it needs, and for what */
};

/* The row of a number, NULL when there is none. */
const struct helper_verb *helper_verb(uint32_t id);

/* Whether a request holds what its row allows: bounds of each field, characters of texts, then the
 * row's own check. ERR_USAGE with the field's name. Both sides ask this. */
int helper_check(const struct helper_verb *verb, const union helper_request *r, struct err *e);

/* The bounds of n fields of what stands at base. */
int helper_check_fields(const struct helper_field *fields, size_t n, const void *base, struct err *e);

/* ---- who asks, and what its things are called ---------------------------------------------- */

struct helper_owner {
	uint32_t uid;
	char instance[HELPER_INSTANCE_LEN + 1];
};

/* 8 lower-case hex digits. */
bool helper_instance_is_valid(const char *instance);

/* Name of a tap or a bridge: "rc", 6 hex digits that follow from uid and instance, "t" or "b", the
 * index. At most 15 bytes. */
void helper_link_name(const struct helper_owner *o, enum helper_kind kind, uint64_t index,
	char out[IFNAMSIZ]);

/* Whether a name is one that helper_link_name makes for this owner and kind; then also its index. */
bool helper_link_parse(const struct helper_owner *o, enum helper_kind kind, const char *name,
	uint64_t *index);

/* The mark in a link's ifalias: "reconcile:UID:INSTANCE:LABEL". A mark is ours when all up to the label
 * is equal. */
void helper_mark(const struct helper_owner *o, const char *label, char out[HELPER_MARK_MAX]);
bool helper_mark_is_ours(const struct helper_owner *o, const char *mark);

/* A hardware address that follows from the name too: what is half made is known by it before it has its
 * mark. Locally administered. */
void helper_link_mac(const struct helper_owner *o, enum helper_kind kind, uint64_t index,
	uint8_t out[6]);

/* The mark of a loop device: "rc:UID:INSTANCE:KEY" in lo_file_name. */
#define HELPER_LOOP_MARK_MAX 64
void helper_loop_mark(const struct helper_owner *o, uint64_t key, char out[HELPER_LOOP_MARK_MAX]);
bool helper_loop_parse(const struct helper_owner *o, const char *mark, uint64_t *key);

/* Names below our cgroup: the instance's folder, and a VM's in it. */
#define HELPER_GROUP_MAX 32
void helper_group_name(const struct helper_owner *o, char out[HELPER_GROUP_MAX]);
void helper_group_key(uint64_t key, char out[HELPER_GROUP_MAX]);
bool helper_group_parse(const char *name, uint64_t *key);
