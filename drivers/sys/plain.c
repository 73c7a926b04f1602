/* plain.c - text from a guest, made safe to show. */
#include "drivers/sys/plain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* Text for one byte; out has room for 5. */
static size_t spell(unsigned char c, char *out)
{
	if (c == '\t')
		c = ' ';
	if (c >= 0x20 && c < 0x7f) {
		out[0] = (char)c;
		return 1;
	}
	return (size_t)snprintf(out, 5, "\\x%02x", c);
}

char *plain_text(struct arena *a, const char *s, size_t n)
{
	char *out, *p;

	while (n && is_line_end(s[0]))
		s++, n--;
	while (n && is_line_end(s[n - 1]))
		n--;
	out = p = arena_array(a, n + 2, 4);
	for (size_t i = 0; i < n; i++) {
		if (!is_line_end(s[i])) {
			p += spell((unsigned char)s[i], p);
			continue;
		}
		if (!is_line_end(s[i + 1])) {
			memcpy(p, " | ", 3);
			p += 3;
		}
	}
	*p = '\0';
	return out;
}
