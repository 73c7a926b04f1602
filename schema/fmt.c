/* fmt.c - the one way to lay out a spec.
 *
 * The tree is written anew from its top, and the comments are dealt out on the way, in their order:
 * what stands before a key or an element goes above it; what stands behind a value on its line stays
 * behind it; what follows the last entry of a map or list and is indented at least as far as it
 * belongs to it, else to what comes next.
 */
#include "schema/fmt.h"

#include <string.h>

#define STEP 2

struct writer {
	struct text t;
	const struct layout *l;
	size_t comment;  /* the first one that is not written yet */
	bool opened;     /* the last line opened a map or list: no blank line after it */
};

static void put_node(struct writer *w, const struct layout_node *n, const struct layout_node *in,
	size_t indent, size_t limit);

/* ---- the source ----------------------------------------------------------------------------- */

static bool has_break(const struct writer *w, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (w->l->text[i] == '\n' || w->l->text[i] == '\r')
			return true;
	return false;
}

/* Whether the line above the one of this byte is empty. */
static bool has_blank_above(const struct writer *w, size_t at)
{
	const char *text = w->l->text;

	while (at && text[at - 1] != '\n' && text[at - 1] != '\r')
		at--;
	if (!at)
		return false;
	at -= at > 1 && text[at - 1] == '\n' && text[at - 2] == '\r' ? 2 : 1;
	while (at && (text[at - 1] == ' ' || text[at - 1] == '\t'))
		at--;
	return !at || text[at - 1] == '\n' || text[at - 1] == '\r';
}

/* Brackets stay brackets when they are in one line, or when there is nothing in them. */
static bool is_spread(const struct writer *w, const struct layout_node *n)
{
	if (n->type == LAYOUT_SCALAR)
		return false;
	return n->style == LAYOUT_BLOCK || (n->child && has_break(w, n->start, n->end));
}

static bool is_block_scalar(const struct layout_node *n)
{
	return n->type == LAYOUT_SCALAR &&
	       (n->style == LAYOUT_LITERAL || n->style == LAYOUT_FOLDED);
}

