/* inflate.c - gzip, zstd or plain bytes of a file; see inflate.h. */
#include "drivers/image/worker/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define IN_SIZE (256u << 10)
#define OUT_MAX (1u << 30)
/* 32 MiB, which is the most that the tools of containers declare (skopeo and podman do for zstd:chunked).
 * Larger windows would not fit our memory. */
#define ZSTD_WINDOW_LOG_MAX 25

struct inflate {
	struct range from;
	enum compression compression;
	uint64_t consumed;
	size_t in_at, in_n;
	bool eof;      /* of from */
	bool between;  /* gzip: a member has ended; zstd: a frame has ended */
	bool started;  /* something was decoded */
	struct inflate_state gzip;
	ZSTD_DStream *zstd;
	bool pending;  /* gzip: the last output was full, so that there may be more without input */
	uint8_t in[IN_SIZE];
};

int inflate_open(const struct range *from, enum compression compression, struct inflate **out, struct err *e)
{
	struct inflate *z = xmalloc(sizeof(*z));

	z->from = *from;
	z->compression = compression;
	z->consumed = 0;
	z->in_at = z->in_n = 0;
	z->eof = z->started = z->pending = false;
	z->between = true;
	z->zstd = NULL;
	if (compression == COMPRESSION_ZSTD) {
		z->zstd = ZSTD_createDStream();
		if (!z->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(z->zstd,
			ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX))) {
			inflate_close(z);
			return err_set(e, ERR_FAILED, "libzstd cannot start");
		}
	}
	*out = z;
	return 0;
}

void inflate_close(struct inflate *z)
{
	if (!z)
		return;
	ZSTD_freeDStream(z->zstd);
	free(z);
}

uint64_t inflate_consumed(const struct inflate *z)
{
	return z->consumed;
}

/* Input at hand afterwards, or the end of the file. */
static int fill(struct inflate *z, struct err *e)
{
	ssize_t n;

	if (z->in_at < z->in_n || z->eof)
		return 0;
	n = range_read(&z->from, z->in, IN_SIZE, z->consumed);
	if (n < 0)
		return err_sys(e, errno, "cannot read the blob");
	z->in_at = 0;
	z->in_n = (size_t)n;
	z->consumed += (uint64_t)n;
	z->eof = !n;
	return 0;
}

static int ended(const struct inflate *z, size_t *n, struct err *e)
{
	*n = 0;
	if (!z->between)
		return err_set(e, ERR_CONTENT, "the compressed data ends too early");
	if (!z->started)
		return err_set(e, ERR_CONTENT, "the blob is empty");
	return 0;
}

static void start_member(struct inflate *z)
{
	isal_inflate_init(&z->gzip);
	z->gzip.crc_flag = ISAL_GZIP;
	z->between = false;
	z->started = true;
}

static int next_gzip(struct inflate *z, uint8_t *out, uint32_t size, size_t *n, struct err *e)
{
	struct inflate_state *s = &z->gzip;
	int rc;

	for (;;) {
		if (fill(z, e) < 0)
			return -1;
		if (z->eof && !z->pending)
			return ended(z, n, e);
		if (z->between)
			start_member(z);
		s->next_in = z->in + z->in_at;
		s->avail_in = (uint32_t)(z->in_n - z->in_at);
		s->next_out = out;
		s->avail_out = size;
		rc = isal_inflate(s);
		if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT)
			return err_set(e, ERR_CONTENT, "not valid gzip data (ISA-L error %d)", rc);
		z->in_at = z->in_n - s->avail_in;
		z->between = s->block_state == ISAL_BLOCK_FINISH;
		z->pending = !s->avail_out && !z->between;
		*n = size - s->avail_out;
		if (*n)
			return 0;
	}
}

static int next_zstd(struct inflate *z, void *to, size_t size, size_t *n, struct err *e)
{
	for (;;) {
		ZSTD_outBuffer out = {to, size, 0};
		ZSTD_inBuffer in;
		size_t rc;

		if (fill(z, e) < 0)
			return -1;
		if (z->eof && z->between)
			return ended(z, n, e);
		in = (ZSTD_inBuffer){z->in, z->in_n, z->in_at};
		rc = ZSTD_decompressStream(z->zstd, &out, &in);
		if (ZSTD_isError(rc))
			return err_set(e, ERR_CONTENT, "not valid zstd data: %s",
				ZSTD_getErrorName(rc));
		z->started = true;
		z->in_at = in.pos;
		z->between = !rc;
		*n = out.pos;
		if (*n)
			return 0;
		if (z->eof)
			return ended(z, n, e);
	}
}

static int next_plain(struct inflate *z, void *out, size_t size, size_t *n, struct err *e)
{
	if (fill(z, e) < 0)
		return -1;
	*n = z->in_n - z->in_at < size ? z->in_n - z->in_at : size;
	memcpy(out, z->in + z->in_at, *n);
	z->in_at += *n;
	return 0;
}

int inflate_next(struct inflate *z, void *out, size_t size, size_t *n, struct err *e)
{
	if (size > OUT_MAX)
		size = OUT_MAX;
	switch (z->compression) {
	case COMPRESSION_GZIP:
		return next_gzip(z, out, (uint32_t)size, n, e);
	case COMPRESSION_ZSTD:
		return next_zstd(z, out, size, n, e);
	default:
		return next_plain(z, out, size, n, e);
	}
}
