/* copy.c - copy a file: shared blocks, or only the parts that hold data. */
#include "drivers/sys/copy.h"

#include "schema/base/arena.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One call's share: small enough that progress moves and a cancel is noticed. */
#define PIECE ((size_t)16 * 1024 * 1024)
#define BUFFER ((size_t)256 * 1024)

int copy_reflink(int from, int to, struct err *e)
{
	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	switch (errno) {
	case EOPNOTSUPP:
	case EXDEV:
	case EINVAL:
	case ENOTTY:
	case ENOSYS:
		return 1;
	case ENOSPC:
	case EDQUOT:
		return err_set(e, ERR_LIMIT, "no space left on the disk");
	default:
		return err_sys(e, errno, "cannot share blocks");
	}
}

static int copy_failed(int errnum, struct err *e)
{
	if (errnum == ENOSPC || errnum == EDQUOT)
		return err_set(e, ERR_LIMIT, "no space left on the disk");
	if (errnum == EFBIG)
		return err_set(e, ERR_LIMIT, "larger than this file system or limit allows");
	return err_sys(e, errnum, "cannot copy");
}

/* For file systems that copy_file_range(2) does not work between. Returns bytes copied, 0 at the
 * end of from, -1 with errno. */
static ssize_t copy_by_hand(int from, int to, off_t at, size_t n)
{
	char *buf = xmalloc(BUFFER);
	ssize_t got = pread(from, buf, n < BUFFER ? n : BUFFER, at), done = 0;

	while (got > 0 && done < got) {
		ssize_t w = pwrite(to, buf + done, (size_t)(got - done), at + done);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			got = -1;
			break;
		}
		done += w;
	}
	free(buf);
	return got;
}

static ssize_t copy_piece(int from, int to, off_t at, size_t n)
{
	off_t in = at, out = at;
	ssize_t done = copy_file_range(from, &in, to, &out, n, 0);

	if (done >= 0)
		return done;
	if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)
		return copy_by_hand(from, to, at, n);
	return -1;
}

static int copy_range(int from, int to, off_t at, off_t end, uint64_t size,
	const struct copy_watch *w, struct err *e)
{
	while (at < end) {
		size_t want = end - at > (off_t)PIECE ? PIECE : (size_t)(end - at);
		ssize_t done = copy_piece(from, to, at, want);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return copy_failed(errno, e);
		if (!done)
			return err_set(e, ERR_SYSTEM, "the file shrank while it was copied");
		at += done;
		if (w && w->cancel && *w->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (w && w->progress)
			w->progress(w->arg, (uint64_t)at, size);
	}
	return 0;
}

int copy_sparse(int from, int to, uint64_t size, const struct copy_watch *watch, struct err *e)
{
	off_t at = 0;
	const off_t end = (off_t)size;

	while (at < end) {
		off_t data = lseek(from, at, SEEK_DATA), hole;

		if (data < 0 && errno == ENXIO)
			break; /* only a hole is left */
		if (data < 0)
			return err_sys(e, errno, "cannot copy");
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return err_sys(e, errno, "cannot copy");
		if (hole > end)
			hole = end;
		if (copy_range(from, to, data, hole, size, watch, e) < 0)
			return -1;
		at = hole;
	}
	return ftruncate(to, end) < 0 ? copy_failed(errno, e) : 0;
}
