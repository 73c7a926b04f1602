/* firewall.c - the driver of KIND_FIREWALL: what guests of one network may reach, and who may reach them.
 *
 * The rules are the root helper's to make (drivers/helper/op_firewall.c); here stands what they are made of.
 * All of a network is sent each time, and the helper changes only what differs, so making, changing and
 * repairing are one call. Nobody but the helper may read the rules either: from a process that can only look,
 * a service is asked, or a child that root started before and that only looks, too.
 *
 * What comes in by the way outside is routed only where the host says so. The helper switches that on for the
 * interfaces of the default route; those that were off are noted for this boot, and switched off again when
 * the last network of this host is gone.
 */
#include "drivers/net/links.h"

#include "drivers/helper/fact.h"
#include "drivers/sys/bootcache.h"
#include "drivers/sys/cage.h"
#include "drivers/sys/fw.h"
#include "schema/base/fd.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct driver driver_firewall;

#define SEEN_NOTE "firewall" /* rules were made in this boot: looking needs a helper */

/* Started before the cage; it lives as long as this process. */
static struct helper looker = {.fd = -1, .child_fd = -1};

static const struct net_spec *spec_of(const struct object *o)
{
	return (const struct net_spec *)(const void *)o->spec;
}

/* ---- facts ------------------------------------------------------------------------------------ */

struct buffer {
	uint8_t *v;
	size_t n;
};

static int put_fact(struct buffer *b, const struct helper_fact *f, struct err *e)
{
	return fact_put(f, b->v, FACTS_BYTES_MAX, &b->n, e);
}

static int put_network(struct buffer *b, const struct kvs *args, struct err *e)
{
	const char *address = kvs_get(args, "address"), *uplink = kvs_get(args, "uplink");
	struct helper_fact f = {.kind = FACT_NETWORK};
	const char *slash = address ? strchr(address, '/') : NULL;

	if (!slash)
		return err_set(e, ERR_STATE, "nothing says which address its bridge has");
	f.net.gateway = netaddr_subnet(address).address;
	f.net.prefix = strtoull(slash + 1, NULL, 10);
	if (uplink && strcmp(uplink, "auto") != 0) {
		f.net.uplink = if_nametoindex(uplink);
		if (!f.net.uplink)
			return err_set(e, ERR_CONFLICT, "its uplink %s is not there", uplink);
	}
	f.net.masquerade = kvs_u64(args, "masquerade", 0);
	f.net.siblings = kvs_u64(args, "siblings", 0);
	f.net.host = kvs_u64(args, "host", 0);
	f.net.internet = kvs_u64(args, "internet", 0);
	f.net.dns = kvs_u64(args, "dns", 0);
	f.net.deny = kvs_u64(args, "deny", 0);
	return put_fact(b, &f, e);
}

/* The next word of a list, NULL at its end. */
static const char *next_word(struct arena *a, const char **list)
{
	const size_t n = *list ? strcspn(*list, " ") : 0;
	const char *word = n ? arena_dupn(a, *list, n) : NULL;

	if (n)
		*list += n + ((*list)[n] == ' ');
	return word;
}

static int put_egress(struct arena *a, struct buffer *b, const char *list, bool allow, struct err *e)
{
	for (const char *word; (word = next_word(a, &list));) {
		const struct net4 net = netaddr_subnet(word);
		const struct helper_fact f = {FACT_EGRESS, .egress = {net.address, net.bits, allow}};

		if (put_fact(b, &f, e) < 0)
			return -1;
	}
	return 0;
}

static int put_guests(struct arena *a, struct buffer *b, const char *list, struct err *e)
{
	for (const char *word; (word = next_word(a, &list));) {
		struct helper_fact f = {.kind = FACT_GUEST};
		const char *mac = strchr(word, '='), *address = mac ? strchr(mac + 1, '=') : NULL;

		if (!address)
			return err_set(e, ERR_STATE, "what is recorded of its guests is not understood");
		f.guest.tap = strtoull(word, NULL, 10);
		for (const char *p = mac + 1; p < address; p += 3)
			f.guest.mac = f.guest.mac << 8 | strtoul((const char[]){p[0], p[1], '\0'}, NULL, 16);
		f.guest.address = netaddr_parse(address + 1);
		if (put_fact(b, &f, e) < 0)
			return -1;
	}
	return 0;
}

