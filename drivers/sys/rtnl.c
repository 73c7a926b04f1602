/* rtnl.c - links and addresses by rtnetlink(7). */
#include "drivers/sys/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

/* libmnl's own loops narrow a pointer difference to int; it is at most the length of a message. */
#pragma GCC diagnostic ignored "-Wconversion"

/* A dump comes in pieces of at most 32 KiB (netlink(7)). */
#define BUF_BYTES 32768

int rtnl_open(struct rtnl *nl, struct err *e)
{
	*nl = (struct rtnl){.sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
	/* The kernel binds it with the first message (netlink(7)): who looks from the cage may not bind. */
	return nl->sock ? 0 : err_sys(e, errno, "cannot open a netlink socket");
}

void rtnl_close(struct rtnl *nl)
{
	if (nl->sock)
		mnl_socket_close(nl->sock);
	nl->sock = NULL;
}

/* ---- messages ---------------------------------------------------------------------------------- */

struct message {
	char buf[1024];
	struct nlmsghdr *head;
};

static struct ifinfomsg *link_message(struct rtnl *nl, struct message *m, uint16_t type,
	uint16_t flags, int ifindex)
{
	struct ifinfomsg *info;

	m->head = mnl_nlmsg_put_header(m->buf);
	m->head->nlmsg_type = type;
	m->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->head->nlmsg_seq = ++nl->seq;
	info = mnl_nlmsg_put_extra_header(m->head, sizeof(*info));
	info->ifi_index = ifindex;
	return info;
}

/* Whether the kernel's list changed while it was dumped (NLM_F_DUMP_INTR, netlink(7)): entries may be missing
 * or there twice. The mark is taken away, so that the dump is read to its end all the same: until then
 * the socket takes no other. */
static bool take_interruption(void *buf, size_t n)
{
	struct nlmsghdr *head = buf;
	bool found = false;

	for (int left = (int)n; mnl_nlmsg_ok(head, left); head = mnl_nlmsg_next(head, &left)) {
		found |= (head->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		head->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
	}
	return found;
}

/* Send and take every answer to it, each through cb, until the last. 0, or the errno; EINTR: what was
 * told is not to be believed. */
static int ask(struct rtnl *nl, struct message *m, mnl_cb_t cb, void *arg)
{
	char buf[BUF_BYTES];
	bool interrupted = false;
	int rc = MNL_CB_OK;

	if (mnl_socket_sendto(nl->sock, m->head, m->head->nlmsg_len) < 0)
		return errno;
	while (rc > MNL_CB_STOP) {
		const ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		/* What is left of an earlier, interrupted question is not ours. */
		if (((struct nlmsghdr *)buf)->nlmsg_seq != m->head->nlmsg_seq)
			continue;
		interrupted |= take_interruption(buf, (size_t)n);
		rc = mnl_cb_run(buf, (size_t)n, m->head->nlmsg_seq,
			mnl_socket_get_portid(nl->sock), cb, arg);
	}
	return rc < 0 ? errno : interrupted ? EINTR : 0;
}

static int act(struct rtnl *nl, struct message *m)
{
	m->head->nlmsg_flags |= NLM_F_ACK;
	return ask(nl, m, NULL, NULL);
}

/* ---- looking ------------------------------------------------------------------------------------ */

/* The kind stands before its data: the kernel writes them in this order. */
static void take_owner(const struct nlattr *data, struct rtnl_link *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, data)
		if (mnl_attr_get_type(a) == IFLA_TUN_OWNER)
			out->owner = mnl_attr_get_u32(a);
}

static void take_kind(const struct nlattr *info, struct rtnl_link *out)
{
	const struct nlattr *a;

	mnl_attr_for_each_nested(a, info) {
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND)
			snprintf(out->kind, sizeof(out->kind), "%s", mnl_attr_get_str(a));
		else if (mnl_attr_get_type(a) == IFLA_INFO_DATA && !strcmp(out->kind, "tun"))
			take_owner(a, out);
	}
}

