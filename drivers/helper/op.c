/* op.c - the table of what the verbs do, and what needs no room of its own. */
#include "drivers/helper/op.h"

#include "drivers/sys/cgroup.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int op_hello(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	(void)r;
	(void)e;
	a->hello.version = HELPER_VERSION;
	a->hello.uid = op->owner->uid;
	for (uint32_t i = 0; i < HELPER_VERB_N; i++)
		if (op_table[i])
			a->hello.verbs |= 1ull << i;
	return 0;
}

static int op_list_owned(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	switch ((enum helper_kind)r->list.kind) {
	case HELPER_KIND_TAP:
	case HELPER_KIND_BRIDGE:
		return op_list_links(op, (enum helper_kind)r->list.kind, r->list.from, a, e);
	case HELPER_KIND_LOOP:
		return op_list_loops(op, r->list.from, a, e);
	case HELPER_KIND_CGROUP:
		return op_list_groups(op, r->list.from, a, e);
	}
	return err_set(e, ERR_USAGE, "kind: is not known");
}

void op_list_add(union helper_answer *a, uint64_t from, uint64_t key, uint64_t number)
{
	struct helper_item *items = a->list.items;
	uint64_t n = a->list.count, i;

	if (key < from)
		return;
	for (i = n; i > 0 && items[i - 1].key > key; i--)
		;
	if (n == HELPER_ITEMS_MAX) {
		a->list.more = 1;
		if (i == n)
			return;
		n--;
	}
	memmove(&items[i + 1], &items[i], (n - i) * sizeof(items[0]));
	items[i] = (struct helper_item){key, number};
	a->list.count = n + 1;
}

op_run *const op_table[HELPER_VERB_N] = {
	[HELPER_HELLO] = op_hello,
	[HELPER_LIST_OWNED] = op_list_owned,
	[HELPER_TAP_CREATE] = op_tap_create,
	[HELPER_TAP_DELETE] = op_tap_delete,
	[HELPER_BRIDGE_CREATE] = op_bridge_create,
	[HELPER_BRIDGE_DELETE] = op_bridge_delete,
	[HELPER_LINK_SET] = op_link_set,
	[HELPER_ADDRESS_ADD] = op_address_add,
	[HELPER_ADDRESS_DELETE] = op_address_delete,
	[HELPER_LOOP_ATTACH] = op_loop_attach,
	[HELPER_LOOP_DETACH] = op_loop_detach,
	[HELPER_CGROUP_CREATE] = op_cgroup_create,
	[HELPER_CGROUP_KILL] = op_cgroup_kill,
	[HELPER_CGROUP_REMOVE] = op_cgroup_remove,
	[HELPER_SIGNAL] = op_signal,
	[HELPER_FIREWALL_LOOK] = op_firewall_look,
	[HELPER_FIREWALL_SET] = op_firewall_set,
	[HELPER_FIREWALL_DROP] = op_firewall_drop,
	[HELPER_UPLINK_SET] = op_uplink_set,
};

/* Controllers that limits of VMs need. One that the host does not hand down is left out: then its limit
 * is refused when it is asked for. */
static void hand_down(int group)
{
	static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		(void)cgroup_write(group, "cgroup.subtree_control", controllers[i], &ignored);
}

static int open_groups(struct op_host *h, const char *name, struct err *e)
{
	_cleanup_fd_ int root = -1;
	const char *path;

	if (cgroup_mount(&path, e) < 0)
		return -1;
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(e, errno, "cannot open %s", path);
	hand_down(root);
	if (cgroup_make(root, name, &h->cgroup_fd, e) < 0)
		return -1;
	hand_down(h->cgroup_fd);
	snprintf(h->cgroup, sizeof(h->cgroup), "/%s", name);
	return 0;
}

int op_host_open(struct op_host *h, const char *cgroup_name, struct err *e)
{
	struct err ignored = ERR_INIT;

	*h = (struct op_host){.cgroup_fd = -1};
	if (rtnl_open(&h->nl, e) < 0 || fw_open(&h->fw, e) < 0)
		return -1;
	(void)open_groups(h, cgroup_name, &ignored);
	return 0;
}

void op_host_close(struct op_host *h)
{
	rtnl_close(&h->nl);
	fw_close(h->fw);
	h->fw = NULL;
	fd_close(&h->cgroup_fd);
}
