/* yaml.c - libyaml's events to a tree of nodes.
 *
 * Nothing here recurses and nothing is expanded, so the cost is linear in the bytes whatever they
 * are. libyaml reads as it is asked: when this file stops at the first alias or at the depth bound,
 * the rest of a hostile file was never looked at. With a sink an entry is handed over as soon as
 * its value is complete, and its nodes go.
 */
#include "schema/yaml.h"

#include "schema/base/map.h"
#include "schema/base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define SMALL_MAP 16 /* up to here, comparing with each key is faster than hashing */
#define NODES_AT_ONCE 32
#define ENTRY_DEPTH 2 /* the entries of the maps at the top are on this level */
#define KEY_SHOWN 60

/* A map or list that is open. */
struct frame {
	struct yaml_node *node;
	struct yaml_node **tail; /* where the next element or key goes */
	struct yaml_node *key;   /* map: the key read last */
	bool waits;              /* map: this key has no value yet */
	struct map seen;         /* map of more than SMALL_MAP keys */
};

/* Nodes that are allocated together and not used yet. */
struct spare {
	struct yaml_node *v;
	size_t n;
};

struct builder {
	struct arena *a;
	struct source *src;
	struct diags *diags;
	const struct yaml_sink *sink;
	struct yaml_node *root, **next_root;
	struct frame frames[SPEC_DEPTH_MAX];
	size_t depth;
	struct arena entry; /* with a sink: what is below the entry that is being read */
	struct spare spare, entry_spare;
	uint32_t nodes, entry_nodes; /* all that there are, and those in entry */
};

/* Memory for what is read next: it stays, or it goes with its entry. */
static struct arena *memory_of(struct builder *b)
{
	const struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	if (!b->sink || b->depth < ENTRY_DEPTH || b->frames[1].node->type == YAML_LIST)
		return b->a;
	if (b->depth == ENTRY_DEPTH && f->node->type == YAML_MAP && !f->waits)
		return b->a;
	return &b->entry;
}

bool yaml_is_null(const struct yaml_node *n)
{
	if (n->type != YAML_SCALAR || !n->plain)
		return false;
	if (n->n != 4) /* nearly always: this is asked of every scalar */
		return !n->n || (n->n == 1 && *n->text == '~');
	return !strcmp(n->text, "null") || !strcmp(n->text, "Null") || !strcmp(n->text, "NULL");
}

const char *yaml_what(const struct yaml_node *n)
{
	if (n->type == YAML_MAP)
		return "a map";
	if (n->type == YAML_LIST)
		return "a list";
	return yaml_is_null(n) ? "nothing" : "a text";
}

static struct pos pos_of(const yaml_mark_t *m)
{
	return (struct pos){.line = (uint32_t)m->line + 1, .col = (uint32_t)m->column + 1};
}

static struct pos node_pos(const struct builder *b, const struct yaml_node *n)
{
	return (struct pos){b->src->name, n->line, n->col};
}

#define COMPLAIN(b, pos, ...)                                                                      \
	source_diag((b)->a, (b)->src, (b)->diags, SEVERITY_ERROR, (pos), __VA_ARGS__)

/* ---- libyaml's own complaints, in words that help ------------------------------------------- */

static const struct {
	const char *problem, *says, *hint;
} problems[] = {
	{"found a tab character that violates indentation", "a tab in the indentation",
		"indent with spaces"},
	{"found character '\\t' that violates indentation", "a tab in the indentation",
		"indent with spaces"},
	{"mapping values are not allowed in this context",
		"a \":\" where no key can be",
		"put a text that holds \": \" in quotes, or look at the indentation"},
	{"could not find expected ':'", "a line that is not \"key: value\"",
		"is a \":\" missing, or a quote?"},
	{"did not find expected key", "no key where one should be",
		"look at the indentation of this line and the one before"},
	{"did not find expected '-' indicator", "no \"- \" where the list goes on",
		"look at the indentation of this line and the one before"},
	{"did not find expected ',' or ']'", "a list in [ ] that is not closed", NULL},
	{"did not find expected ',' or '}'", "a map in { } that is not closed", NULL},
	{"found unexpected end of stream", "the file ends inside of a quoted text", NULL},
	{"block sequence entries are not allowed in this context",
		"a \"- \" where no list can be", "start the list on a line of its own"},
	{"found unknown escape character", "an escape that YAML does not know",
		"in single quotes a backslash is only a backslash"},
};

