/* op_link.c - taps, bridges and their addresses.
 *
 * A link is the owner's when its name follows from the owner, its kind is right and its ifalias starts
 * with the owner's mark. A bridge gets its mark after it is made, so one that died in between is known by
 * its hardware address, which follows from the owner too and is given in the call that makes it; a tap
 * is made to stay only after it was marked, so a half-made one does not exist.
 */
#include "drivers/helper/op.h"

#include "drivers/sys/tuntap.h"
#include "schema/base/fd.h"

#include <string.h>

static const char *kind_in_kernel(enum helper_kind kind)
{
	return kind == HELPER_KIND_TAP ? "tun" : "bridge";
}

static bool is_ours(const struct op *op, enum helper_kind kind, const struct rtnl_link *link)
{
	return !strcmp(link->kind, kind_in_kernel(kind)) && helper_mark_is_ours(op->owner, link->alias);
}

static bool is_half_made(const struct op *op, uint64_t index, const struct rtnl_link *link)
{
	uint8_t mac[6];

	helper_link_mac(op->owner, HELPER_KIND_BRIDGE, index, mac);
	return !strcmp(link->kind, "bridge") && !link->alias[0] && !link->up &&
		!memcmp(mac, link->mac, sizeof(mac));
}

int op_link_find(struct op *op, enum helper_kind kind, uint64_t index, struct rtnl_link *link,
	struct err *e)
{
	char name[IFNAMSIZ];
	int rc;

	helper_link_name(op->owner, kind, index, name);
	rc = rtnl_get(&op->host->nl, name, link, e);
	if (rc || is_ours(op, kind, link))
		return rc;
	return err_set(e, ERR_CONFLICT, "%s is there and does not carry the mark of uid %u, instance %s",
		name, op->owner->uid, op->owner->instance);
}

int op_link_need(struct op *op, enum helper_kind kind, uint64_t index, struct rtnl_link *link,
	struct err *e)
{
	int rc = op_link_find(op, kind, index, link, e);
	char name[IFNAMSIZ];

	helper_link_name(op->owner, kind, index, name);
	return rc > 0 ? err_set(e, ERR_FAILED, "%s is not there", name) : rc;
}

/* ---- how many there are ---------------------------------------------------------------------------- */

struct counting {
	const struct op *op;
	enum helper_kind kind;
	uint64_t n;
};

/* Limits are per uid, whatever instances it makes up: the mark up to the uid counts. */
static int count_link(const struct rtnl_link *link, void *arg)
{
	struct counting *c = arg;
	struct helper_owner any = *c->op->owner;
	char mark[HELPER_MARK_MAX];
	size_t n;

	any.instance[0] = '\0';
	helper_mark(&any, "", mark);
	n = strlen(mark) - 1; /* without the colon behind the empty instance */
	c->n += !strcmp(link->kind, kind_in_kernel(c->kind)) && !strncmp(link->alias, mark, n);
	return 0;
}

/* Counting is a dump of all links: a thousand taps are not counted a thousand times. What others of the
 * caller's uid remove meanwhile makes the number too large; then it is counted again. */
static int check_room(struct op *op, enum helper_kind kind, struct err *e)
{
	const uint64_t most = kind == HELPER_KIND_TAP ? op->limits->taps : op->limits->bridges;
	struct counting c = {.op = op, .kind = kind};

	if (op->host->counted.kind == kind && op->host->counted.uid == op->owner->uid &&
		op->host->counted.n < most) {
		op->host->counted.n++;
		return 0;
	}
	op->host->counted.kind = 0;
	if (rtnl_links(&op->host->nl, count_link, &c, e) < 0)
		return -1;
	if (c.n < most) {
		op->host->counted.kind = kind;
		op->host->counted.uid = op->owner->uid;
		op->host->counted.n = c.n + 1;
		return 0;
	}
	err_set(e, ERR_LIMIT, "uid %u has %lu %s, and may have no more", op->owner->uid,
		(unsigned long)c.n, kind == HELPER_KIND_TAP ? "taps" : "bridges");
	return err_hint(e, "root can raise it in %s", HELPER_CONF);
}

/* ---- taps -------------------------------------------------------------------------------------------- */

static bool may_own(const struct op *op, uint64_t uid)
{
	return uid == op->owner->uid || (op->limits->uid_min && uid >= op->limits->uid_min &&
		uid <= op->limits->uid_max);
}

