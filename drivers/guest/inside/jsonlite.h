/* jsonlite.h - a bounded JSON reader without memory of its own.
 *
 * PURE. The text is parsed into an array of nodes that the caller owns; strings are decoded in
 * place, so they borrow from the text, which is changed. Strict RFC 8259, and stricter: invalid
 * UTF-8, a NUL in a string, a key that comes twice in one map, deep nesting and anything behind
 * the value are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONLITE_DEPTH_MAX 12

enum jsonlite_type {
	JSONLITE_NULL,
	JSONLITE_BOOL,
	JSONLITE_INT,
	JSONLITE_REAL, /* a number that is no 64-bit integer; its value is not kept */
	JSONLITE_STR,
	JSONLITE_LIST,
	JSONLITE_MAP,
};

/* A value. The children of a list or map follow it at once; a map's are key, value, key, value. */
struct jsonlite_node {
	uint8_t type;
	uint32_t len;  /* bytes of a string; members of a list or map */
	uint32_t span; /* nodes of the whole value with its children: the next sibling is node + span */
	union {
		const char *str; /* NUL-terminated */
		int64_t num;     /* also 0 or 1 of a bool */
	};
};

/* Parse n bytes of text, which are changed. Returns the number of nodes used, 0 when the text is
 * not valid or needs more than max nodes. */
size_t jsonlite_parse(char *text, size_t n, struct jsonlite_node *nodes, size_t max);

/* The value of that key, NULL if map is no map or has no such key. */
const struct jsonlite_node *jsonlite_get(const struct jsonlite_node *map, const char *key);

/* Member by type; def when it is absent or of another type. */
const char *jsonlite_str(const struct jsonlite_node *map, const char *key, const char *def);
int64_t jsonlite_int(const struct jsonlite_node *map, const char *key, int64_t def);
bool jsonlite_flag(const struct jsonlite_node *map, const char *key, bool def);

/* A list of strings only. Returns how many there are, -1 when list is not that. An absent list
 * (NULL) has none. */
int jsonlite_strings(const struct jsonlite_node *list);

/* Fill v with the n strings of such a list and a closing NULL. */
void jsonlite_strv(const struct jsonlite_node *list, const char **v);

/* Length of the valid UTF-8 sequence at p, 0 if there is none. */
size_t jsonlite_utf8(const char *p, const char *end);
