/* table.h - a table for people: columns padded to their widest cell, no trailing blanks.
 *
 * On a terminal what does not fit is cut and ends in "...", in one column first. Elsewhere everything is
 * there: a file or a pipe has no width.
 */
#pragma once

#include "schema/base/vec.h"

#include <stdbool.h>
#include <stdio.h>

struct table {
	size_t columns;
	size_t cut;  /* the column that gives way first */
	bool head;   /* the first row is a heading */
	bool bold;   /* and bold */
	VEC(const char *) cells;
};

/* One more row of t->columns cells; NULL is an empty one. They are borrowed. */
void table_row(struct arena *a, struct table *t, const char *const *cells);

/* Print it. width 0: that of the terminal, where to is one. */
void table_print(const struct table *t, size_t width, FILE *to);

/* Columns that the terminal behind f has: COLUMNS, else what the terminal says; 0: it is none. */
size_t table_terminal_width(FILE *f);

/* From now on stdout counts as a terminal of so many columns: for a child whose output its parent shows on
 * one. 0: as it is. */
void table_assume_width(size_t width);