/* IFLA_INET_CONF is an array of numbers that begins with setting 1. */
static void take_conf(const struct nlattr *families, struct rtnl_link *out)
{
	const struct nlattr *a, *b;

	mnl_attr_for_each_nested(a, families) {
		if (mnl_attr_get_type(a) != AF_INET)
			continue;
		mnl_attr_for_each_nested(b, a) {
			const uint32_t *v = mnl_attr_get_payload(b);

			if (mnl_attr_get_type(b) != IFLA_INET_CONF ||
				mnl_attr_get_payload_len(b) < IPV4_DEVCONF_ROUTE_LOCALNET * sizeof(*v))
				continue;
			out->forwarding = v[IPV4_DEVCONF_FORWARDING - 1] != 0;
			out->route_localnet = v[IPV4_DEVCONF_ROUTE_LOCALNET - 1] != 0;
		}
	}
}

static void take_attr(const struct nlattr *a, struct rtnl_link *out)
{
	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		snprintf(out->name, sizeof(out->name), "%s", mnl_attr_get_str(a));
		break;
	case IFLA_IFALIAS:
		snprintf(out->alias, sizeof(out->alias), "%s", mnl_attr_get_str(a));
		break;
	case IFLA_MTU:
		out->mtu = mnl_attr_get_u32(a);
		break;
	case IFLA_MASTER:
		out->master = (int)mnl_attr_get_u32(a);
		break;
	case IFLA_CARRIER:
		out->carrier = mnl_attr_get_u8(a) != 0;
		break;
	case IFLA_ADDRESS:
		if (mnl_attr_get_payload_len(a) == sizeof(out->mac))
			memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
		break;
	case IFLA_LINKINFO:
		take_kind(a, out);
		break;
	case IFLA_AF_SPEC:
		take_conf(a, out);
		break;
	default:
		break;
	}
}

static void take_link(const struct nlmsghdr *head, struct rtnl_link *out)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(head);
	const struct nlattr *a;

	*out = (struct rtnl_link){.index = info->ifi_index, .owner = UINT32_MAX,
		.up = (info->ifi_flags & IFF_UP) != 0,
		.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0};
	mnl_attr_for_each(a, head, sizeof(*info))
		take_attr(a, out);
}

static int got_link(const struct nlmsghdr *head, void *arg)
{
	if (head->nlmsg_type == RTM_NEWLINK)
		take_link(head, arg);
	return MNL_CB_STOP;
}

int rtnl_get(struct rtnl *nl, const char *name, struct rtnl_link *out, struct err *e)
{
	struct rtnl_link link = {0};
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_GETLINK, 0, 0);
	mnl_attr_put_strz(m.head, IFLA_IFNAME, name);
	errnum = ask(nl, &m, got_link, &link);
	if (errnum == ENODEV)
		return 1;
	if (errnum)
		return err_sys(e, errnum, "cannot look at link %s", name);
	/* The kernel also finds links by their other names; those are not ours. */
	if (strcmp(link.name, name))
		return 1;
	*out = link;
	return 0;
}

int rtnl_get_index(struct rtnl *nl, int ifindex, struct rtnl_link *out, struct err *e)
{
	struct rtnl_link link = {0};
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_GETLINK, 0, ifindex);
	errnum = ask(nl, &m, got_link, &link);
	if (errnum == ENODEV)
		return 1;
	if (errnum)
		return err_sys(e, errnum, "cannot look at link %d", ifindex);
	*out = link;
	return 0;
}

struct walk {
	int (*link)(const struct rtnl_link *link, void *arg);
	int (*address)(int ifindex, uint32_t address, unsigned prefix, void *arg);
	void *arg;
	bool stopped;
};

static int walk_link(const struct nlmsghdr *head, void *arg)
{
	struct walk *w = arg;
	struct rtnl_link link;

	if (w->stopped || head->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	take_link(head, &link);
	w->stopped = w->link(&link, w->arg) != 0;
	return MNL_CB_OK;
}

int rtnl_links(struct rtnl *nl, int (*each)(const struct rtnl_link *link, void *arg), void *arg,
	struct err *e)
{
	struct walk w = {.link = each, .arg = arg};
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_GETLINK, NLM_F_DUMP, 0);
	errnum = ask(nl, &m, walk_link, &w);
	return errnum ? err_sys(e, errnum, "cannot list links") : 0;
}

