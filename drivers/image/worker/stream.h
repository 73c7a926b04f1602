/* stream.h - the uncompressed bytes of a blob, made and hashed by other threads than the reader's.
 *
 *	inflate thread    blob -> slots of a ring
 *	digest thread     slots -> SHA-256 (only if asked for)
 *	the caller        slots -> tar, blocks
 *
 * A slot is filled again when both readers are through with it, so the memory is that of the ring.
 * Inflating and hashing are nearly all the work of an image; this way two processors do it.
 */
#pragma once

#include "drivers/image/manifest.h"
#include "drivers/image/worker/range.h"

struct stream;

/* The file of the range stays the caller's and has to stay open. */
int stream_open(const struct range *from, enum compression compression, bool hash,
	struct stream **out, struct err *e);

/* Ends the threads, wherever they are. */
void stream_close(struct stream *s);

/* The next block; valid until the next call. *n is 0 at the end. Errors of the blob come here, after
 * the bytes before them. */
int stream_next(struct stream *s, const void **data, size_t *n, struct err *e);

/* The digest of all bytes, after the end. Only if hash was given. */
int stream_digest(struct stream *s, char out[REF_DIGEST_MAX], struct err *e);

/* Bytes of the blob read so far, for progress. */
uint64_t stream_consumed(struct stream *s);
