/* rtnl.h - links and addresses by rtnetlink(7): looked at, made, marked, set, removed.
 *
 * A link is meant by its ifindex once it was looked at: a name can be taken by another link meanwhile,
 * an index is not given out again. Linked with libmnl, so that only programs that need it do.
 */
#pragma once

#include "schema/base/err.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#define RTNL_ALIAS_MAX 256

struct rtnl {
	struct mnl_socket *sock;
	uint32_t seq;
};

struct rtnl_link {
	int index, master;   /* master 0: port of nothing */
	uint32_t mtu, owner; /* owner: uid that may open a tap; UINT32_MAX: anybody who may make one */
	bool up, carrier;    /* carrier of a tap: somebody has it open */
	bool loopback;
	bool forwarding, route_localnet; /* IPv4: routes what comes in; 127.0.0.0/8 may go this way */
	uint8_t mac[6];
	char name[IFNAMSIZ];
	char kind[16];       /* "tun", "bridge"; empty for hardware */
	char alias[RTNL_ALIAS_MAX];
};

int rtnl_open(struct rtnl *nl, struct err *e);
void rtnl_close(struct rtnl *nl);
#define _cleanup_rtnl_ _cleanup_(rtnl_close)

/* The link of that name. 0 found; 1 there is none; -1 with e. */
int rtnl_get(struct rtnl *nl, const char *name, struct rtnl_link *out, struct err *e);

/* The link of that index. 0 found; 1 there is none; -1 with e. */
int rtnl_get_index(struct rtnl *nl, int ifindex, struct rtnl_link *out, struct err *e);

/* The lists below fail with errnum EINTR when they changed while they were read: what each was told is not to
 * be believed. Whether to begin anew; tries begins with 0. */
#define RTNL_TRIES 20u
static inline bool rtnl_ask_again(const struct err *e, unsigned *tries)
{
	return e && e->errnum == EINTR && ++*tries < RTNL_TRIES;
}

/* Each link of the network namespace, until each returns non-zero. */
int rtnl_links(struct rtnl *nl, int (*each)(const struct rtnl_link *link, void *arg), void *arg,
	struct err *e);

/* Each IPv4 address, first byte highest. */
int rtnl_addresses(struct rtnl *nl, int (*each)(int ifindex, uint32_t address, unsigned prefix,
	void *arg), void *arg, struct err *e);

/* Each IPv4 route to one or more hosts, of every table; ifindex 0: by more than one link. */
int rtnl_routes(struct rtnl *nl, int (*each)(int ifindex, uint32_t address, unsigned prefix,
	void *arg), void *arg, struct err *e);

/* A new bridge, down. ERR_CONFLICT when the name is taken. */
int rtnl_bridge_add(struct rtnl *nl, const char *name, uint32_t mtu, const uint8_t mac[6],
	struct err *e);

int rtnl_set_alias(struct rtnl *nl, int ifindex, const char *alias, struct err *e);
int rtnl_set_mtu(struct rtnl *nl, int ifindex, uint32_t mtu, struct err *e);
int rtnl_set_up(struct rtnl *nl, int ifindex, bool up, struct err *e);
/* No IPv6 link-local address when it comes up; before that. */
int rtnl_no_ipv6(struct rtnl *nl, int ifindex, struct err *e);
int rtnl_set_master(struct rtnl *nl, int ifindex, int master, struct err *e);

/* An IPv4 setting of one link, IPV4_DEVCONF_* (linux/ip.h): what the files below
 * /proc/sys/net/ipv4/conf/NAME/ are, without a file. */
int rtnl_set_conf(struct rtnl *nl, int ifindex, int what, uint32_t value, struct err *e);

/* Gone already is success. */
int rtnl_delete(struct rtnl *nl, int ifindex, struct err *e);

/* There already, and not there any more, are success. */
int rtnl_address_add(struct rtnl *nl, int ifindex, uint32_t address, unsigned prefix,
	struct err *e);
int rtnl_address_delete(struct rtnl *nl, int ifindex, uint32_t address, unsigned prefix,
	struct err *e);
