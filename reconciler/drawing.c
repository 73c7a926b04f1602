/* drawing.c - sources, objects, what needs what, and how each is. */
#include "reconciler/drawing.h"

#include "schema/base/utf8.h"

#include <string.h>

static const char *const healths[] = {"good", "off", "busy", "bad"};
static const char *const colors[] = {"#2e7d32", "#757575", "#b26a00", "#c62828"};

const char *health_name(enum health health)
{
	return healths[health];
}

static const char *source_text(const struct drawn *n)
{
	return n->source[0] ? n->source : "no source";
}

static bool begins_source(const struct drawing *d, size_t i)
{
	return !i || strcmp(d->nodes.v[i - 1].source, d->nodes.v[i].source) != 0;
}

/* ---- text ----------------------------------------------------------------------------------- */

static size_t widest(const struct drawing *d, bool states)
{
	size_t most = 0;

	vec_each(n, &d->nodes) {
		size_t len = strlen(states ? n->state : n->object);

		most = len > most ? len : most;
	}
	return most;
}

static void put_padded(struct text *t, const char *s, size_t width)
{
	size_t len;

	s = utf8_escape(t->a, s);
	len = strlen(s);
	text_put(t, s);
	text_fill(t, ' ', (len < width ? width - len : 0) + 2);
}

static void put_needs(struct text *t, const struct drawing *d, const struct edge_lists *needs, size_t i)
{
	for (uint32_t at = needs->first[i]; at < needs->first[i + 1]; at++)
		text_putf(t, "%s%s", at == needs->first[i] ? "needs " : ", ",
			d->nodes.v[needs->list[at]].object);
}

void drawing_text(struct text *t, const struct drawing *d)
{
	const size_t objects = widest(d, false), states = widest(d, true);
	struct edge_lists needs;

	graph_needs(t->a, d->nodes.n, &d->needs, &needs);
	for (size_t i = 0; i < d->nodes.n; i++) {
		const struct drawn *n = &d->nodes.v[i];

		if (begins_source(d, i))
			text_putf(t, "%s%s\n", i ? "\n" : "", utf8_escape(t->a, source_text(n)));
		text_put(t, "  ");
		put_padded(t, n->object, objects);
		put_padded(t, n->state, states);
		put_needs(t, d, &needs, i);
		if (n->note[0])
			text_putf(t, "  (%s)", utf8_escape(t->a, n->note));
		while (t->n && t->v[t->n - 1] == ' ')
			t->n--;
		text_put(t, "\n");
	}
}

/* ---- Graphviz ------------------------------------------------------------------------------- */

/* In double quotes a backslash would begin an escape of dot's own. */
static const char *dot_quote(struct arena *a, const char *s)
{
	struct text t = {.a = a};

	for (s = utf8_escape(a, s); *s; s++) {
		if (*s == '"' || *s == '\\')
			text_put(&t, "\\");
		text_putn(&t, s, 1);
	}
	return text_end(&t);
}

static void dot_node(struct text *t, const struct drawn *n, size_t i)
{
	text_putf(t, "\t\tn%zu [label=\"%s\\n%s\", color=\"%s\", tooltip=\"%s\"];\n", i,
		dot_quote(t->a, n->object), dot_quote(t->a, n->state), colors[n->health],
		dot_quote(t->a, n->note[0] ? n->note : n->state));
}

void drawing_dot(struct text *t, const struct drawing *d)
{
	text_put(t, "digraph reconcile {\n\trankdir=LR;\n\tnode [shape=box, style=rounded];\n");
	for (size_t i = 0; i < d->nodes.n; i++) {
		if (begins_source(d, i))
			text_putf(t, "%s\tsubgraph cluster_%zu {\n\t\tlabel=\"%s\";\n", i ? "\t}\n" : "", i,
				dot_quote(t->a, source_text(&d->nodes.v[i])));
		dot_node(t, &d->nodes.v[i], i);
	}
	text_put(t, d->nodes.n ? "\t}\n" : "");
	vec_each(e, &d->needs)
		text_putf(t, "\tn%u -> n%u;\n", e->to, e->from);
	text_put(t, "}\n");
}

