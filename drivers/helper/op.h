/* op.h - what the verbs do, on the root side. One function per verb, in a table by its number.
 *
 * Rules: a request was checked by helper_check before it comes here, and comes from o, whom the kernel
 * vouches for. What is there already exactly so is success; what is there under that name and is not
 * o's, or is not so, is ERR_CONFLICT. What is gone already is success. Nothing is believed of an object
 * but what the kernel says of it now. Nothing is allocated.
 */
#pragma once

#include "drivers/helper/conf.h"
#include "drivers/helper/verb.h"
#include "drivers/sys/fw.h"
#include "drivers/sys/rtnl.h"

struct op_host {
	struct rtnl nl;
	struct fw *fw;
	int cgroup_fd;    /* our folder in the cgroup tree; -1: there is none */
	char cgroup[128]; /* its path below the tree's root, "/reconcile" */
	/* The links that were counted last, and made since: no fewer than there are. */
	struct { uint64_t kind, n; uint32_t uid; } counted;
};

struct op {
	struct op_host *host;
	const struct helper_owner *owner;
	const struct helper_limits *limits;
	int fd;           /* that came with the request; -1: none */
};

typedef int op_run(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e);

/* By verb number; each verb has one. */
extern op_run *const op_table[HELPER_VERB_N];

/* Open what the verbs work with, before privileges are dropped. A missing cgroup tree only makes the
 * cgroup verbs fail. */
int op_host_open(struct op_host *h, const char *cgroup_name, struct err *e);
void op_host_close(struct op_host *h);

/* In op_link.c, op_loop.c, op_group.c and op_firewall.c. */
op_run op_tap_create, op_tap_delete, op_bridge_create, op_bridge_delete, op_link_set,
	op_address_add, op_address_delete, op_loop_attach, op_loop_detach, op_cgroup_create,
	op_cgroup_kill, op_cgroup_remove, op_signal, op_firewall_look, op_firewall_set,
	op_firewall_drop, op_uplink_set;

/* The owner's link. 0; 1 there is none of that name; -1, ERR_CONFLICT when it is another's. need: it has to
 * be there. */
int op_link_find(struct op *op, enum helper_kind kind, uint64_t index, struct rtnl_link *link,
	struct err *e);
int op_link_need(struct op *op, enum helper_kind kind, uint64_t index, struct rtnl_link *link,
	struct err *e);
int op_list_links(struct op *op, enum helper_kind kind, uint64_t from, union helper_answer *a,
	struct err *e);
int op_list_loops(struct op *op, uint64_t from, union helper_answer *a, struct err *e);
int op_list_groups(struct op *op, uint64_t from, union helper_answer *a, struct err *e);

/* Put an item into the answer's list, which holds the smallest keys from `from` on, in order. */
void op_list_add(union helper_answer *a, uint64_t from, uint64_t key, uint64_t number);
