/* verb.c - the table of verbs, and the names that follow from who asks. */
#include "drivers/helper/verb.h"

#include "schema/base/sha256.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) offsetof(union helper_request, member)
#define ANSWER_AT(member) offsetof(union helper_answer, member)
#define ANY UINT64_MAX

/* ---- fields ------------------------------------------------------------------------------- */

static const struct helper_field list_request[] = {
	{"kind", HELPER_NUMBER, AT(list.kind), HELPER_KIND_TAP, HELPER_KIND_CGROUP,
		"1 taps, 2 bridges, 3 loops, 4 cgroups"},
	{"from", HELPER_NUMBER, AT(list.from), 0, ANY, "the smallest key to list"},
};
static const struct helper_field new_tap_request[] = {
	{"index", HELPER_NUMBER, AT(new_link.index), 0, HELPER_INDEX_MAX, "chosen by the caller"},
	{"mtu", HELPER_NUMBER, AT(new_link.mtu), 576, 9000, "bytes"},
	{"uid", HELPER_NUMBER, AT(new_link.uid), 0, UINT32_MAX - 1,
		"who may open the tap: the caller, or a uid of its range"},
	{"label", HELPER_TEXT, AT(new_link.label), 1, HELPER_LABEL_MAX, "object id, for people"},
};
static const struct helper_field new_bridge_request[] = {
	{"index", HELPER_NUMBER, AT(new_link.index), 0, HELPER_INDEX_MAX, "chosen by the caller"},
	{"mtu", HELPER_NUMBER, AT(new_link.mtu), 576, 9000, "bytes"},
	{"label", HELPER_TEXT, AT(new_link.label), 1, HELPER_LABEL_MAX, "object id, for people"},
};
static const struct helper_field index_request[] = {
	{"index", HELPER_NUMBER, AT(link.index), 0, HELPER_INDEX_MAX, "as it was created"},
};
static const struct helper_field link_set_request[] = {
	{"kind", HELPER_NUMBER, AT(link_set.kind), HELPER_KIND_TAP, HELPER_KIND_BRIDGE,
		"1 tap, 2 bridge"},
	{"index", HELPER_NUMBER, AT(link_set.index), 0, HELPER_INDEX_MAX, "as it was created"},
	{"up", HELPER_NUMBER, AT(link_set.up), 0, 1, "1 up, 0 down"},
	{"attach", HELPER_NUMBER, AT(link_set.attach), 0, 1, "1: a port of the bridge; 0: of none"},
	{"bridge", HELPER_NUMBER, AT(link_set.bridge), 0, HELPER_INDEX_MAX, "index of that bridge"},
};
static const struct helper_field address_request[] = {
	{"bridge", HELPER_NUMBER, AT(address.bridge), 0, HELPER_INDEX_MAX, "index of a bridge"},
	{"address", HELPER_NUMBER, AT(address.address), 1, UINT32_MAX - 1,
		"IPv4, first byte highest; private"},
	{"prefix", HELPER_NUMBER, AT(address.prefix), 16, 30, "bits of the network"},
};
static const struct helper_field loop_attach_request[] = {
	{"key", HELPER_NUMBER, AT(loop.key), 1, ANY, "chosen by the caller"},
	{"read_only", HELPER_NUMBER, AT(loop.read_only), 0, 1, "1: never written"},
};
static const struct helper_field loop_key_request[] = {
	{"key", HELPER_NUMBER, AT(loop.key), 1, ANY, "as it was attached"},
};
static const struct helper_field cgroup_request[] = {
	{"key", HELPER_NUMBER, AT(cgroup.key), 1, ANY, "chosen by the caller"},
	{"memory_max", HELPER_NUMBER, AT(cgroup.memory_max), 0, 1ull << 50,
		"bytes; 0: no limit of its own"},
	{"pids_max", HELPER_NUMBER, AT(cgroup.pids_max), 0, 1u << 20, "0: no limit of its own"},
	{"cpu_weight", HELPER_NUMBER, AT(cgroup.cpu_weight), 0, 10000, "0: as the others"},
};
static const struct helper_field cgroup_key_request[] = {
	{"key", HELPER_NUMBER, AT(cgroup.key), 1, ANY, "as it was created"},
};
static const struct helper_field signal_request[] = {
	{"key", HELPER_NUMBER, AT(signal.key), 1, ANY, "the cgroup that holds the process"},
	{"pid", HELPER_NUMBER, AT(signal.pid), 2, INT32_MAX, "process id"},
	{"start", HELPER_NUMBER, AT(signal.start), 1, ANY, "its start time, in ticks since boot"},
	{"sig", HELPER_NUMBER, AT(signal.sig), 1, 64, "TERM KILL INT HUP QUIT USR1 USR2 or ABRT"},
};
static const struct helper_field network_request[] = {
	{"bridge", HELPER_NUMBER, AT(link.index), 0, HELPER_INDEX_MAX, "index of the network's bridge"},
};
static const struct helper_field uplink_request[] = {
	{"ifindex", HELPER_NUMBER, AT(uplink.ifindex), 1, INT32_MAX, "of the interface that leads outside"},
	{"forwarding", HELPER_NUMBER, AT(uplink.forwarding), 0, 1, "1: what comes in there is routed"},
};