static int make_tap(struct op *op, const struct helper_new_link *r, struct rtnl_link *link,
	struct err *e)
{
	struct rtnl *nl = &op->host->nl;
	char name[IFNAMSIZ], mark[HELPER_MARK_MAX];
	_cleanup_fd_ int fd = -1;
	int rc;

	if (check_room(op, HELPER_KIND_TAP, e) < 0)
		return -1;
	helper_link_name(op->owner, HELPER_KIND_TAP, r->index, name);
	helper_mark(op->owner, r->label, mark);
	if (tuntap_create(name, &fd, e) < 0)
		return -1;
	rc = rtnl_get(nl, name, link, e);
	if (rc)
		return rc < 0 ? -1 : err_set(e, ERR_CONFLICT, "%s went away while it was made", name);
	if (rtnl_set_alias(nl, link->index, mark, e) < 0 || rtnl_no_ipv6(nl, link->index, e) < 0 ||
		rtnl_set_mtu(nl, link->index, (uint32_t)r->mtu, e) < 0)
		return -1;
	return tuntap_keep(fd, (uint32_t)r->uid, e);
}

int op_tap_create(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct rtnl_link link;
	int rc;

	if (!may_own(op, r->new_link.uid))
		return err_set(e, ERR_DENIED, "uid %lu is neither the caller nor in its range",
			(unsigned long)r->new_link.uid);
	rc = op_link_find(op, HELPER_KIND_TAP, r->new_link.index, &link, e);
	if (rc > 0)
		rc = make_tap(op, &r->new_link, &link, e);
	else if (!rc && link.owner != (uint32_t)r->new_link.uid)
		rc = err_set(e, ERR_CONFLICT, "%s is there and belongs to uid %u", link.name, link.owner);
	else if (!rc && link.mtu != r->new_link.mtu)
		rc = rtnl_set_mtu(&op->host->nl, link.index, (uint32_t)r->new_link.mtu, e);
	if (!rc)
		a->link.ifindex = (uint64_t)link.index;
	return rc;
}

int op_tap_delete(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct rtnl_link link;
	int rc = op_link_find(op, HELPER_KIND_TAP, r->link.index, &link, e);

	(void)a;
	if (rc)
		return rc < 0 ? -1 : 0;
	if (link.carrier)
		return err_set(e, ERR_CONFLICT, "%s is in use: a process has it open", link.name);
	return rtnl_delete(&op->host->nl, link.index, e);
}

/* ---- bridges ------------------------------------------------------------------------------------------ */

static int make_bridge(struct op *op, const struct helper_new_link *r, struct rtnl_link *link,
	struct err *e)
{
	char name[IFNAMSIZ];
	uint8_t mac[6];
	int rc;

	if (check_room(op, HELPER_KIND_BRIDGE, e) < 0)
		return -1;
	helper_link_name(op->owner, HELPER_KIND_BRIDGE, r->index, name);
	helper_link_mac(op->owner, HELPER_KIND_BRIDGE, r->index, mac);
	if (rtnl_bridge_add(&op->host->nl, name, (uint32_t)r->mtu, mac, e) < 0)
		return -1;
	rc = rtnl_get(&op->host->nl, name, link, e);
	return rc > 0 ? err_set(e, ERR_CONFLICT, "%s went away while it was made", name) : rc;
}

int op_bridge_create(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct rtnl *nl = &op->host->nl;
	char name[IFNAMSIZ], mark[HELPER_MARK_MAX];
	struct rtnl_link link;
	int rc;

	helper_link_name(op->owner, HELPER_KIND_BRIDGE, r->new_link.index, name);
	helper_mark(op->owner, r->new_link.label, mark);
	rc = rtnl_get(nl, name, &link, e);
	if (rc > 0)
		rc = make_bridge(op, &r->new_link, &link, e);
	else if (!rc && !is_half_made(op, r->new_link.index, &link))
		rc = op_link_find(op, HELPER_KIND_BRIDGE, r->new_link.index, &link, e);
	if (!rc && !link.alias[0])
		rc = rtnl_no_ipv6(nl, link.index, e) ? -1 : rtnl_set_alias(nl, link.index, mark, e);
	if (!rc && link.mtu != r->new_link.mtu)
		rc = rtnl_set_mtu(nl, link.index, (uint32_t)r->new_link.mtu, e);
	if (!rc)
		a->link.ifindex = (uint64_t)link.index;
	return rc;
}

struct port_search {
	int master;
	bool found;
};

