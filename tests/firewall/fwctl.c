/* fwctl.c - ask the root helper for networks and rules from a shell, for tests and figures.
 *
 *	fwctl HELPER-FOLDER bridge N ADDRESS/BITS    make it, with its address, and set it up
 *	fwctl HELPER-FOLDER tap N BRIDGE             make it, a port of that bridge; up
 *	fwctl HELPER-FOLDER set|look N FACT...       the firewall of network N; prints what was wrong
 *	fwctl HELPER-FOLDER drop|nobridge|notap N
 *	fwctl HELPER-FOLDER uplink NAME 0|1
 *	fwctl HELPER-FOLDER names N                  of the bridge and the tap of that number
 *
 *	FACT  gateway=ADDRESS/BITS masquerade=1 siblings=1 host=1 internet=1 dns=1 deny=1 uplink=NAME
 *	      allow=NETWORK/BITS  forbid=NETWORK/BITS
 *	      guest=TAP,MAC,ADDRESS  guests=COUNT  forward=tcp|udp,LISTEN,PORT,ADDRESS,PORT
 */
#include "drivers/helper/client.h"
#include "drivers/helper/fact.h"
#include "drivers/sys/fw.h"
#include "schema/base/fd.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTANCE "0badcafe"

static struct helper helper;
static struct helper_fact net = {.kind = FACT_NETWORK};
static struct helper_fact others[FW_GUESTS_MAX + FW_FORWARDS_MAX + FW_EGRESS_MAX];
static size_t n_others;
static uint8_t bytes[FACTS_BYTES_MAX];
static union helper_answer answer;

__attribute__((noreturn)) static void stop(const char *why)
{
	fprintf(stderr, "fwctl: %s\n", why);
	exit(1);
}

static int ask(enum helper_verb_id verb, const union helper_request *r, int fd)
{
	struct err e = ERR_INIT;

	if (helper_call(&helper, verb, r, fd, &answer, &e) < 0)
		stop(e.msg);
	return 0;
}

#define R(...) (&(union helper_request){__VA_ARGS__})

/* "10.0.0.1/24", or without bits. */
static uint64_t address(const char *text, uint64_t *bits)
{
	char copy[64];
	struct in_addr a;
	char *slash;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (slash && bits)
		*bits = strtoull(slash + 1, NULL, 10);
	if (inet_pton(AF_INET, copy, &a) != 1)
		stop("an address is none");
	return ntohl(a.s_addr);
}

static struct helper_fact *other(enum helper_fact_kind kind)
{
	struct helper_fact *f = &others[n_others++];

	f->kind = kind;
	return f;
}