static const struct helper_field hello_answer[] = {
	{"version", HELPER_NUMBER, ANSWER_AT(hello.version), 1, UINT16_MAX, "of the protocol"},
	{"uid", HELPER_NUMBER, ANSWER_AT(hello.uid), 0, UINT32_MAX, "whom the helper takes you for"},
	{"verbs", HELPER_NUMBER, ANSWER_AT(hello.verbs), 0, ANY, "bit N: verb N is known"},
};
static const struct helper_field list_answer[] = {
	{"count", HELPER_NUMBER, ANSWER_AT(list.count), 0, HELPER_ITEMS_MAX, "entries below"},
	{"more", HELPER_NUMBER, ANSWER_AT(list.more), 0, 1, "1: ask again from the last key + 1"},
	{"items", HELPER_ITEMS, ANSWER_AT(list.items), 0, HELPER_ITEMS_MAX,
		"key, and ifindex, loop number or processes"},
};
static const struct helper_field link_answer[] = {
	{"ifindex", HELPER_NUMBER, ANSWER_AT(link.ifindex), 1, INT32_MAX, "of the interface"},
};
static const struct helper_field loop_answer[] = {
	{"number", HELPER_NUMBER, ANSWER_AT(loop.number), 0, 1u << 20, "N of /dev/loopN"},
};
static const struct helper_field firewall_answer[] = {
	{"fault", HELPER_NUMBER, ANSWER_AT(firewall.fault), 0, UINT32_MAX, "what was wrong first; 0: nothing"},
	{"missing", HELPER_NUMBER, ANSWER_AT(firewall.missing), 0, UINT32_MAX, "entries that were not there"},
	{"extra", HELPER_NUMBER, ANSWER_AT(firewall.extra), 0, UINT32_MAX, "entries too many, or altered"},
	{"chains", HELPER_NUMBER, ANSWER_AT(firewall.chains), 0, UINT32_MAX, "chains with other rules"},
	{"settings", HELPER_NUMBER, ANSWER_AT(firewall.settings), 0, 2, "settings of the bridge"},
};
static const struct helper_field uplink_answer[] = {
	{"was", HELPER_NUMBER, ANSWER_AT(uplink.was), 0, 1, "what it was before"},
};

/* ---- checks across fields ------------------------------------------------------------------ */

static int check_link_set(const union helper_request *r, struct err *e)
{
	if (r->link_set.attach && r->link_set.kind != HELPER_KIND_TAP)
		return err_set(e, ERR_USAGE, "attach: only a tap becomes a port of a bridge");
	if (!r->link_set.attach && r->link_set.bridge)
		return err_set(e, ERR_USAGE, "bridge: given without attach");
	return 0;
}

