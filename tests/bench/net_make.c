/* net_make.c - taps of many VMs, as ports of one bridge.
 *
 *	net-make ours HELPER CONF N     through the root helper, as the driver asks it
 *	net-make minimal N              the same calls of the kernel with nothing around them
 *
 * Prints milliseconds from the first call to the last. Run it in a network namespace of its own.
 */
#include "drivers/helper/client.h"
#include "drivers/sys/rtnl.h"
#include "drivers/sys/tuntap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int die(const struct err *e)
{
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

/* ---- ours --------------------------------------------------------------------------------------- */

static int start(const char *helper, const char *conf)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(99);
	if (!fork()) {
		dup2(pair[1], 3);
		fcntl(3, F_SETFD, 0);
		execl(helper, "reconcile-helper", "--owner", "0", "--conf", conf, "--cgroup",
			"reconcile-bench", (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	return pair[0];
}

static void ask(struct helper *h, enum helper_verb_id verb, const union helper_request *r)
{
	union helper_answer answer;
	struct err e = ERR_INIT;

	if (helper_call(h, verb, r, -1, &answer, &e) < 0)
		die(&e);
}

static double ours(const char *helper, const char *conf, unsigned n)
{
	union helper_request bridge = {.new_link = {.index = 1, .mtu = 1500, .label = "network/lab"}};
	struct helper h;
	double begun;

	helper_init(&h, "00000000", start(helper, conf));
	ask(&h, HELPER_BRIDGE_CREATE, &bridge);
	begun = now_ms();
	for (unsigned i = 1; i <= n; i++) {
		union helper_request tap = {.new_link = {.index = i, .mtu = 1500, .uid = 0}};
		const union helper_request set = {.link_set = {.kind = HELPER_KIND_TAP, .index = i,
			.up = 1, .attach = 1, .bridge = 1}};

		snprintf(tap.new_link.label, sizeof(tap.new_link.label), "nic/vm-%u", i);
		ask(&h, HELPER_TAP_CREATE, &tap);
		ask(&h, HELPER_LINK_SET, &set);
	}
	begun = now_ms() - begun;
	helper_close(&h);
	return begun;
}

/* ---- minimal ------------------------------------------------------------------------------------- */

static void make_one(struct rtnl *nl, unsigned i, int bridge, struct err *e)
{
	char name[IFNAMSIZ], alias[64];
	struct rtnl_link link;
	int fd;

	snprintf(name, sizeof(name), "rcbencht%u", i);
	snprintf(alias, sizeof(alias), "reconcile:0:00000000:nic/vm-%u", i);
	if (tuntap_create(name, &fd, e) < 0 || rtnl_get(nl, name, &link, e) != 0 ||
		rtnl_set_alias(nl, link.index, alias, e) < 0 || rtnl_no_ipv6(nl, link.index, e) < 0 ||
		rtnl_set_mtu(nl, link.index, 1500, e) < 0 || tuntap_keep(fd, 0, e) < 0 ||
		rtnl_set_master(nl, link.index, bridge, e) < 0 || rtnl_set_up(nl, link.index, true, e) < 0)
		die(e);
	close(fd);
}

static double minimal(unsigned n)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
	struct rtnl nl;
	struct rtnl_link bridge;
	struct err e = ERR_INIT;
	double begun;

	if (rtnl_open(&nl, &e) < 0 || rtnl_bridge_add(&nl, "rcbenchb1", 1500, mac, &e) < 0 ||
		rtnl_get(&nl, "rcbenchb1", &bridge, &e) != 0)
		die(&e);
	begun = now_ms();
	for (unsigned i = 1; i <= n; i++)
		make_one(&nl, i, bridge.index, &e);
	begun = now_ms() - begun;
	rtnl_close(&nl);
	return begun;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "ours"))
		printf("%.3f\n", ours(argv[2], argv[3], (unsigned)atoi(argv[4])));
	else if (argc == 3 && !strcmp(argv[1], "minimal"))
		printf("%.3f\n", minimal((unsigned)atoi(argv[2])));
	else
		return 64;
	return 0;
}