static int walk_address(const struct nlmsghdr *head, void *arg)
{
	struct walk *w = arg;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(head);
	const struct nlattr *a;
	uint32_t address = 0;

	if (w->stopped || head->nlmsg_type != RTM_NEWADDR || info->ifa_family != AF_INET)
		return MNL_CB_OK;
	/* LOCAL is our end; ADDRESS is the other one on links that have one. */
	mnl_attr_for_each(a, head, sizeof(*info))
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			address = ntohl(mnl_attr_get_u32(a));
	w->stopped = w->address((int)info->ifa_index, address, info->ifa_prefixlen, w->arg) != 0;
	return MNL_CB_OK;
}

static void address_message(struct rtnl *nl, struct message *m, uint16_t type, uint16_t flags,
	int ifindex, unsigned prefix)
{
	struct ifaddrmsg *info;

	m->head = mnl_nlmsg_put_header(m->buf);
	m->head->nlmsg_type = type;
	m->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	m->head->nlmsg_seq = ++nl->seq;
	info = mnl_nlmsg_put_extra_header(m->head, sizeof(*info));
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = (uint8_t)prefix;
	info->ifa_index = (unsigned)ifindex;
}

int rtnl_addresses(struct rtnl *nl, int (*each)(int ifindex, uint32_t address, unsigned prefix,
	void *arg), void *arg, struct err *e)
{
	struct walk w = {.address = each, .arg = arg};
	struct message m;
	int errnum;

	address_message(nl, &m, RTM_GETADDR, NLM_F_DUMP, 0, 0);
	errnum = ask(nl, &m, walk_address, &w);
	return errnum ? err_sys(e, errnum, "cannot list addresses") : 0;
}

