/* test_fw.c - the firewall in the kernel: made, shown by the nft program, damaged by it, repaired, taken away.
 *
 * Each test runs in a network namespace of its own. As another than root nothing of this can be made, and
 * the tests are skipped.
 */
#include "tests/lib/unit.h"

#include "drivers/sys/capture.h"
#include "drivers/sys/fw.h"

#include <sched.h>

#define NFT "/usr/sbin/nft"

static struct fw_facts facts;
static struct fw_rules rules;
static struct fw *fw;
static struct arena arena;
static const struct fw_owner owner = {"reconcile_7_00000001", "rcaaaaaab", "rcaaaaaat"};

static int set_up(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (geteuid() || access(NFT, X_OK) < 0)
		return 0;
	return unshare(CLONE_NEWNET) < 0 || fw_open(&fw, &e) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	fw_close(fw);
	fw = NULL;
	arena_free(&arena);
	return 0;
}

#define root_only() do { \
		if (geteuid()) \
			skip_because("not root"); \
		if (access(NFT, X_OK) < 0) \
			skip_because("there is no " NFT); \
	} while (0)

/* What the program prints. */
static const char *nft_prints(const char *a, const char *b)
{
	const char *const argv[] = {NFT, a, b, NULL};
	const struct capture c = {.argv = argv, .folder = "/", .max = 1 << 20, .timeout_ms = 60000};
	struct err e = ERR_INIT;
	char *text = NULL;
	size_t n;

	if (capture_run(&arena, &c, &text, &n, &e) < 0)
		fail_msg("nft %s %s: %s", a, b ? b : "", e.msg);
	return text;
}

static void nft(const char *command)
{
	nft_prints(command, NULL);
}

static bool shows(const char *what, const char *text)
{
	return strstr(nft_prints(what, NULL), text) != NULL;
}

static void network(uint32_t index, size_t guests)
{
	memset(&facts, 0, sizeof(facts));
	facts.net = (struct fw_net){.index = index, .gateway = 0x0a000001 + (index << 16), .prefix = 16,
		.masquerade = true, .siblings = true, .internet = true, .dns = true};
	for (size_t i = 0; i < guests; i++)
		facts.guests[i] = (struct fw_guest){.tap = (uint32_t)(index * 10000 + i),
			.address = facts.net.gateway + 1 + (uint32_t)i,
			.mac = {2, 0, 0, (uint8_t)index, (uint8_t)(i >> 8), (uint8_t)i}};
	facts.n_guests = guests;
}

static struct fw_diff apply(void)
{
	struct err e = ERR_INIT;
	struct fw_diff d;

	if (fw_apply(fw, &owner, &facts, &d, &e) < 0)
		fail_msg("%s", e.msg);
	return d;
}

static struct fw_diff look(void)
{
	struct err e = ERR_INIT;
	struct fw_diff d;

	if (fw_compare(fw, &owner, &facts, &d, &e) < 0)
		fail_msg("%s", e.msg);
	return d;
}

#define assert_fine(d) do { \
		struct fw_diff d_ = (d); \
		if (d_.first != FW_FINE) \
			fail_msg("%s: %s", d_.where, fw_fault_text(d_.first)); \
	} while (0)

/* ---- what the program shows is what was meant ------------------------------------------------------------ */

/* The rules of one chain, a line each, as the program shows them. */
static const char *meant(enum fw_chain chain)
{
	const char *out = "";
	char line[512];

	for (size_t i = 0; i < rules.n; i++) {
		if (rules.v[i].chain != chain)
			continue;
		fw_rule_text(&rules.v[i], line, sizeof(line));
		out = arena_printf(&arena, "%s\t\t%s\n", out, line);
	}
	return out;
}

static void compare_chain(enum fw_chain chain)
{
	char name[FW_NAME_MAX];
	const char *text, *from, *want = meant(chain);

	fw_chain_name(chain, facts.net.index, name);
	text = nft_prints("-s", arena_printf(&arena, "list chain %s %s %s", fw_chains[chain].family ==
		FW_BRIDGE ? "bridge" : "inet", owner.table, name));
	from = strstr(strstr(text, "\tchain"), "\n") + 1;
	if (fw_chains[chain].type)
		from = strchr(from, '\n') + 1;
	if (strncmp(from, want, strlen(want)) || strncmp(from + strlen(want), "\t}\n", 3))
		fail_msg("meant:\n%sshown:\n%s", want, text);
}

