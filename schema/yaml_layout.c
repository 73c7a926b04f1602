/* yaml_layout.c - a YAML text as it is written.
 *
 * libyaml drops comments. Between the scalars of a text stand only blanks, indicators and comments;
 * so what begins with # there is a comment, and no second parser of YAML is needed to find them.
 */
#include "schema/yaml_layout.h"

#include "schema/base/utf8.h"

#include <string.h>
#include <yaml.h>

struct reader {
	struct arena *a;
	struct layout *l;
	struct layout_node *open[LAYOUT_DEPTH_MAX];
	struct layout_node **tail[LAYOUT_DEPTH_MAX]; /* where the next child of each goes */
	size_t depth;
	size_t seen;            /* bytes before this were looked through for comments */
	size_t at_char, at_byte; /* a character and its byte: marks count characters */
	struct err *e;
};

/* ---- places --------------------------------------------------------------------------------- */

static bool is_inside(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Byte of a mark. Marks are near to each other, so this walks little. */
static size_t byte_of(struct reader *r, const yaml_mark_t *m)
{
	const char *text = r->l->text;

	while (r->at_char < m->index && r->at_byte < r->l->len) {
		r->at_byte++;
		while (r->at_byte < r->l->len && is_inside(text[r->at_byte]))
			r->at_byte++;
		r->at_char++;
	}
	while (r->at_char > m->index && r->at_byte) {
		r->at_byte--;
		while (r->at_byte && is_inside(text[r->at_byte]))
			r->at_byte--;
		r->at_char--;
	}
	return r->at_byte;
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

static size_t line_end(const struct layout *l, size_t at)
{
	while (at < l->len && !is_break(l->text[at]))
		at++;
	return at;
}

static void add_comment(struct reader *r, size_t at)
{
	const struct layout *l = r->l;
	struct layout_comment c = {.start = at, .end = line_end(l, at), .own_line = true};

	while (c.end > at && (l->text[c.end - 1] == ' ' || l->text[c.end - 1] == '\t'))
		c.end--;
	for (size_t p = at; p && !is_break(l->text[p - 1]); p--) {
		c.col += !is_inside(l->text[p - 1]);
		c.own_line = c.own_line && (l->text[p - 1] == ' ' || l->text[p - 1] == '\t');
	}
	*vec_push(r->a, &r->l->comments) = c;
}

/* The comments up to a place where a scalar starts or the text ends. */
static void find_comments(struct reader *r, size_t to)
{
	const char *text = r->l->text;

	for (size_t at = r->seen; at < to; at++) {
		bool is_directive = text[at] == '%' && (!at || is_break(text[at - 1]));

		if (text[at] != '#' && !is_directive)
			continue;
		add_comment(r, at);
		at = line_end(r->l, at);
	}
	if (to > r->seen)
		r->seen = to;
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int refuse(struct reader *r, const yaml_mark_t *m, const char *what)
{
	return err_set(r->e, ERR_SPEC, "line %zu, column %zu: %s", m->line + 1, m->column + 1, what);
}

static struct layout_node *new_node(struct reader *r, enum layout_type type,
	enum layout_style style, const yaml_event_t *ev)
{
	struct layout_node *n = arena_new(r->a, struct layout_node);

	*n = (struct layout_node){.type = type, .style = style,
		.start = byte_of(r, &ev->start_mark), .end = byte_of(r, &ev->end_mark),
		.col = (uint32_t)ev->start_mark.column};
	if (r->depth) {
		*r->tail[r->depth - 1] = n;
		r->tail[r->depth - 1] = &n->next;
	} else {
		r->l->docs.v[r->l->docs.n - 1].root = n;
	}
	return n;
}

static int on_scalar(struct reader *r, const yaml_event_t *ev)
{
	static const enum layout_style styles[] = {
		[YAML_PLAIN_SCALAR_STYLE] = LAYOUT_PLAIN,
		[YAML_SINGLE_QUOTED_SCALAR_STYLE] = LAYOUT_SINGLE,
		[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = LAYOUT_DOUBLE,
		[YAML_LITERAL_SCALAR_STYLE] = LAYOUT_LITERAL,
		[YAML_FOLDED_SCALAR_STYLE] = LAYOUT_FOLDED};
	struct layout_node *n;

	if (ev->data.scalar.anchor || ev->data.scalar.tag)
		return refuse(r, &ev->start_mark, "anchors and tags are not supported");
	n = new_node(r, LAYOUT_SCALAR, styles[ev->data.scalar.style], ev);
	n->n = ev->data.scalar.length;
	n->value = arena_dupn(r->a, ev->data.scalar.value, n->n);
	if (n->end > n->start) {
		find_comments(r, n->start);
		r->seen = n->end;
	}
	return 0;
}

static int on_open(struct reader *r, enum layout_type type, bool is_flow, bool is_decorated,
	const yaml_event_t *ev)
{
	struct layout_node *n;

	if (is_decorated)
		return refuse(r, &ev->start_mark, "anchors and tags are not supported");
	if (r->depth == LAYOUT_DEPTH_MAX)
		return refuse(r, &ev->start_mark, "maps and lists are nested too deep");
	n = new_node(r, type, is_flow ? LAYOUT_FLOW : LAYOUT_BLOCK, ev);
	r->open[r->depth] = n;
	r->tail[r->depth++] = &n->child;
	return 0;
}

static void on_close(struct reader *r, const yaml_event_t *ev)
{
	struct layout_node *n = r->open[--r->depth];
	size_t end = byte_of(r, &ev->end_mark);

	if (n->style == LAYOUT_FLOW)
		n->end = end;
	else if (n->child) /* the place of a dash or of a "?" says nothing about what follows it */
		n->start = n->child->start;
}

static void on_document(struct reader *r, const yaml_event_t *ev)
{
	*vec_push(r->a, &r->l->docs) = (struct layout_doc){
		.start = byte_of(r, &ev->start_mark),
		.is_marked = !ev->data.document_start.implicit};
	/* With a directive the event starts there; the mark is below it. */
	if (!ev->data.document_start.implicit)
		r->l->docs.v[r->l->docs.n - 1].start = byte_of(r, &ev->end_mark) - strlen("---");
}

static int on_event(struct reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		on_document(r, ev);
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(r, &ev->start_mark, "aliases are not supported");
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, LAYOUT_LIST,
			ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE,
			ev->data.sequence_start.anchor || ev->data.sequence_start.tag, ev);
	case YAML_MAPPING_START_EVENT:
		return on_open(r, LAYOUT_MAP,
			ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE,
			ev->data.mapping_start.anchor || ev->data.mapping_start.tag, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r, ev);
		return 0;
	default:
		return 0;
	}
}

static int run(struct reader *r, yaml_parser_t *parser)
{
	for (bool done = false; !done;) {
		yaml_event_t ev;
		int result;

		if (!yaml_parser_parse(parser, &ev))
			return refuse(r, &parser->problem_mark,
				parser->problem ? parser->problem : "not YAML");
		result = on_event(r, &ev);
		done = ev.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
		if (result < 0)
			return -1;
	}
	find_comments(r, r->l->len);
	return 0;
}

/* Only plain text: libyaml takes characters for line ends that nobody sees. */
static int check_text(const char *text, size_t len, struct err *e)
{
	for (size_t at = 0; at < len;) {
		uint32_t cp;
		size_t n = utf8_decode(text + at, len - at, &cp);

		if (!n || (!utf8_is_plain(cp) && cp != '\n' && cp != '\r' && cp != '\t'))
			return err_set(e, ERR_SPEC, "byte %zu is not of a plain text", at + 1);
		at += n;
	}
	return 0;
}

int layout_read(struct arena *a, const char *text, size_t len, struct layout *out, struct err *e)
{
	struct reader r = {.a = a, .l = out, .e = e};
	yaml_parser_t parser;
	int result;

	*out = (struct layout){.text = text, .len = len};
	if (check_text(text, len, e) < 0)
		return -1;
	if (!yaml_parser_initialize(&parser))
		return err_set(e, ERR_FAILED, "there is no memory to read the file");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	result = run(&r, &parser);
	yaml_parser_delete(&parser);
	return result;
}

/* ---- comparing ------------------------------------------------------------------------------ */

/* YAML's nothing, which the same text in quotes is not. */
static bool is_nothing(const struct layout_node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (n->style == LAYOUT_PLAIN && !strcmp(n->value, words[i]))
			return true;
	return false;
}

static bool same_node(const struct layout_node *a, const struct layout_node *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == LAYOUT_SCALAR)
		return a->n == b->n && !memcmp(a->value, b->value, a->n) &&
		       is_nothing(a) == is_nothing(b);
	a = a->child;
	b = b->child;
	for (; a && b; a = a->next, b = b->next)
		if (!same_node(a, b))
			return false;
	return !a && !b;
}

bool layout_says_same(const struct layout *a, const struct layout *b)
{
	if (a->docs.n != b->docs.n)
		return false;
	for (size_t i = 0; i < a->docs.n; i++)
		if (!same_node(a->docs.v[i].root, b->docs.v[i].root))
			return false;
	return true;
}
