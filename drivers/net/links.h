/* links.h - what the kernel has of links, addresses and routes: one dump of each, then look-ups.
 *
 * Looking needs no privilege.
 */
#pragma once

#include "drivers/driver.h"
#include "drivers/helper/client.h"
#include "drivers/sys/rtnl.h"
#include "schema/base/map.h"
#include "schema/netaddr.h"

struct link_address {
	int ifindex;
	uint32_t address;
	unsigned bits;
};

struct link_route {
	int ifindex;
	struct net4 net;
};

struct links {
	struct arena *a;
	struct helper_owner owner;
	struct map names; /* name -> struct rtnl_link */
	VEC(struct rtnl_link *) all;
	VEC(struct link_address) addresses;
	VEC(struct link_route) routes;
};

/* Whose links are ours: this user's, of this instance. */
struct helper_owner links_owner(const struct host *h);

/* Every link. */
int links_load(struct host *h, struct links *out, struct err *e);

/* And their addresses; and the routes to networks, of other links than our own. */
int links_load_addresses(struct links *l, struct err *e);
int links_load_routes(struct links *l, struct err *e);

/* The link of that number, NULL if there is none. */
const struct rtnl_link *links_find(const struct links *l, enum helper_kind kind, uint64_t index);

/* What our mark says it is for, "network/lab"; NULL: it has no mark of ours. */
const char *links_label(const struct links *l, const struct rtnl_link *link);

/* Every link with our mark of one kind as an orphan of kind. key: "bridge" or "has."; the number follows
 * as the key's end or its value. */
void links_scan(const struct links *l, enum helper_kind kind, void (*found)(const struct links *l,
	const char *name, const struct rtnl_link *link, uint64_t index, struct orphans *out),
	struct orphans *out);

/* Open the helper for this host. What is missing is an error here, with what to do. */
int links_helper(struct host *h, struct helper *helper, struct err *e);

/* Whether that would work, without starting anything. */
int links_helper_there(struct host *h, struct err *e);