static void all_that_can_be_said(size_t variant)
{
	network(3, 2);
	facts.net.siblings = variant & 1;
	facts.net.host = variant & 2;
	facts.net.internet = !(variant & 4);
	facts.net.deny = variant & 8;
	facts.net.masquerade = !(variant & 16);
	facts.net.dns = variant & 32;
	if (variant & 64)
		snprintf(facts.net.uplink, sizeof(facts.net.uplink), "eth0");
	facts.n_forwards = 2;
	facts.forwards[0] = (struct fw_forward){false, 0, 8080, facts.guests[1].address, 80};
	facts.forwards[1] = (struct fw_forward){true, 0x7f000001, 5353, facts.guests[0].address, 53};
	facts.n_egress = 3;
	facts.egress[0] = (struct fw_egress){0xa9fea9fe, 32, false};
	facts.egress[1] = (struct fw_egress){0xc0000200, 24, true};
	facts.egress[2] = (struct fw_egress){0xac100000, 12, false};
}

static void shown_as_meant(void **state)
{
	static const size_t variants[] = {0, 127, 1, 2, 4, 8, 16, 32, 64, 8 | 64 | 16};

	(void)state;
	root_only();
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		all_that_can_be_said(variants[i]);
		apply();
		assert_fine(look());
		assert_fine(apply());
		fw_rules(&owner, &facts, &rules);
		for (unsigned c = 0; c < FW_CHAIN_N; c++)
			compare_chain((enum fw_chain)c);
	}
	assert_true(shows("list map inet reconcile_7_00000001 ports", "tcp . 8080"));
	assert_true(shows("list map inet reconcile_7_00000001 ports_at", "127.0.0.1 . udp . 5353"));
	assert_true(shows("list map inet reconcile_7_00000001 outward", "\"rcaaaaaab3\""));
}

/* ---- damage ----------------------------------------------------------------------------------------------- */

#define B "bridge reconcile_7_00000001 "
#define I "inet reconcile_7_00000001 "

static const struct {
	const char *command;
	enum fw_fault fault;
	const char *where;
} damages[] = {
	{"flush ruleset", FW_NO_TABLE, ""},
	{"delete table " B, FW_NO_TABLE, ""},
	{"delete table " I, FW_NO_TABLE, ""},
	{"flush table " I, FW_RULES_DIFFER, "raw"},
	{"flush chain " B "tap", FW_RULES_DIFFER, "tap"},
	{"insert rule " I "forward accept", FW_RULES_DIFFER, "forward"},
	{"add rule " I "host_3 accept", FW_RULES_DIFFER, "host_3"},
	{"insert rule " B "tap counter accept", FW_RULES_DIFFER, "tap"},
	{"add chain " I "mine", FW_STRANGE, "mine"},
	{"add chain " I "out_03", FW_STRANGE, "out_03"},
	{"add set " I "mine { type ipv4_addr; }", FW_STRANGE, "mine"},
	{"chain " I "forward { policy drop; }", FW_STRANGE, "forward"},
	{"table " I "{ flags dormant; }", FW_STRANGE, ""},
	{"flush set " B "guests", FW_ELEMS_MISSING, "guests"},
	{"delete element " I "outward { \"rcaaaaaab3\" }", FW_ELEMS_MISSING, "outward"},
	{"delete element " I "ports { tcp . 8080 }", FW_ELEMS_MISSING, "ports"},
	{"add element " I "ports { tcp . 22 : 10.3.0.2 . 22 }", FW_ELEMS_EXTRA, "ports"},
	{"add element " I "ports { udp . 22 comment \"network 3\" : 10.3.0.2 . 22 }", FW_ELEMS_EXTRA, "ports"},
	{"add element " I "ports { udp . 22 comment \"network 03\" : 10.3.0.2 . 22 }", FW_ELEMS_EXTRA, "ports"},
	{"add element " I "to_host { \"rcaaaaaab9\" : accept }", FW_ELEMS_EXTRA, "to_host"},
	{"add element " I "outward { * : accept }", FW_STRANGE, "outward"},
	{"add element " B "guests { \"rcaaaaaat1\" . 02:00:00:00:00:01 . 10.3.0.9 }", FW_ELEMS_EXTRA, "guests"},
	/* The same key, another meaning. */
	{"delete element " I "to_host { \"rcaaaaaab3\" }; add element " I "to_host { \"rcaaaaaab3\" comment "
		"\"network 3\" : accept }", FW_ELEMS_EXTRA, "to_host"},
	{"delete element " I "ports { tcp . 8080 }; add element " I "ports { tcp . 8080 comment \"network 3\" : "
		"10.3.0.2 . 80 }", FW_ELEMS_EXTRA, "ports"},
	/* One word of a rule. */
	{"flush chain " I "srcnat; add rule " I "srcnat oifname \"rcaaaaaab*\" ip saddr 127.0.0.0/8 masquerade "
		"random; add rule " I "srcnat oifname vmap @back; add rule " I "srcnat iifname vmap @leave", FW_RULES_DIFFER, "srcnat"},
	{"flush chain " B "between; add rule " B "between iifname != @apart oifname \"rcaaaaaat*\" counter drop",
		FW_RULES_DIFFER, "between"},
	{"flush chain " I "raw; add rule " I "raw iifname \"rcaaaaaab*\" ip daddr 127.0.0.0/9 counter drop",
		FW_RULES_DIFFER, "raw"},
	{"flush chain " I "raw; add rule " I "raw iifname \"rcaaaaaab*\" ip daddr 127.0.0.0/8 counter accept",
		FW_RULES_DIFFER, "raw"},
	{"flush chain " I "raw; add rule " I "raw iifname \"rcaaaaab*\" ip daddr 127.0.0.0/8 counter drop",
		FW_RULES_DIFFER, "raw"},
};

