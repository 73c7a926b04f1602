/* fw_wire.h - rules, elements and what holds them as messages to the kernel.
 *
 * What is written is what the kernel shows later, attribute by attribute, so that comparing is comparing
 * bytes. PURE.
 */
#pragma once

#include "drivers/sys/fw.h"
#include "drivers/sys/nft.h"

/* NFPROTO_* of a family. */
unsigned fw_wire_family(enum fw_family family);

/* What an element of a network says about whose it is: a comment that the nft program shows too. */
size_t fw_wire_tag(uint32_t net, uint8_t out[64]);

/* The expressions of a rule: what stands in NFTA_RULE_EXPRESSIONS. */
void fw_wire_exprs(struct nft_pen *p, const struct fw_rule *rule);

/* Whether the kernel's expressions say the same as those that we would write. */
bool fw_wire_same(const uint8_t *kernel, size_t n, const uint8_t *ours, size_t n_ours);

void fw_wire_table(struct nft_pen *p, const struct fw_owner *o, enum fw_family family, bool remove);
void fw_wire_set(struct nft_pen *p, const struct fw_owner *o, enum fw_set set);
void fw_wire_chain(struct nft_pen *p, const struct fw_owner *o, enum fw_chain chain, uint32_t net,
	bool remove);
void fw_wire_rule(struct nft_pen *p, const struct fw_owner *o, const struct fw_rule *rule, uint32_t net);

/* All rules of a chain away. */
void fw_wire_flush(struct nft_pen *p, const struct fw_owner *o, enum fw_chain chain, uint32_t net);
void fw_wire_elem(struct nft_pen *p, const struct fw_owner *o, const struct fw_elem *elem, uint32_t net,
	bool remove);
