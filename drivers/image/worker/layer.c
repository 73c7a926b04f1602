/* layer.c - read one layer; see layer.h. */
#include "drivers/image/worker/layer.h"

#include "drivers/image/worker/limits.h"
#include "drivers/image/worker/stream.h"
#include "drivers/image/worker/xattr.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct layer_reader {
	struct archive *archive;
	struct stream *stream;
	const struct layer *layer;
	bool verify;
	uint64_t unpacked;
	uint32_t index;
	bool padded;             /* the end of the archive was not padded; we did */
	uint32_t tail;           /* bytes of the last file in its last record; 0: full or no file */
	struct err failed; /* of the read callback; libarchive keeps only a text */
	char xattrs[LIMIT_XATTRS];
};

#define RECORD 512u

/* Some tools (umoci insert) end an archive right behind the last byte of the last file, where the
 * format wants zeros up to a multiple of 512 bytes. These are given here, and no more, so that
 * contents can never be made up; layer_finish looks whether that was the reason. */
static la_ssize_t pad(struct layer_reader *r, const void **data)
{
	static const char zeros[RECORD];

	if (r->padded || !(r->unpacked % RECORD))
		return 0;
	r->padded = true;
	*data = zeros;
	return (la_ssize_t)(RECORD - r->unpacked % RECORD);
}

static la_ssize_t read_block(struct archive *archive, void *arg, const void **data)
{
	struct layer_reader *r = arg;
	size_t n;

	if (r->failed.kind != ERR_NONE || stream_next(r->stream, data, &n, &r->failed) < 0) {
		archive_set_error(archive, EILSEQ, "%s", r->failed.msg);
		return -1;
	}
	r->unpacked += n;
	if (r->unpacked > LIMIT_UNPACKED) {
		err_set(&r->failed, ERR_LIMIT, "the layer unpacks to more than %llu bytes",
			LIMIT_UNPACKED);
		archive_set_error(archive, EILSEQ, "%s", r->failed.msg);
		return -1;
	}
	if (!n)
		return pad(r, data);
	return (la_ssize_t)n;
}

static int tar_error(struct layer_reader *r, struct err *e)
{
	const char *why = archive_error_string(r->archive);

	if (r->failed.kind != ERR_NONE) {
		if (e)
			*e = r->failed;
		return -1;
	}
	return err_set(e, ERR_CONTENT, "not a valid tar archive: %s", why ? why : "unknown format");
}

int layer_open(const struct range *blob, const struct layer *layer, bool verify,
	struct layer_reader **out, struct err *e)
{
	struct layer_reader *r = xmalloc(sizeof(*r));

