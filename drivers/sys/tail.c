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

/* Offset behind the first line end at or after from; from itself if it is not to be found soon. */
static off_t line_start(int fd, off_t from)
{
	char buf[4096];
	size_t n = read_from(fd, from, buf, sizeof(buf));
	const char *end = memchr(buf, '\n', n);

	return end ? from + (end + 1 - buf) : from;
}

/* Copy what stands from the offset on to the front; *n of it. The reader is always ahead. */
static int move_to_front(int fd, off_t from, off_t *n)
{
	char buf[65536];
	size_t got;

	for (*n = 0; (got = read_from(fd, from + *n, buf, sizeof(buf))) > 0; *n += (off_t)got)
		if (pwrite(fd, buf, got, *n) != (ssize_t)got)
			return -1;
	return 0;
}

int tail_keep(int dirfd, const char *name, uint64_t max, uint64_t keep, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	off_t n;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		(uint64_t)st.st_size <= max)
		return 0;
	fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || move_to_front(fd, line_start(fd, st.st_size - (off_t)keep), &n) < 0 ||
		ftruncate(fd, n) < 0)
		return err_sys(e, errno, "cannot shorten %s", name);
	return 0;
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
