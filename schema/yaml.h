/* yaml.h - bytes to a bounded tree of nodes, each with its line and column.
 *
 * PURE. A narrow YAML 1.2: maps, lists and scalars, in one or more documents. Anchors, aliases, merge keys,
 * tags and keys that are not simple are refused, and so is a key that is given twice. Scalars stay
 * text: what a text means is for the field to say (field.h).
 */
#pragma once

#include "schema/source.h"

enum yaml_type { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml_node {
	struct yaml_node *next;  /* the next element of the list, the next key of the map */
	struct yaml_node *child; /* first element or key; of a key: its value */
	const char *text;        /* of a scalar or a key */
	uint32_t line, col;
	uint32_t n;              /* elements or keys; bytes of text */
	uint8_t type;            /* enum yaml_type */
	bool plain;              /* a scalar without quotes */
	bool bad;                /* was complained about: say no more */
};

/* More nodes than this at once are refused: a file of 64 MiB of "[]" is no spec. */
#define YAML_NODES_MAX 2000000u

/* The longest single text. */
#define YAML_TEXT_MAX ((size_t)64 * 1024)

/* Who wants the entries of the maps at the top (vms: NAME: ...) one by one, as soon as each has
 * been read: key is the entry, top the key above it. What is below key is gone when entry returns, so
 * that a long file needs no more memory than its longest entry; key and its text stay. */
struct yaml_sink {
	void (*entry)(void *arg, const struct yaml_node *top, struct yaml_node *key);
	void *arg;
};

/* Read src. sink may be NULL: the whole tree stays then. 0 with *root, the first document, when all
 * of it was read; the next one is its next. *root is NULL when there is none. There may be diagnostics nevertheless (a key given twice, a tag). -1 after a diagnostic when
 * reading had to stop: nothing is known then about the rest of the file. */
int yaml_parse(struct arena *a, struct source *src, struct diags *diags,
	const struct yaml_sink *sink, struct yaml_node **root);

/* Whether a scalar stands for nothing: empty without quotes, null, ~ (YAML 1.2 core schema). */
bool yaml_is_null(const struct yaml_node *n);

/* "a map", "a list", "nothing", "a text". */
const char *yaml_what(const struct yaml_node *n);