/* RFC 1918 and RFC 6598: what no provider routes. */
static bool is_private(uint32_t a, unsigned prefix)
{
	static const struct { uint32_t net; unsigned prefix; } nets[] = {
		{0x0a000000, 8}, {0x64400000, 10}, {0xac100000, 12}, {0xc0a80000, 16},
	};

	for (size_t i = 0; i < COUNT(nets); i++)
		if (prefix >= nets[i].prefix &&
			(a & ~(UINT32_MAX >> nets[i].prefix)) == nets[i].net)
			return true;
	return false;
}

static int check_address(const union helper_request *r, struct err *e)
{
	const uint32_t a = (uint32_t)r->address.address;
	const uint32_t host = UINT32_MAX >> r->address.prefix;

	if (!is_private(a, (unsigned)r->address.prefix))
		return err_set(e, ERR_USAGE, "address: is in no private network");
	if ((a & host) == 0 || (a & host) == host)
		return err_set(e, ERR_USAGE, "address: is the network's own or its broadcast address");
	return 0;
}

static int check_signal(const union helper_request *r, struct err *e)
{
	static const int allowed[] = {SIGTERM, SIGKILL, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
		SIGABRT};

	for (size_t i = 0; i < COUNT(allowed); i++)
		if (r->signal.sig == (uint64_t)allowed[i])
			return 0;
	return err_set(e, ERR_USAGE, "sig: signal %" PRIu64 " may not be sent", r->signal.sig);
}

/* ---- the table ------------------------------------------------------------------------------ */

#define REQUEST(f) .request = (f), .n_request = COUNT(f)
#define ANSWER(f) .answer = (f), .n_answer = COUNT(f)

static const struct helper_verb verbs[HELPER_VERB_N] = {
	[HELPER_HELLO] = {.name = "hello", ANSWER(hello_answer), .reads = true,
		.does = "says its version, whom it takes the caller for and which verbs it knows",
		.why = "none"},
	[HELPER_LIST_OWNED] = {.name = "list_owned", REQUEST(list_request), ANSWER(list_answer),
		.reads = true,
		.does = "lists what carries the caller's mark, by kind",
		.why = "none for links; reading a loop device's status: it belongs to root"},
	[HELPER_TAP_CREATE] = {.name = "tap_create", REQUEST(new_tap_request), ANSWER(link_answer),
		.does = "makes a persistent tap with the caller's mark that one uid may open",
		.why = "CAP_NET_ADMIN: TUNSETIFF of a new interface, its alias and MTU"},
	[HELPER_TAP_DELETE] = {.name = "tap_delete", REQUEST(index_request),
		.does = "removes a tap of the caller's that nobody has open",
		.why = "CAP_NET_ADMIN: RTM_DELLINK"},
	[HELPER_BRIDGE_CREATE] = {.name = "bridge_create", REQUEST(new_bridge_request),
		ANSWER(link_answer),
		.does = "makes a bridge with the caller's mark",
		.why = "CAP_NET_ADMIN: RTM_NEWLINK"},
	[HELPER_BRIDGE_DELETE] = {.name = "bridge_delete", REQUEST(index_request),
		.does = "removes a bridge of the caller's that has no ports",
		.why = "CAP_NET_ADMIN: RTM_DELLINK"},
	[HELPER_LINK_SET] = {.name = "link_set", REQUEST(link_set_request), ANSWER(link_answer),
		.check = check_link_set,
		.does = "sets a tap or bridge of the caller's up or down, and a tap's bridge",
		.why = "CAP_NET_ADMIN: RTM_NEWLINK of one that exists"},
	[HELPER_ADDRESS_ADD] = {.name = "address_add", REQUEST(address_request),
		.check = check_address,
		.does = "gives a bridge of the caller's a private IPv4 address that overlaps no other "
			"link's",
		.why = "CAP_NET_ADMIN: RTM_NEWADDR"},
	[HELPER_ADDRESS_DELETE] = {.name = "address_delete", REQUEST(address_request),
		.check = check_address,
		.does = "takes that address away",
		.why = "CAP_NET_ADMIN: RTM_DELADDR"},
	[HELPER_LOOP_ATTACH] = {.name = "loop_attach", REQUEST(loop_attach_request),
		ANSWER(loop_answer), .n_fds = 1,
		.does = "makes a loop device of the file behind the descriptor, which has to be the caller's",
		.why = "CAP_SYS_ADMIN: LOOP_CONFIGURE; the device belongs to root"},
	[HELPER_LOOP_DETACH] = {.name = "loop_detach", REQUEST(loop_key_request),
		.does = "detaches a loop device of the caller's",
		.why = "CAP_SYS_ADMIN: LOOP_CLR_FD"},
	[HELPER_CGROUP_CREATE] = {.name = "cgroup_create", REQUEST(cgroup_request),
		.does = "makes a cgroup for one VM, with limits",
		.why = "root: our part of the cgroup tree belongs to it"},
	[HELPER_CGROUP_KILL] = {.name = "cgroup_kill", REQUEST(cgroup_key_request),
		.does = "kills every process in a cgroup of the caller's",
		.why = "root: cgroup.kill"},
	[HELPER_CGROUP_REMOVE] = {.name = "cgroup_remove", REQUEST(cgroup_key_request),
		.does = "removes an empty cgroup of the caller's",
		.why = "root: our part of the cgroup tree belongs to it"},
	[HELPER_SIGNAL] = {.name = "signal", REQUEST(signal_request), .check = check_signal,
		.does = "sends one of eight signals to a process in a cgroup of the caller's",
		.why = "CAP_KILL: the VMM runs as another uid"},
	[HELPER_FIREWALL_LOOK] = {.name = "firewall_look", REQUEST(network_request),
		ANSWER(firewall_answer), .n_fds = 1, .reads = true,
		.does = "compares the caller's table of the firewall with the facts behind the descriptor",
		.why = "CAP_NET_ADMIN: the kernel shows nf_tables to nobody else"},
	[HELPER_FIREWALL_SET] = {.name = "firewall_set", REQUEST(network_request),
		ANSWER(firewall_answer), .n_fds = 1,
		.does = "makes the table so for one network, and its bridge route",
		.why = "CAP_NET_ADMIN: a transaction of nf_tables, settings of the bridge"},
	[HELPER_FIREWALL_DROP] = {.name = "firewall_drop", REQUEST(network_request),
		.does = "takes one network out of the caller's table, and the table with the last one",
		.why = "CAP_NET_ADMIN: a transaction of nf_tables"},
	[HELPER_UPLINK_SET] = {.name = "uplink_set", REQUEST(uplink_request), ANSWER(uplink_answer),
		.does = "lets what comes in by one interface be routed, or no longer",
		.why = "CAP_NET_ADMIN: the interface's setting forwarding"},
};

