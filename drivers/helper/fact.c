/* fact.c - the records that the firewall verbs are told. */
#include "drivers/helper/fact.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define AT(member) offsetof(struct helper_fact, member)
#define HOST_MAX (UINT32_MAX - 1)
#define YES_NO(member, text) {#member, HELPER_NUMBER, AT(net.member), 0, 1, text}

static const struct helper_field network[] = {
	{"gateway", HELPER_NUMBER, AT(net.gateway), 1, HOST_MAX, "address of its bridge"},
	{"prefix", HELPER_NUMBER, AT(net.prefix), 16, 30, "bits of the network"},
	{"uplink", HELPER_NUMBER, AT(net.uplink), 0, INT32_MAX,
		"ifindex that leads outside; 0: whichever way the route leads"},
	YES_NO(masquerade, "1: guests come out with this host's address"),
	YES_NO(siblings, "1: they reach each other"),
	YES_NO(host, "1: they reach this host"),
	YES_NO(internet, "1: they reach what is outside"),
	YES_NO(dns, "1: port 53 of the gateway, whatever host says"),
	YES_NO(deny, "1: outside only what an egress record allows"),
};
static const struct helper_field egress[] = {
	{"network", HELPER_NUMBER, AT(egress.network), 0, UINT32_MAX, "IPv4, first byte highest"},
	{"prefix", HELPER_NUMBER, AT(egress.prefix), 0, 32, "bits of the network"},
	{"allow", HELPER_NUMBER, AT(egress.allow), 0, 1, "1 allowed, 0 denied"},
};
static const struct helper_field guest[] = {
	{"tap", HELPER_NUMBER, AT(guest.tap), 0, HELPER_INDEX_MAX, "as it was created"},
	{"mac", HELPER_NUMBER, AT(guest.mac), 1, (1ull << 48) - 1, "hardware address, first byte highest"},
	{"address", HELPER_NUMBER, AT(guest.address), 1, HOST_MAX, "IPv4, in the network"},
};
static const struct helper_field forward[] = {
	{"udp", HELPER_NUMBER, AT(forward.udp), 0, 1, "1 UDP, 0 TCP"},
	{"listen", HELPER_NUMBER, AT(forward.listen), 0, 0xdfffffff, "address of this host; 0: any"},
	{"port", HELPER_NUMBER, AT(forward.port), 1, 65535, "port of this host, one that root allows"},
	{"address", HELPER_NUMBER, AT(forward.address), 1, HOST_MAX, "a guest's"},
	{"to", HELPER_NUMBER, AT(forward.to), 1, 65535, "its port"},
};

static const struct helper_fact_row rows[FACT_KIND_N] = {
	[FACT_NETWORK] = {"network", network, COUNT(network), "the network itself, first and once"},
	[FACT_EGRESS] = {"egress", egress, COUNT(egress), "a network outside, at most 64"},
	[FACT_GUEST] = {"guest", guest, COUNT(guest), "an interface of a VM, at most 4,096"},
	[FACT_FORWARD] = {"forward", forward, COUNT(forward), "a port that leads to a guest, at most 1,024"},
};

const struct helper_fact_row *fact_row(uint64_t kind)
{
	return kind < FACT_KIND_N && rows[kind].name ? &rows[kind] : NULL;
}

int fact_put(const struct helper_fact *f, uint8_t *out, size_t max, size_t *n, struct err *e)
{
	const struct helper_fact_row *row = fact_row(f->kind);
	uint64_t v;

	if (!row)
		return err_set(e, ERR_USAGE, "there is no such record");
	if (helper_check_fields(row->fields, row->n, f, e) < 0)
		return err_wrap(e, "%s", row->name);
	if (max - *n < 1 + 8 * row->n)
		return err_set(e, ERR_LIMIT, "the network has more parts than the firewall takes");
	out[(*n)++] = (uint8_t)f->kind;
	for (size_t i = 0; i < row->n; i++, *n += 8) {
		memcpy(&v, (const char *)f + row->fields[i].offset, sizeof(v));
		for (unsigned k = 0; k < 8; k++)
			out[*n + k] = (uint8_t)(v >> (8 * k));
	}
	return 0;
}

int fact_get(const uint8_t *in, size_t n, size_t *at, struct helper_fact *f, struct err *e)
{
	const struct helper_fact_row *row = *at < n ? fact_row(in[*at]) : NULL;

	if (!row)
		return err_set(e, ERR_CONTENT, "there is no such record");
	if (n - *at < 1 + 8 * row->n)
		return err_set(e, ERR_CONTENT, "%s: the record is cut short", row->name);
	memset(f, 0, sizeof(*f));
	f->kind = in[(*at)++];
	for (size_t i = 0; i < row->n; i++, *at += 8) {
		uint64_t v = 0;

		for (unsigned k = 0; k < 8; k++)
			v |= (uint64_t)in[*at + k] << (8 * k);
		memcpy((char *)f + row->fields[i].offset, &v, sizeof(v));
	}
	return helper_check_fields(row->fields, row->n, f, e) < 0 ? err_wrap(e, "%s", row->name) : 0;
}
