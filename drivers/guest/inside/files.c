/* files.c - the agent's operations "read_file" and "write_file". */
#include "drivers/guest/inside/files.h"

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/jsonout.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP_TRIES 16

/* A stream for the request; NULL when it was refused. */
static struct stream *begin(struct chan *ch, enum stream_kind kind, const struct jsonlite_node *req)
{
	int64_t id = jsonlite_int(req, "id", 0);
	struct why w;
	struct stream *s = stream_new(ch, id, kind, &w);

	if (!s) {
		chan_fail(ch, id, &w);
		return NULL;
	}
	s->files = (struct files){.fd = -1};
	return s;
}

static int get_path(const struct jsonlite_node *req, const char **path, struct why *w)
{
	*path = jsonlite_str(req, "path", "");
	if (**path != '/' || strlen(*path) >= PATH_MAX)
		return why_set(w, EINVAL, "\"path\" is not an absolute path");
	return 0;
}

static void succeed(struct stream *s, bool with_mode)
{
	struct jsonout w;

	chan_line(s->ch, &w, s->id);
	jsonout_flag(&w, "ok", true);
	jsonout_int(&w, "size", (int64_t)s->files.size);
	if (with_mode)
		jsonout_int(&w, "mode", s->files.mode);
	chan_line_done(s->ch, &w);
	stream_free(s);
}

/* ---- read ------------------------------------------------------------------------------- */

static int open_regular(const char *path, mode_t *mode, struct why *w)
{
	/* O_NONBLOCK: opening a FIFO or a device must not wait, and then it is refused. */
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return why_set(w, errno, "cannot open %s", path);
	if (S_ISDIR(st.st_mode))
		return why_set(w, EISDIR, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return why_set(w, EINVAL, "%s is not a regular file", path);
	*mode = st.st_mode & 07777;
	return sysfile_take(&fd);
}

void files_read(struct chan *ch, const struct jsonlite_node *req)
{
	struct stream *s = begin(ch, STREAM_READ, req);
	const char *path;
	struct why w;

	if (!s)
		return;
	if (get_path(req, &path, &w) == 0)
		s->files.fd = open_regular(path, &s->files.mode, &w);
	if (s->files.fd < 0)
		stream_fail(s, &w);
}

bool files_pump(struct stream *s)
{
	size_t room = stream_room(s);
	struct why w;
	ssize_t got;

	/* Pieces are whole ones but for the last: small ones would cost more lines. */
	if (!room || (s->ch->version < 2 && room < GUEST_DATA_MAX))
		return false;
	got = read(s->files.fd, s->guest->scratch, room);
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0) {
		why_set(&w, errno, "cannot read");
		stream_fail(s, &w);
	} else if (!got) {
		sysfile_close(&s->files.fd);
		succeed(s, true);
	} else {
		s->files.size += (uint64_t)got;
		stream_data(s, "data", s->guest->scratch, (size_t)got);
	}
	return true;
}

/* ---- write ------------------------------------------------------------------------------ */

/* A name beside the file: rename works only within one file system. */
static int open_tmp(struct files *f, struct why *w)
{
	const char *slash = strrchr(f->path, '/');

	if (!slash[1] || !strcmp(slash, "/.") || !strcmp(slash, "/.."))
		return why_set(w, EISDIR, "cannot write %s", f->path);
	for (unsigned i = 0; i < TMP_TRIES; i++) {
		int n = snprintf(f->tmp, sizeof(f->tmp), "%.*s/.reconcile-%d-%u.tmp",
			(int)(slash - f->path), f->path, (int)getpid(), i);

		if (n >= (int)sizeof(f->tmp))
			return why_set(w, ENAMETOOLONG, "cannot write %s", f->path);
		f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (f->fd >= 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return why_set(w, errno, "cannot create a file beside %s", f->path);
}

void files_write(struct chan *ch, const struct jsonlite_node *req)
{
	int64_t mode = jsonlite_int(req, "mode", 0644);
	struct stream *s = begin(ch, STREAM_WRITE, req);
	const char *path;
	struct why w;
	int rc;

	if (!s)
		return;
	rc = get_path(req, &path, &w);
	if (rc == 0 && (mode < 0 || mode > 07777))
		rc = why_set(&w, EINVAL, "\"mode\" is out of range");
	if (rc == 0) {
		snprintf(s->files.path, sizeof(s->files.path), "%s", path);
		s->files.mode = (mode_t)mode;
		rc = open_tmp(&s->files, &w);
	}
	if (rc < 0)
		stream_fail(s, &w);
}

/* The file is whole: make it the real one. The mode comes after the data, because writing clears
 * the setuid bit (write(2)). */
static int publish(struct files *f, struct why *w)
{
	if (fchmod(f->fd, f->mode) < 0 || fsync(f->fd) < 0 || rename(f->tmp, f->path) < 0)
		return why_set(w, errno, "cannot write %s", f->path);
	sysfile_close(&f->fd);
	return 0;
}

void files_input(struct stream *s, const char *data, size_t n, bool eof)
{
	struct files *f = &s->files;
	struct why w;
	int rc = 0;

	if (n && sysfile_write_all(f->fd, data, n) < 0)
		rc = why_set(&w, errno, "cannot write %s", f->path);
	f->size += n;
	stream_took(s, n);
	if (rc == 0 && eof)
		rc = publish(f, &w);
	if (rc < 0)
		stream_fail(s, &w);
	else if (eof)
		succeed(s, false);
}

void files_abort(struct stream *s)
{
	/* Before it is open there is no file of ours. */
	if (s->kind == STREAM_WRITE && s->files.fd >= 0)
		unlink(s->files.tmp);
	sysfile_close(&s->files.fd);
}