static void damage_is_seen_and_repaired(void **state)
{
	const char *before;

	(void)state;
	root_only();
	all_that_can_be_said(8 | 32);
	apply();
	before = nft_prints("-s", "list ruleset");
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct fw_diff d;

		nft(damages[i].command);
		d = look();
		if (d.first != damages[i].fault || strcmp(d.where, damages[i].where))
			fail_msg("%s: seen %d at \"%s\"", damages[i].command, d.first, d.where);
		/* Looking repairs nothing. */
		assert_int_equal(look().first, damages[i].fault);
		apply();
		assert_fine(look());
		if (strcmp(nft_prints("-s", "list ruleset"), before))
			fail_msg("%s: afterwards\n%s", damages[i].command, nft_prints("-s", "list ruleset"));
	}
}

/* ---- no more than has to be --------------------------------------------------------------------------------- */

static uint64_t handles(void)
{
	const char *text = nft_prints("-a", "list ruleset");
	uint64_t sum = 0;

	while ((text = strstr(text, "# handle "))) {
		text += strlen("# handle ");
		sum = sum * 31 + strtoull(text, NULL, 10);
	}
	return sum;
}

/* Elements with counts that they were given: a repair that wrote them anew would set them to 0. */
static void one_guest_of_a_thousand(void **state)
{
	struct fw_diff d;
	uint64_t before;

	(void)state;
	root_only();
	network(3, 1000);
	apply();
	nft("delete element " B "guests { \"rcaaaaaat30500\" . 02:00:00:03:01:f4 . 10.3.1.246 }; add element " B
		"guests { \"rcaaaaaat30500\" . 02:00:00:03:01:f4 . 10.3.1.246 counter packets 7 bytes 77 comment "
		"\"network 3\" }");
	assert_fine(look());
	before = handles();
	facts.guests[0].mac[2] = 9;
	d = apply();
	assert_int_equal(d.missing, 1);
	assert_int_equal(d.extra, 1);
	assert_int_equal(d.chains, 0);
	facts.n_guests = 999;
	d = apply();
	assert_int_equal(d.missing, 0);
	assert_int_equal(d.extra, 1);
	facts.n_forwards = 1;
	facts.forwards[0] = (struct fw_forward){false, 0, 8080, facts.guests[1].address, 80};
	d = apply();
	assert_int_equal(d.missing, 1);
	assert_int_equal(d.extra + d.chains, 0);
	assert_int_equal(handles(), before);
	assert_true(shows("list set " B "guests", "10.3.1.246 counter packets 7 bytes 77"));
	assert_fine(look());
	/* A network that changes its policy leaves the fixed part and the guests alone. */
	facts.net.internet = false;
	d = apply();
	assert_int_equal(d.chains, 1);
	assert_int_equal(d.missing + d.extra, 0);
	assert_true(shows("list set " B "guests", "10.3.1.246 counter packets 7 bytes 77"));
}

