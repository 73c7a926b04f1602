/* fields_net.c - what can be said about a network of VMs.
 *
 * A network is a bridge of this host with one address, the gateway of its guests. It is changed in
 * place; guests are told its addresses and MTU when they start, so the VMs in it restart (the cost of their
 * edge, expand.c). What the firewall does with it is an object of its own and changes under running
 * VMs. The bounds of subnet are those of the root helper, which gives a bridge none but a
 * private address.
 */
#include "schema/field.h"

#include <stddef.h>

static const char *const allow_deny[] = {"allow", "deny", NULL};

#define RULES .feeds = KIND_FIREWALL, .change = CHANGE_LIVE
#define POLICY(name, text, dflt_text, help_text) {.path = text, .type = FIELD_ENUM, RULES, \
	.offset = offsetof(struct net_spec, name), .choices = allow_deny, .dflt = dflt_text, \
	.absent = dflt_text, .help = help_text}

static const struct field fields[] = {
	{.path = "subnet", .type = FIELD_SUBNET, .feeds = KIND_NETWORK, .change = CHANGE_RESTART,
		.offset = offsetof(struct net_spec, subnet), .min = 16, .max = 30,
		.example = "10.77.0.0/24", .required = true,
		.absent = "an error: every network needs one",
		.help = "its private IPv4 addresses; each VM leases one and keeps it"},
	{.path = "gateway", .type = FIELD_ADDRESS, .feeds = KIND_NETWORK, .change = CHANGE_RESTART,
		.offset = offsetof(struct net_spec, gateway), .example = "10.77.0.1",
		.absent = "the first address of the subnet", .help = "address of this host in it"},
	{.path = "mtu", .type = FIELD_U32, .feeds = KIND_NETWORK, .change = CHANGE_RESTART,
		.offset = offsetof(struct net_spec, mtu), .min = 576, .max = 9000, .dflt = "1500",
		.example = "1400", .absent = "1500",
		.help = "bytes of the largest packet in it"},
	{.path = "dns", .type = FIELD_ADDRESSES, .feeds = KIND_NETWORK, .change = CHANGE_RESTART,
		.offset = offsetof(struct net_spec, dns), .min = 0, .max = 3, .example = "[10.77.0.1]",
		.absent = "guests are told none", .help = "name servers that its guests are told"},
	{.path = "labels", .type = FIELD_LABELS, .feeds = KIND_NETWORK, .change = CHANGE_LIVE,
		.offset = offsetof(struct net_spec, labels), .min = 0, .max = 64,
		.absent = "it has none", .help = "names and values for people and programs"},
	{.path = "nat.uplink", .type = FIELD_STRING, RULES,
		.offset = offsetof(struct net_spec, nat_uplink), .min = 1, .max = 15, .dflt = "auto",
		.example = "eth0", .pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
		.absent = "auto: it follows the default route",
		.help = "interface of this host that leads outside, or auto"},
	{.path = "nat.masquerade", .type = FIELD_BOOL, RULES,
		.offset = offsetof(struct net_spec, nat_masquerade), .dflt = "true", .absent = "true",
		.help = "whether guests come out with the address of this host"},
	POLICY(egress_default, "nat.egress.default", "allow",
		"what happens to connections outwards that no rule names"),
	{.path = "nat.egress.allow", .type = FIELD_SUBNETS, RULES,
		.offset = offsetof(struct net_spec, egress_allow), .min = 0, .max = 32,
		.example = "[192.0.2.0/24]", .absent = "no exceptions",
		.help = "networks that guests may reach when the default is deny"},
	{.path = "nat.egress.deny", .type = FIELD_SUBNETS, RULES,
		.offset = offsetof(struct net_spec, egress_deny), .min = 0, .max = 32,
		.example = "[169.254.169.254/32]", .absent = "no exceptions",
		.help = "networks that guests may not reach"},
	{.path = "nat.forward", .type = FIELD_FORWARDS, RULES,
		.offset = offsetof(struct net_spec, forwards), .min = 0, .max = 256,
		.example = "[{listen: \"0.0.0.0:8080\", to: vm/web:80}]",
		.absent = "no port of this host leads to a guest",
		.help = "ports of this host that lead to ports of its guests"},
	POLICY(policy_siblings, "policy.siblings", "allow", "whether its guests reach each other"),
	POLICY(policy_host, "policy.host", "deny", "whether its guests reach services of this host"),
	POLICY(policy_internet, "policy.internet", "allow", "whether its guests reach anything outside"),
};

const struct noun noun_network = {
	.key = "networks",
	.singular = "network",
	.kind = KIND_NETWORK,
	.help = "a network of VMs on this host",
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct net_spec),
};
