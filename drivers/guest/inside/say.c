/* say.c - one line for people. */
#include "drivers/guest/inside/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void say(const char *fmt, ...)
{
	char line[512] = "reconcile-guest: ";
	size_t n = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	n = strlen(line);
	line[n] = '\n';
	/* One write, so that lines of several processes do not mix. Nobody to tell if it fails. */
	if (write(STDERR_FILENO, line, n + 1) < 0)
		return;
}
