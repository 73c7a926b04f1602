/* test_helper_firewall.c - the firewall verbs, with real bridges and rules, and the records that they take.
 *
 * Each test runs in a network namespace of its own. As another than root nothing of this can be made, and
 * the tests that need it are skipped.
 */
#include "tests/lib/unit.h"

#include "drivers/helper/client.h"
#include "drivers/helper/fact.h"
#include "drivers/helper/server.h"
#include "drivers/sys/tuntap.h"

#include <sched.h>
#include <sys/mman.h>

#define ME 1234567u
#define YOU 1234568u
#define INSTANCE "0badcafe"
#define GATEWAY 0x0ac80001u

static struct server server;
static uint32_t seq;
static union helper_answer answer;
static struct err err;
static uint8_t bytes[FACTS_BYTES_MAX + 4096];
static size_t n_bytes;

static int ask_as(uint32_t uid, enum helper_verb_id verb, union helper_request r, int fd)
{
	struct helper_call c = {.verb = verb, .seq = ++seq, .instance = INSTANCE};
	uint8_t in[HELPER_WIRE_MAX], out[HELPER_WIRE_MAX];
	size_t n_in = 0, n_out = 0;

	err_clear(&err);
	assert_int_equal(wire_put_request(&c, &r, in, &n_in, &err), 0);
	server_answer(&server, uid, in, n_in, &fd, fd >= 0, out, &n_out);
	return wire_get_answer(out, n_out, &c, &answer, &err);
}

#define ask(verb, fd, ...) ask_as(ME, (verb), (union helper_request){__VA_ARGS__}, (fd))
#define assert_done(call) do { if ((call) < 0) fail_msg("%s", err.msg); } while (0)
#define assert_refused(call, why) do { \
		assert_int_equal((call), -1); \
		if (err.kind != (why)) \
			fail_msg("%s: %s", err_kind_name(err.kind), err.msg); \
	} while (0)

static int set_up(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (geteuid())
		return 0;
	memset(&server, 0, sizeof(server));
	server.quiet = true;
	server.conf.n = 2;
	server.conf.owners[0] = conf_default(ME);
	server.conf.owners[1] = conf_default(YOU);
	return unshare(CLONE_NEWNET) < 0 || op_host_open(&server.host, "reconcile-unit", &e) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (!geteuid())
		op_host_close(&server.host);
	return 0;
}

#define root_only() do { if (geteuid()) skip_because("not root"); } while (0)

static void bridge(void)
{
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, .new_link = {.index = 1, .mtu = 1500, .label = "net/lab"}));
	assert_done(ask(HELPER_ADDRESS_ADD, -1, .address = {1, GATEWAY, 24}));
	assert_done(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_BRIDGE, 1, 1, 0, 0}));
}

/* ---- records ------------------------------------------------------------------------------------- */

static void put(struct helper_fact f)
{
	struct err e = ERR_INIT;

	if (fact_put(&f, bytes, sizeof(bytes), &n_bytes, &e) < 0)
		fail_msg("%s", e.msg);
}

static void put_network(void)
{
	n_bytes = 0;
	put((struct helper_fact){FACT_NETWORK, .net = {GATEWAY, 24, 0, 1, 1, 0, 1, 1, 0}});
}

static void put_guest(uint64_t tap, uint64_t address)
{
	put((struct helper_fact){FACT_GUEST, .guest = {tap, 0x020000000000 + tap, address}});
}

static void put_forward(uint64_t listen, uint64_t port)
{
	put((struct helper_fact){FACT_FORWARD, .forward = {0, listen, port, GATEWAY + 1, 80}});
}

static int facts(void)
{
	struct err e = ERR_INIT;
	int fd = -1;

	if (helper_seal(bytes, n_bytes, &fd, &e) < 0)
		fail_msg("%s", e.msg);
	return fd;
}

