/* test_fw_rules.c - the firewall's rules and elements, made of facts alone. */
#include "tests/lib/unit.h"

#include "drivers/sys/fw.h"

static struct fw_facts facts;
static struct fw_rules rules;
static struct fw_elems elems;
static const struct fw_owner owner = {"reconcile_7_00000001", "rcaaaaaab", "rcaaaaaat"};

static void plain(void)
{
	memset(&facts, 0, sizeof(facts));
	facts.net = (struct fw_net){.index = 3, .gateway = 0x0a4d0001, .prefix = 24, .masquerade = true,
		.siblings = true, .internet = true, .dns = true};
	facts.n_guests = 2;
	facts.guests[0] = (struct fw_guest){7, 0x0a4d0002, {2, 0, 0, 0, 0, 1}};
	facts.guests[1] = (struct fw_guest){12, 0x0a4d0003, {2, 0, 0, 0, 0, 2}};
}

static void assert_chain(enum fw_chain chain, const char *want)
{
	char text[4096] = "", line[512];
	size_t n = 0;

	fw_rules(&owner, &facts, &rules);
	for (size_t i = 0; i < rules.n; i++) {
		if (rules.v[i].chain != chain)
			continue;
		assert_true(fw_rule_text(&rules.v[i], line, sizeof(line)) < sizeof(line));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\n", line);
	}
	assert_string_equal(text, want);
}

/* What is the same for every network: nobody has to know a network for it. */
static void fixed_part(void **state)
{
	(void)state;
	plain();
	assert_chain(FW_C_FRAMES, "iifname \"rcaaaaaat*\" goto tap\n");
	assert_chain(FW_C_TAP, "iifname . ether saddr . ip saddr @guests accept\n"
		"arp htype 1 arp ptype ip arp hlen 6 arp plen 4 iifname . ether saddr . arp saddr ip @guests "
		"iifname . arp saddr ether . arp saddr ip @guests accept\ncounter drop\n");
	assert_chain(FW_C_BETWEEN, "iifname @apart oifname \"rcaaaaaat*\" counter drop\n");
	assert_chain(FW_C_RAW, "iifname \"rcaaaaaab*\" ip daddr 127.0.0.0/8 counter drop\n");
	assert_chain(FW_C_DSTNAT,
		"fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @ports_at\n"
		"fib daddr type local meta nfproto ipv4 dnat ip to meta l4proto . th dport map @ports\n");
	assert_chain(FW_C_FORWARD, "iifname \"rcaaaaaab*\" meta nfproto ipv6 counter drop\n"
		"iifname \"rcaaaaaab*\" ct state established,related accept\n"
		"oifname \"rcaaaaaab*\" ct state established,related accept\n"
		"iifname vmap @outward\niifname \"rcaaaaaab*\" counter drop\n"
		"oifname \"rcaaaaaab*\" ct status dnat accept\noifname \"rcaaaaaab*\" counter drop\n");
	assert_chain(FW_C_INPUT, "iifname \"rcaaaaaab*\" ct state established,related accept\n"
		"iifname vmap @to_host\niifname \"rcaaaaaab*\" counter drop\n");
	assert_chain(FW_C_SRCNAT, "oifname \"rcaaaaaab*\" ip saddr 127.0.0.0/8 masquerade\n"
		"oifname vmap @back\niifname vmap @leave\n");
}

static void policies(void **state)
{
	(void)state;
	plain();
	assert_chain(FW_C_NET_OUT, "oifname \"rcaaaaaab3\" accept\noifname \"rcaaaaaab*\" ct status dnat accept\n"
		"oifname \"rcaaaaaab*\" counter drop\naccept\n");
	assert_chain(FW_C_NET_HOST, "ip daddr 10.77.0.1 icmp type echo-request accept\n"
		"ip daddr 10.77.0.1 udp dport 53 accept\nip daddr 10.77.0.1 tcp dport 53 accept\n");
	assert_chain(FW_C_NET_LEAVE, "oifname != \"rcaaaaaab*\" masquerade\n");
	assert_chain(FW_C_NET_BACK, "ip saddr 10.77.0.0/24 ct status dnat masquerade\n");
	facts.net.internet = facts.net.siblings = facts.net.dns = facts.net.masquerade = false;
	assert_chain(FW_C_NET_OUT, "oifname \"rcaaaaaab3\" counter drop\ncounter drop\n");
	assert_chain(FW_C_NET_HOST, "ip daddr 10.77.0.1 icmp type echo-request accept\n");
	assert_chain(FW_C_NET_LEAVE, "");
	facts.net.host = true;
	assert_chain(FW_C_NET_HOST, "accept\n");
}

static void egress(void **state)
{
	(void)state;
	plain();
	memcpy(facts.net.uplink, "eth0", 5);
	facts.n_egress = 2;
	facts.egress[0] = (struct fw_egress){0xc0000201, 24, true};
	facts.egress[1] = (struct fw_egress){0xa9fea9fe, 32, false};
	facts.net.deny = true;
	assert_chain(FW_C_NET_OUT, "oifname \"rcaaaaaab3\" accept\noifname \"rcaaaaaab*\" ct status dnat accept\n"
		"oifname \"rcaaaaaab*\" counter drop\noifname != \"eth0\" counter drop\n"
		"ip daddr 169.254.169.254 counter drop\nip daddr 192.0.2.0/24 accept\ncounter drop\n");
	assert_chain(FW_C_NET_LEAVE, "oifname \"eth0\" masquerade\n");
	/* No exception from no internet. */
	facts.net.internet = false;
	assert_chain(FW_C_NET_OUT, "oifname \"rcaaaaaab3\" accept\ncounter drop\n");
}

