/* fuzz_helper.c - any bytes to the root helper: decoder, checks, handlers, answers, what is kept.
 *
 * The handlers run, on a host that has nothing: netlink is closed and there is no cgroup tree, so they
 * come as far as their first question to the kernel. Whatever comes back has to be an answer that the
 * client can read, and the same bytes again have to get the same kind of answer.
 */
#include "drivers/helper/server.h"

#include <linux/ip.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Twins of what would touch the kernel: an archive member is pulled in only for what is missing. */
#include "drivers/sys/cgroup.h"
#include "drivers/sys/loop.h"
#include "drivers/sys/tuntap.h"

static struct server server;

static int nothing(struct err *e)
{
	return err_set(e, ERR_FAILED, "this host has nothing");
}

int rtnl_open(struct rtnl *nl, struct err *e) { (void)nl; return nothing(e); }
void rtnl_close(struct rtnl *nl) { (void)nl; }

/* A link is there or not, ours or not, as the name says: both ways are walked. */
int rtnl_get(struct rtnl *nl, const char *name, struct rtnl_link *out, struct err *e)
{
	const char last = name[strlen(name) - 1];

	(void)nl;
	(void)e;
	*out = (struct rtnl_link){.index = 5, .owner = 7, .mtu = 1500, .carrier = last == '7'};
	memcpy(out->kind, name[8] == 't' ? "tun" : "bridge", name[8] == 't' ? 4 : 7);
	if (last > '2')
		memcpy(out->alias, "reconcile:7:00000000:vm/a", 26);
	return last == '1';
}

int rtnl_links(struct rtnl *nl, int (*each)(const struct rtnl_link *, void *), void *arg,
	struct err *e)
{
	const struct helper_owner o = {.uid = 7, .instance = "00000000"};

	(void)e;
	for (uint64_t i = 0; i < 40; i++) {
		struct rtnl_link link;
		char name[IFNAMSIZ];

		helper_link_name(&o, i & 1 ? HELPER_KIND_TAP : HELPER_KIND_BRIDGE, i, name);
		rtnl_get(nl, name, &link, NULL);
		memcpy(link.name, name, sizeof(name));
		each(&link, arg);
	}
	return 0;
}

int rtnl_addresses(struct rtnl *nl, int (*each)(int, uint32_t, unsigned, void *), void *arg,
	struct err *e)
{
	(void)nl;
	(void)e;
	each(5, 0x0a000001, 24, arg);
	each(1, 0x7f000001, 8, arg);
	each(2, 0, 0, arg);
	return 0;
}

int rtnl_bridge_add(struct rtnl *nl, const char *name, uint32_t mtu, const uint8_t mac[6],
	struct err *e)
{
	(void)nl;
	(void)name;
	(void)mac;
	return mtu & 1 ? nothing(e) : 0;
}

int rtnl_set_alias(struct rtnl *nl, int i, const char *alias, struct err *e)
{
	(void)nl;
	(void)i;
	(void)e;
	/* A mark is never longer than the kernel takes (IFALIASZ) and never somebody else's. */
	if (strlen(alias) >= RTNL_ALIAS_MAX || strncmp(alias, "reconcile:7:", 12))
		abort();
	return 0;
}

int rtnl_set_mtu(struct rtnl *nl, int i, uint32_t mtu, struct err *e)
{
	(void)nl;
	(void)i;
	return mtu > 9000 ? abort(), -1 : (void)e, 0;
}

int rtnl_get_index(struct rtnl *nl, int i, struct rtnl_link *out, struct err *e)
{
	(void)nl;
	(void)e;
	*out = (struct rtnl_link){.index = i, .name = "eth0", .loopback = i == 1, .forwarding = i & 1};
	return i == 9;
}

int rtnl_set_conf(struct rtnl *nl, int i, int what, uint32_t value, struct err *e)
{
	(void)nl;
	(void)e;
	/* Never loopback, nothing but the two settings, on or off. */
	if (i == 1 || (what != IPV4_DEVCONF_FORWARDING && what != IPV4_DEVCONF_ROUTE_LOCALNET) || value > 1)
		abort();
	return 0;
}