static int call_facts(enum helper_verb_id verb, uint64_t index)
{
	const int fd = facts();
	const int rc = ask(verb, fd, .link = {.index = index});

	close(fd);
	return rc;
}

static void set_up_one(void)
{
	bridge();
	put_network();
	put_guest(7, GATEWAY + 1);
}

/* Each field of each record with what its row does not allow. */
static void every_record(void **state)
{
	size_t rows = 0;

	(void)state;
	for (uint64_t kind = 0; kind < 300; kind++) {
		const struct helper_fact_row *row = fact_row(kind);
		struct helper_fact f, back;
		struct err e = ERR_INIT;
		uint8_t out[256];
		size_t n = 0, at = 0;

		if (!row)
			continue;
		rows++;
		memset(&f, 0, sizeof(f));
		f.kind = kind;
		for (size_t i = 0; i < row->n; i++)
			memcpy((char *)&f + row->fields[i].offset, &row->fields[i].max, 8);
		assert_int_equal(fact_put(&f, out, sizeof(out), &n, &e), 0);
		assert_int_equal(fact_get(out, n, &at, &back, &e), 0);
		assert_int_equal(at, n);
		assert_memory_equal(&f, &back, sizeof(f));
		for (size_t cut = 0; cut < n; cut++) {
			at = 0;
			err_clear(&e);
			assert_int_equal(fact_get(out, cut, &at, &back, &e), -1);
			assert_int_equal(e.kind, ERR_CONTENT);
		}
		for (size_t i = 0; i < row->n; i++) {
			const uint64_t above = row->fields[i].max + 1;

			assert_true(row->fields[i].help[0] && row->fields[i].max < UINT64_MAX);
			memcpy(out + 1 + 8 * i, &above, 8);
			at = 0;
			err_clear(&e);
			assert_int_equal(fact_get(out, n, &at, &back, &e), -1);
			assert_int_equal(e.kind, ERR_USAGE);
			assert_non_null(strstr(e.msg, row->fields[i].name));
			memcpy(out + 1 + 8 * i, &row->fields[i].max, 8);
		}
	}
	assert_int_equal(rows, 4);
}

/* ---- the verbs ---------------------------------------------------------------------------------------- */

static void assert_link(bool forwarding, bool route_localnet)
{
	struct helper_owner o = {.uid = ME, .instance = INSTANCE};
	struct rtnl_link link;
	char name[IFNAMSIZ];

	helper_link_name(&o, HELPER_KIND_BRIDGE, 1, name);
	assert_int_equal(rtnl_get(&server.host.nl, name, &link, &err), 0);
	assert_int_equal(link.forwarding, forwarding);
	assert_int_equal(link.route_localnet, route_localnet);
}

static void made_and_taken_away(void **state)
{
	(void)state;
	root_only();
	set_up_one();
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_NO_TABLE);
	assert_int_equal(answer.firewall.settings, 1);
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	assert_int_equal(answer.firewall.missing, 5);
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_FINE);
	assert_int_equal(answer.firewall.settings, 0);
	assert_link(true, false);
	put_forward(0, 8080);
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_ELEMS_MISSING);
	assert_int_equal(answer.firewall.settings, 1);
	assert_link(true, false);
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	assert_link(true, true);
	assert_done(ask(HELPER_FIREWALL_DROP, -1, .link = {.index = 1}));
	assert_link(false, false);
	assert_done(ask(HELPER_FIREWALL_DROP, -1, .link = {.index = 1}));
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_NO_TABLE);
}

