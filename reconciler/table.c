/* table.c - a table for people. */
#include "reconciler/table.h"

#include "schema/base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"
#define GAP 2         /* between columns */
#define CUT_MIN 8     /* narrower says nothing any more: then the terminal wraps the lines */
#define DOTS "..."
#define DOTS_WIDTH 3
#define WIDTH_MIN 20  /* what a terminal claims below that is no width */
#define WIDTH_MAX 10000

static size_t assumed;

void table_assume_width(size_t width)
{
	assumed = width;
}

size_t table_terminal_width(FILE *f)
{
	const char *text = getenv("COLUMNS");
	struct winsize size;
	char *end;
	unsigned long n;

	if (fileno(f) < 0 || !isatty(fileno(f)))
		return f == stdout ? assumed : 0;
	n = text ? strtoul(text, &end, 10) : 0;
	if (text && *text && !*end && n >= WIDTH_MIN && n < WIDTH_MAX)
		return n;
	if (ioctl(fileno(f), TIOCGWINSZ, &size) < 0 || size.ws_col < WIDTH_MIN)
		return 0;
	return size.ws_col;
}

void table_row(struct arena *a, struct table *t, const char *const *cells)
{
	for (size_t i = 0; i < t->columns; i++)
		*vec_push(a, &t->cells) = cells[i] ? cells[i] : "";
}

/* Bytes of s that take at most max columns; *width is what they take. */
static size_t fitting(const char *s, size_t max, size_t *width)
{
	size_t n = strlen(s), at = 0;

	*width = 0;
	while (at < n) {
		uint32_t cp = 0;
		size_t len = utf8_decode(s + at, n - at, &cp);
		size_t w = len ? (size_t)utf8_width(cp) : 1;

		if (*width + w > max)
			break;
		*width += w;
		at += len ? len : 1;
	}
	return at;
}

static size_t width_of(const char *s)
{
	size_t width;

	fitting(s, SIZE_MAX, &width);
	return width;
}

static size_t cells_in(const struct table *t, size_t row)
{
	size_t n = t->columns;

	while (n && !t->cells.v[row * t->columns + n - 1][0])
		n--;
	return n;
}

static size_t total(const struct table *t, const size_t *widths)
{
	size_t sum = 0;

	for (size_t c = 0; c < t->columns; c++)
		sum += widths[c] + (widths[c] && c + 1 < t->columns ? GAP : 0);
	return sum;
}

/* The column that gives way is cut first, down to what still says something; then whatever is widest. */
static void fit(const struct table *t, size_t *widths, size_t room)
{
	while (total(t, widths) > room) {
		size_t widest = t->cut;

		for (size_t c = 0; widths[t->cut] <= CUT_MIN && c < t->columns; c++)
			if (widths[c] > widths[widest])
				widest = c;
		if (widths[widest] <= CUT_MIN)
			return;
		widths[widest]--;
	}
}

/* Returns the columns that were printed. */
static size_t print_cell(const char *cell, size_t max, FILE *to)
{
	size_t width = width_of(cell), n;

	if (width <= max) {
		fputs(cell, to);
		return width;
	}
	n = fitting(cell, max - DOTS_WIDTH, &width);
	fwrite(cell, 1, n, to);
	fputs(DOTS, to);
	return width + DOTS_WIDTH;
}

static void print_row(const struct table *t, size_t row, const size_t *widths, FILE *to)
{
	size_t n = cells_in(t, row);

	for (size_t c = 0; c < n; c++) {
		size_t used = print_cell(t->cells.v[row * t->columns + c], widths[c], to);

		/* A column that is empty everywhere takes no room. */
		if (c + 1 < n && widths[c])
			fprintf(to, "%*s", (int)(widths[c] - used + GAP), "");
	}
}

void table_print(const struct table *t, size_t width, FILE *to)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t *widths = arena_array(&a, t->columns + 1, sizeof(*widths));

	for (size_t i = 0; i < t->cells.n; i++) {
		size_t w = width_of(t->cells.v[i]);

		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	if (!width)
		width = table_terminal_width(to);
	if (width)
		fit(t, widths, width);
	for (size_t r = 0; r < t->cells.n / t->columns; r++) {
		bool bold = t->head && t->bold && !r;

		fputs(bold ? BOLD : "", to);
		print_row(t, r, widths, to);
		fputs(bold ? PLAIN "\n" : "\n", to);
	}
}