/* Comments before this byte have to be written before the line that begins with this node. */
static size_t lead_of(const struct writer *w, const struct layout_node *n,
	const struct layout_node *in)
{
	if (is_spread(w, n))
		return lead_of(w, n->child, n);
	if (in && in->type == LAYOUT_MAP) /* a key: its value may be on the line too */
		return is_spread(w, n->next) ? n->start : lead_of(w, n->next, NULL);
	return n->type != LAYOUT_SCALAR && !n->child ? n->end : n->start;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const struct layout_comment *next_comment(const struct writer *w)
{
	return w->comment < w->l->comments.n ? &w->l->comments.v[w->comment] : NULL;
}

static void put_blank(struct writer *w, size_t at)
{
	const struct text *t = &w->t;
	bool is_there = t->n > 1 && t->v[t->n - 1] == '\n' && t->v[t->n - 2] == '\n';

	if (t->n && !w->opened && !is_there && has_blank_above(w, at))
		text_put(&w->t, "\n");
	w->opened = false;
}

static void put_comment(struct writer *w, size_t indent)
{
	const struct layout_comment *c = next_comment(w);

	put_blank(w, c->start);
	text_fill(&w->t, ' ', w->l->text[c->start] == '%' ? 0 : indent);
	text_putn(&w->t, w->l->text + c->start, c->end - c->start);
	text_put(&w->t, "\n");
	w->comment++;
}

static void put_comments_before(struct writer *w, size_t limit, size_t indent)
{
	for (const struct layout_comment *c; (c = next_comment(w)) && c->start < limit;)
		put_comment(w, indent);
}

/* End a line that stands for the source up to a byte: the comment behind it belongs there. */
static void end_line(struct writer *w, size_t end)
{
	const struct layout_comment *c = next_comment(w);

	if (c && c->start >= end && !c->own_line && !has_break(w, end, c->start)) {
		text_put(&w->t, " ");
		text_putn(&w->t, w->l->text + c->start, c->end - c->start);
		w->comment++;
	}
	text_put(&w->t, "\n");
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void put_flow(struct writer *w, const struct layout_node *n)
{
	bool is_map = n->type == LAYOUT_MAP;

	if (n->type == LAYOUT_SCALAR) {
		fmt_scalar(&w->t, w->l, n, 0);
		return;
	}
	text_put(&w->t, is_map ? "{" : "[");
	for (const struct layout_node *c = n->child; c; c = c->next) {
		put_flow(w, c);
		if (is_map) {
			c = c->next;
			if (c->type != LAYOUT_SCALAR || c->end > c->start)
				text_put(&w->t, ": ");
			put_flow(w, c);
		}
		if (c->next)
			text_put(&w->t, ", ");
	}
	text_put(&w->t, is_map ? "}" : "]");
}

/* What stands behind "key:" or "-". in is the map or list, indent that of its entries. */
static void put_inline(struct writer *w, const struct layout_node *n, const struct layout_node *in,
	size_t indent)
{
	bool is_nothing = n->type == LAYOUT_SCALAR && n->end == n->start;

	if (!is_nothing)
		text_put(&w->t, " ");
	if (is_block_scalar(n)) {
		fmt_block_scalar(&w->t, w->l, n, in->style == LAYOUT_BLOCK ? in->col : 0,
			indent + STEP);
		return;
	}
	if (n->type == LAYOUT_SCALAR && !is_nothing)
		fmt_scalar(&w->t, w->l, n, indent + STEP);
	else if (!is_nothing)
		put_flow(w, n);
	end_line(w, n->end);
}

/* One entry; the line has its indentation already. Comments before limit may belong into it. */
static void put_entry(struct writer *w, const struct layout_node *n, const struct layout_node *in,
	size_t indent, size_t limit)
{
	if (in->type == LAYOUT_LIST) {
		text_put(&w->t, "-");
		if (!is_spread(w, n)) {
			put_inline(w, n, in, indent);
			return;
		}
		text_put(&w->t, " ");
		put_node(w, n, in, indent + STEP, limit);
		return;
	}
	fmt_scalar(&w->t, w->l, n, 0);
	text_put(&w->t, ":");
	if (!is_spread(w, n->next)) {
		put_inline(w, n->next, in, indent);
		return;
	}
	end_line(w, n->end);
	w->opened = true;
	put_node(w, n->next, in, indent + STEP, limit);
}

/* Comments that follow the last entry and are indented as far. A list may stand as far left as the
 * key above it; what is there belongs to the next key. */
static void put_rest(struct writer *w, const struct layout_node *n, const struct layout_node *in,
	size_t indent, size_t limit)
{
	uint32_t least = n->col;

	if (n->style != LAYOUT_BLOCK)
		return;
	if (in && in->style == LAYOUT_BLOCK && in->col >= least)
		least = in->col + 1;
	for (const struct layout_comment *c; (c = next_comment(w)) && c->start < limit;) {
		if (!c->own_line || c->col < least || w->l->text[c->start] == '%')
			return;
		put_comment(w, indent);
	}
}

/* A map or list, one entry a line. Its first entry may go on a line that is begun ("- "). */
static void put_node(struct writer *w, const struct layout_node *n, const struct layout_node *in,
	size_t indent, size_t limit)
{
	bool is_begun = w->t.n && w->t.v[w->t.n - 1] != '\n';

	for (const struct layout_node *c = n->child; c;) {
		const struct layout_node *after = n->type == LAYOUT_MAP ? c->next->next : c->next;

		if (!is_begun) {
			put_comments_before(w, lead_of(w, c, n), indent);
			put_blank(w, c->start);
			text_fill(&w->t, ' ', indent);
		}
		is_begun = false;
		put_entry(w, c, n, indent, after ? after->start : limit);
		c = after;
	}
	put_rest(w, n, in, indent, limit);
}

/* ---- documents ------------------------------------------------------------------------------ */

static void put_doc(struct writer *w, size_t i)
{
	const struct layout_doc *doc = &w->l->docs.v[i];
	const struct layout_comment *c;
	size_t limit = i + 1 < w->l->docs.n ? w->l->docs.v[i + 1].start : w->l->len;

	while (i && (c = next_comment(w)) && c->start < doc->start && w->l->text[c->start] != '%')
		put_comment(w, 0);
	/* Directives need the end of the document before them. */
	if (i && c && c->start < doc->start)
		text_put(&w->t, "...\n");
	if (doc->is_marked || i) {
		put_comments_before(w, doc->start, 0);
		put_blank(w, doc->start);
		text_put(&w->t, "---");
		end_line(w, doc->start + strlen("---"));
		w->opened = true;
	}
	if (is_spread(w, doc->root)) {
		put_node(w, doc->root, NULL, 0, limit);
	} else if (doc->root->type != LAYOUT_SCALAR) {
		put_comments_before(w, lead_of(w, doc->root, NULL), 0);
		put_flow(w, doc->root);
		end_line(w, doc->root->end);
	}
}

static bool is_json(const struct layout *l)
{
	return l->docs.n == 1 && !l->docs.v[0].is_marked &&
	       l->docs.v[0].root->style == LAYOUT_FLOW;
}

/* Keys are texts on the line of their colon; yaml.h refuses any other in a spec. */
static int check_keys(const struct layout_node *n, struct err *e)
{
	bool is_key = n->type == LAYOUT_MAP;

	for (const struct layout_node *c = n->child; c; c = c->next) {
		if (is_key && (c->type != LAYOUT_SCALAR || is_block_scalar(c) || c->end == c->start))
			return err_set(e, ERR_SPEC, "holds a key that is not a simple text");
		if (check_keys(c, e) < 0)
			return -1;
		is_key = n->type == LAYOUT_MAP && !is_key;
	}
	return 0;
}

/* A spec is a map. Nothing at all is let through: a file may hold comments only. */
static int check_docs(const struct layout *l, struct err *e)
{
	vec_each(doc, &l->docs) {
		if (doc->root->type == LAYOUT_SCALAR && doc->root->end > doc->root->start)
			return err_set(e, ERR_SPEC, "is a text, not a map");
		if (check_keys(doc->root, e) < 0)
			return -1;
	}
	return 0;
}

static void put_all(struct writer *w)
{
	if (is_json(w->l)) {
		text_putn(&w->t, w->l->text, w->l->len);
		if (w->l->len && w->l->text[w->l->len - 1] != '\n')
			text_put(&w->t, "\n");
		return;
	}
	for (size_t i = 0; i < w->l->docs.n; i++)
		put_doc(w, i);
	put_comments_before(w, w->l->len, 0);
}

int fmt_text(struct arena *a, const char *text, size_t len, const char **out, struct err *e)
{
	struct layout before, after;
	struct writer w = {.t = {.a = a}, .l = &before};

	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	if (layout_read(a, text, len, &before, e) < 0 || check_docs(&before, e) < 0)
		return -1;
	put_all(&w);
	text_end(&w.t);
	if (layout_read(a, w.t.v, w.t.n, &after, e) < 0 || !layout_says_same(&before, &after) ||
		before.comments.n != after.comments.n) {
		err_set(e, ERR_SPEC, "cannot be formatted without changing what it says");
		return err_hint(e, "a key or text of more than one line may be the cause; write it "
				   "in one");
	}
	*out = w.t.v;
	return 0;
}