/* "tcp=0.0.0.0=8080=10.77.0.2=80" */
static int put_forwards(struct arena *a, struct buffer *b, const char *list, struct err *e)
{
	for (const char *word; (word = next_word(a, &list));) {
		struct helper_fact f = {FACT_FORWARD, .forward = {.udp = !strncmp(word, "udp=", 4)}};
		const char *part[5] = {word};
		size_t n = 1;

		for (char *p = arena_dup(a, word); n < 5 && (p = strchr(p, '=')); n++) {
			*p++ = '\0';
			part[n] = p;
		}
		if (n < 5)
			return err_set(e, ERR_STATE, "what is recorded of its forwards is not understood");
		f.forward.listen = netaddr_parse(part[1]);
		f.forward.port = strtoull(part[2], NULL, 10);
		f.forward.address = netaddr_parse(part[3]);
		f.forward.to = strtoull(part[4], NULL, 10);
		if (put_fact(b, &f, e) < 0)
			return -1;
	}
	return 0;
}

/* All that the helper is told, behind a descriptor. */
static int tell(struct host *h, const struct kvs *args, int *fd, struct err *e)
{
	struct buffer b = {arena_alloc(h->arena, FACTS_BYTES_MAX), 0};

	if (put_network(&b, args, e) < 0 ||
		put_egress(h->arena, &b, kvs_get(args, "forbid"), false, e) < 0 ||
		put_egress(h->arena, &b, kvs_get(args, "allow"), true, e) < 0 ||
		put_guests(h->arena, &b, kvs_get(args, "guests"), e) < 0 ||
		put_forwards(h->arena, &b, kvs_get(args, "forwards"), e) < 0)
		return -1;
	return helper_seal(b.v, b.n, fd, e);
}

static int ask(struct host *h, struct helper *helper, enum helper_verb_id verb, const struct kvs *args,
	union helper_answer *answer, struct err *e)
{
	const union helper_request r = {.link = {.index = kvs_u64(args, "bridge", 0)}};
	_cleanup_fd_ int fd = -1;

	if (tell(h, args, &fd, e) < 0)
		return -1;
	return helper_call(helper, verb, &r, fd, answer, e);
}

/* ---- the ways outside ---------------------------------------------------------------------------- */

/* Interfaces of default routes, or the one that is named. */
static bool is_uplink(const struct links *l, const struct link_route *defaults, size_t n,
	const char *uplink, const struct rtnl_link *link)
{
	if (uplink && strcmp(uplink, "auto") != 0)
		return !strcmp(uplink, link->name);
	for (size_t i = 0; i < n; i++)
		if (defaults[i].ifindex == link->index)
			return !links_label(l, link);
	return false;
}

struct ways {
	struct links links;
	VEC(struct link_route) defaults;
};

static int keep_default(int ifindex, uint32_t address, unsigned prefix, void *arg)
{
	struct ways *w = arg;

	(void)address;
	if (!prefix)
		*vec_push(w->links.a, &w->defaults) = (struct link_route){.ifindex = ifindex};
	return 0;
}

static int load_ways(struct host *h, struct ways *w, struct err *e)
{
	_cleanup_rtnl_ struct rtnl nl = {0};
	unsigned tries = 0;
	int rc;

	*w = (struct ways){0};
	if (links_load(h, &w->links, e) < 0 || rtnl_open(&nl, e) < 0)
		return -1;
	do {
		err_clear(e);
		w->defaults.n = 0;
		rc = rtnl_routes(&nl, keep_default, w, e);
	} while (rc < 0 && rtnl_ask_again(e, &tries));
	return rc;
}

/* The first way outside by which nothing that comes in is routed. */
static struct rtnl_link *closed_way(const struct ways *w, const struct kvs *args)
{
	vec_each(link, &w->links.all)
		if (!(*link)->forwarding && is_uplink(&w->links, w->defaults.v, w->defaults.n,
			kvs_get(args, "uplink"), *link))
			return *link;
	return NULL;
}

static const char *note_of(struct host *h, const char *ifname)
{
	return arena_printf(h->arena, "uplink-%s", ifname);
}

