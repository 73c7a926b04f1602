/* blobs.c - blobs by digest; see blobs.h. */
#include "drivers/image/worker/blobs.h"

#include "drivers/image/worker/digest.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TMP_NAME_MAX (REF_HEX + 8)

struct download {
	struct http_sink sink;
	int fd;
	struct digest digest;
	const struct descriptor *blob;
	struct blobs_watch *watch;
};

int blobs_open_cache(const char *cache_dir, int *dir_fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "%s/oci/blobs/sha256", cache_dir);

	if (dir_make(AT_FDCWD, path, 0700, e) < 0)
		return -1;
	*dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*dir_fd < 0)
		return err_sys(e, errno, "cannot open the cache %s", path);
	if (flock(*dir_fd, LOCK_SH) < 0)
		return err_sys(e, errno, "cannot lock the cache %s", path);
	return 0;
}

/* 1: there is none. */
static int open_file(int dir_fd, const char *path, const char *digest, int *fd, struct err *e)
{
	struct stat st;

	*fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 && errno == ENOENT)
		return 1;
	if (*fd < 0)
		return err_sys(e, errno, "cannot open blob %s", digest);
	if (fstat(*fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	fd_close(fd);
	return err_set(e, ERR_CONTENT, "blob %s is not a regular file", digest);
}

/* 1: there is none. */
static int open_blob(const struct blobs *b, const char *digest, struct range *out, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *name = arena_printf(&a, "blobs/sha256/%s", ref_hex(digest));

	*out = (struct range){-1, 0, RANGE_TO_END};
	if (b->tarball)
		return tarball_find(b->tarball, name) ? tarball_range(b->tarball, name, out, e) : 1;
	if (b->layout)
		return open_file(AT_FDCWD, arena_printf(&a, "%s/%s", b->layout->path, name), digest,
			&out->fd, e);
	return open_file(b->dir_fd, ref_hex(digest), digest, &out->fd, e);
}

int blobs_open(const struct blobs *b, const char *digest, struct range *out, struct err *e)
{
	int rc = open_blob(b, digest, out, e);

	return rc > 0 ? err_set(e, ERR_CONTENT, "blob %s is missing", digest) : rc;
}

/* ---- fetch ------------------------------------------------------------------------------ */

static void watch_tell(struct blobs_watch *w, uint64_t have)
{
	if (w)
		tally_layer(w->all, w->layer, &w->counted, have);
}

static int download_start(struct http_sink *s, uint64_t from, struct err *e)
{
	struct download *d = (struct download *)s;

	if (from)
		return 0; /* the digest has seen what is there */
	digest_fini(&d->digest);
	digest_init(&d->digest);
	if (ftruncate(d->fd, 0) < 0 || lseek(d->fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "cannot start the blob over");
	return 0;
}

static int download_write(struct http_sink *s, const void *data, size_t n, struct err *e)
{
	struct download *d = (struct download *)s;

	if (fd_write_all(d->fd, data, n) < 0)
		return err_sys(e, errno, "cannot write to the cache");
	digest_add(&d->digest, data, n);
	watch_tell(d->watch, d->sink.have + n);
	return 0;
}

/* Go on with what an earlier run left: its bytes belong to the digest. */
static int take_over(struct download *d, struct err *e)
{
	char buf[65536];
	ssize_t n;

	digest_init(&d->digest);
	while ((n = read(d->fd, buf, sizeof(buf))) > 0) {
		digest_add(&d->digest, buf, (size_t)n);
		d->sink.have += (uint64_t)n;
	}
	if (n < 0)
		return err_sys(e, errno, "cannot read the cache");
	return d->sink.have > d->blob->size ? download_start(&d->sink, d->sink.have = 0, e) : 0;
}

static int check_download(struct download *d, struct err *e)
{
	char have[REF_DIGEST_MAX];

	if (d->sink.have != d->blob->size)
		return err_set(e, ERR_CONTENT, "truncated: %llu of %llu bytes",
			(unsigned long long)d->sink.have, (unsigned long long)d->blob->size);
	if (digest_end(&d->digest, have, e) < 0)
		return -1;
	if (strcmp(have, d->blob->digest) != 0)
		return err_set(e, ERR_CONTENT, "wrong digest: expected %s, got %s", d->blob->digest,
			have);
	return 0;
}

/* 1: it is all there, and wrong; e says how. */
static int complete(struct blobs *b, struct download *d, struct err *e)
{
	if (d->sink.have < d->blob->size &&
		registry_blob(b->registry, d->blob->digest, &d->sink, e) < 0)
		return -1;
	return check_download(d, e) < 0 ? 1 : 0;
}

static int download_run(struct blobs *b, struct download *d, const char *tmp, struct err *e)
{
	bool took_over;
	int rc;

	if (take_over(d, e) < 0)
		return -1;
	took_over = d->sink.have > 0;
	rc = complete(b, d, e);
	/* What was left may have been damaged, or a mirror sends what it likes: once more, from the start. */
	while (rc > 0 && (took_over || registry_distrust(b->registry))) {
		took_over = false;
		err_clear(e);
		d->sink.have = 0;
		rc = download_start(&d->sink, 0, e) < 0 ? -1 : complete(b, d, e);
	}
	if (rc > 0)
		unlinkat(b->dir_fd, tmp, 0); /* nothing to go on with */
	if (rc)
		return -1;
	/* No fsync: a blob is verified before each use, and one that a power cut has spoilt is fetched
	 * again. */
	if (renameat(b->dir_fd, tmp, b->dir_fd, ref_hex(d->blob->digest)) < 0)
		return err_sys(e, errno, "cannot keep blob %s", d->blob->digest);
	return 0;
}

/* The temporary file, locked. 1: another process has published the blob meanwhile. */
static int open_tmp(const struct blobs *b, const char *tmp, const char *digest, int *fd,
	struct err *e)
{
	struct stat st;

	for (;;) {
		*fd = openat(b->dir_fd, tmp, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (*fd < 0 || flock(*fd, LOCK_EX) < 0 || fstat(*fd, &st) < 0) {
			err_sys(e, errno, "cannot write to the cache");
			fd_close(fd);
			return -1;
		}
		if (st.st_nlink && S_ISREG(st.st_mode))
			break;
		fd_close(fd); /* renamed or removed while we waited */
	}
	return faccessat(b->dir_fd, ref_hex(digest), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int fetch(struct blobs *b, const struct descriptor *blob, struct blobs_watch *watch,
	struct err *e)
{
	struct download d = {.sink = {download_start, download_write, 0, blob->size}, .fd = -1,
		.blob = blob, .watch = watch};
	char tmp[TMP_NAME_MAX];
	int rc;

	snprintf(tmp, sizeof(tmp), ".%s.tmp", ref_hex(blob->digest));
	rc = open_tmp(b, tmp, blob->digest, &d.fd, e);
	if (!rc)
		rc = download_run(b, &d, tmp, e);
	else if (rc > 0)
		rc = unlinkat(b->dir_fd, tmp, 0) < 0 && errno != ENOENT ?
			err_sys(e, errno, "cannot tidy the cache") : 0;
	digest_fini(&d.digest);
	fd_close(&d.fd);
	return rc;
}

/* ---- ensure ----------------------------------------------------------------------------- */

static int verify(const struct range *r, const struct descriptor *d, struct err *e)
{
	uint64_t size = r->n;
	struct stat st;

	if (fstat(r->fd, &st) < 0)
		return err_sys(e, errno, "cannot look at blob %s", d->digest);
	if (r->n == RANGE_TO_END)
		size = (uint64_t)st.st_size;
	if (size != d->size)
		return err_set(e, ERR_CONTENT, "blob %s has %llu bytes, the manifest says %llu",
			d->digest, (unsigned long long)size, (unsigned long long)d->size);
	return digest_check_range(r, d->digest, e);
}

static int ensure(struct blobs *b, const struct descriptor *d, struct blobs_watch *watch,
	struct err *e)
{
	_cleanup_range_ struct range have = RANGE_NONE;
	int rc = open_blob(b, d->digest, &have, e);

	if (rc < 0)
		return -1;
	if (rc > 0 && b->layout)
		return err_set(e, ERR_CONTENT, "blob %s is missing", d->digest);
	if (!rc && verify(&have, d, e) == 0) {
		if (!b->layout) /* for cache.h; if it cannot be noted, the blob is removed a bit earlier */
			futimens(have.fd, (const struct timespec[]){{.tv_nsec = UTIME_NOW},
				{.tv_nsec = UTIME_OMIT}});
		return 0;
	}
	if (b->layout)
		return -1;
	/* A cached blob that is not what it is called is fetched anew. */
	if (!rc && unlinkat(b->dir_fd, ref_hex(d->digest), 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove damaged blob %s", d->digest);
	err_clear(e);
	return fetch(b, d, watch, e);
}

int blobs_ensure(struct blobs *b, const struct descriptor *d, struct blobs_watch *watch,
	struct err *e)
{
	if (ensure(b, d, watch, e) < 0)
		return -1;
	watch_tell(watch, d->size);
	return 0;
}

int blobs_read(struct blobs *b, struct arena *a, const struct descriptor *d, size_t max,
	const char *what, char **data, size_t *n, struct err *e)
{
	if (d->size > max)
		return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", what, max);
	if (blobs_ensure(b, d, NULL, e) < 0)
		return -1;
	if (b->layout)
		return layout_blob(b->layout, a, d->digest, max, data, n, e);
	return file_read(a, b->dir_fd, ref_hex(d->digest), max, data, n, e);
}

static int write_tmp(const struct blobs *b, const char *tmp, int fd, const char *digest,
	const char *data, size_t n, struct err *e)
{
	/* An earlier run may have left something. As with blobs: no fsync. */
	if (ftruncate(fd, 0) < 0 || fd_write_all(fd, data, n) < 0 ||
		renameat(b->dir_fd, tmp, b->dir_fd, ref_hex(digest)) < 0)
		return err_sys(e, errno, "cannot keep %s", digest);
	return 0;
}

/* Several processes may have fetched the same: the first one keeps it. */
static int keep(const struct blobs *b, const char *digest, const char *data, size_t n, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char tmp[TMP_NAME_MAX];
	int rc;

	snprintf(tmp, sizeof(tmp), ".%s.tmp", ref_hex(digest));
	rc = open_tmp(b, tmp, digest, &fd, e);
	if (!rc)
		return write_tmp(b, tmp, fd, digest, data, n, e);
	if (rc > 0 && unlinkat(b->dir_fd, tmp, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot tidy the cache");
	return rc < 0 ? -1 : 0;
}

int blobs_manifest(struct blobs *b, struct arena *a, const char *digest, char **data, size_t *n,
	const char **type, struct err *e)
{
	*type = "";
	if (b->layout) {
		if (layout_blob(b->layout, a, digest, MANIFEST_BYTES_MAX, data, n, e) < 0)
			return -1;
		return digest_check(*data, *n, digest, e);
	}
	if (file_read(a, b->dir_fd, ref_hex(digest), MANIFEST_BYTES_MAX, data, n, e) == 0) {
		if (digest_check(*data, *n, digest, e) == 0)
			return 0;
		unlinkat(b->dir_fd, ref_hex(digest), 0); /* not what it is called */
	}
	err_clear(e);
	if (registry_manifest(b->registry, a, digest, data, n, type, e) < 0)
		return -1;
	return keep(b, digest, *data, *n, e);
}
