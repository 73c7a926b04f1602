/* op_firewall.c - the owner's table of the firewall, and what the kernel needs to route for its guests.
 *
 * A network is the owner's when its bridge is, and what it says of itself has to be what that bridge has:
 * an address that address_add gave it. So nobody can claim a network of others, such as the one that this
 * host is in, and lead ports to its hosts. Forwarding is switched on per interface, never for the host.
 */
#include "drivers/helper/fact.h"
#include "drivers/helper/op.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ip.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLES "reconcile_"
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Room that a request needs and that is too large for the stack. One request is served at a time. */
static struct fw_facts facts;
static uint8_t bytes[FACTS_BYTES_MAX + 1];

/* ---- facts ----------------------------------------------------------------------------------------- */

/* A memfd that nobody can change any more: reading it never waits, and what was checked is what is used. */
static int read_facts(int fd, size_t *n, struct err *e)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	ssize_t got;

	if (seals < 0 || (seals & SEALS) != SEALS)
		return err_set(e, ERR_DENIED, "the descriptor is no memory file that is sealed");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "cannot read the facts");
	got = read(fd, bytes, sizeof(bytes));
	if (got < 0)
		return err_sys(e, errno, "cannot read the facts");
	if ((size_t)got > FACTS_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "there are more than %u bytes of facts", FACTS_BYTES_MAX);
	*n = (size_t)got;
	return 0;
}

static int take_network(struct op *op, const struct helper_fact *f, struct err *e)
{
	struct rtnl_link link;
	int rc = f->net.uplink ? rtnl_get_index(&op->host->nl, (int)f->net.uplink, &link, e) : 0;

	if (rc)
		return rc < 0 ? -1 : err_set(e, ERR_FAILED, "the uplink is not there");
	facts.net.gateway = (uint32_t)f->net.gateway;
	facts.net.prefix = (uint32_t)f->net.prefix;
	if (f->net.uplink)
		memcpy(facts.net.uplink, link.name, sizeof(facts.net.uplink));
	facts.net.masquerade = f->net.masquerade;
	facts.net.siblings = f->net.siblings;
	facts.net.host = f->net.host;
	facts.net.internet = f->net.internet;
	facts.net.dns = f->net.dns;
	facts.net.deny = f->net.deny;
	return 0;
}

static int take_forward(struct op *op, const struct helper_fact *f, struct err *e)
{
	if (f->forward.port < op->limits->port_min || f->forward.port > op->limits->port_max) {
		err_set(e, ERR_DENIED, "port %u: uid %u may lead ports %lu to %lu to its guests",
			(unsigned)f->forward.port, op->owner->uid, (unsigned long)op->limits->port_min,
			(unsigned long)op->limits->port_max);
		return err_hint(e, "root can allow others in %s", HELPER_CONF);
	}
	facts.forwards[facts.n_forwards++] = (struct fw_forward){f->forward.udp,
		(uint32_t)f->forward.listen, (uint16_t)f->forward.port, (uint32_t)f->forward.address,
		(uint16_t)f->forward.to};
	return 0;
}

static int take_fact(struct op *op, const struct helper_fact *f, struct err *e)
{
	struct fw_guest *g;

	if ((f->kind == FACT_EGRESS && facts.n_egress == FW_EGRESS_MAX) ||
		(f->kind == FACT_GUEST && facts.n_guests == FW_GUESTS_MAX) ||
		(f->kind == FACT_FORWARD && facts.n_forwards == FW_FORWARDS_MAX))
		return err_set(e, ERR_LIMIT, "the network has more parts than the firewall takes");
	switch ((enum helper_fact_kind)f->kind) {
	case FACT_EGRESS:
		facts.egress[facts.n_egress++] = (struct fw_egress){(uint32_t)f->egress.network,
			(uint32_t)f->egress.prefix, f->egress.allow};
		return 0;
	case FACT_GUEST:
		g = &facts.guests[facts.n_guests++];
		*g = (struct fw_guest){(uint32_t)f->guest.tap, (uint32_t)f->guest.address, {0}};
		for (int i = 0; i < 6; i++)
			g->mac[i] = (uint8_t)(f->guest.mac >> (40 - 8 * i));
		return 0;
	case FACT_FORWARD:
		return take_forward(op, f, e);
	default:
		return err_set(e, ERR_CONTENT, "there are two networks");
	}
}

static int take_facts(struct op *op, uint64_t bridge, struct err *e)
{
	struct helper_fact f;
	size_t n = 0, at = 0;

	if (read_facts(op->fd, &n, e) < 0 || fact_get(bytes, n, &at, &f, e) < 0)
		return -1;
	if (f.kind != FACT_NETWORK)
		return err_set(e, ERR_CONTENT, "the facts do not begin with a network");
	memset(&facts, 0, sizeof(facts));
	facts.net.index = (uint32_t)bridge;
	if (take_network(op, &f, e) < 0)
		return -1;
	while (at < n)
		if (fact_get(bytes, n, &at, &f, e) < 0 || take_fact(op, &f, e) < 0)
			return -1;
	return fw_check(&facts, e);
}

static struct fw_owner names(const struct helper_owner *o)
{
	struct fw_owner w;

	snprintf(w.table, sizeof(w.table), TABLES "%u_%s", o->uid, o->instance);
	helper_link_name(o, HELPER_KIND_BRIDGE, 0, w.bridge);
	helper_link_name(o, HELPER_KIND_TAP, 0, w.tap);
	/* Without the number. */
	w.bridge[strlen(w.bridge) - 1] = w.tap[strlen(w.tap) - 1] = '\0';
	return w;
}