static int set_way(struct helper *helper, const struct rtnl_link *link, bool on, struct err *e)
{
	const union helper_request r = {.uplink = {(uint64_t)link->index, on}};
	union helper_answer answer;

	return helper_call(helper, HELPER_UPLINK_SET, &r, -1, &answer, e);
}

/* Noted first: what was switched on and is not noted would stay on. */
static int open_ways(struct host *h, struct helper *helper, const struct kvs *args, struct err *e)
{
	struct ways w;

	if (load_ways(h, &w, e) < 0)
		return -1;
	for (struct rtnl_link *link; (link = closed_way(&w, args));) {
		if (bootcache_put(h->run_fd, note_of(h, link->name), h->boot_id, "off", e) < 0 ||
			set_way(helper, link, true, e) < 0)
			return err_wrap(e, "%s", link->name);
		link->forwarding = true;
	}
	return 0;
}

/* The helper leaves them open while any network needs them. */
static int close_ways(struct host *h, struct helper *helper, struct err *e)
{
	struct links l;

	if (links_load(h, &l, e) < 0)
		return -1;
	vec_each(link, &l.all) {
		if (!(*link)->forwarding ||
			!bootcache_get(h->arena, h->run_fd, note_of(h, (*link)->name), h->boot_id))
			continue;
		if (set_way(helper, *link, false, e) < 0)
			return err_wrap(e, "%s", (*link)->name);
	}
	return 0;
}

/* ---- looking ------------------------------------------------------------------------------------- */

static void prepare(struct host *h, bool networked)
{
	struct err ignored = ERR_INIT;

	if (looker.fd >= 0 || geteuid() || (!networked &&
		!bootcache_get(h->arena, h->run_fd, SEEN_NOTE, h->boot_id)))
		return;
	(void)helper_look(&looker, h->instance, h->program_dir, &ignored);
}

/* Somebody who looks for us: 0, or 1 with e. */
static int find_looker(struct host *h, struct helper *own, struct helper **out, struct err *e)
{
	int rc;

	*out = &looker;
	if (looker.fd >= 0)
		return 0;
	*out = own;
	/* Root cannot start one from the cage any more. */
	rc = cage_is_in() && !geteuid() ? helper_connect(own, h->instance, e)
		: helper_open(own, h->instance, h->program_dir, e);
	if (rc > 0 && e->kind == ERR_NONE)
		err_set(e, ERR_DENIED, "nobody is there to look at its rules: reconcile-helper does not run");
	return rc;
}

static const char *fault_of(struct arena *a, const union helper_answer *answer)
{
	if (answer->firewall.fault)
		return arena_printf(a, "its rules: %s",
			fw_fault_text((enum fw_fault)answer->firewall.fault));
	return answer->firewall.settings ? "its bridge does not route as it has to" : NULL;
}

static void look(struct host *h, struct helper *helper, const struct ways *w, struct view *v)
{
	const struct rtnl_link *closed = closed_way(w, &v->record->facts);
	struct observed *o = &v->observed;
	union helper_answer answer;
	struct err e = ERR_INIT;

	*o = (struct observed){.seen = SEEN_SAME, .cost = CHANGE_LIVE};
	if (ask(h, helper, HELPER_FIREWALL_LOOK, &v->record->facts, &answer, &e) < 0) {
		/* Facts that cannot be told, such as an uplink that went away: made anew, that says so. */
		o->seen = SEEN_DRIFTED;
		o->reason = arena_dup(h->arena, e.msg);
		return;
	}
	o->reason = fault_of(h->arena, &answer);
	if (!o->reason && closed)
		o->reason = arena_printf(h->arena, "%s, the way outside, does not route", closed->name);
	if (answer.firewall.fault == FW_NO_TABLE)
		o->seen = SEEN_ABSENT;
	else if (o->reason)
		o->seen = SEEN_DRIFTED;
}

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	_cleanup_helper_ struct helper own = {.fd = -1, .child_fd = -1};
	struct helper *helper = NULL;
	struct err none = ERR_INIT;
	struct ways w;
	int rc = 1;

	for (size_t i = 0; i < n; i++) {
		views[i].observed = (struct observed){.seen = SEEN_ABSENT};
		if (!views[i].record || !kvs_get(&views[i].record->facts, "bridge"))
			continue;
		if (!helper) {
			if (load_ways(h, &w, e) < 0)
				return -1;
			rc = find_looker(h, &own, &helper, &none);
		}
		if (!rc) {
			look(h, helper, &w, &views[i]);
			continue;
		}
		views[i].observed.seen = SEEN_SAME;
		views[i].unresolved = arena_dup(h->arena, none.msg);
	}
	return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------ */