int fw_open(struct fw **fw, struct err *e) { (void)fw; return nothing(e); }
void fw_close(struct fw *fw) { (void)fw; }
int fw_compare(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *d, struct err *e) { (void)fw; (void)o; (void)f; (void)d; return nothing(e); }
int fw_apply(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *d, struct err *e) { (void)fw; (void)o; (void)f; (void)d; return nothing(e); }
int fw_remove(struct fw *fw, const struct fw_owner *o, uint32_t net, struct err *e) { (void)fw; (void)o; (void)net; return nothing(e); }
int fw_others(struct fw *fw, const char *p, const char *but, uint32_t *n, struct err *e) { (void)fw; (void)p; (void)but; (void)e; *n = 0; return 0; }
int rtnl_no_ipv6(struct rtnl *nl, int i, struct err *e) { (void)nl; (void)e; return i < 0 ? -1 : 0; }
int rtnl_routes(struct rtnl *nl, int (*each)(int, uint32_t, unsigned, void *), void *arg, struct err *e) { (void)nl; (void)each; (void)arg; (void)e; return 0; }
int rtnl_set_up(struct rtnl *nl, int i, bool up, struct err *e) { (void)nl; (void)i; (void)up; (void)e; return 0; }
int rtnl_set_master(struct rtnl *nl, int i, int m, struct err *e) { (void)nl; (void)i; (void)m; (void)e; return 0; }
int rtnl_delete(struct rtnl *nl, int i, struct err *e) { (void)nl; (void)i; (void)e; return 0; }
int rtnl_address_add(struct rtnl *nl, int i, uint32_t a, unsigned p, struct err *e) { (void)nl; (void)i; (void)a; (void)p; (void)e; return 0; }
int rtnl_address_delete(struct rtnl *nl, int i, uint32_t a, unsigned p, struct err *e) { (void)nl; (void)i; (void)a; (void)p; (void)e; return 0; }
int tuntap_create(const char *name, int *fd, struct err *e) { (void)name; (void)fd; return nothing(e); }
int tuntap_keep(int fd, uint32_t uid, struct err *e) { (void)fd; (void)uid; return nothing(e); }
int loop_attach(int f, const char *m, bool r, int *n, struct err *e) { (void)f; (void)m; (void)r; (void)n; return nothing(e); }
int loop_look(int n, struct loop_device *o, struct err *e) { (void)n; (void)o; return nothing(e); }
int loop_detach(int n, const char *m, struct err *e) { (void)n; (void)m; (void)e; return 0; }
int loop_each(int (*each)(const struct loop_device *, void *), void *arg, struct err *e)
{
	const struct loop_device ours = {.number = 3, .mark = "rc:7:00000000:0000000000000001"};
	const struct loop_device other = {.number = 4, .mark = "rc:8:00000000:0000000000000001"};

	(void)e;
	each(&ours, arg);
	each(&other, arg);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t out[HELPER_WIRE_MAX], again[HELPER_WIRE_MAX], bytes[HELPER_WIRE_MAX];
	struct helper_call call = {0};
	union helper_request request;
	union helper_answer answer;
	struct err err = ERR_INIT;
	size_t n_out = 0, n_again = 0, n_bytes;
	const int fd = 0;

	if (!n)
		return 0;
	server.quiet = true;
	server.host.cgroup_fd = -1;
	server.conf.n = 1;
	server.conf.owners[0] = conf_default(7);
	const bool go_on = server_answer(&server, 7, data, n, &fd, n & 1, out, &n_out);

	if (server_answer(&server, 7, data, n, &fd, n & 1, again, &n_again) != go_on)
		abort();
	if (wire_get_request(data, n, &call, &request, &err) == 0) {
		/* What was understood is what its sender would write. */
		if (wire_put_request(&call, &request, bytes, &n_bytes, &err) < 0 || n_bytes != n ||
			memcmp(bytes, data, n))
			abort();
		if (wire_get_answer(out, n_out, &call, &answer, &err) < 0 && err.kind == ERR_CONTENT &&
			go_on)
			abort();
	}
	(void)wire_get_answer(data, n, &call, &answer, &err);
	return 0;
}
