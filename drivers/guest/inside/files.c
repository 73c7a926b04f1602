/* files.c - the agent's operations "read_file" and "write_file". */
#include "drivers/guest/inside/files.h"

#include "drivers/guest/inside/base64.h"
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

static void begin(struct chan *ch, enum chan_op op, const struct jsonlite_node *req)
{
	ch->op = op;
	ch->op_id = jsonlite_int(req, "id", 0);
	ch->files.size = 0;
}

static int get_path(const struct jsonlite_node *req, const char **path, struct why *w)
{
	*path = jsonlite_str(req, "path", "");
	if (**path != '/' || strlen(*path) >= PATH_MAX)
		return why_set(w, EINVAL, "\"path\" is not an absolute path");
	return 0;
}

/* The operation ends with a failure. */
static void fail(struct chan *ch, const struct why *w)
{
	files_abort(ch);
	chan_fail(ch, ch->op_id, w);
}

static void succeed(struct chan *ch, bool with_mode)
{
	struct jsonout w;
	size_t room;
	char *line = chan_line(ch, &room);

	jsonout_open(&w, line, room);
	jsonout_int(&w, "id", ch->op_id);
	jsonout_flag(&w, "ok", true);
	jsonout_int(&w, "size", (int64_t)ch->files.size);
	if (with_mode)
		jsonout_int(&w, "mode", ch->files.mode);
	chan_line_done(ch, jsonout_close(&w));
	ch->op = CHAN_IDLE;
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
	const char *path;
	struct why w;

	ch->files.fd = -1;
	if (get_path(req, &path, &w) == 0)
		ch->files.fd = open_regular(path, &ch->files.mode, &w);
	if (ch->files.fd < 0)
		chan_fail(ch, jsonlite_int(req, "id", 0), &w);
	else
		begin(ch, CHAN_READ, req);
}

bool files_pump(struct chan *ch)
{
	size_t room = chan_data_room(ch);
	struct why w;
	ssize_t got;

	/* Pieces are whole ones but for the last: small ones would cost more lines. */
	if (room < GUEST_DATA_MAX)
		return false;
	got = read(ch->files.fd, ch->guest->scratch, room);
	if (got < 0 && errno == EINTR)
		return true;
	if (got < 0) {
		why_set(&w, errno, "cannot read");
		fail(ch, &w);
	} else if (!got) {
		sysfile_close(&ch->files.fd);
		succeed(ch, true);
	} else {
		ch->files.size += (uint64_t)got;
		chan_event_data(ch, "data", ch->guest->scratch, (size_t)got);
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
	struct files *f = &ch->files;
	int64_t mode = jsonlite_int(req, "mode", 0644);
	const char *path;
	struct why w;
	int rc = get_path(req, &path, &w);

	f->fd = -1;
	if (rc == 0 && (mode < 0 || mode > 07777))
		rc = why_set(&w, EINVAL, "\"mode\" is out of range");
	if (rc == 0) {
		snprintf(f->path, sizeof(f->path), "%s", path);
		f->mode = (mode_t)mode;
		rc = open_tmp(f, &w);
	}
	if (rc < 0)
		chan_fail(ch, jsonlite_int(req, "id", 0), &w);
	else
		begin(ch, CHAN_WRITE, req);
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

static int take_data(struct files *f, const struct jsonlite_node *data, struct why *w)
{
	size_t n = 0;

	if (!data)
		return 0;
	if (data->type != JSONLITE_STR || data->len > BASE64_LEN(GUEST_DATA_MAX) ||
		base64_decode((char *)(uintptr_t)data->str, data->len, &n) < 0)
		return why_set(w, EINVAL, "\"data\" is not base64 of at most 32768 bytes");
	if (sysfile_write_all(f->fd, data->str, n) < 0)
		return why_set(w, errno, "cannot write %s", f->path);
	f->size += n;
	return 0;
}

void files_data(struct chan *ch, const struct jsonlite_node *req)
{
	bool eof = jsonlite_flag(req, "eof", false);
	struct why w;

	if (take_data(&ch->files, jsonlite_get(req, "data"), &w) < 0 ||
		(eof && publish(&ch->files, &w) < 0))
		fail(ch, &w);
	else if (eof)
		succeed(ch, false);
}

void files_abort(struct chan *ch)
{
	if (ch->op == CHAN_WRITE)
		unlink(ch->files.tmp);
	sysfile_close(&ch->files.fd);
	ch->op = CHAN_IDLE;
}