static void two_networks(void **state)
{
	struct err e = ERR_INIT;
	struct fw_diff d;
	const char *before;

	(void)state;
	root_only();
	network(4, 3);
	apply();
	before = nft_prints("-a", "list ruleset");
	network(3, 2);
	facts.n_forwards = 1;
	facts.forwards[0] = (struct fw_forward){false, 0, 8080, facts.guests[1].address, 80};
	assert_int_equal(look().first, FW_NO_PART);
	assert_false(apply().last);
	network(4, 3);
	assert_fine(look());
	/* The port is the other network's. */
	facts.n_forwards = 1;
	facts.forwards[0] = (struct fw_forward){false, 0, 8080, facts.guests[1].address, 80};
	assert_int_equal(fw_apply(fw, &owner, &facts, &d, &e), -1);
	assert_int_equal(e.kind, ERR_CONFLICT);
	facts.n_forwards = 0;
	assert_fine(look());
	assert_int_equal(fw_remove(fw, &owner, 3, &e), 0);
	assert_string_equal(nft_prints("-a", "list ruleset"), before);
	assert_int_equal(fw_remove(fw, &owner, 3, &e), 0);
	assert_int_equal(fw_remove(fw, &owner, 4, &e), 0);
	assert_string_equal(nft_prints("list ruleset", NULL), "");
	assert_int_equal(fw_remove(fw, &owner, 4, &e), 0);
}

/* As docker, ufw and another owner leave the host. */
static void other_tables(void **state)
{
	static const struct fw_owner other = {"reconcile_8_00000001", "rcbbbbbbb", "rcbbbbbbt"};
	struct err e = ERR_INIT;
	const char *before;
	struct fw_diff d;
	uint32_t n;

	(void)state;
	root_only();
	network(3, 2);
	nft("table ip filter { chain DOCKER { ip daddr 172.17.0.2 accept; }; chain FORWARD { type filter hook forward "
		"priority 0; policy drop; jump DOCKER; }; }; table ip nat { chain POSTROUTING { type nat hook "
		"postrouting priority srcnat; ip saddr 172.17.0.0/16 masquerade; }; }; table bridge filter { chain "
		"tap { }; }; table inet reconcile_7_0000000 { chain out_3 { }; }");
	assert_int_equal(fw_apply(fw, &other, &facts, &d, &e), 0);
	before = nft_prints("-a", "list ruleset");
	assert_int_equal(look().first, FW_NO_TABLE);
	apply();
	assert_int_equal(fw_others(fw, "reconcile_", owner.table, &n, &e), 0);
	assert_int_equal(n, 2);
	nft("delete table " B);
	apply();
	assert_int_equal(fw_remove(fw, &owner, 3, &e), 0);
	assert_string_equal(nft_prints("-a", "list ruleset"), before);
}

static void most_that_may_be(void **state)
{
	(void)state;
	root_only();
	network(3, FW_GUESTS_MAX);
	facts.net.siblings = false;
	facts.n_forwards = FW_FORWARDS_MAX;
	for (uint32_t i = 0; i < FW_FORWARDS_MAX; i++)
		facts.forwards[i] = (struct fw_forward){false, 0, (uint16_t)(2000 + i), facts.guests[i].address,
			80};
	facts.n_egress = FW_EGRESS_MAX;
	for (uint32_t i = 0; i < FW_EGRESS_MAX; i++)
		facts.egress[i] = (struct fw_egress){0x01000000 + (i << 8), 24, i % 2};
	apply();
	assert_fine(look());
	/* Everything goes and everything comes. */
	for (uint32_t i = 0; i < FW_GUESTS_MAX; i++)
		facts.guests[i].mac[1] = 1;
	apply();
	assert_fine(look());
	nft("flush ruleset");
	apply();
	assert_fine(look());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shown_as_meant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_seen_and_repaired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_guest_of_a_thousand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_networks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_tables, set_up, tear_down),
		cmocka_unit_test_setup_teardown(most_that_may_be, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
