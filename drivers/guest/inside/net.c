/* net.c - set up the network that the boot record declares. */
#include "drivers/guest/inside/net.h"

#include "drivers/guest/inside/netaddr.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLASS "/sys/class/net"

/* One message: header, the family's own header, attributes. */
struct request {
	struct nlmsghdr head;
	char body[512];
};

static void begin(struct request *r, int type, int flags, const void *own, size_t n)
{
	memset(r, 0, sizeof(*r));
	r->head.nlmsg_type = (uint16_t)type;
	r->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(n);
	memcpy(NLMSG_DATA(&r->head), own, n);
}

static void attr(struct request *r, int type, const void *data, size_t n)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = (uint16_t)type;
	a->rta_len = (uint16_t)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

/* Send and wait for the answer; "exists already" is as good. 0, or -1 with errno. */
static int talk(int fd, struct request *r)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		char rest[1024];
	} answer;
	ssize_t n;

	if (send(fd, r, r->head.nlmsg_len, 0) < 0)
		return -1;
	n = recv(fd, &answer, sizeof(answer), 0);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(answer.err)) || answer.head.nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	errno = -answer.err.error;
	return errno && errno != EEXIST ? -1 : 0;
}

static int set_link(int fd, unsigned index, uint32_t mtu)
{
	const struct ifinfomsg own = {
		.ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &own, sizeof(own));
	if (mtu)
		attr(&r, IFLA_MTU, &mtu, sizeof(mtu));
	return talk(fd, &r);
}

static int add_address(int fd, unsigned index, const struct netaddr *a)
{
	const struct ifaddrmsg own = {
		.ifa_family = (uint8_t)a->family, .ifa_prefixlen = a->prefix, .ifa_index = index,
		/* The host has chosen it: no other can have it, so nobody need be asked. */
		.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0,
	};
	struct request r;

	begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof(own));
	attr(&r, IFA_LOCAL, a->bytes, a->len);
	attr(&r, IFA_ADDRESS, a->bytes, a->len);
	return talk(fd, &r);
}

static int add_route(int fd, unsigned index, const struct netaddr *gateway, bool on_link)
{
	const struct rtmsg own = {
		.rtm_family = (uint8_t)gateway->family, .rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = on_link ? RTNH_F_ONLINK : 0,
	};
	struct request r;

	begin(&r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &own, sizeof(own));
	attr(&r, RTA_GATEWAY, gateway->bytes, gateway->len);
	attr(&r, RTA_OIF, &index, sizeof(index));
	return talk(fd, &r);
}

/* Index of the link with that MAC, 0 if there is none. */
static unsigned find_link(const uint8_t mac[6])
{
	DIR *d = opendir(CLASS);
	unsigned index = 0;
	char path[300], text[32];
	uint8_t have[6];

	if (!d)
		return 0;
	for (struct dirent *entry; !index && (entry = readdir(d));) {
		snprintf(path, sizeof(path), CLASS "/%s/address", entry->d_name);
		if (entry->d_name[0] != '.' && sysfile_line(path, text, sizeof(text)) &&
			netaddr_mac(text, have) == 0 && !memcmp(have, mac, 6))
			index = if_nametoindex(entry->d_name);
	}
	closedir(d);
	return index;
}

static void set_up(int fd, const struct boot_net *net)
{
	struct netaddr address = {0}, gateway = {0};
	uint8_t mac[6];
	unsigned index;
	bool on_link;

	if (netaddr_mac(net->mac, mac) < 0 || (net->address && netaddr_parse(net->address, &address) < 0) ||
		(net->gateway && netaddr_parse(net->gateway, &gateway) < 0)) {
		say("network %s: an address in the boot record is not one", net->mac);
		return;
	}
	index = find_link(mac);
	if (!index) {
		say("network %s: there is no such interface", net->mac);
		return;
	}
	if (set_link(fd, index, net->mtu) < 0)
		say("network %s: cannot bring the link up: %s", net->mac, strerror(errno));
	if (net->address && add_address(fd, index, &address) < 0)
		say("network %s: cannot set %s: %s", net->mac, net->address, strerror(errno));
	/* A gateway outside the own network (a /32 address) is reached on the link all the same. */
	on_link = !netaddr_contains(&address, &gateway);
	if (net->gateway && add_route(fd, index, &gateway, on_link) < 0)
		say("network %s: cannot route by %s: %s", net->mac, net->gateway, strerror(errno));
}

void net_setup(const struct boot *b)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	unsigned lo = if_nametoindex("lo");

	if (fd < 0) {
		say("network: %s", strerror(errno));
		return;
	}
	if (lo && set_link(fd, lo, 0) < 0)
		say("network: cannot bring lo up: %s", strerror(errno));
	for (size_t i = 0; i < b->n_net; i++)
		set_up(fd, &b->net[i]);
}
