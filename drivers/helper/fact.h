/* fact.h - what the firewall verbs are told of one network: typed records of numbers, in a sealed memfd,
 * since they do not fit into a message.
 *
 *	record   kind 1 byte, then the fields of its row, 8 bytes each, little end first
 *	facts    one network record, then any number of the others, in any order; nothing else
 *
 * As with the verbs there is no name and no text in it: a network and a guest are numbers of interfaces
 * whose names follow from the owner.
 *
 * PURE. Shared by both sides.
 */
#pragma once

#include "drivers/helper/verb.h"

enum helper_fact_kind { FACT_NETWORK = 1, FACT_EGRESS, FACT_GUEST, FACT_FORWARD, FACT_KIND_N };

struct helper_fact {
	uint64_t kind;
	union {
		struct { uint64_t gateway, prefix, uplink, masquerade, siblings, host, internet, dns, deny; } net;
		struct { uint64_t network, prefix, allow; } egress;
		struct { uint64_t tap, mac, address; } guest;
		struct { uint64_t udp, listen, port, address, to; } forward;
	};
};

#define FACTS_BYTES_MAX 196608u /* the most that fw.h allows of everything */

struct helper_fact_row {
	const char *name;
	const struct helper_field *fields;
	size_t n;
	const char *help;
};

/* The row of a kind, NULL when there is none. */
const struct helper_fact_row *fact_row(uint64_t kind);

/* Append a record to out, which holds *n bytes already. ERR_USAGE: a value that its row does not allow,
 * ERR_LIMIT: it does not fit. */
int fact_put(const struct helper_fact *f, uint8_t *out, size_t max, size_t *n, struct err *e);

/* The record at *at, checked; *at becomes the place behind it. ERR_CONTENT, ERR_USAGE. */
int fact_get(const uint8_t *in, size_t n, size_t *at, struct helper_fact *f, struct err *e);