static void elements(void **state)
{
	static const uint8_t key[FW_KEY_MAX] = "rcaaaaaat7\0\0\0\0\0\0\2\0\0\0\0\1\0\0\x0a\x4d\0\2";

	(void)state;
	plain();
	facts.n_forwards = 2;
	facts.forwards[0] = (struct fw_forward){false, 0, 0x1f90, 0x0a4d0003, 80};
	facts.forwards[1] = (struct fw_forward){true, 0x7f000001, 53, 0x0a4d0002, 5353};
	fw_elems(&owner, &facts, &elems);
	assert_int_equal(elems.n, 4 + 2 + 2);
	for (size_t i = 1; i < elems.n; i++)
		assert_true(fw_elem_compare(&elems.v[i - 1], &elems.v[i]) < 0);
	/* Sorted by bytes: 12 stands before 7. */
	assert_int_equal(elems.v[1].set, FW_GUESTS);
	assert_memory_equal(elems.v[1].key, key, sizeof(key));
	assert_int_equal(elems.v[6].set, FW_PORTS);
	assert_memory_equal(elems.v[6].key, "\6\0\0\0\x1f\x90\0\0", 8);
	assert_memory_equal(elems.v[6].data, "\x0a\x4d\0\3\0\x50\0\0", 8);
	assert_memory_equal(elems.v[7].key, "\x7f\0\0\1\x11\0\0\0\0\x35\0\0", 12);
	facts.net.siblings = false;
	fw_elems(&owner, &facts, &elems);
	assert_int_equal(elems.n, 4 + 2 + 2 + 2);
	assert_int_equal(elems.v[2].set, FW_APART);
}

static void names(void **state)
{
	static const char *const none[] = {"out_", "out_03", "out_3x", "out_-1", "out", "host_99999999999", "", "tap"};
	char name[FW_NAME_MAX];
	uint32_t net;

	(void)state;
	for (unsigned i = 0; i < FW_CHAIN_N; i++) {
		fw_chain_name((enum fw_chain)i, 999999, name);
		assert_int_equal(fw_chain_find(fw_chains[i].family, name, &net), i);
		assert_int_equal(net, fw_chains[i].per_net ? 999999 : 0);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(fw_chain_find(FW_INET, none[i], &net), FW_CHAIN_N);
}

static void assert_bad(const char *why)
{
	struct err e = ERR_INIT;

	assert_int_equal(fw_check(&facts, &e), -1);
	assert_int_equal(e.kind, ERR_USAGE);
	if (!strstr(e.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
	plain();
}

static void facts_that_do_not_agree(void **state)
{
	static const uint32_t addresses[] = {0, UINT32_MAX, 0xe0000001, 0x0a4d0001, 0x0a4d0000, 0x0a4d00ff, 0x0a4e0002};
	struct err e = ERR_INIT;

	(void)state;
	plain();
	assert_int_equal(fw_check(&facts, &e), 0);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		facts.guests[1].address = addresses[i];
		assert_bad("none of the subnet's hosts");
	}
	facts.guests[1].address = facts.guests[0].address;
	assert_bad("one tap or one address");
	facts.guests[1].tap = facts.guests[0].tap;
	assert_bad("one tap or one address");
	facts.guests[1].mac[0] = 3;
	assert_bad("no single host");
	memset(facts.guests[1].mac, 0, 6);
	assert_bad("no single host");
	facts.net.prefix = 31;
	assert_bad("31 bits");
	facts.net.prefix = 7;
	assert_bad("7 bits");
	facts.net.gateway = 0x0a4d0000;
	assert_bad("no address of a host");
	facts.n_egress = 1;
	facts.egress[0].prefix = 33;
	assert_bad("33 bits");
	facts.n_forwards = 1;
	facts.forwards[0] = (struct fw_forward){false, 0, 0, 0x0a4d0002, 80};
	assert_bad("port 0");
	facts.n_forwards = 1;
	facts.forwards[0] = (struct fw_forward){false, 0, 80, 0x0a4d0004, 80};
	assert_bad("leads to no guest");
	facts.n_forwards = 2;
	facts.forwards[0] = (struct fw_forward){false, 0, 80, 0x0a4d0002, 80};
	facts.forwards[1] = (struct fw_forward){false, 0, 80, 0x0a4d0003, 80};
	assert_bad("leads to two guests");
	facts.n_forwards = 2;
	facts.forwards[0] = (struct fw_forward){false, 0, 80, 0x0a4d0002, 80};
	facts.forwards[1] = (struct fw_forward){true, 0, 80, 0x0a4d0003, 80};
	assert_int_equal(fw_check(&facts, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_part),
		cmocka_unit_test(policies),
		cmocka_unit_test(egress),
		cmocka_unit_test(elements),
		cmocka_unit_test(names),
		cmocka_unit_test(facts_that_do_not_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