/* ---- SVG ------------------------------------------------------------------------------------ */

enum { BOX_W = 200, BOX_H = 44, GAP_X = 70, GAP_Y = 14, EDGE = 20, TITLE = 30, SHOWN = 26 };

struct place {
	uint32_t column, row;
	uint32_t x, y;
};

struct layout {
	struct place *places; /* one per node */
	uint32_t *heights;    /* per node that begins a source: rows of that frame */
	uint32_t columns, height;
};

/* Rows of a column are given out in the order of the nodes. */
static uint32_t lay_source(struct layout *l, size_t from, size_t to, uint32_t *used)
{
	uint32_t rows = 0;

	memset(used, 0, l->columns * sizeof(*used));
	for (size_t i = from; i < to; i++) {
		struct place *p = &l->places[i];

		p->row = used[p->column]++;
		rows = used[p->column] > rows ? used[p->column] : rows;
	}
	return rows;
}

/* A cycle has no columns: then all stand in the first one. */
static void lay_out(struct arena *a, const struct drawing *d, struct layout *l)
{
	uint32_t *levels = arena_array(a, d->nodes.n + 1, sizeof(*levels)), *used, cycle;
	size_t to;

	*l = (struct layout){
		.places = arena_array(a, d->nodes.n + 1, sizeof(*l->places)),
		.heights = arena_array(a, d->nodes.n + 1, sizeof(*l->heights)),
		.columns = 1,
		.height = EDGE,
	};
	if (graph_levels(a, d->nodes.n, &d->needs, levels, &cycle) != 0)
		memset(levels, 0, d->nodes.n * sizeof(*levels));
	for (size_t i = 0; i < d->nodes.n; i++) {
		l->places[i].column = levels[i];
		l->columns = levels[i] >= l->columns ? levels[i] + 1 : l->columns;
	}
	used = arena_array(a, l->columns, sizeof(*used));
	for (size_t from = 0; from < d->nodes.n; from = to) {
		for (to = from + 1; to < d->nodes.n && !begins_source(d, to); to++)
			;
		l->heights[from] = lay_source(l, from, to, used);
		for (size_t i = from; i < to; i++) {
			l->places[i].x = 2 * EDGE + l->places[i].column * (BOX_W + GAP_X);
			l->places[i].y = l->height + TITLE + l->places[i].row * (BOX_H + GAP_Y);
		}
		l->height += TITLE + l->heights[from] * (BOX_H + GAP_Y) + EDGE;
	}
}

/* Characters that mean something in XML as references; what is no character of XML was made visible
 * before. */
static void put_xml(struct text *t, const char *s)
{
	for (s = utf8_escape(t->a, s); *s; s++) {
		if (*s == '&')
			text_put(t, "&amp;");
		else if (*s == '<')
			text_put(t, "&lt;");
		else if (*s == '>')
			text_put(t, "&gt;");
		else if (*s == '"')
			text_put(t, "&quot;");
		else
			text_putn(t, s, 1);
	}
}

/* A box has room for so many characters; the whole of it is in the box's title. */
static void put_short(struct text *t, const char *s)
{
	size_t at = 0, n = strlen(s), shown = 0;
	uint32_t cp;

	while (at < n && shown < SHOWN) {
		size_t len = utf8_decode(s + at, n - at, &cp);

		at += len ? len : 1;
		shown++;
	}
	put_xml(t, arena_dupn(t->a, s, at));
	text_put(t, at < n ? "..." : "");
}

