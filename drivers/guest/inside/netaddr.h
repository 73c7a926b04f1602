/* netaddr.h - addresses as text. PURE. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NETADDR_BYTES 16

struct netaddr {
	int family;                        /* AF_INET or AF_INET6 */
	uint8_t len;                       /* bytes: 4 or 16 */
	uint8_t prefix;                    /* bits of the network; all of them when not written */
	uint8_t bytes[NETADDR_BYTES];
};

/* "10.0.2.15/24", "10.0.2.2", "fd00::1/64". 0, or -1 when it is no address. */
int netaddr_parse(const char *text, struct netaddr *out);

/* Whether other is in the network of a. */
bool netaddr_contains(const struct netaddr *a, const struct netaddr *other);

/* "52:54:00:12:34:56" in any case. 0, or -1 when it is none. */
int netaddr_mac(const char *text, uint8_t out[6]);
