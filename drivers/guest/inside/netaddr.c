/* netaddr.c - addresses as text. */
#include "drivers/guest/inside/netaddr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

static int parse_prefix(const char *s, int max)
{
	int value;

	if (!*s || strlen(s) > 3 || strspn(s, "0123456789") != strlen(s))
		return -1;
	value = atoi(s);
	return value <= max ? value : -1;
}

int netaddr_parse(const char *text, struct netaddr *out)
{
	struct netaddr a = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[TEXT_MAX];
	int prefix;

	if (n >= sizeof(host))
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	a.len = a.family == AF_INET ? 4 : 16;
	prefix = slash ? parse_prefix(slash + 1, a.len * 8) : a.len * 8;
	if (prefix < 0 || inet_pton(a.family, host, a.bytes) != 1)
		return -1;
	a.prefix = (uint8_t)prefix;
	*out = a;
	return 0;
}

bool netaddr_contains(const struct netaddr *a, const struct netaddr *other)
{
	size_t whole = a->prefix / 8;
	uint8_t mask = (uint8_t)(0xff00 >> (a->prefix % 8));

	if (a->family != other->family || memcmp(a->bytes, other->bytes, whole) != 0)
		return false;
	return !(a->prefix % 8) || !((a->bytes[whole] ^ other->bytes[whole]) & mask);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int netaddr_mac(const char *text, uint8_t out[6])
{
	if (strlen(text) != 17)
		return -1;
	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex(text[0]), low = hex(text[1]);

		if (high < 0 || low < 0 || (i < 5 && text[2] != ':'))
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
