/* spool.c - headers and extents in a file without a name; see spool.h. */
#include "drivers/image/worker/spool.h"

#include "schema/base/arena.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (256u << 10)

/* One header; path, link, attributes and extents follow it. */
struct record {
	struct merge_entry entry; /* its pointers mean nothing */
	uint32_t path_len, link_len; /* with the NUL; link_len 0: none */
	uint32_t n_extents;
	uint32_t written;
};

int spool_open(struct spool *s, int dir_fd, struct err *e)
{
	*s = (struct spool){.buf = xmalloc(BUFFER)};
	s->fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	return s->fd < 0 ? err_sys(e, errno, "cannot create a temporary file") : 0;
}

void spool_close(struct spool *s)
{
	if (s->buf && s->fd >= 0)
		close(s->fd);
	free(s->buf);
	*s = (struct spool){.fd = -1};
}

uint64_t spool_tell(const struct spool *s)
{
	return s->at + s->fill;
}

/* ---- write ------------------------------------------------------------------------------ */

static int flush(struct spool *s, struct err *e)
{
	if (s->reading)
		return 0;
	if (fd_write_all(s->fd, s->buf, s->fill) < 0)
		return err_sys(e, errno, "cannot write a temporary file");
	s->at += s->fill;
	s->fill = 0;
	return 0;
}

static int put(struct spool *s, const void *data, size_t n, struct err *e)
{
	const uint8_t *p = data;

	while (n) {
		const size_t room = BUFFER - s->fill, now = n < room ? n : room;

		memcpy(s->buf + s->fill, p, now);
		s->fill += now;
		p += now;
		n -= now;
		if (s->fill == BUFFER && flush(s, e) < 0)
			return -1;
	}
	return 0;
}

int spool_put(struct spool *s, const struct merge_entry *entry, bool written,
	const struct extents *extents, struct err *e)
{
	struct record r = {.entry = *entry, .path_len = (uint32_t)strlen(entry->path) + 1,
		.link_len = entry->link ? (uint32_t)strlen(entry->link) + 1 : 0,
		.n_extents = written ? (uint32_t)extents->n : 0, .written = written};

	if (put(s, &r, sizeof(r), e) < 0 || put(s, entry->path, r.path_len, e) < 0 ||
		put(s, entry->link, r.link_len, e) < 0 ||
		put(s, entry->xattrs, entry->xattrs_len, e) < 0)
		return -1;
	return put(s, extents->v, r.n_extents * sizeof(*extents->v), e);
}

/* ---- read ------------------------------------------------------------------------------- */

int spool_seek(struct spool *s, uint64_t at, struct err *e)
{
	if (flush(s, e) < 0)
		return -1;
	s->reading = true;
	s->at = at;
	s->fill = s->taken = 0;
	return 0;
}

/* n bytes in a row in the buffer, which is moved or grown for them. NULL: e says why. */
static const char *get(struct spool *s, size_t n, struct err *e)
{
	const size_t size = n > BUFFER ? n : BUFFER;

	while (s->fill - s->taken < n) {
		ssize_t got;

		memmove(s->buf, s->buf + s->taken, s->fill - s->taken);
		s->fill -= s->taken;
		s->taken = 0;
		if (n > BUFFER)
			s->buf = xrealloc(s->buf, n);
		got = pread(s->fd, s->buf + s->fill, size - s->fill, (off_t)s->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			err_sys(e, got < 0 ? errno : EIO, "cannot read a temporary file");
			return NULL;
		}
		s->at += (uint64_t)got;
		s->fill += (size_t)got;
	}
	s->taken += n;
	return (const char *)s->buf + s->taken - n;
}

int spool_get(struct spool *s, struct merge_entry *entry, bool *written, struct extents *extents,
	struct err *e)
{
	struct record r;
	const char *p = get(s, sizeof(r), e);

	if (!p)
		return -1;
	memcpy(&r, p, sizeof(r));
	p = get(s, r.path_len + r.link_len + r.entry.xattrs_len + r.n_extents *
		sizeof(struct extent), e);
	if (!p)
		return -1;
	*entry = r.entry;
	*written = r.written;
	entry->path = p;
	p += r.path_len;
	entry->link = r.link_len ? p : NULL;
	p += r.link_len;
	entry->xattrs = r.entry.xattrs_len ? p : NULL;
	p += r.entry.xattrs_len;
	extents_reset(extents);
	for (uint32_t i = 0; i < r.n_extents; i++) {
		struct extent one;

		memcpy(&one, p + i * sizeof(one), sizeof(one));
		extents_add(extents, one.logical, one.physical, one.length);
	}
	return 0;
}
