/* tail.c - the end of a file that a guest writes. */
#include "drivers/sys/tail.h"

#include "drivers/sys/plain.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An error message holds 1023 bytes; more than this is cut there anyway. */
#define LINES_BYTES_MAX 640

static size_t read_from(int fd, off_t from, char *buf, size_t max)
{
	size_t n = 0;

	while (n < max) {
		ssize_t got = pread(fd, buf + n, max - n, from + (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	return n;
}

char *tail_read(struct arena *a, int dirfd, const char *name, size_t max, size_t *n)
{
	_cleanup_fd_ int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	off_t from = 0;
	char *buf, *line;

	*n = 0;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return arena_dup(a, "");
	if ((uint64_t)st.st_size > max)
		from = st.st_size - (off_t)max;
	else
		max = (size_t)st.st_size;
	buf = arena_alloc(a, max + 1);
	*n = read_from(fd, from, buf, max);
	buf[*n] = '\0';
	line = from ? memchr(buf, '\n', *n) : NULL;
	if (!line)
		return buf;
	*n -= (size_t)(line + 1 - buf);
	return line + 1;
}

/* Where the last so many lines of the text begin. */
static size_t last_lines(const char *text, size_t n, size_t lines)
{
	size_t i = n;

	while (i && (text[i - 1] == '\n' || text[i - 1] == '\r'))
		i--;
	for (; i && lines; i--)
		if (text[i - 1] == '\n' && !--lines)
			break;
	return i;
}

const char *tail_lines(struct arena *a, int dirfd, const char *name, size_t lines)
{
	size_t n, from;
	char *text = tail_read(a, dirfd, name, 4096, &n), *shown;

	from = last_lines(text, n, lines);
	if (n - from > LINES_BYTES_MAX)
		from = n - LINES_BYTES_MAX;
	shown = plain_text(a, text + from, n - from);
	return *shown ? shown : NULL;
}
