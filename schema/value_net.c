/* value_net.c - addresses, networks, MACs and ports: text to value. IPv4 only. */
#include "schema/value.h"

#include "schema/base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 40
#define SHOW(text) utf8_quote(&scratch, (text), SHOWN)

/* ---- addresses ------------------------------------------------------------------------------ */

/* A number of at most max without sign and leading zeros, as inet_aton(3) would not have it: 010 is
 * 8 there. The end of it, NULL if it is none. */
static const char *take_number(const char *p, uint32_t max, uint32_t *out)
{
	size_t n = strspn(p, "0123456789");
	unsigned long v;

	if (!n || n > 9 || (*p == '0' && n > 1))
		return NULL;
	v = strtoul(p, NULL, 10);
	*out = (uint32_t)v;
	return v <= max ? p + n : NULL;
}

/* The end of four numbers with dots between them, NULL if it is something else. */
static const char *take_address(const char *p, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		uint32_t byte;

		if (i && *p++ != '.')
			return NULL;
		p = take_number(p, 255, &byte);
		if (!p)
			return NULL;
		*out = *out << 8 | byte;
	}
	return p;
}

static int not_an_address(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;

	err_set(e, ERR_SPEC, "%s is not an IPv4 address", SHOW(text));
	if (strchr(text, ':'))
		return err_hint(e, "IPv6 is not supported yet");
	if (strchr(text, '/'))
		return err_hint(e, "one address, without the length of a network");
	return err_hint(e, "four numbers from 0 to 255 without leading zeros: 10.77.0.10");
}

/* What kind of address it is when it is not that of one host; NULL: it is. */
static const char *no_host(uint32_t address)
{
	if (address >> 24 == 0)
		return "means \"this network\"";
	if (address >> 24 == 127)
		return "is a loopback address";
	if (address >> 28 == 0xe)
		return "is a multicast address";
	return address >> 28 == 0xf ? "is a broadcast or reserved address" : NULL;
}

int value_parse_address(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	uint32_t address;
	const char *end = take_address(text, &address);

	(void)f;
	if (!end || *end)
		return not_an_address(text, e);
	if (no_host(address))
		return err_set(e, ERR_SPEC, "%s %s, not that of a host", text, no_host(address));
	*(const char **)at = arena_dup(a, text);
	return 0;
}