static int walk_route(const struct nlmsghdr *head, void *arg)
{
	struct walk *w = arg;
	const struct rtmsg *info = mnl_nlmsg_get_payload(head);
	const struct nlattr *a;
	uint32_t address = 0;
	int ifindex = 0;

	if (w->stopped || head->nlmsg_type != RTM_NEWROUTE || info->rtm_family != AF_INET ||
		info->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_for_each(a, head, sizeof(*info)) {
		if (mnl_attr_get_type(a) == RTA_DST)
			address = ntohl(mnl_attr_get_u32(a));
		else if (mnl_attr_get_type(a) == RTA_OIF)
			ifindex = (int)mnl_attr_get_u32(a);
	}
	w->stopped = w->address(ifindex, address, info->rtm_dst_len, w->arg) != 0;
	return MNL_CB_OK;
}

int rtnl_routes(struct rtnl *nl, int (*each)(int ifindex, uint32_t address, unsigned prefix,
	void *arg), void *arg, struct err *e)
{
	struct walk w = {.address = each, .arg = arg};
	struct message m;
	struct rtmsg *info;
	int errnum;

	m.head = mnl_nlmsg_put_header(m.buf);
	m.head->nlmsg_type = RTM_GETROUTE;
	m.head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	m.head->nlmsg_seq = ++nl->seq;
	info = mnl_nlmsg_put_extra_header(m.head, sizeof(*info));
	info->rtm_family = AF_INET;
	errnum = ask(nl, &m, walk_route, &w);
	return errnum ? err_sys(e, errnum, "cannot list routes") : 0;
}

/* ---- making and setting -------------------------------------------------------------------------- */

int rtnl_bridge_add(struct rtnl *nl, const char *name, uint32_t mtu, const uint8_t mac[6],
	struct err *e)
{
	struct message m;
	struct nlattr *nest;
	int errnum;

	link_message(nl, &m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
	mnl_attr_put_strz(m.head, IFLA_IFNAME, name);
	mnl_attr_put_u32(m.head, IFLA_MTU, mtu);
	mnl_attr_put(m.head, IFLA_ADDRESS, 6, mac);
	nest = mnl_attr_nest_start(m.head, IFLA_LINKINFO);
	mnl_attr_put_strz(m.head, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(m.head, nest);
	errnum = act(nl, &m);
	if (errnum == EEXIST)
		return err_set(e, ERR_CONFLICT, "a link %s is there already", name);
	return errnum ? err_sys(e, errnum, "cannot make bridge %s", name) : 0;
}

int rtnl_set_alias(struct rtnl *nl, int ifindex, const char *alias, struct err *e)
{
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	mnl_attr_put_strz(m.head, IFLA_IFALIAS, alias);
	errnum = act(nl, &m);
	return errnum ? err_sys(e, errnum, "cannot mark link %d", ifindex) : 0;
}

int rtnl_set_mtu(struct rtnl *nl, int ifindex, uint32_t mtu, struct err *e)
{
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	mnl_attr_put_u32(m.head, IFLA_MTU, mtu);
	errnum = act(nl, &m);
	return errnum ? err_sys(e, errnum, "cannot set the MTU of link %d", ifindex) : 0;
}

int rtnl_set_up(struct rtnl *nl, int ifindex, bool up, struct err *e)
{
	struct ifinfomsg *info;
	struct message m;
	int errnum;

	info = link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	info->ifi_flags = up ? IFF_UP : 0;
	info->ifi_change = IFF_UP;
	errnum = act(nl, &m);
	return errnum ? err_sys(e, errnum, "cannot set link %d %s", ifindex, up ? "up" : "down") : 0;
}

/* Without this a link gives itself an IPv6 address the moment that it is up, and guests could reach the
 * host there. A kernel without IPv6 has nothing to switch off. */
int rtnl_no_ipv6(struct rtnl *nl, int ifindex, struct err *e)
{
	struct nlattr *spec, *inet6;
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	spec = mnl_attr_nest_start(m.head, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(m.head, AF_INET6);
	mnl_attr_put_u8(m.head, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(m.head, inet6);
	mnl_attr_nest_end(m.head, spec);
	errnum = act(nl, &m);
	return errnum && errnum != EAFNOSUPPORT && errnum != EOPNOTSUPP ?
		err_sys(e, errnum, "cannot keep link %d from an IPv6 address of its own", ifindex) : 0;
}

int rtnl_set_master(struct rtnl *nl, int ifindex, int master, struct err *e)
{
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	mnl_attr_put_u32(m.head, IFLA_MASTER, (uint32_t)master);
	errnum = act(nl, &m);
	return errnum ? err_sys(e, errnum, "cannot make link %d a port of %d", ifindex, master) : 0;
}

int rtnl_set_conf(struct rtnl *nl, int ifindex, int what, uint32_t value, struct err *e)
{
	struct nlattr *families, *family, *conf;
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_SETLINK, 0, ifindex);
	families = mnl_attr_nest_start(m.head, IFLA_AF_SPEC);
	family = mnl_attr_nest_start(m.head, AF_INET);
	conf = mnl_attr_nest_start(m.head, IFLA_INET_CONF);
	mnl_attr_put_u32(m.head, (uint16_t)what, value);
	mnl_attr_nest_end(m.head, conf);
	mnl_attr_nest_end(m.head, family);
	mnl_attr_nest_end(m.head, families);
	errnum = act(nl, &m);
	return errnum ? err_sys(e, errnum, "cannot set how link %d routes", ifindex) : 0;
}

int rtnl_delete(struct rtnl *nl, int ifindex, struct err *e)
{
	struct message m;
	int errnum;

	link_message(nl, &m, RTM_DELLINK, 0, ifindex);
	errnum = act(nl, &m);
	return errnum && errnum != ENODEV ? err_sys(e, errnum, "cannot remove link %d", ifindex) : 0;
}

static void put_address(struct message *m, uint32_t address, unsigned prefix, bool broadcast)
{
	mnl_attr_put_u32(m->head, IFA_LOCAL, htonl(address));
	mnl_attr_put_u32(m->head, IFA_ADDRESS, htonl(address));
	if (broadcast)
		mnl_attr_put_u32(m->head, IFA_BROADCAST, htonl(address | UINT32_MAX >> prefix));
}

int rtnl_address_add(struct rtnl *nl, int ifindex, uint32_t address, unsigned prefix, struct err *e)
{
	struct message m;
	int errnum;

	address_message(nl, &m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, prefix);
	put_address(&m, address, prefix, true);
	errnum = act(nl, &m);
	return errnum && errnum != EEXIST ?
		err_sys(e, errnum, "cannot give link %d an address", ifindex) : 0;
}

int rtnl_address_delete(struct rtnl *nl, int ifindex, uint32_t address, unsigned prefix,
	struct err *e)
{
	struct message m;
	int errnum;

	address_message(nl, &m, RTM_DELADDR, 0, ifindex, prefix);
	put_address(&m, address, prefix, false);
	errnum = act(nl, &m);
	return errnum && errnum != EADDRNOTAVAIL && errnum != ENODEV ?
		err_sys(e, errnum, "cannot take an address from link %d", ifindex) : 0;
}