/* The network says to be what its bridge is not: another's, this host's own. */
static void networks_of_others(void **state)
{
	(void)state;
	root_only();
	put_network();
	put_guest(7, GATEWAY + 1);
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_FAILED);
	bridge();
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	n_bytes = 0;
	put((struct helper_fact){FACT_NETWORK, .net = {0xc0a80101, 24, 0, 1, 1, 1, 1, 1, 0}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_CONFLICT);
	n_bytes = 0;
	put((struct helper_fact){FACT_NETWORK, .net = {GATEWAY, 16, 0, 1, 1, 1, 1, 1, 0}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_CONFLICT);
	put_network();
	put_guest(7, GATEWAY + 1);
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_FINE);
	/* Another owner has no such bridge, and what it takes away is its own. */
	assert_refused(ask_as(YOU, HELPER_FIREWALL_SET, (union helper_request){.link = {.index = 1}}, facts()), ERR_FAILED);
	assert_done(ask_as(YOU, HELPER_FIREWALL_DROP, (union helper_request){.link = {.index = 1}}, -1));
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_FINE);
}

/* As many exceptions as there may be leave room for guests; one more is too many. */
static void as_much_as_may_be(void **state)
{
	(void)state;
	root_only();
	bridge();
	put_network();
	for (uint64_t i = 0; i < FW_EGRESS_MAX; i++)
		put((struct helper_fact){FACT_EGRESS, .egress = {0xc6336400 + i, 32, 0}});
	put_guest(7, GATEWAY + 1);
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	put_network();
	for (uint64_t i = 0; i <= FW_EGRESS_MAX; i++)
		put((struct helper_fact){FACT_EGRESS, .egress = {0xc6336400 + i, 32, 0}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_LIMIT);
}

static void ports_that_root_allows(void **state)
{
	static const struct { uint64_t port, min, max; bool good; } cases[] = {
		{1023, 1024, 65535, false}, {1024, 1024, 65535, true}, {65535, 1024, 65535, true},
		{22, 1024, 65535, false}, {80, 80, 80, true}, {81, 80, 80, false}, {79, 80, 80, false},
	};

	(void)state;
	root_only();
	bridge();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		server.conf.owners[0].port_min = cases[i].min;
		server.conf.owners[0].port_max = cases[i].max;
		put_network();
		put_guest(7, GATEWAY + 1);
		put_forward(0x7f000001, cases[i].port);
		if (cases[i].good)
			assert_done(call_facts(HELPER_FIREWALL_SET, 1));
		else
			assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_DENIED);
	}
}

static void facts_that_are_none(void **state)
{
	int fd, pair[2];

	(void)state;
	root_only();
	set_up_one();
	/* Not sealed, or nothing that can be. */
	fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(fd_write_all(fd, bytes, n_bytes), 0);
	assert_refused(ask(HELPER_FIREWALL_SET, fd, .link = {.index = 1}), ERR_DENIED);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	assert_refused(ask(HELPER_FIREWALL_SET, fd, .link = {.index = 1}), ERR_DENIED);
	close(fd);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_refused(ask(HELPER_FIREWALL_LOOK, pair[0], .link = {.index = 1}), ERR_DENIED);
	close(pair[0]);
	close(pair[1]);
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	assert_refused(ask(HELPER_FIREWALL_LOOK, fd, .link = {.index = 1}), ERR_DENIED);
	close(fd);
	/* Cut, doubled, in the wrong order, too many. */
	for (size_t n = 0, all = n_bytes; n < all; n++) {
		n_bytes = n;
		if (n == all - 25) /* the network alone is whole */
			continue;
		assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_CONTENT);
	}
	put_network();
	put((struct helper_fact){FACT_NETWORK, .net = {GATEWAY, 24, 0, 1, 1, 0, 1, 1, 0}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_CONTENT);
	n_bytes = 0;
	put_guest(7, GATEWAY + 1);
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_CONTENT);
	put_network();
	for (uint64_t i = 0; i <= FW_GUESTS_MAX; i++)
		put_guest(i, GATEWAY + 1 + i % 200);
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_LIMIT);
	n_bytes = FACTS_BYTES_MAX + 1;
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_LIMIT);
	/* Facts that contradict each other: fw_check. */
	put_network();
	put_guest(7, GATEWAY);
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_USAGE);
	put_network();
	put((struct helper_fact){FACT_FORWARD, .forward = {0, 0, 8080, 0x08080808, 80}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_USAGE);
	put_network();
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_NO_TABLE);
}

