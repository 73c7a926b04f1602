/* netaddr.h - IPv4 addresses and networks as numbers, first byte highest. PURE. */
#pragma once

#include "schema/model.h"

struct net4 {
	uint32_t address; /* of the network: its host bits are 0 */
	unsigned bits;
};

/* The number of an address in text; 0 when it is none. */
uint32_t netaddr_parse(const char *text);

/* A text that FIELD_SUBNET took. {0, 0} when it is none. */
struct net4 netaddr_subnet(const char *text);

/* "10.77.0.1" */
const char *netaddr_print(struct arena *a, uint32_t address);

/* The first and the last address that a host can have. */
uint32_t netaddr_first(struct net4 n);
uint32_t netaddr_last(struct net4 n);

/* Whether one lies in the other. */
bool netaddr_overlap(struct net4 a, struct net4 b);

/* Address of this host in a network: what the spec says, or the first one. */
uint32_t net_gateway(const struct net_spec *s);
