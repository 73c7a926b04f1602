/* content.c - contents of files into blocks; see content.h. */
#include "drivers/image/worker/content.h"

#include "schema/base/arena.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (64u << 10)

void content_init(struct content *c, struct blocks *blocks)
{
	*c = (struct content){.blocks = blocks};
	c->buf = xmalloc(PIECE);
	memset(c->buf, 0, PIECE);
}

void content_fini(struct content *c)
{
	free(c->buf);
	c->buf = NULL;
	extents_free(&c->extents);
}

void content_begin(struct content *c, uint64_t size)
{
	c->size = size;
	c->at = c->end = 0;
	extents_reset(&c->extents);
}

/* memcmp with itself, shifted by one: as fast as memory. */
static bool is_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* Blocks of data that belong at c->at. */
static int write_blocks(struct content *c, const uint8_t *data, uint32_t n, struct err *e)
{
	const uint32_t logical = (uint32_t)(c->at / BLOCKS_SIZE);
	uint32_t done = 0;

	while (done < n) {
		uint32_t at, got;

		if (blocks_take(c->blocks, n - done, &at, &got, e) < 0 ||
			blocks_write(c->blocks, at, data + (size_t)done * BLOCKS_SIZE, got, e) < 0)
			return -1;
		extents_add(&c->extents, logical + done, at, got);
		done += got;
	}
	return 0;
}

/* What was collected in buf. */
static int write_piece(struct content *c, struct err *e)
{
	const size_t used = (size_t)(c->end - c->at);

	if (!is_zero(c->buf, used)) {
		if (write_blocks(c, c->buf, (uint32_t)((used + BLOCKS_SIZE - 1) / BLOCKS_SIZE), e) < 0)
			return -1;
		memset(c->buf, 0, used);
	}
	c->at = c->end;
	return 0;
}

/* What lies between is a hole. Whole pieces of it are skipped. */
static int skip_to(struct content *c, uint64_t offset, struct err *e)
{
	if (offset / PIECE != c->at / PIECE) {
		if (write_piece(c, e) < 0)
			return -1;
		c->at = offset / PIECE * PIECE;
	}
	c->end = offset;
	return 0;
}

/* Whole pieces at once, without buf. */
static int write_whole(struct content *c, const uint8_t *p, struct err *e)
{
	if (!is_zero(p, PIECE) && write_blocks(c, p, PIECE / BLOCKS_SIZE, e) < 0)
		return -1;
	c->at = c->end += PIECE;
	return 0;
}

static int collect(struct content *c, const uint8_t *p, size_t n, struct err *e)
{
	memcpy(c->buf + (c->end - c->at), p, n);
	c->end += n;
	return c->end - c->at == PIECE ? write_piece(c, e) : 0;
}

int content_add(struct content *c, const void *data, size_t n, uint64_t offset, struct err *e)
{
	const uint8_t *p = data;

	if (!n)
		return 0;
	if (offset < c->end || offset > c->size || n > c->size - offset)
		return err_set(e, ERR_CONTENT, "contents outside of the file or out of order");
	if (skip_to(c, offset, e) < 0)
		return -1;
	while (n) {
		const size_t room = PIECE - (size_t)(c->end - c->at);
		const size_t now = n < room ? n : room;

		if ((now == PIECE ? write_whole(c, p, e) : collect(c, p, now, e)) < 0)
			return -1;
		p += now;
		n -= now;
	}
	return 0;
}

int content_end(struct content *c, struct err *e)
{
	return write_piece(c, e);
}