static uint64_t outside(void)
{
	struct rtnl_link link;
	int fd;

	assert_int_equal(tuntap_create("outside", &fd, &err), 0);
	assert_int_equal(tuntap_keep(fd, 0, &err), 0);
	close(fd);
	assert_int_equal(rtnl_get(&server.host.nl, "outside", &link, &err), 0);
	return (uint64_t)link.index;
}

static bool outside_forwards(uint64_t ifindex)
{
	struct rtnl_link link;

	assert_int_equal(rtnl_get_index(&server.host.nl, (int)ifindex, &link, &err), 0);
	return link.forwarding;
}

static void route_all(char yes)
{
	const int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, &yes, 1), 1);
	close(fd);
}

static void uplinks(void **state)
{
	uint64_t up;

	(void)state;
	root_only();
	up = outside();
	/* A namespace begins as the host is; this one does not route. */
	assert_int_equal(rtnl_set_conf(&server.host.nl, (int)up, 1, 0, &err), 0);
	assert_refused(ask(HELPER_UPLINK_SET, -1, .uplink = {1, 1}), ERR_DENIED);
	assert_refused(ask(HELPER_UPLINK_SET, -1, .uplink = {99999, 1}), ERR_FAILED);
	assert_done(ask(HELPER_UPLINK_SET, -1, .uplink = {up, 1}));
	assert_int_equal(answer.uplink.was, 0);
	assert_true(outside_forwards(up));
	assert_done(ask(HELPER_UPLINK_SET, -1, .uplink = {up, 1}));
	assert_int_equal(answer.uplink.was, 1);
	/* While anybody's table is there it stays. */
	set_up_one();
	assert_refused(ask(HELPER_UPLINK_SET, -1, .uplink = {up + 1, 1}), ERR_DENIED); /* its bridge */
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	assert_done(ask_as(YOU, HELPER_UPLINK_SET, (union helper_request){.uplink = {up, 0}}, -1));
	assert_true(outside_forwards(up));
	assert_done(ask(HELPER_FIREWALL_DROP, -1, .link = {.index = 1}));
	/* Where the whole host routes it stays as well. */
	route_all('1');
	assert_int_equal(rtnl_set_conf(&server.host.nl, (int)up, 1, 1, &err), 0);
	assert_done(ask(HELPER_UPLINK_SET, -1, .uplink = {up, 0}));
	assert_true(outside_forwards(up));
	route_all('0');
	assert_int_equal(rtnl_set_conf(&server.host.nl, (int)up, 1, 1, &err), 0);
	assert_done(ask(HELPER_UPLINK_SET, -1, .uplink = {up, 0}));
	assert_int_equal(answer.uplink.was, 1);
	assert_false(outside_forwards(up));
}

/* An uplink by name is in the rules; it has to be there when they are made. */
static void a_named_uplink(void **state)
{
	(void)state;
	root_only();
	bridge();
	n_bytes = 0;
	put((struct helper_fact){FACT_NETWORK, .net = {GATEWAY, 24, 4711, 1, 1, 0, 1, 1, 0}});
	assert_refused(call_facts(HELPER_FIREWALL_SET, 1), ERR_FAILED);
	n_bytes = 0;
	put((struct helper_fact){FACT_NETWORK, .net = {GATEWAY, 24, outside(), 1, 1, 0, 1, 1, 0}});
	assert_done(call_facts(HELPER_FIREWALL_SET, 1));
	put_network();
	assert_done(call_facts(HELPER_FIREWALL_LOOK, 1));
	assert_int_equal(answer.firewall.fault, FW_RULES_DIFFER);
	assert_int_equal(answer.firewall.chains, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record),
		cmocka_unit_test_setup_teardown(made_and_taken_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(networks_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(as_much_as_may_be, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ports_that_root_allows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(facts_that_are_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(uplinks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_named_uplink, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