	memset(r, 0, offsetof(struct layer_reader, xattrs));
	r->layer = layer;
	r->verify = verify && layer->diff_id;
	if (stream_open(blob, layer->compression, r->verify, &r->stream, e) < 0) {
		layer_close(r);
		return -1;
	}
	r->archive = archive_read_new();
	if (!r->archive) {
		layer_close(r);
		return err_set(e, ERR_SYSTEM, "cannot read a tar archive: no memory");
	}
	archive_read_support_format_tar(r->archive);
	archive_read_support_format_empty(r->archive);
	if (archive_read_open(r->archive, r, NULL, read_block, NULL) != ARCHIVE_OK) {
		tar_error(r, e);
		layer_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

void layer_close(struct layer_reader *r)
{
	if (!r)
		return;
	archive_read_free(r->archive);
	stream_close(r->stream);
	free(r);
}

/* ---- headers ---------------------------------------------------------------------------- */

static int entry_type(struct archive_entry *t, enum merge_type *type, struct err *e)
{
	if (archive_entry_hardlink(t)) {
		*type = MERGE_HARDLINK;
		return 0;
	}
	switch (archive_entry_filetype(t)) {
	case AE_IFREG:
		*type = MERGE_FILE;
		return 0;
	case AE_IFDIR:
		*type = MERGE_DIR;
		return 0;
	case AE_IFLNK:
		*type = MERGE_SYMLINK;
		return 0;
	case AE_IFCHR:
		*type = MERGE_CHAR;
		return 0;
	case AE_IFBLK:
		*type = MERGE_BLOCK;
		return 0;
	case AE_IFIFO:
		*type = MERGE_FIFO;
		return 0;
	default:
		return err_set(e, ERR_CONTENT, "an entry of an unknown type");
	}
}

static int pack_xattrs(struct layer_reader *r, struct archive_entry *t, struct merge_entry *out,
	struct err *e)
{
	size_t used = 0;
	struct xattr x;

	archive_entry_xattr_reset(t);
	while (archive_entry_xattr_next(t, &x.name, &x.value, &x.size) == ARCHIVE_OK)
		if (x.name && xattr_wanted(x.name) &&
			xattr_pack(r->xattrs, sizeof(r->xattrs), &used, &x, e) < 0)
			return -1;
	out->xattrs = r->xattrs;
	out->xattrs_len = used;
	return 0;
}

static int owner(int64_t id, const char *what, uint32_t *out, struct err *e)
{
	if (id < 0 || id >= UINT32_MAX)
		return err_set(e, ERR_CONTENT, "%s %lld is out of range", what, (long long)id);
	*out = (uint32_t)id;
	return 0;
}

static int header(struct layer_reader *r, struct archive_entry *t, struct merge_entry *out,
	struct err *e)
{
	const char *link = archive_entry_hardlink(t);
	const int64_t size = archive_entry_size_is_set(t) ? archive_entry_size(t) : 0;
	const long ns = archive_entry_mtime_nsec(t);

	*out = (struct merge_entry){.path = archive_entry_pathname(t), .index = r->index++};
	if (!out->path)
		return err_set(e, ERR_CONTENT, "entry %u has no readable name", r->index);
	if (entry_type(t, &out->type, e) < 0)
		return err_wrap(e, "entry \"%.250s\"", out->path);
	out->link = link ? link : archive_entry_symlink(t);
	if (size < 0)
		return err_set(e, ERR_CONTENT, "entry \"%.250s\": a negative size", out->path);
	out->size = (uint64_t)size;
	out->mtime = archive_entry_mtime(t);
	out->mtime_ns = ns >= 0 && ns < 1000000000 ? (uint32_t)ns : 0;
	out->mode = (uint16_t)(archive_entry_perm(t) & 07777);
	out->major = (uint32_t)archive_entry_rdevmajor(t);
	out->minor = (uint32_t)archive_entry_rdevminor(t);
	if (owner(archive_entry_uid(t), "uid", &out->uid, e) < 0 ||
		owner(archive_entry_gid(t), "gid", &out->gid, e) < 0 ||
		pack_xattrs(r, t, out, e) < 0)
		return err_wrap(e, "entry \"%.250s\"", out->path);
	r->tail = out->type == MERGE_FILE ? (uint32_t)(out->size % RECORD) : 0;
	return 0;
}

int layer_next(struct layer_reader *r, struct merge_entry *entry, struct err *e)
{
	struct archive_entry *t;
	int rc = archive_read_next_header(r->archive, &t);

	if (rc == ARCHIVE_EOF && r->failed.kind == ERR_NONE)
		return 1;
	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return tar_error(r, e);
	if (r->index >= LIMIT_ENTRIES)
		return err_set(e, ERR_LIMIT, "the layer has more than %u entries", LIMIT_ENTRIES);
	return header(r, t, entry, e);
}

int layer_data(struct layer_reader *r, const void **data, size_t *n, uint64_t *offset,
	struct err *e)
{
	la_int64_t at = 0;
	int rc = archive_read_data_block(r->archive, data, n, &at);

	if (rc == ARCHIVE_EOF && r->failed.kind == ERR_NONE)
		return 1;
	if (rc != ARCHIVE_OK)
		return tar_error(r, e);
	if (at < 0)
		return err_set(e, ERR_CONTENT, "not a valid tar archive: a negative offset");
	*offset = (uint64_t)at;
	return 0;
}

int layer_finish(struct layer_reader *r, struct err *e)
{
	char have[REF_DIGEST_MAX];
	const bool padded = r->padded; /* before the archive's end */
	const uint64_t end = r->unpacked;
	const void *data;
	la_ssize_t n;

	/* What follows the archive's end belongs to the digest too. */
	do
		n = read_block(r->archive, r, &data);
	while (n > 0);
	if (n < 0)
		return tar_error(r, e);
	if (padded && r->tail != end % RECORD)
		return err_set(e, ERR_CONTENT, "not a valid tar archive: it ends too early");
	if (!r->verify)
		return 0;
	if (stream_digest(r->stream, have, e) < 0)
		return -1;
	if (strcmp(have, r->layer->diff_id) != 0)
		return err_set(e, ERR_CONTENT, "wrong content: the configuration says %s, unpacked it "
			"is %s", r->layer->diff_id, have);
	return 0;
}

uint64_t layer_unpacked(const struct layer_reader *r)
{
	return r->unpacked;
}

uint64_t layer_consumed(struct layer_reader *r)
{
	return stream_consumed(r->stream);
}
