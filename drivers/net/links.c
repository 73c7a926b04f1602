/* links.c - what the kernel has of links, addresses and routes. */
#include "drivers/net/links.h"

#include <string.h>
#include <unistd.h>

/* A route that covers more than this is a way out, not a network: 0.0.0.0/1 of a VPN. */
#define WAY_OUT_BITS 8u

struct helper_owner links_owner(const struct host *h)
{
	struct helper_owner o = {.uid = getuid()};

	memcpy(o.instance, h->instance, strnlen(h->instance, HELPER_INSTANCE_LEN));
	return o;
}

static int keep_link(const struct rtnl_link *link, void *arg)
{
	struct links *l = arg;
	struct rtnl_link *copy = arena_new(l->a, struct rtnl_link);

	*copy = *link;
	*vec_push(l->a, &l->all) = copy;
	map_add(l->a, &l->names, copy->name, strlen(copy->name), copy);
	return 0;
}

int links_load(struct host *h, struct links *out, struct err *e)
{
	_cleanup_rtnl_ struct rtnl nl = {0};
	unsigned tries = 0;
	int rc;

	if (rtnl_open(&nl, e) < 0)
		return -1;
	do {
		err_clear(e);
		*out = (struct links){.a = h->arena, .owner = links_owner(h)};
		rc = rtnl_links(&nl, keep_link, out, e);
	} while (rc < 0 && rtnl_ask_again(e, &tries));
	return rc;
}

static int keep_address(int ifindex, uint32_t address, unsigned prefix, void *arg)
{
	struct links *l = arg;

	*vec_push(l->a, &l->addresses) = (struct link_address){ifindex, address, prefix};
	return 0;
}

int links_load_addresses(struct links *l, struct err *e)
{
	_cleanup_rtnl_ struct rtnl nl = {0};
	unsigned tries = 0;
	int rc;

	if (rtnl_open(&nl, e) < 0)
		return -1;
	do {
		err_clear(e);
		l->addresses.n = 0;
		rc = rtnl_addresses(&nl, keep_address, l, e);
	} while (rc < 0 && rtnl_ask_again(e, &tries));
	return rc;
}

static bool is_ours(const struct links *l, int ifindex)
{
	vec_each(link, &l->all)
		if ((*link)->index == ifindex)
			return links_label(l, *link) != NULL;
	return false;
}

static int keep_route(int ifindex, uint32_t address, unsigned prefix, void *arg)
{
	struct links *l = arg;

	if (prefix >= WAY_OUT_BITS && !is_ours(l, ifindex))
		*vec_push(l->a, &l->routes) = (struct link_route){ifindex, {address, prefix}};
	return 0;
}

int links_load_routes(struct links *l, struct err *e)
{
	_cleanup_rtnl_ struct rtnl nl = {0};
	unsigned tries = 0;
	int rc;

	if (rtnl_open(&nl, e) < 0)
		return -1;
	do {
		err_clear(e);
		l->routes.n = 0;
		rc = rtnl_routes(&nl, keep_route, l, e);
	} while (rc < 0 && rtnl_ask_again(e, &tries));
	return rc;
}

const struct rtnl_link *links_find(const struct links *l, enum helper_kind kind, uint64_t index)
{
	char name[IFNAMSIZ];

	helper_link_name(&l->owner, kind, index, name);
	return map_get(&l->names, name, strlen(name));
}

const char *links_label(const struct links *l, const struct rtnl_link *link)
{
	char mark[HELPER_MARK_MAX];

	helper_mark(&l->owner, "", mark);
	return strncmp(link->alias, mark, strlen(mark)) ? NULL : link->alias + strlen(mark);
}

void links_scan(const struct links *l, enum helper_kind kind, void (*found)(const struct links *l,
	const char *name, const struct rtnl_link *link, uint64_t index, struct orphans *out),
	struct orphans *out)
{
	vec_each(link, &l->all) {
		const char *label = links_label(l, *link);
		const char *slash = label ? strchr(label, '/') : NULL;
		uint64_t index;

		if (slash && slash[1] && helper_link_parse(&l->owner, kind, (*link)->name, &index))
			found(l, slash + 1, *link, index, out);
	}
}

int links_helper_there(struct host *h, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	int rc = helper_connect(&helper, h->instance, e);

	if (rc <= 0)
		return rc;
	if (geteuid() == 0 && access(arena_printf(h->arena, "%s/reconcile-helper", h->program_dir), X_OK) == 0)
		return 0;
	err_set(e, ERR_DENIED, "it needs reconcile-helper, which does not run here");
	return err_hint(e, "as root, install the units of contrib/systemd (docs/privileges.md), or run "
		"reconcile as root");
}

int links_helper(struct host *h, struct helper *helper, struct err *e)
{
	return helper_open(helper, h->instance, h->program_dir, e) ? -1 : 0;
}
