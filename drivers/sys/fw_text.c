/* fw_text.c - a rule as the nft program shows it. */
#include "drivers/sys/fw.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct pen {
	char *v;
	size_t n, max;
};

__attribute__((format(printf, 2, 3))) static void say(struct pen *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->n < p->max ? p->v + p->n : NULL, p->n < p->max ? p->max - p->n : 0, fmt, ap);
	va_end(ap);
	p->n += n > 0 ? (size_t)n : 0;
}

static void say_network(struct pen *p, const char *what, const struct fw_term *t)
{
	const uint32_t a = t->number;

	say(p, "ip %s %u.%u.%u.%u", what, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	if (t->prefix < 32)
		say(p, "/%u", t->prefix);
}

static void say_interface(struct pen *p, const struct fw_term *t)
{
	say(p, "%s %s\"%s%s\"", t->kind == FW_IIF ? "iifname" : "oifname", t->isnt ? "!= " : "", t->name,
		t->any ? "*" : "");
}

static const char *const fixed[] = {
	[FW_IPV6] = "meta nfproto ipv6",
	[FW_ARP] = "arp htype 1 arp ptype ip arp hlen 6 arp plen 4",
	[FW_IP] = NULL, /* the program leaves out what the next term needs anyway */
	[FW_ECHO] = "icmp type echo-request",
	[FW_KNOWN] = "ct state established,related",
	[FW_REDIRECTED] = "ct status dnat",
	[FW_TO_US] = "fib daddr type local",
	[FW_IS_GUEST] = "iifname . ether saddr . ip saddr @guests",
	[FW_IS_ARP_GUEST] = "iifname . ether saddr . arp saddr ip @guests",
	[FW_IS_ARP_SENDER] = "iifname . arp saddr ether . arp saddr ip @guests",
	[FW_IS_APART] = "iifname @apart",
	[FW_BY_PORT] = "meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports",
	[FW_BY_ADDRESS] = "dnat ip to ip daddr . meta l4proto . th dport map @ports_at",
};

static void say_term(struct pen *p, const struct fw_term *t)
{
	switch (t->kind) {
	case FW_IIF:
	case FW_OIF:
		say_interface(p, t);
		break;
	case FW_DPORT:
		say(p, "%s dport %u", t->prefix == IPPROTO_TCP ? "tcp" : "udp", t->number);
		break;
	case FW_SADDR:
		say_network(p, "saddr", t);
		break;
	case FW_DADDR:
		say_network(p, "daddr", t);
		break;
	case FW_BY_BRIDGE:
	case FW_TO_BRIDGE:
		say(p, "%s vmap @%s", t->kind == FW_BY_BRIDGE ? "iifname" : "oifname", fw_sets[t->set].name);
		break;
	default:
		say(p, "%s", fixed[t->kind]);
	}
}

size_t fw_rule_text(const struct fw_rule *rule, char *out, size_t max)
{
	static const char *const verdicts[] = {[FW_GO_ON] = NULL, [FW_ACCEPT] = "accept",
		[FW_DROP] = "drop", [FW_MASQUERADE] = "masquerade", [FW_GOTO_TAP] = "goto tap"};
	struct pen p = {out, 0, max};

	for (size_t i = 0; i < rule->n; i++) {
		if (rule->terms[i].kind == FW_IP)
			continue;
		say(&p, "%s", p.n ? " " : "");
		say_term(&p, &rule->terms[i]);
	}
	if (rule->counter)
		say(&p, "%scounter", p.n ? " " : "");
	if (verdicts[rule->verdict])
		say(&p, "%s%s", p.n ? " " : "", verdicts[rule->verdict]);
	return p.n;
}
