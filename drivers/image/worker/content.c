/* content.c - contents of files into blocks; see content.h. */
#include "drivers/image/worker/content.h"

#include "schema/base/arena.h"

#include <stdlib.h>
#include <string.h>

#define PIECE (64u << 10)

void content_init(struct content *c, struct ext4 *x)
{
	*c = (struct content){.x = x};
	c->buf = xmalloc(PIECE);
	memset(c->buf, 0, PIECE);
}

void content_fini(struct content *c)
{
	free(c->buf);
	c->buf = NULL;
	extents_free(&c->extents);
}

void content_begin(struct content *c, uint32_t inode)
{
	c->inode = inode;
	c->size = merge_inode(c->x->tree, inode)->size;
	c->at = c->end = 0;
	extents_reset(&c->extents);
}

/* memcmp with itself, shifted by one: as fast as memory. */
static bool is_zero(const uint8_t *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

static int write_piece(struct content *c, struct err *e)
{
	const size_t used = (size_t)(c->end - c->at);
	const uint32_t n = (uint32_t)((used + BLOCKS_SIZE - 1) / BLOCKS_SIZE);
	uint32_t logical = (uint32_t)(c->at / BLOCKS_SIZE), done = 0;

	while (done < n && !is_zero(c->buf, used)) {
		uint32_t at, got;

		if (blocks_take(&c->x->blocks, n - done, &at, &got, e) < 0 ||
			blocks_write(&c->x->blocks, at, c->buf + (size_t)done * BLOCKS_SIZE, got, e) < 0)
			return -1;
		extents_add(&c->extents, logical + done, at, got);
		done += got;
	}
	memset(c->buf, 0, used);
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
		const size_t in = (size_t)(c->end - c->at);
		const size_t now = n < PIECE - in ? n : PIECE - in;

		memcpy(c->buf + in, p, now);
		c->end += now;
		p += now;
		n -= now;
		if (c->end - c->at == PIECE && write_piece(c, e) < 0)
			return -1;
	}
	return 0;
}

int content_end(struct content *c, struct err *e)
{
	const uint32_t blocks = (uint32_t)((c->size + BLOCKS_SIZE - 1) / BLOCKS_SIZE);
	struct merge_inode *p = merge_inode(c->x->tree, c->inode);
	struct extents_map map;

	if (write_piece(c, e) < 0)
		return -1;
	if (!c->extents.n)
		return 0;
	if (c->extents.n == 1 && !c->extents.v[0].logical && c->extents.v[0].length == blocks) {
		p->data = c->extents.v[0].physical;
		return 0;
	}
	if (extents_store(&c->extents, &c->x->blocks, c->x->seed, p->number, &map, e) < 0)
		return -1;
	ext4_set_map(c->x, c->inode, &map, 0);
	return 0;
}