static void svg_frame(struct text *t, const struct drawing *d, const struct layout *l, size_t i)
{
	const uint32_t top = l->places[i].y - l->places[i].row * (BOX_H + GAP_Y) - TITLE;

	text_putf(t, "<rect class=\"source\" x=\"%d\" y=\"%u\" width=\"%u\" height=\"%u\" rx=\"8\"/>\n",
		EDGE, top, 2 * EDGE + l->columns * (BOX_W + GAP_X) - GAP_X,
		TITLE + l->heights[i] * (BOX_H + GAP_Y));
	text_putf(t, "<text class=\"title\" x=\"%d\" y=\"%u\">", 2 * EDGE, top + 20);
	put_xml(t, source_text(&d->nodes.v[i]));
	text_put(t, "</text>\n");
}

static void svg_edge(struct text *t, const struct layout *l, const struct edge *e)
{
	const struct place *from = &l->places[e->to], *to = &l->places[e->from];
	const uint32_t x = from->x + BOX_W, y = from->y + BOX_H / 2, end = to->y + BOX_H / 2;
	const uint32_t bend = x + GAP_X / 2;

	text_putf(t, "<path class=\"edge\" d=\"M%u %u C%u %u %u %u %u %u\" marker-end=\"url(#arrow)\"/>\n",
		x, y, bend, y, to->x - GAP_X / 2, end, to->x, end);
}

static void svg_node(struct text *t, const struct drawn *n, const struct place *p)
{
	text_putf(t, "<g class=\"%s\"><title>", healths[n->health]);
	put_xml(t, n->object);
	text_put(t, ": ");
	put_xml(t, n->note[0] ? n->note : n->state);
	text_putf(t, "</title><rect class=\"box\" x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" rx=\"6\"/>"
		"<rect class=\"mark\" x=\"%u\" y=\"%u\" width=\"6\" height=\"%d\" rx=\"3\"/>"
		"<text class=\"name\" x=\"%u\" y=\"%u\">", p->x, p->y, BOX_W, BOX_H, p->x, p->y, BOX_H,
		p->x + 14, p->y + 19);
	put_short(t, n->object);
	text_putf(t, "</text><text class=\"state\" x=\"%u\" y=\"%u\">", p->x + 14, p->y + 35);
	put_short(t, n->state);
	text_put(t, "</text></g>\n");
}

static void svg_style(struct text *t)
{
	text_put(t, "<style>\n"
		".ground{fill:#fff}.source{fill:#f6f7f9;stroke:#d5d9df}.box{fill:#fff;stroke:#c3c9d1}\n"
		".edge{fill:none;stroke:#98a1ad;stroke-width:1.3}.tip{fill:#98a1ad}\n"
		"text{font-family:system-ui,sans-serif;fill:#1d2430}\n"
		".title{font-size:13px;fill:#5b6573}.name{font-size:13px;font-weight:600}"
		".state{font-size:12px;fill:#5b6573}\n");
	for (size_t i = 0; i < sizeof(healths) / sizeof(healths[0]); i++)
		text_putf(t, ".%s .mark{fill:%s}\n", healths[i], colors[i]);
	text_put(t, "</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" "
		"markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"tip\" "
		"d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n");
}

void drawing_svg(struct text *t, const struct drawing *d)
{
	struct layout l;
	uint32_t width;

	lay_out(t->a, d, &l);
	width = 4 * EDGE + l.columns * (BOX_W + GAP_X) - GAP_X;
	text_putf(t, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" "
		"viewBox=\"0 0 %u %u\" role=\"img\" aria-label=\"objects and what they need\">\n", width,
		l.height, width, l.height);
	svg_style(t);
	text_put(t, "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n");
	for (size_t i = 0; i < d->nodes.n; i++)
		if (begins_source(d, i))
			svg_frame(t, d, &l, i);
	vec_each(e, &d->needs)
		svg_edge(t, &l, e);
	for (size_t i = 0; i < d->nodes.n; i++)
		svg_node(t, &d->nodes.v[i], &l.places[i]);
	text_put(t, "</svg>\n");
}
