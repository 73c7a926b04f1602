/* nic.c - the driver of KIND_NIC: the taps of one VM, ports of the bridges of its networks.
 *
 * A tap that is down, has left its bridge or has another MTU is put right under the running VM. One that
 * is gone took the VMM's end with it: then the VM is started again. Where its VMM runs, a tap is in use
 * and cannot be removed; the planner stops the VM first.
 */
#include "drivers/net/links.h"

#include "schema/base/json.h"
#include "schema/base/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct driver driver_nic;

#define HAS "has." /* has.7: tap 7 is one of its */

/* One interface, as the fact "nics" has it. */
struct nic {
	uint64_t tap, bridge;
	uint32_t mtu;
};

static int parse(struct arena *a, const struct kvs *facts, struct nic **out, size_t *n, struct err *e)
{
	const char *text = kvs_get(facts, "nics");
	_cleanup_json_ json_t *list = NULL;
	const json_t *j;
	size_t i;

	*n = 0;
	if (!text)
		return err_set(e, ERR_STATE, "nothing says which interfaces it has");
	if (json_parse(text, strlen(text), "nics", &list, e) < 0)
		return -1;
	*out = arena_array(a, json_array_size(list) + 1, sizeof(**out));
	json_array_foreach(list, i, j)
		(*out)[(*n)++] = (struct nic){(uint64_t)json_int(j, "index", 0),
			(uint64_t)json_int(j, "bridge", 0), (uint32_t)json_int(j, "mtu", 0)};
	return 0;
}

/* ---- observe ---------------------------------------------------------------------------------- */

/* What is wrong with a tap that is there. */
static const char *what_is_wrong(struct arena *a, const struct links *l, const struct nic *n,
	const struct rtnl_link *tap)
{
	const struct rtnl_link *bridge = links_find(l, HELPER_KIND_BRIDGE, n->bridge);

	if (!bridge || tap->master != bridge->index)
		return arena_printf(a, "its tap %s is no port of its bridge", tap->name);
	if (!tap->up)
		return arena_printf(a, "its tap %s is down", tap->name);
	if (tap->mtu != n->mtu)
		return arena_printf(a, "its tap %s has an MTU of %u, expected %u", tap->name, tap->mtu, n->mtu);
	return NULL;
}

static void look_at(struct arena *a, const struct links *l, const struct nic *n, struct observed *o)
{
	const struct rtnl_link *tap = links_find(l, HELPER_KIND_TAP, n->tap);
	const char *wrong;

	if (!tap) {
		*o = (struct observed){.seen = SEEN_DRIFTED, .cost = CHANGE_RESTART,
			.reason = "a tap of it is gone"};
	} else if (strcmp(tap->kind, "tun") != 0 || !links_label(l, tap)) {
		*o = (struct observed){.seen = SEEN_FOREIGN,
			.reason = arena_printf(a, "%s is there and has no mark of ours", tap->name)};
	} else if ((wrong = what_is_wrong(a, l, n, tap)) && o->cost < CHANGE_LIVE) {
		*o = (struct observed){.seen = SEEN_DRIFTED, .cost = CHANGE_LIVE, .reason = wrong};
	}
}

/* Taps of a VM whose row was lost: nobody knows which is which, so they are made anew. */
static bool has_marked(const struct links *l, const char *vm)
{
	vec_each(link, &l->all) {
		const char *label = links_label(l, *link);

		if (label && !strncmp(label, "nic/", 4) && !strcmp(label + 4, vm))
			return true;
	}
	return false;
}

static void look(struct host *h, const struct links *l, struct view *v)
{
	struct observed *o = &v->observed;
	struct nic *nics;
	size_t n, gone = 0;

	*o = (struct observed){.seen = SEEN_ABSENT};
	if (!v->record) {
		if (has_marked(l, v->object->name))
			*o = (struct observed){.seen = SEEN_DRIFTED, .cost = CHANGE_RESTART,
				.reason = "it has taps and no record of them"};
		return;
	}
	if (parse(h->arena, &v->record->facts, &nics, &n, NULL) < 0 || !n)
		return;
	o->seen = SEEN_SAME;
	for (size_t i = 0; i < n && o->seen != SEEN_FOREIGN; i++) {
		gone += !links_find(l, HELPER_KIND_TAP, nics[i].tap);
		look_at(h->arena, l, &nics[i], o);
	}
	if (gone == n)
		*o = (struct observed){.seen = SEEN_ABSENT, .reason = "its taps are gone"};
}

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		look(h, &l, &views[i]);
	return 0;
}

static void found(const struct links *l, const char *name, const struct rtnl_link *link, uint64_t index,
	struct orphans *out)
{
	struct orphan *o = vec_push(l->a, out);

	*o = (struct orphan){.kind = KIND_NIC, .name = arena_dup(l->a, name),
		.what = arena_printf(l->a, "tap %s", link->name)};
	kvs_set(l->a, &o->args, arena_printf(l->a, HAS "%" PRIu64, index), "tap");
}

static int scan(struct host *h, struct orphans *out, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	links_scan(&l, HELPER_KIND_TAP, found, out);
	return 0;
}

/* ---- names ------------------------------------------------------------------------------------ */

/* Name servers that the network tells its guests. */
static json_t *dns_of(const struct kvs *net)
{
	const char *text = kvs_get(net, "dns");
	json_t *list = NULL;

	if (text)
		(void)json_parse(text, strlen(text), "dns", &list, NULL);
	return list ? list : json_array();
}

