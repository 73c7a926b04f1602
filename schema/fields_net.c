/* fields_net.c - what can be said about a network of VMs.
 *
 * A network is a bridge of this host with one address, the gateway of its guests. It is changed in
 * place; guests are told its addresses and MTU when they start, so the VMs in it restart (the cost of their
 * edge, expand.c). The bounds of subnet are those of the root helper, which gives a bridge none but a
 * private address.
 */
#include "schema/field.h"

#include <stddef.h>

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