static int is_port(const struct rtnl_link *link, void *arg)
{
	struct port_search *s = arg;

	s->found = link->master == s->master;
	return s->found;
}

int op_bridge_delete(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct port_search ports = {0};
	char name[IFNAMSIZ];
	struct rtnl_link link;
	int rc;

	(void)a;
	helper_link_name(op->owner, HELPER_KIND_BRIDGE, r->link.index, name);
	rc = rtnl_get(&op->host->nl, name, &link, e);
	if (!rc && !is_half_made(op, r->link.index, &link))
		rc = op_link_find(op, HELPER_KIND_BRIDGE, r->link.index, &link, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	ports.master = link.index;
	if (rtnl_links(&op->host->nl, is_port, &ports, e) < 0)
		return -1;
	if (ports.found)
		return err_set(e, ERR_CONFLICT, "%s still has ports", name);
	return rtnl_delete(&op->host->nl, link.index, e);
}

/* ---- both ---------------------------------------------------------------------------------------------- */

int op_link_set(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	const struct helper_link_set *s = &r->link_set;
	const enum helper_kind kind = (enum helper_kind)s->kind;
	struct rtnl_link link, bridge = {0};

	if (op_link_need(op, kind, s->index, &link, e) < 0)
		return -1;
	if (s->attach && op_link_need(op, HELPER_KIND_BRIDGE, s->bridge, &bridge, e) < 0)
		return -1;
	if (kind == HELPER_KIND_TAP && link.master != bridge.index &&
		rtnl_set_master(&op->host->nl, link.index, bridge.index, e) < 0)
		return -1;
	if (link.up != (s->up == 1) && rtnl_set_up(&op->host->nl, link.index, s->up == 1, e) < 0)
		return -1;
	a->link.ifindex = (uint64_t)link.index;
	return 0;
}

struct overlap {
	int ifindex;
	uint32_t address, other;
	unsigned prefix;
	bool same, found;
};

static int look_overlap(int ifindex, uint32_t address, unsigned prefix, void *arg)
{
	struct overlap *o = arg;
	const unsigned bits = prefix < o->prefix ? prefix : o->prefix;
	const uint32_t mask = bits ? ~(uint32_t)0 << (32 - bits) : 0;

	if (ifindex == o->ifindex && address == o->address && prefix == o->prefix)
		o->same = true;
	else if ((address & mask) == (o->address & mask)) {
		o->found = true;
		o->other = address;
	}
	return o->found;
}

int op_address_add(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	const struct helper_address *d = &r->address;
	struct overlap o = {.address = (uint32_t)d->address, .prefix = (unsigned)d->prefix};
	struct rtnl_link link;

	(void)a;
	if (op_link_need(op, HELPER_KIND_BRIDGE, d->bridge, &link, e) < 0)
		return -1;
	o.ifindex = link.index;
	if (rtnl_addresses(&op->host->nl, look_overlap, &o, e) < 0)
		return -1;
	if (o.found)
		return err_set(e, ERR_CONFLICT, "the network overlaps with %u.%u.%u.%u on this host",
			o.other >> 24, o.other >> 16 & 255, o.other >> 8 & 255, o.other & 255);
	return o.same ? 0 : rtnl_address_add(&op->host->nl, link.index, o.address, o.prefix, e);
}

int op_address_delete(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	struct rtnl_link link;
	int rc = op_link_find(op, HELPER_KIND_BRIDGE, r->address.bridge, &link, e);

	(void)a;
	if (rc)
		return rc < 0 ? -1 : 0;
	return rtnl_address_delete(&op->host->nl, link.index, (uint32_t)r->address.address,
		(unsigned)r->address.prefix, e);
}

/* ---- list ------------------------------------------------------------------------------------------------ */

struct listing {
	struct op *op;
	enum helper_kind kind;
	uint64_t from;
	union helper_answer *a;
};

static int list_link(const struct rtnl_link *link, void *arg)
{
	struct listing *l = arg;
	uint64_t index;

	if (helper_link_parse(l->op->owner, l->kind, link->name, &index) &&
		(is_ours(l->op, l->kind, link) || (l->kind == HELPER_KIND_BRIDGE &&
		is_half_made(l->op, index, link))))
		op_list_add(l->a, l->from, index, (uint64_t)link->index);
	return 0;
}

int op_list_links(struct op *op, enum helper_kind kind, uint64_t from, union helper_answer *a,
	struct err *e)
{
	struct listing l = {op, kind, from, a};

	return rtnl_links(&op->host->nl, list_link, &l, e);
}
