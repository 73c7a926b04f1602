/* listening.h - what listens in a guest, out of its /proc/net/tcp, tcp6, udp and udp6 (proc(5)).
 *
 * PURE. The text comes from the guest: a line that is not as expected is left out.
 */
#pragma once

#include "schema/base/vec.h"

#include <stdint.h>

struct listening {
	const char *proto;   /* "tcp" or "udp" */
	const char *address; /* "0.0.0.0", "127.0.0.1", "::" */
	uint32_t port;
	uint32_t uid;        /* whose socket it is */
};

struct listenings {
	struct listening *v;
	size_t n, cap;
};

#define LISTENING_MAX 4096 /* of one guest: more are left out */

/* Add what one of these files says. Sockets of UDP count when they are bound and not connected. */
void listening_parse(struct arena *a, const char *proto, const char *text, struct listenings *out);

/* In order of port, then protocol, then address; what is there twice once. */
void listening_sort(struct listenings *all);
