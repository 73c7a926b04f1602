/* fuzz_facts.c - any bytes as the facts of a network, behind the descriptor that the firewall verbs take.
 *
 * The kernel is a twin that has the bridge and takes every table; what comes to it has to agree with itself
 * and with what root allows.
 */
#include "drivers/helper/client.h"
#include "drivers/helper/fact.h"
#include "drivers/helper/server.h"
#include "schema/base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATEWAY 0x0ac80001u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct server server;

int rtnl_get(struct rtnl *nl, const char *name, struct rtnl_link *out, struct err *e)
{
	(void)nl;
	(void)e;
	*out = (struct rtnl_link){.index = 5, .kind = "bridge", .alias = "reconcile:7:00000000:net/lab"};
	memcpy(out->name, name, strlen(name) + 1);
	return 0;
}

int rtnl_get_index(struct rtnl *nl, int i, struct rtnl_link *out, struct err *e)
{
	(void)nl;
	(void)e;
	*out = (struct rtnl_link){.index = i, .name = "eth0"};
	return i == 9;
}

int rtnl_addresses(struct rtnl *nl, int (*each)(int, uint32_t, unsigned, void *), void *arg, struct err *e)
{
	(void)nl;
	(void)e;
	each(5, GATEWAY, 24, arg);
	return 0;
}

int rtnl_set_conf(struct rtnl *nl, int i, int what, uint32_t value, struct err *e)
{
	(void)nl;
	(void)what;
	(void)e;
	if (i != 5 || value > 1)
		abort();
	return 0;
}

void rtnl_close(struct rtnl *nl) { (void)nl; }
int rtnl_open(struct rtnl *nl, struct err *e) { (void)nl; (void)e; return -1; }
int rtnl_links(struct rtnl *nl, int (*each)(const struct rtnl_link *, void *), void *arg, struct err *e) { (void)nl; (void)each; (void)arg; (void)e; return -1; }
int rtnl_routes(struct rtnl *nl, int (*each)(int, uint32_t, unsigned, void *), void *arg, struct err *e) { (void)nl; (void)each; (void)arg; (void)e; return -1; }
int rtnl_bridge_add(struct rtnl *nl, const char *name, uint32_t mtu, const uint8_t mac[6], struct err *e) { (void)nl; (void)name; (void)mtu; (void)mac; (void)e; return -1; }
int rtnl_set_alias(struct rtnl *nl, int i, const char *alias, struct err *e) { (void)nl; (void)i; (void)alias; (void)e; return -1; }
int rtnl_set_mtu(struct rtnl *nl, int i, uint32_t mtu, struct err *e) { (void)nl; (void)i; (void)mtu; (void)e; return -1; }
int rtnl_no_ipv6(struct rtnl *nl, int i, struct err *e) { (void)nl; (void)i; (void)e; return -1; }
int rtnl_set_up(struct rtnl *nl, int i, bool up, struct err *e) { (void)nl; (void)i; (void)up; (void)e; return -1; }
int rtnl_set_master(struct rtnl *nl, int i, int m, struct err *e) { (void)nl; (void)i; (void)m; (void)e; return -1; }
int rtnl_delete(struct rtnl *nl, int i, struct err *e) { (void)nl; (void)i; (void)e; return -1; }
int rtnl_address_add(struct rtnl *nl, int i, uint32_t a, unsigned p, struct err *e) { (void)nl; (void)i; (void)a; (void)p; (void)e; return -1; }
int rtnl_address_delete(struct rtnl *nl, int i, uint32_t a, unsigned p, struct err *e) { (void)nl; (void)i; (void)a; (void)p; (void)e; return -1; }
int fw_open(struct fw **fw, struct err *e) { (void)fw; (void)e; return -1; }
void fw_close(struct fw *fw) { (void)fw; }
int fw_remove(struct fw *fw, const struct fw_owner *o, uint32_t net, struct err *e) { (void)fw; (void)o; (void)net; (void)e; return 0; }
int fw_others(struct fw *fw, const char *p, const char *but, uint32_t *n, struct err *e) { (void)fw; (void)p; (void)but; (void)e; *n = 0; return 0; }

static bool is_guest(const struct fw_facts *f, uint32_t address)
{
	for (size_t i = 0; i < f->n_guests; i++)
		if (f->guests[i].address == address)
			return true;
	return false;
}

/* What a table is made of. */
static void judge(const struct fw_owner *o, const struct fw_facts *f)
{
	static struct fw_rules rules;
	static struct fw_elems elems;

	if (strcmp(o->table, "reconcile_7_00000000") || f->net.index != 3)
		abort();
	for (size_t i = 0; i < f->n_guests; i++)
		if ((f->guests[i].address ^ f->net.gateway) >> (32 - f->net.prefix) ||
			f->guests[i].address == f->net.gateway || f->guests[i].tap > HELPER_INDEX_MAX)
			abort();
	for (size_t i = 0; i < f->n_forwards; i++)
		if (f->forwards[i].port < 1024 || !is_guest(f, f->forwards[i].address))
			abort();
	fw_rules(o, f, &rules);
	fw_elems(o, f, &elems);
	if (rules.n > FW_RULES_MAX || elems.n > FW_ELEMS_MAX)
		abort();
}

int fw_compare(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *d, struct err *e)
{
	(void)fw;
	(void)e;
	judge(o, f);
	*d = (struct fw_diff){.first = FW_FINE};
	return 0;
}

int fw_apply(struct fw *fw, const struct fw_owner *o, const struct fw_facts *f, struct fw_diff *d, struct err *e)
{
	if (f->net.gateway != GATEWAY || f->net.prefix != 24)
		abort();
	return fw_compare(fw, o, f, d, e);
}

static void ask(enum helper_verb_id verb, const uint8_t *data, size_t n)
{
	struct helper_call c = {.verb = verb, .instance = "00000000"};
	const union helper_request r = {.link = {.index = 3}};
	uint8_t in[HELPER_WIRE_MAX], out[HELPER_WIRE_MAX];
	union helper_answer answer;
	struct err err = ERR_INIT;
	size_t n_in = 0, n_out = 0;
	int fd = -1;

	if (helper_seal(data, n, &fd, &err) < 0)
		abort();
	wire_put_request(&c, &r, in, &n_in, &err);
	memset(server.kept, 0, sizeof(server.kept));
	if (!server_answer(&server, 7, in, n_in, &fd, 1, out, &n_out))
		abort();
	if (wire_get_answer(out, n_out, &c, &answer, &err) < 0 && err.kind == ERR_NONE)
		abort();
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	server.quiet = true;
	server.host.cgroup_fd = -1;
	server.conf.n = 1;
	server.conf.owners[0] = conf_default(7);
	ask(HELPER_FIREWALL_LOOK, data, n);
	ask(HELPER_FIREWALL_SET, data, n);
	return 0;
}