static const yaml_mark_t *problem_place(const yaml_parser_t *p)
{
	/* An open bracket or quote is best shown where it was opened, a key without ":" where it
	 * stands. */
	if (p->context && (strstr(p->context, "flow") || strstr(p->context, "scanning a quoted") ||
				  strstr(p->context, "simple key")))
		return &p->context_mark;
	return &p->problem_mark;
}

static int complain_syntax(struct builder *b, const yaml_parser_t *p)
{
	const char *problem = p->problem ? p->problem : "not YAML";
	struct pos pos = pos_of(problem_place(p));
	size_t len = 0;
	const char *line = source_line(b->src, pos.line, &len);
	struct diag *d;

	for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		if (strcmp(problem, problems[i].problem) != 0)
			continue;
		d = COMPLAIN(b, pos, "%s", problems[i].says);
		d->hint = problems[i].hint;
		return -1;
	}
	d = COMPLAIN(b, pos, "%s", problem);
	if (!strcmp(problem, "found character that cannot start any token")) {
		bool is_tab = line && pos.col <= len && line[pos.col - 1] == '\t';

		d->msg = is_tab ? "a tab in the indentation"
				: "a plain text may not begin with this character";
		d->hint = is_tab ? "indent with spaces" : "put the text in quotes";
	}
	return -1;
}

/* ---- building ------------------------------------------------------------------------------- */

static struct yaml_node *new_node(struct builder *b, enum yaml_type type, const yaml_mark_t *m)
{
	struct arena *a = memory_of(b);
	struct spare *spare = a == b->a ? &b->spare : &b->entry_spare;
	struct yaml_node *n;

	if (!spare->n) {
		spare->n = NODES_AT_ONCE;
		spare->v = arena_array(a, spare->n, sizeof(*spare->v));
	}
	spare->n--;
	n = spare->v++;
	n->type = (uint8_t)type;
	n->line = (uint32_t)m->line + 1;
	n->col = (uint32_t)m->column + 1;
	b->nodes++;
	b->entry_nodes += a == &b->entry;
	return n;
}

/* The key of the map that reads the same and came earlier, if any. */
static struct yaml_node *find_twin(struct builder *b, struct frame *f, struct yaml_node *key)
{
	struct yaml_node *map = f->node;

	if (map->n < SMALL_MAP) {
		for (struct yaml_node *k = map->child; k; k = k->next)
			if (k->n == key->n && !memcmp(k->text, key->text, key->n))
				return k;
		return NULL;
	}
	for (struct yaml_node *k = f->seen.cap ? NULL : map->child; k; k = k->next)
		map_add(memory_of(b), &f->seen, k->text, k->n, k);
	return map_add(memory_of(b), &f->seen, key->text, key->n, key);
}

static int place_key(struct builder *b, struct frame *f, struct yaml_node *key)
{
	struct yaml_node *twin;

	if (key->type != YAML_SCALAR) {
		COMPLAIN(b, node_pos(b, key), "a key has to be a simple text, not %s",
			yaml_what(key));
		return -1;
	}
	twin = find_twin(b, f, key);
	if (twin) {
		struct diag *d = COMPLAIN(b, node_pos(b, key), "%s is given twice",
			utf8_quote(b->a, key->text, KEY_SHOWN));

		d->other = node_pos(b, twin);
		key->bad = true;
	} else if (key->plain && !strcmp(key->text, "<<")) {
		struct diag *d =
			COMPLAIN(b, node_pos(b, key), "merge keys (<<) are not supported");

		diag_hint(b->a, d, "write the fields out");
		key->bad = true;
	}
	*f->tail = key;
	f->tail = &key->next;
	f->node->n++;
	f->key = key;
	f->waits = true;
	return 0;
}

/* A value is complete. If it is that of an entry, the sink has it now, and then it goes. */
static void complete(struct builder *b)
{
	struct frame *f = b->depth == ENTRY_DEPTH ? &b->frames[ENTRY_DEPTH - 1] : NULL;
	const struct yaml_node *top = b->frames[0].key;

	if (!b->sink || !f || !f->key || f->waits)
		return;
	if (!f->key->bad && !f->node->bad && top && !top->bad)
		b->sink->entry(b->sink->arg, top, f->key);
	f->key->child = NULL;
	f->key = NULL;
	arena_free(&b->entry);
	b->entry_spare = (struct spare){0};
	b->nodes -= b->entry_nodes;
	b->entry_nodes = 0;
}

