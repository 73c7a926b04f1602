/* nft.h - the kernel's nf_tables (linux/netfilter/nf_tables.h) by netlink: messages are written into a
 * buffer of the caller's, dumps read one by one, transactions committed whole or not at all.
 *
 * The library that knows its language, libnftables, brings a parser and jansson along, neither of which the
 * root helper may have; what we say is a dozen kinds of messages. The pen is PURE.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/* ---- messages ---------------------------------------------------------------------------------- */

struct nft_pen {
	uint8_t *v;
	size_t n, max;
	uint32_t seq;
	bool full;     /* something did not fit: what is written is not to be sent */
};

/* A message of that type (NFT_MSG_*) and family (NFPROTO_*); nft_end ends it. */
size_t nft_begin(struct nft_pen *p, unsigned type, unsigned flags, unsigned family);

void nft_end(struct nft_pen *p, size_t at);

/* An attribute that holds others; nft_unnest ends it. */
size_t nft_nest(struct nft_pen *p, unsigned type);
void nft_unnest(struct nft_pen *p, size_t at);
void nft_put(struct nft_pen *p, unsigned type, const void *v, size_t n);
void nft_text(struct nft_pen *p, unsigned type, const char *text);
void nft_number(struct nft_pen *p, unsigned type, uint32_t v); /* 4 bytes, first byte highest */

/* ---- the kernel ---------------------------------------------------------------------------------- */

struct nft {
	struct mnl_socket *sock;
	uint32_t seq;
};

int nft_open(struct nft *nl, struct err *e);
void nft_close(struct nft *nl);

/* Send one question that is in p, and give each answer to each. 0; the errno of the kernel's refusal;
 * EINTR: the tables were changed meanwhile, ask all of it again. */
int nft_ask(struct nft *nl, struct nft_pen *p, int (*each)(const struct nlmsghdr *m, void *arg),
	void *arg);

/* The generation of all tables: it changes with each transaction of anybody. */
int nft_generation(struct nft *nl, uint32_t *out);

/* Begin and end a transaction in p. It fails when the generation is not this one any more. */
void nft_batch_begin(struct nft_pen *p, uint32_t generation);
void nft_batch_end(struct nft_pen *p);

/* Send it. 0: it is done; otherwise the errno of the first message that was refused, and nothing was done.
 * ERESTART: another generation. */
int nft_commit(struct nft *nl, struct nft_pen *p);