/* The leased fact WHAT.NETWORK, noted among the arguments. NULL: there is none. */
static const char *leased(const struct naming *in, const char *what, const char *network,
	struct kvs *args)
{
	struct arena *a = in->host->arena;
	const char *key = arena_printf(a, "%s.%s", what, network);
	const char *value = in->leases ? kvs_get(in->leases, key) : NULL;

	kvs_set(a, args, key, value);
	return value;
}

static int name_nic(const struct naming *in, const char *network, json_t *list, struct kvs *args,
	struct err *e)
{
	const struct helper_owner owner = links_owner(in->host);
	const struct kvs *net = in->dep(in, KIND_NETWORK, network);
	const char *tap = leased(in, "tap", network, args), *mac = leased(in, "mac", network, args);
	const char *address = leased(in, "address", network, args);
	const char *gateway = net ? kvs_get(net, "address") : NULL;
	struct arena *a = in->host->arena;
	char name[IFNAMSIZ];

	if (!tap || !mac || !address || !gateway)
		return err_set(e, ERR_STATE, "the interface of VM %s in network %s has no %s",
			in->object->name, network, !gateway ? "bridge" : "address");
	helper_link_name(&owner, HELPER_KIND_TAP, strtoull(tap, NULL, 10), name);
	kvs_set(a, args, arena_printf(a, HAS "%s", tap), "tap");
	json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:o}", "network", network,
		"tap", name, "index", (json_int_t)strtoull(tap, NULL, 10), "bridge",
		(json_int_t)kvs_u64(net, "bridge", 0), "mac", mac, "address",
		arena_printf(a, "%s%s", address, strchr(gateway, '/')), "gateway",
		arena_dupn(a, gateway, strcspn(gateway, "/")), "mtu",
		(json_int_t)kvs_u64(net, "mtu", 1500), "dns", dns_of(net)));
	return 0;
}

static const char *hash_of(struct arena *a, const char *text)
{
	uint8_t hash[SHA256_BYTES];
	uint64_t first = 0;

	sha256(text, strlen(text), hash);
	for (size_t i = 0; i < sizeof(first); i++)
		first = first << 8 | hash[i];
	return arena_printf(a, "%016" PRIx64, first);
}

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)(const void *)in->object->spec;
	_cleanup_json_ json_t *list = json_array();
	struct arena *a = in->host->arena;
	const char *text;

	for (size_t i = 0; i < vm->networks.n; i++)
		if (name_nic(in, vm->networks.v[i], list, args, e) < 0)
			return -1;
	text = json_text(a, list);
	kvs_set(a, args, "nics", text);
	kvs_set(a, args, "id", hash_of(a, text));
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------------ */

static int put_one(struct helper *helper, const char *vm, const struct nic *n, struct err *e)
{
	union helper_request tap = {.new_link = {.index = n->tap, .mtu = n->mtu, .uid = getuid()}};
	const union helper_request set = {.link_set = {.kind = HELPER_KIND_TAP, .index = n->tap, .up = 1,
		.attach = 1, .bridge = n->bridge}};
	union helper_answer answer;

	snprintf(tap.new_link.label, sizeof(tap.new_link.label), "nic/%s", vm);
	if (helper_call(helper, HELPER_TAP_CREATE, &tap, -1, &answer, e) < 0)
		return -1;
	return helper_call(helper, HELPER_LINK_SET, &set, -1, &answer, e);
}

static int see_them(struct host *h, const struct nic *nics, size_t n, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct observed o = {.seen = SEEN_SAME};

		look_at(h->arena, &l, &nics[i], &o);
		if (o.seen != SEEN_SAME)
			return err_set(e, ERR_FAILED, "%s", o.reason);
	}
	return 0;
}

/* Make them, or put right those that are there. */
static int put(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	struct nic *nics;
	size_t n;

	if (parse(h->arena, &step->args, &nics, &n, e) < 0 || links_helper(h, &helper, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_one(&helper, step->name, &nics[i], e) < 0)
			return -1;
	return see_them(h, nics, n, e);
}

static int take_away(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	kvs_each(f, &step->args) {
		const union helper_request r = {.link = {.index = strncmp(f->key, HAS, strlen(HAS))
			? 0 : strtoull(f->key + strlen(HAS), NULL, 10)}};
		union helper_answer answer;

		if (!r.link.index || !links_find(&l, HELPER_KIND_TAP, r.link.index))
			continue;
		if (helper.fd < 0 && links_helper(h, &helper, e) < 0)
			return -1;
		if (helper_call(&helper, HELPER_TAP_DELETE, &r, -1, &answer, e) < 0)
			return -1;
	}
	return 0;
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	(void)facts;
	switch (step->op) {
	case STEP_CREATE:
	case STEP_UPDATE:
		return put(h, step, e);
	case STEP_DELETE:
		return take_away(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "interfaces have no step \"%s\"", step_op_name(step->op));
	}
}

static int undo(struct host *h, const struct step *step, struct err *e)
{
	return step->op == STEP_CREATE ? take_away(h, step, e) : 0;
}

const struct driver driver_nic = {
	.name = "nic",
	.kind = KIND_NIC,
	.observe = observe,
	.scan = scan,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
