/* fuzz_jsonlite.c - the guest program's parsers of what the host sends: JSON, base64, boot record.
 *
 * Beside not crashing: what was parsed covers its own nodes and no more, and a string that is
 * written again is read as the same string.
 */
#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/boot.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/jsonout.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NODES 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int what)
{
	if (!what)
		abort();
}

static void check_spans(const struct jsonlite_node *v)
{
	const struct jsonlite_node *child = v + 1, *end = v + v->span;
	uint32_t n = v->type == JSONLITE_MAP ? 2 * v->len : v->type == JSONLITE_LIST ? v->len : 0;

	for (uint32_t i = 0; i < n; i++, child += child->span) {
		need(child < end);
		check_spans(child);
	}
	need(child == end);
}

static void check_string(const char *s)
{
	static char buf[1 << 16];
	struct jsonlite_node again[3];
	struct jsonout w;
	size_t n;

	jsonout_open(&w, buf, sizeof(buf));
	jsonout_str(&w, "k", s);
	n = jsonout_close(&w);
	if (!n)
		return;
	need(jsonlite_parse(buf, n, again, 3) == 3);
	need(!strcmp(again[2].str, s));
}

static void check_json(char *text, size_t size)
{
	static struct jsonlite_node nodes[NODES];
	size_t n = jsonlite_parse(text, size, nodes, NODES);

	if (!n)
		return;
	need(nodes->span == n);
	check_spans(nodes);
	for (size_t i = 0; i < n; i++) {
		if (nodes[i].type != JSONLITE_STR)
			continue;
		need(strlen(nodes[i].str) == nodes[i].len);
		check_string(nodes[i].str);
	}
}

static void check_base64(const uint8_t *data, size_t size)
{
	char *text = malloc(BASE64_LEN(size) + 1);
	size_t n;

	memcpy(text, data, size);
	base64_decode(text, size, &n);
	base64_encode(data, size, text);
	need(base64_decode(text, BASE64_LEN(size), &n) == 0 && n == size && !memcmp(text, data, n));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	struct boot b;
	struct why w;

	memcpy(copy, data, size);
	check_json(copy, size);
	memcpy(copy, data, size);
	if (boot_parse(copy, size, &b, &w) == 0)
		boot_fini(&b);
	check_base64(data, size);
	free(copy);
	return 0;
}