const struct helper_verb *helper_verb(uint32_t id)
{
	return id < HELPER_VERB_N && verbs[id].name ? &verbs[id] : NULL;
}

/* ---- checks of single fields ----------------------------------------------------------------- */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/';
}

static int check_text(const struct helper_field *f, const char *text, struct err *e)
{
	const size_t n = strnlen(text, f->max + 1);

	if (n < f->min || n > f->max)
		return err_set(e, ERR_USAGE, "%s: %zu bytes, allowed are %" PRIu64 " to %" PRIu64,
			f->name, n, f->min, f->max);
	for (size_t i = 0; i < n; i++)
		if (!is_label_char(text[i]))
			return err_set(e, ERR_USAGE, "%s: holds a character that is not allowed",
				f->name);
	return 0;
}

int helper_check_fields(const struct helper_field *fields, size_t n, const void *base, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct helper_field *f = &fields[i];
		const char *at = (const char *)base + f->offset;
		uint64_t v;

		if (f->type == HELPER_TEXT) {
			if (check_text(f, at, e) < 0)
				return -1;
			continue;
		}
		memcpy(&v, at, sizeof(v));
		if (v < f->min || v > f->max)
			return err_set(e, ERR_USAGE, "%s: %" PRIu64 " is not within %" PRIu64
				" and %" PRIu64, f->name, v, f->min, f->max);
	}
	return 0;
}

int helper_check(const struct helper_verb *verb, const union helper_request *r, struct err *e)
{
	if (helper_check_fields(verb->request, verb->n_request, r, e) < 0)
		return -1;
	return verb->check ? verb->check(r, e) : 0;
}

