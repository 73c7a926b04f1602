/* nearest.c - the known name that a mistyped one was meant to be. */
#include "schema/field.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64

static int fold(char c)
{
	return tolower((unsigned char)c);
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* One row of the table of optimal string alignment (insertion, deletion, substitution, and two
 * neighbours swapped each cost 1). Returns the least value of the row. */
static size_t fill_row(const char *a, size_t i, const char *b, size_t nb,
	size_t rows[3][WORD_MAX + 1])
{
	const size_t *before = rows[(i + 1) % 3], *last = rows[(i + 2) % 3];
	size_t *row = rows[i % 3], least = i;

	row[0] = i;
	for (size_t j = 1; j <= nb; j++) {
		size_t differs = fold(a[i - 1]) != fold(b[j - 1]);

		row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
		if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
			fold(a[i - 2]) == fold(b[j - 1]) && before[j - 2] + 1 < row[j])
			row[j] = before[j - 2] + 1;
		if (row[j] < least)
			least = row[j];
	}
	return least;
}

/* Edit distance of a and b; anything above bound when it is above bound. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb, size_t bound)
{
	size_t rows[3][WORD_MAX + 1];

	while (na && nb && fold(*a) == fold(*b))
		a++, b++, na--, nb--;
	while (na && nb && fold(a[na - 1]) == fold(b[nb - 1]))
		na--, nb--;
	if (!na || !nb)
		return na + nb;
	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= na; i++)
		if (fill_row(a, i, b, nb, rows) > bound)
			return bound + 1;
	return rows[na % 3][nb];
}

const char *nearest_name(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), bound = (len + 1) / 3;
	const char *best = NULL;

	if (!bound || len > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t other = strlen(candidates[i]);
		size_t apart = other > len ? other - len : len - other;
		size_t d;

		if (apart > bound || other > WORD_MAX)
			continue;
		d = distance(word, len, candidates[i], other, bound);
		if (d > bound)
			continue;
		best = candidates[i];
		if (d <= 1)
			break;
		bound = d - 1;
	}
	return best;
}
