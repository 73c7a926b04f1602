/* listening.c - what listens in a guest. */
#include "drivers/guest/listening.h"

#include "schema/base/arena.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* include/net/tcp_states.h */
#define TCP_LISTENING 0x0a
#define UDP_UNCONNECTED 0x07

/* Words of 32 bits as the guest's processor has them, as hex: little end first on all that we run. */
static bool parse_address(struct arena *a, const char *hex, size_t n, const char **out)
{
	char text[INET6_ADDRSTRLEN], word[9] = "";
	uint8_t bytes[16] = {0};

	for (size_t i = 0; i < n / 8; i++) {
		uint32_t v;

		memcpy(word, hex + 8 * i, 8);
		v = (uint32_t)strtoul(word, NULL, 16);
		for (size_t k = 0; k < 4; k++)
			bytes[4 * i + k] = (uint8_t)(v >> 8 * k);
	}
	if (!inet_ntop(n == 8 ? AF_INET : AF_INET6, bytes, text, sizeof(text)))
		return false;
	*out = arena_dup(a, text);
	return true;
}

/* "  0: 0100007F:1F90 00000000:0000 0A ... uid": the fields that matter. */
static bool parse_line(struct arena *a, const char *line, unsigned wanted, struct listening *out)
{
	char local[33], remote[33];
	unsigned port, remote_port, state, uid;
	size_t n;

	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%4x %2x %*s %*s %*s %u", local, &port,
		    remote, &remote_port, &state, &uid) != 6)
		return false;
	n = strlen(local);
	if ((n != 8 && n != 32) || state != wanted || !port || remote_port)
		return false;
	out->port = port;
	out->uid = uid;
	return parse_address(a, local, n, &out->address);
}

void listening_parse(struct arena *a, const char *proto, const char *text, struct listenings *out)
{
	const unsigned wanted = !strcmp(proto, "tcp") ? TCP_LISTENING : UDP_UNCONNECTED;

	for (const char *line = text; *line && out->n < LISTENING_MAX;) {
		size_t n = strcspn(line, "\n");
		struct listening one = {.proto = proto};

		if (parse_line(a, arena_dupn(a, line, n), wanted, &one))
			*vec_push(a, out) = one;
		line += n + (line[n] == '\n');
	}
}

static int compare(const void *x, const void *y)
{
	const struct listening *a = x, *b = y;
	int order;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	order = strcmp(a->proto, b->proto);
	return order ? order : strcmp(a->address, b->address);
}

void listening_sort(struct listenings *all)
{
	size_t kept = 0;

	if (all->n)
		qsort(all->v, all->n, sizeof(*all->v), compare);
	for (size_t i = 0; i < all->n; i++)
		if (!kept || compare(&all->v[kept - 1], &all->v[i]) != 0)
			all->v[kept++] = all->v[i];
	all->n = kept;
}