/* ---- names ------------------------------------------------------------------------------------ */

bool helper_instance_is_valid(const char *s)
{
	return strlen(s) == HELPER_INSTANCE_LEN &&
		strspn(s, "0123456789abcdef") == HELPER_INSTANCE_LEN;
}

/* 24 bits that tell owners apart. Two that happen to be equal do no harm: the mark decides. */
static uint32_t owner_tag(const struct helper_owner *o)
{
	uint8_t hash[SHA256_BYTES];
	char text[64];
	const int n = snprintf(text, sizeof(text), "reconcile owner %u %s", o->uid, o->instance);

	sha256(text, (size_t)n, hash);
	return (uint32_t)hash[0] << 16 | (uint32_t)hash[1] << 8 | hash[2];
}

void helper_link_name(const struct helper_owner *o, enum helper_kind kind, uint64_t index,
	char out[IFNAMSIZ])
{
	snprintf(out, IFNAMSIZ, "rc%06x%c%u", owner_tag(o), kind == HELPER_KIND_TAP ? 't' : 'b',
		(unsigned)(index % (HELPER_INDEX_MAX + 1)));
}

bool helper_link_parse(const struct helper_owner *o, enum helper_kind kind, const char *name,
	uint64_t *index)
{
	char want[IFNAMSIZ];
	uint64_t i;

	if (strlen(name) < 10 || strspn(name + 9, "0123456789") != strlen(name + 9))
		return false;
	i = strtoull(name + 9, NULL, 10);
	if (i > HELPER_INDEX_MAX)
		return false;
	helper_link_name(o, kind, i, want);
	if (strcmp(want, name))
		return false;
	*index = i;
	return true;
}

void helper_mark(const struct helper_owner *o, const char *label, char out[HELPER_MARK_MAX])
{
	snprintf(out, HELPER_MARK_MAX, "reconcile:%u:%s:%s", o->uid, o->instance, label);
}

bool helper_mark_is_ours(const struct helper_owner *o, const char *mark)
{
	char want[HELPER_MARK_MAX];

	helper_mark(o, "", want);
	return !strncmp(mark, want, strlen(want));
}

void helper_link_mac(const struct helper_owner *o, enum helper_kind kind, uint64_t index,
	uint8_t out[6])
{
	uint8_t hash[SHA256_BYTES];
	char text[96];
	const int n = snprintf(text, sizeof(text), "reconcile link %u %s %u %" PRIu64, o->uid,
		o->instance, kind, index);

	sha256(text, (size_t)n, hash);
	memcpy(out, hash, 6);
	out[0] = (uint8_t)((out[0] & 0xfc) | 0x02);
}

void helper_loop_mark(const struct helper_owner *o, uint64_t key, char out[HELPER_LOOP_MARK_MAX])
{
	snprintf(out, HELPER_LOOP_MARK_MAX, "rc:%u:%s:%016" PRIx64, o->uid, o->instance, key);
}

bool helper_loop_parse(const struct helper_owner *o, const char *mark, uint64_t *key)
{
	char want[HELPER_LOOP_MARK_MAX];
	const char *last = strrchr(mark, ':');
	uint64_t k;

	if (!last)
		return false;
	k = strtoull(last + 1, NULL, 16);
	helper_loop_mark(o, k, want);
	if (strcmp(want, mark))
		return false;
	*key = k;
	return true;
}

void helper_group_name(const struct helper_owner *o, char out[HELPER_GROUP_MAX])
{
	snprintf(out, HELPER_GROUP_MAX, "%u-%s", o->uid, o->instance);
}

void helper_group_key(uint64_t key, char out[HELPER_GROUP_MAX])
{
	snprintf(out, HELPER_GROUP_MAX, "vm-%016" PRIx64, key);
}

bool helper_group_parse(const char *name, uint64_t *key)
{
	char want[HELPER_GROUP_MAX];
	uint64_t k;

	if (strncmp(name, "vm-", 3))
		return false;
	k = strtoull(name + 3, NULL, 16);
	helper_group_key(k, want);
	if (strcmp(want, name))
		return false;
	*key = k;
	return true;
}
