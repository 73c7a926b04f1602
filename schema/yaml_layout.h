/* yaml_layout.h - a YAML text as it is written: nodes with the bytes they stand in, and comments.
 *
 * PURE. yaml.h is for who wants to know what a spec says; this is for who rewrites it (fmt.h). It
 * takes a spec that yaml.h has accepted: anchors, aliases and tags are refused here too.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stdbool.h>
#include <stdint.h>

enum layout_type { LAYOUT_SCALAR, LAYOUT_MAP, LAYOUT_LIST };

enum layout_style {
	LAYOUT_PLAIN,
	LAYOUT_SINGLE, /* quotes */
	LAYOUT_DOUBLE,
	LAYOUT_LITERAL,
	LAYOUT_FOLDED,
	LAYOUT_FLOW,  /* a map in { } or a list in [ ] */
	LAYOUT_BLOCK,
};

struct layout_node {
	enum layout_type type;
	enum layout_style style;
	size_t start, end; /* bytes; of a map or list in block style: where its first text starts */
	const char *value; /* of a scalar */
	size_t n;          /* bytes of it */
	uint32_t col;      /* map, list in block style: column of its keys or dashes, from 0 */
	struct layout_node *child; /* first element, or first key */
	struct layout_node *next;  /* element; a key's next is the value, whose next is a key */
};

/* A comment, or a line with a directive (%YAML 1.2). */
struct layout_comment {
	size_t start, end;
	uint32_t col;
	bool own_line; /* nothing but blanks before it */
};

struct layout_doc {
	struct layout_node *root;
	size_t start;    /* of its "---" */
	bool is_marked;  /* there is one */
};

struct layout {
	const char *text;
	size_t len;
	VEC(struct layout_doc) docs;
	VEC(struct layout_comment) comments; /* in the order of the text */
};

/* Nesting beyond this is refused. */
#define LAYOUT_DEPTH_MAX 64

/* Read a text without a byte order mark; it is borrowed. 0, or -1 with ERR_SPEC. */
int layout_read(struct arena *a, const char *text, size_t len, struct layout *out, struct err *e);

/* Whether two texts say the same: the same maps, lists and values in the same order. */
bool layout_says_same(const struct layout *a, const struct layout *b);