static void guest(char *text)
{
	struct helper_fact *f = other(FACT_GUEST);
	unsigned m[6];

	f->guest.tap = strtoull(strsep(&text, ","), NULL, 10);
	if (sscanf(strsep(&text, ","), "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6)
		stop("a hardware address is none");
	for (int i = 0; i < 6; i++)
		f->guest.mac = f->guest.mac << 8 | m[i];
	f->guest.address = address(text, NULL);
}

/* As many more, which nobody uses. */
static void guests(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		struct helper_fact *f = other(FACT_GUEST);

		f->guest.tap = 1000 + i;
		f->guest.mac = 0x060000000000 + i;
		f->guest.address = net.net.gateway + 256 + i;
	}
}

static void forward(char *text)
{
	struct helper_fact *f = other(FACT_FORWARD);

	f->forward.udp = !strcmp(strsep(&text, ","), "udp");
	f->forward.listen = address(strsep(&text, ","), NULL);
	f->forward.port = strtoull(strsep(&text, ","), NULL, 10);
	f->forward.address = address(strsep(&text, ","), NULL);
	f->forward.to = strtoull(text, NULL, 10);
}

static void egress(char *text, bool allow)
{
	struct helper_fact *f = other(FACT_EGRESS);

	f->egress.prefix = 32;
	f->egress.network = address(text, &f->egress.prefix);
	f->egress.allow = allow;
}

static void flag(const char *key, const char *value)
{
	static const struct { const char *key; size_t offset; } flags[] = {
		{"masquerade", offsetof(struct helper_fact, net.masquerade)},
		{"siblings", offsetof(struct helper_fact, net.siblings)},
		{"host", offsetof(struct helper_fact, net.host)},
		{"internet", offsetof(struct helper_fact, net.internet)},
		{"dns", offsetof(struct helper_fact, net.dns)},
		{"deny", offsetof(struct helper_fact, net.deny)},
	};
	const uint64_t v = strtoull(value, NULL, 10);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (!strcmp(key, flags[i].key)) {
			memcpy((char *)&net + flags[i].offset, &v, sizeof(v));
			return;
		}
	stop("a fact is not known");
}

static void fact(char *text)
{
	char *key = strsep(&text, "=");

	if (!text)
		stop("a fact has no value");
	if (!strcmp(key, "gateway"))
		net.net.gateway = address(text, &net.net.prefix);
	else if (!strcmp(key, "uplink"))
		net.net.uplink = if_nametoindex(text);
	else if (!strcmp(key, "guest"))
		guest(text);
	else if (!strcmp(key, "guests"))
		guests(strtoull(text, NULL, 10));
	else if (!strcmp(key, "forward"))
		forward(text);
	else if (!strcmp(key, "allow") || !strcmp(key, "forbid"))
		egress(text, key[0] == 'a');
	else
		flag(key, text);
}

static void firewall(enum helper_verb_id verb, uint64_t index, char **facts, int n_facts)
{
	struct err e = ERR_INIT;
	size_t n = 0;
	int fd = -1;

	for (int i = 0; i < n_facts; i++)
		fact(facts[i]);
	if (fact_put(&net, bytes, sizeof(bytes), &n, &e) < 0)
		stop(e.msg);
	for (size_t i = 0; i < n_others; i++)
		if (fact_put(&others[i], bytes, sizeof(bytes), &n, &e) < 0)
			stop(e.msg);
	if (helper_seal(bytes, n, &fd, &e) < 0)
		stop(e.msg);
	ask(verb, R(.link = {.index = index}), fd);
	printf("%s; %" PRIu64 " missing, %" PRIu64 " extra, %" PRIu64 " chains, %" PRIu64 " settings\n",
		fw_fault_text((enum fw_fault)answer.firewall.fault), answer.firewall.missing,
		answer.firewall.extra, answer.firewall.chains, answer.firewall.settings);
	close(fd);
}

static void bridge(uint64_t index, const char *text)
{
	uint64_t bits = 24, a = address(text, &bits);

	ask(HELPER_BRIDGE_CREATE, R(.new_link = {.index = index, .mtu = 1500, .label = "net/test"}), -1);
	ask(HELPER_ADDRESS_ADD, R(.address = {index, a, bits}), -1);
	ask(HELPER_LINK_SET, R(.link_set = {HELPER_KIND_BRIDGE, index, 1, 0, 0}), -1);
}

static void tap(uint64_t index, uint64_t of)
{
	ask(HELPER_TAP_CREATE, R(.new_link = {.index = index, .mtu = 1500, .uid = getuid(),
		.label = "vm/test"}), -1);
	ask(HELPER_LINK_SET, R(.link_set = {HELPER_KIND_TAP, index, 1, 1, of}), -1);
}

static void names(uint64_t index)
{
	const struct helper_owner o = {.uid = getuid(), .instance = INSTANCE};
	char b[IFNAMSIZ], t[IFNAMSIZ];

	helper_link_name(&o, HELPER_KIND_BRIDGE, index, b);
	helper_link_name(&o, HELPER_KIND_TAP, index, t);
	printf("%s %s\n", b, t);
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	uint64_t n;

	if (argc < 4)
		stop("what?");
	n = strtoull(argv[3], NULL, 10);
	if (!strcmp(argv[2], "names")) {
		names(n);
		return 0;
	}
	if (helper_open(&helper, INSTANCE, argv[1], &e))
		stop(e.msg);
	if (!strcmp(argv[2], "bridge") && argc == 5)
		bridge(n, argv[4]);
	else if (!strcmp(argv[2], "tap") && argc == 5)
		tap(n, strtoull(argv[4], NULL, 10));
	else if (!strcmp(argv[2], "set") || !strcmp(argv[2], "look"))
		firewall(argv[2][0] == 's' ? HELPER_FIREWALL_SET : HELPER_FIREWALL_LOOK, n, argv + 4,
			argc - 4);
	else if (!strcmp(argv[2], "drop"))
		ask(HELPER_FIREWALL_DROP, R(.link = {.index = n}), -1);
	else if (!strcmp(argv[2], "nobridge"))
		ask(HELPER_BRIDGE_DELETE, R(.link = {.index = n}), -1);
	else if (!strcmp(argv[2], "notap"))
		ask(HELPER_TAP_DELETE, R(.link = {.index = n}), -1);
	else if (!strcmp(argv[2], "uplink") && argc == 5)
		ask(HELPER_UPLINK_SET, R(.uplink = {if_nametoindex(argv[3]), argv[4][0] == '1'}), -1);
	else
		stop("what?");
	helper_close(&helper);
	return 0;
}