/* Put a node where it belongs: the root, an element, a key or a value. */
static int place(struct builder *b, struct yaml_node *n)
{
	struct frame *f = b->depth ? &b->frames[b->depth - 1] : NULL;

	if (b->nodes > YAML_NODES_MAX) {
		COMPLAIN(b, node_pos(b, n), "more than %u values, the most that is read",
			YAML_NODES_MAX);
		return -1;
	}
	if (!f) {
		*b->next_root = n;
		b->next_root = &n->next;
	} else if (f->node->type == YAML_LIST) {
		*f->tail = n;
		f->tail = &n->next;
		f->node->n++;
	} else if (f->waits) {
		f->key->child = n;
		f->waits = false;
	} else {
		return place_key(b, f, n);
	}
	return 0;
}

static void check_tag(struct builder *b, struct yaml_node *n, const yaml_char_t *tag)
{
	static const char core[] = "tag:yaml.org,2002:"; /* what "!!" stands for */
	const char *name = (const char *)tag, *marks = "";
	struct diag *d;

	if (!tag)
		return;
	n->bad = true;
	if (!strncmp(name, core, strlen(core))) {
		name += strlen(core);
		marks = "!!";
	}
	d = COMPLAIN(b, node_pos(b, n), "the tag %s is not supported",
		utf8_quote(b->a, arena_printf(b->a, "%s%s", marks, name), KEY_SHOWN));
	diag_hint(b->a, d, "leave it out: each field knows its type");
}

static int refuse_anchor(struct builder *b, struct pos pos)
{
	struct diag *d = COMPLAIN(b, pos, "anchors and aliases (& and *) are not supported");

	diag_hint(b->a, d, "write the value out, or put it in quotes if it is a text");
	return -1;
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	struct yaml_node *n = new_node(b, YAML_SCALAR, &ev->start_mark);

	if (ev->data.scalar.anchor)
		return refuse_anchor(b, node_pos(b, n));
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	n->text = "";
	if (len > YAML_TEXT_MAX) {
		COMPLAIN(b, node_pos(b, n), "a text of %zu bytes; at most %zu are allowed", len,
			YAML_TEXT_MAX);
		n->bad = true;
	} else if (memchr(text, '\0', len)) {
		COMPLAIN(b, node_pos(b, n), "a text may not hold a NUL character");
		n->bad = true;
	} else {
		n->text = arena_dupn(memory_of(b), text, len);
		n->n = (uint32_t)len;
	}
	check_tag(b, n, ev->data.scalar.tag);
	if (place(b, n) < 0)
		return -1;
	complete(b);
	return 0;
}

static int on_open(struct builder *b, enum yaml_type type, const yaml_event_t *ev,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct yaml_node *n = new_node(b, type, &ev->start_mark);

	if (anchor)
		return refuse_anchor(b, node_pos(b, n));
	if (b->depth == SPEC_DEPTH_MAX) {
		COMPLAIN(b, node_pos(b, n), "maps and lists are nested deeper than %d levels",
			SPEC_DEPTH_MAX);
		return -1;
	}
	check_tag(b, n, tag);
	if (place(b, n) < 0)
		return -1;
	b->frames[b->depth++] = (struct frame){.node = n, .tail = &n->child};
	return 0;
}

/* One event. 0: go on, 1: the text ends here, -1: stop. */
static int on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_STREAM_END_EVENT:
		return 1;
	case YAML_ALIAS_EVENT:
		return refuse_anchor(b, pos_of(&ev->start_mark));
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, YAML_LIST, ev, ev->data.sequence_start.anchor,
			ev->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, YAML_MAP, ev, ev->data.mapping_start.anchor,
			ev->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		complete(b);
		return 0;
	default:
		return 0;
	}
}

static int run(struct builder *b, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t ev;
		int result;

		if (!yaml_parser_parse(parser, &ev))
			return complain_syntax(b, parser);
		result = on_event(b, &ev);
		yaml_event_delete(&ev);
		if (!result && diags_full(b->diags))
			result = -1;
		if (result)
			return result < 0 ? -1 : 0;
	}
}

int yaml_parse(struct arena *a, struct source *src, struct diags *diags,
	const struct yaml_sink *sink, struct yaml_node **root)
{
	struct builder b = {.a = a, .src = src, .diags = diags, .sink = sink};
	yaml_parser_t parser;
	int result;

	b.next_root = &b.root;
	if (!yaml_parser_initialize(&parser)) {
		diags_add(a, diags, SEVERITY_ERROR, (struct pos){.file = src->name},
			"there is no memory to read the file");
		return -1;
	}
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)src->text, src->len);
	result = run(&b, &parser);
	yaml_parser_delete(&parser);
	arena_free(&b.entry);
	if (!result)
		*root = b.root;
	return result;
}