static const char *join(struct arena *a, const struct strv *list)
{
	const char *text = "";

	for (size_t i = 0; i < list->n; i++)
		text = arena_printf(a, "%s%s%s", text, i ? " " : "", list->v[i]);
	return text;
}

static bool has(const struct strv *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i], text))
			return true;
	return false;
}

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct net_spec *s = spec_of(in->object);
	const struct kvs *net = in->dep(in, KIND_NETWORK, s->head.name);
	const char *bridge = net ? kvs_get(net, "bridge") : NULL;
	const char *guests = in->leases ? kvs_get(in->leases, "guests") : NULL;
	struct arena *a = in->host->arena;

	if (!bridge || !guests)
		return err_set(e, ERR_STATE, "the rules of network %s have no %s", s->head.name,
			bridge ? "guests" : "bridge");
	kvs_setf(a, args, "id", "%s-%s", in->host->instance, s->head.name);
	kvs_setf(a, args, "table", "reconcile_%u_%s", getuid(), in->host->instance);
	kvs_set(a, args, "bridge", bridge);
	kvs_set(a, args, "address", kvs_get(net, "address"));
	kvs_set(a, args, "guests", guests);
	kvs_set(a, args, "forwards", kvs_get(in->leases, "forwards"));
	kvs_set(a, args, "uplink", s->nat_uplink);
	kvs_setf(a, args, "masquerade", "%d", s->nat_masquerade);
	kvs_setf(a, args, "siblings", "%d", s->policy_siblings == ALLOW);
	kvs_setf(a, args, "host", "%d", s->policy_host == ALLOW);
	kvs_setf(a, args, "internet", "%d", s->policy_internet == ALLOW);
	/* Who names the gateway as a name server wants it to be asked. */
	kvs_setf(a, args, "dns", "%d", has(&s->dns, netaddr_print(a, net_gateway(s))));
	kvs_setf(a, args, "deny", "%d", s->egress_default == DENY);
	kvs_set(a, args, "allow", join(a, &s->egress_allow));
	kvs_set(a, args, "forbid", join(a, &s->egress_deny));
	return 0;
}

static int put(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	union helper_answer answer;
	const char *wrong;

	if (links_helper(h, &helper, e) < 0 ||
		bootcache_put(h->run_fd, SEEN_NOTE, h->boot_id, "made", e) < 0 ||
		ask(h, &helper, HELPER_FIREWALL_SET, &step->args, &answer, e) < 0 ||
		open_ways(h, &helper, &step->args, e) < 0 ||
		ask(h, &helper, HELPER_FIREWALL_LOOK, &step->args, &answer, e) < 0)
		return -1;
	wrong = fault_of(h->arena, &answer);
	return wrong ? err_set(e, ERR_FAILED, "%s again", wrong) : 0;
}

static int take_away(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_helper_ struct helper helper = {.fd = -1, .child_fd = -1};
	const union helper_request r = {.link = {.index = kvs_u64(&step->args, "bridge", 0)}};
	union helper_answer answer;

	if (!r.link.index)
		return 0;
	if (links_helper(h, &helper, e) < 0 ||
		helper_call(&helper, HELPER_FIREWALL_DROP, &r, -1, &answer, e) < 0)
		return -1;
	return close_ways(h, &helper, e);
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
		return err_set(e, ERR_FAILED, "a firewall has no step \"%s\"", step_op_name(step->op));
	}
}

static int undo(struct host *h, const struct step *step, struct err *e)
{
	return step->op == STEP_CREATE ? take_away(h, step, e) : 0;
}

const struct driver driver_firewall = {
	.name = "firewall",
	.kind = KIND_FIREWALL,
	.prepare = prepare,
	.observe = observe,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