/* ---- settings of the bridge --------------------------------------------------------------------------- */

/* Whether this host's own programs come in over 127.0.0.1 at some forward. */
static bool from_loopback(void)
{
	for (size_t i = 0; i < facts.n_forwards; i++)
		if (!facts.forwards[i].listen || facts.forwards[i].listen >> 24 == 127)
			return true;
	return false;
}

static uint64_t settings_wrong(const struct rtnl_link *link)
{
	return (uint64_t)!link->forwarding + (link->route_localnet != from_loopback());
}

static int set_settings(struct op *op, const struct rtnl_link *link, struct err *e)
{
	struct rtnl *nl = &op->host->nl;

	if (!link->forwarding && rtnl_set_conf(nl, link->index, IPV4_DEVCONF_FORWARDING, 1, e) < 0)
		return -1;
	/* The rule that keeps guests away from 127.0.0.0/8 is there when this is switched on. */
	return link->route_localnet == from_loopback() ? 0 : rtnl_set_conf(nl, link->index,
		IPV4_DEVCONF_ROUTE_LOCALNET, from_loopback(), e);
}

struct address_search {
	int ifindex;
	bool found;
};

static int is_gateway(int ifindex, uint32_t address, unsigned prefix, void *arg)
{
	struct address_search *s = arg;

	s->found |= ifindex == s->ifindex && address == facts.net.gateway && prefix == facts.net.prefix;
	return s->found;
}

static int check_bridge(struct op *op, const struct rtnl_link *link, struct err *e)
{
	struct address_search s = {.ifindex = link->index};

	if (rtnl_addresses(&op->host->nl, is_gateway, &s, e) < 0)
		return -1;
	return s.found ? 0 : err_set(e, ERR_CONFLICT, "%s does not have the network's gateway address",
		link->name);
}

/* ---- the verbs ------------------------------------------------------------------------------------------ */

static void tell(const struct fw_diff *d, uint64_t settings, union helper_answer *a)
{
	a->firewall.fault = (uint64_t)d->first;
	a->firewall.missing = d->missing;
	a->firewall.extra = d->extra;
	a->firewall.chains = d->chains;
	a->firewall.settings = settings;
}

int op_firewall_look(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	const struct fw_owner o = names(op->owner);
	struct rtnl_link link;
	struct fw_diff d;
	int rc;

	if (take_facts(op, r->link.index, e) < 0 || fw_compare(op->host->fw, &o, &facts, &d, e) < 0)
		return -1;
	rc = op_link_find(op, HELPER_KIND_BRIDGE, r->link.index, &link, e);
	if (rc < 0)
		return -1;
	tell(&d, rc ? 2 : settings_wrong(&link), a);
	return 0;
}

int op_firewall_set(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	const struct fw_owner o = names(op->owner);
	struct rtnl_link link;
	struct fw_diff d;

	if (take_facts(op, r->link.index, e) < 0 ||
		op_link_need(op, HELPER_KIND_BRIDGE, r->link.index, &link, e) < 0 ||
		check_bridge(op, &link, e) < 0 || fw_apply(op->host->fw, &o, &facts, &d, e) < 0 ||
		set_settings(op, &link, e) < 0)
		return -1;
	tell(&d, settings_wrong(&link), a);
	return 0;
}

int op_firewall_drop(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	const struct fw_owner o = names(op->owner);
	struct rtnl_link link;
	int rc = op_link_find(op, HELPER_KIND_BRIDGE, r->link.index, &link, e);

	(void)a;
	/* First what the rules made safe. */
	if (!rc && link.route_localnet)
		rc = rtnl_set_conf(&op->host->nl, link.index, IPV4_DEVCONF_ROUTE_LOCALNET, 0, e);
	if (!rc && link.forwarding)
		rc = rtnl_set_conf(&op->host->nl, link.index, IPV4_DEVCONF_FORWARDING, 0, e);
	return rc < 0 ? -1 : fw_remove(op->host->fw, &o, (uint32_t)r->link.index, e);
}

/* Whether the whole host routes: then an interface that does is none of our doing. */
static bool host_forwards(void)
{
	const int fd = open("/proc/sys/net/ipv4/ip_forward", O_RDONLY | O_CLOEXEC);
	char c = '1';

	if (fd >= 0 && read(fd, &c, 1) != 1)
		c = '1';
	if (fd >= 0)
		close(fd);
	return c != '0';
}

int op_uplink_set(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	struct rtnl_link link;
	uint32_t tables = 0;
	int rc = rtnl_get_index(&op->host->nl, (int)r->uplink.ifindex, &link, e);

	if (rc)
		return rc < 0 ? -1 : err_set(e, ERR_FAILED, "the uplink is not there");
	if (link.loopback || !strncmp(link.alias, "reconcile:", strlen("reconcile:")))
		return err_set(e, ERR_DENIED, "%s leads to no outside", link.name);
	a->uplink.was = link.forwarding;
	if (link.forwarding == (r->uplink.forwarding == 1))
		return 0;
	if (!r->uplink.forwarding && fw_others(op->host->fw, TABLES, "", &tables, e) < 0)
		return -1;
	/* Somebody else needs it still. */
	if (!r->uplink.forwarding && (tables || host_forwards()))
		return 0;
	return rtnl_set_conf(&op->host->nl, link.index, IPV4_DEVCONF_FORWARDING,
		r->uplink.forwarding == 1, e);
}
