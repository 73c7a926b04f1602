/* diag.c - diagnostics: collecting them, and showing one as people read it.
 *
 * Whatever comes from a spec is escaped before it is shown, so that no file can drive the terminal.
 * The excerpt keeps its tabs and the line with the caret repeats them: whatever a tab is worth on
 * this terminal, the caret stands right.
 */
#include "schema/source.h"

#include "schema/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_BEFORE 60 /* characters of a long line before and after the place that matters */
#define SHOWN_AFTER 60
#define SHOWN_CHAR 12

bool diags_full(const struct diags *d)
{
	return d->n > SPEC_DIAGS_MAX;
}

struct diag *diags_add(struct arena *a, struct diags *d, enum severity s, struct pos pos,
	const char *fmt, ...)
{
	struct diag *diag;
	char msg[1024];
	va_list ap;

	if (s == SEVERITY_ERROR)
		d->errors++;
	if (diags_full(d))
		return arena_new(a, struct diag);
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	diag = vec_push(a, d);
	*diag = (struct diag){.severity = s, .pos = pos, .width = 1, .msg = arena_dup(a, msg)};
	diag->pos.file = arena_dup(a, pos.file);
	return diag;
}

void diag_hint(struct arena *a, struct diag *d, const char *fmt, ...)
{
	char hint[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	d->hint = arena_dup(a, hint);
}

/* A growing text. */
struct out {
	struct arena *a;
	VEC(char) text;
};

static void put(struct out *o, const char *s)
{
	for (; *s; s++)
		*vec_push(o->a, &o->text) = *s;
}

static void put_many(struct out *o, char c, size_t n)
{
	while (n--)
		*vec_push(o->a, &o->text) = c;
}

static void put_place(struct out *o, const struct pos *pos)
{
	if (pos->file)
		put(o, arena_printf(o->a, "%s:", utf8_escape(o->a, pos->file)));
	if (pos->file && pos->line)
		put(o, arena_printf(o->a, "%u:%u:", pos->line, pos->col));
	if (pos->file)
		put(o, " ");
}

/* Where the characters of a line begin that are shown: all of it, or a window around the place. */
struct window {
	const char *p;
	size_t n;
	uint32_t col; /* of the place in the window */
	bool cut_before, cut_after;
};

static size_t step(const char *p, size_t n)
{
	uint32_t cp;
	size_t len = utf8_decode(p, n, &cp);

	return len ? len : 1;
}

static struct window window_of(const char *line, uint32_t col, uint32_t width)
{
	struct window w = {.p = line, .n = strlen(line), .col = col};
	uint32_t keep = SHOWN_AFTER + (width < SHOWN_AFTER ? width : SHOWN_AFTER);
	size_t at = 0;

	for (; w.col > SHOWN_BEFORE && w.n; w.col--) {
		size_t len = step(w.p, w.n);

		w.p += len;
		w.n -= len;
		w.cut_before = true;
	}
	for (uint32_t c = 0; c < w.col + keep && at < w.n; c++)
		at += step(w.p + at, w.n - at);
	w.cut_after = at < w.n;
	w.n = at;
	return w;
}

/* The characters of the window; with marks, what stands under them. */
static void put_window(struct out *o, const struct window *w, uint32_t width, bool marks)
{
	uint32_t c = 1;
	size_t at = 0;

	if (w->cut_before)
		put(o, marks ? "   " : "...");
	for (; at < w->n && (!marks || c < w->col + width); c++) {
		char shown[SHOWN_CHAR];
		int columns = 1;

		if (w->p[at] == '\t') {
			put(o, marks && c > w->col ? "~" : "\t");
			at++;
			continue;
		}
		at += utf8_show(w->p + at, w->n - at, shown, sizeof(shown), &columns);
		if (!marks) {
			put(o, shown);
			continue;
		}
		if (c == w->col) {
			put(o, "^");
			columns--;
		}
		put_many(o, c < w->col ? ' ' : '~', columns > 0 ? (size_t)columns : 0);
	}
	if (marks && c <= w->col)
		put(o, "^");
	if (!marks && w->cut_after)
		put(o, "...");
	put(o, "\n");
}

static void put_excerpt(struct out *o, const struct diag *d)
{
	struct window w = window_of(d->excerpt, d->pos.col, d->width);

	put(o, arena_printf(o->a, "%5u | ", d->pos.line));
	put_window(o, &w, d->width, false);
	put(o, "      | ");
	put_window(o, &w, d->width, true);
}

char *diag_text(struct arena *a, const struct diag *d)
{
	struct out o = {.a = a};

	put_place(&o, &d->pos);
	put(&o, d->severity == SEVERITY_ERROR ? "error: " : "warning: ");
	put(&o, utf8_escape(a, d->msg));
	if (d->hint)
		put(&o, arena_printf(a, "; %s", utf8_escape(a, d->hint)));
	put(&o, "\n");
	if (d->excerpt && *d->excerpt && d->pos.line)
		put_excerpt(&o, d);
	if (d->other.line) {
		put_place(&o, &d->other);
		put(&o, "note: the other place\n");
	}
	*vec_push(a, &o.text) = '\0';
	return o.text.v;
}