static const char *print_address(struct arena *a, uint32_t v)
{
	return arena_printf(a, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

int value_parse_subnet(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	uint32_t address, bits, mask;
	const char *end = take_address(text, &address);

	if (end && *end == '/')
		end = take_number(end + 1, 32, &bits);
	else
		end = NULL;
	if (!end || *end) {
		err_set(e, ERR_SPEC, "%s is not an IPv4 network", SHOW(text));
		return err_hint(e, "ADDRESS/BITS, for example 10.77.0.0/24");
	}
	if (bits < (uint64_t)f->min || bits > (uint64_t)f->max)
		return err_set(e, ERR_SPEC, "must have from %lld to %lld bits, not %u",
			(long long)f->min, (long long)f->max, bits);
	mask = bits ? UINT32_MAX << (32 - bits) : 0;
	if (address & ~mask) {
		err_set(e, ERR_SPEC, "%s is an address in a network, not the network", text);
		return err_hint(e, "did you mean %s/%u?", print_address(&scratch, address & mask),
			bits);
	}
	if (f->min > 0 && no_host(address))
		return err_set(e, ERR_SPEC, "%s: %s %s", text, print_address(&scratch, address),
			no_host(address));
	*(const char **)at = arena_dup(a, text);
	return 0;
}

/* ---- MAC addresses -------------------------------------------------------------------------- */

#define MAC_TEXT 17

static bool is_mac(const char *text, char between)
{
	if (strlen(text) != MAC_TEXT)
		return false;
	for (size_t i = 0; i < MAC_TEXT; i++)
		if (i % 3 == 2 ? text[i] != between : !isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

int value_parse_mac(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	char *lower = arena_dup(a, text);

	(void)f;
	if (!is_mac(text, ':')) {
		err_set(e, ERR_SPEC, "%s is not a MAC address", SHOW(text));
		return err_hint(e, is_mac(text, '-')
				? "write it with colons" : "six pairs of hex digits with colons "
				"between them: 02:00:00:12:34:56");
	}
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (strchr("13579bdf", lower[1]))
		return err_set(e, ERR_SPEC, "%s is for groups or for all, not for one host", lower);
	if (!strcmp(lower, "00:00:00:00:00:00"))
		return err_set(e, ERR_SPEC, "%s means no address", lower);
	*(const char **)at = lower;
	return 0;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static const char *take_port(const char *p, uint32_t *port)
{
	p = take_number(p, 65535, port);
	return p && *port ? p : NULL;
}

static bool is_protocol(const char *p)
{
	return !*p || !strcmp(p, "/tcp") || !strcmp(p, "/udp");
}

/* ADDRESS: in front; 0.0.0.0 means every address of the host. The rest, or NULL. */
static const char *skip_address(const char *text)
{
	uint32_t address;
	const char *dot = strchr(text, '.'), *end;

	if (!dot)
		return text;
	end = take_address(text, &address);
	return end && *end == ':' ? end + 1 : NULL;
}

static int parse_ports(struct arena *a, const char *text, size_t ports, void *at,
	const char *form, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *p = skip_address(text);
	uint32_t port;

	for (size_t i = 0; p && i < ports; i++) {
		if (i && *p++ != ':')
			p = NULL;
		p = p ? take_port(p, &port) : NULL;
	}
	if (p && is_protocol(p)) {
		*(const char **)at = arena_dup(a, text);
		return 0;
	}
	err_set(e, ERR_SPEC, "%s is not %s", SHOW(text), form);
	return err_hint(e, "ports are 1 to 65535");
}

int value_parse_listen(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	(void)f;
	return parse_ports(a, text, 1, at, "[ADDRESS:]PORT[/tcp|/udp]", e);
}

int value_parse_ports(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	(void)f;
	return parse_ports(a, text, 2, at, "[ADDRESS:]PORT:PORT[/tcp|/udp]", e);
}

/* ---- forwards ---------------------------------------------------------------------------------- */

#define VM_PREFIX "vm/"
#define VM_NAME_MAX 63

static const char *target_of(const char *text)
{
	const char *space = strchr(text, ' ');

	return space ? space + 1 : "";
}

static bool is_target(const char *p)
{
	size_t n = strncmp(p, VM_PREFIX, strlen(VM_PREFIX)) ? 0 : strspn(p + strlen(VM_PREFIX),
		"abcdefghijklmnopqrstuvwxyz0123456789-");
	uint32_t port;

	if (!n || n > VM_NAME_MAX)
		return false;
	p += strlen(VM_PREFIX) + n;
	p = *p == ':' ? take_port(p + 1, &port) : NULL;
	return p && !*p;
}

int value_parse_forward(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *to = target_of(text), *listen = NULL;

	if (value_parse_listen(&scratch, f, arena_dupn(&scratch, text, strcspn(text, " ")), &listen, e) < 0)
		return -1;
	if (!is_target(to)) {
		err_set(e, ERR_SPEC, "%s is not vm/NAME:PORT", SHOW(to));
		return err_hint(e, "ports are 1 to 65535");
	}
	*(const char **)at = arena_dup(a, text);
	return 0;
}

const char *value_forward_vm(struct arena *a, const char *text)
{
	const char *name = target_of(text) + strlen(VM_PREFIX);

	return arena_dupn(a, name, strcspn(name, ":"));
}

uint32_t value_forward_port(const char *text)
{
	const char *colon = strchr(target_of(text), ':');
	uint32_t port = 0;

	if (colon)
		take_port(colon + 1, &port);
	return port;
}

/* The text may go on behind a space. */
struct value_port value_split_port(const char *text)
{
	struct value_port p = {0};
	const char *slash = strchr(text, '/'), *port = skip_address(text);
	const size_t n = strcspn(text, " ");

	if (port && port != text)
		take_address(text, &p.address);
	if (port)
		take_port(port, &p.port);
	p.is_udp = slash && slash < text + n && !strncmp(slash, "/udp", 4);
	return p;
}

bool value_is_host_in(const char *address, const char *subnet)
{
	uint32_t host, network, bits, last;
	const char *end = take_address(subnet, &network);

	if (!end || *end != '/' || !take_number(end + 1, 32, &bits) || !take_address(address, &host))
		return false;
	last = network | (bits ? bits < 32 ? UINT32_MAX >> bits : 0 : UINT32_MAX);
	return host > network && host < last;
}

bool value_is_vsock_port(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && n <= 10 && !text[n] && (*text != '0' || n == 1) &&
		strtoull(text, NULL, 10) < UINT32_MAX;
}
