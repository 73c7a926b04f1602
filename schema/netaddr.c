/* netaddr.c - IPv4 addresses and networks as numbers. */
#include "schema/netaddr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

uint32_t netaddr_parse(const char *text)
{
	struct in_addr in;

	return inet_pton(AF_INET, text, &in) == 1 ? ntohl(in.s_addr) : 0;
}

struct net4 netaddr_subnet(const char *text)
{
	const char *slash = strchr(text, '/');
	char address[INET_ADDRSTRLEN] = "";
	struct net4 n = {0};

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return n;
	memcpy(address, text, (size_t)(slash - text));
	n.address = netaddr_parse(address);
	n.bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return n.bits <= 32 ? n : (struct net4){0};
}

const char *netaddr_print(struct arena *a, uint32_t v)
{
	return arena_printf(a, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

static uint32_t mask(unsigned bits)
{
	return bits ? UINT32_MAX << (32 - bits) : 0;
}

uint32_t netaddr_first(struct net4 n)
{
	return n.address + 1;
}

uint32_t netaddr_last(struct net4 n)
{
	return (n.address | ~mask(n.bits)) - 1;
}

bool netaddr_overlap(struct net4 a, struct net4 b)
{
	uint32_t m = mask(a.bits < b.bits ? a.bits : b.bits);

	return (a.address & m) == (b.address & m);
}

uint32_t net_gateway(const struct net_spec *s)
{
	return s->gateway ? netaddr_parse(s->gateway) : netaddr_first(netaddr_subnet(s->subnet));
}
