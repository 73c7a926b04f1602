/* extents.c - extent trees; see extents.h.
 *
 * Runs of at most 32768 blocks. Four fit in the inode; more go to leaf blocks of 340, and these
 * below index blocks of 340, until four are left. The tree is built once, from below.
 */
#include "drivers/image/worker/extents.h"

#include "schema/base/arena.h"

#include <endian.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#define RUN_MAX 32768u
#define IN_INODE 4u
#define IN_BLOCK ((BLOCKS_SIZE - 12u - 4u) / 12u)
#define SUM_AT (12 + 12 * (size_t)IN_BLOCK)
#define MAGIC 0xf30a

struct header {
	uint16_t magic, entries, max, depth;
	uint32_t generation;
};

/* A run in a leaf and a child in an index have the same size; both start with the logical block. */
struct leaf {
	uint32_t logical;
	uint16_t length, start_hi;
	uint32_t start_lo;
};

struct index {
	uint32_t logical, child_lo;
	uint16_t child_hi, unused;
};

_Static_assert(sizeof(struct header) == 12 && sizeof(struct leaf) == 12 &&
	sizeof(struct index) == 12, "sizes on disk");

void extents_reset(struct extents *x)
{
	x->n = 0;
}

void extents_free(struct extents *x)
{
	free(x->v);
	*x = (struct extents){0};
}

void extents_add(struct extents *x, uint32_t logical, uint32_t physical, uint32_t length)
{
	struct extent *last = x->n ? &x->v[x->n - 1] : NULL;

	if (last && last->logical + last->length == logical &&
		last->physical + last->length == physical && last->length + length <= RUN_MAX) {
		last->length += length;
		return;
	}
	if (!x->v || x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 64;
		x->v = xrealloc(x->v, x->cap * sizeof(*x->v));
	}
	x->v[x->n++] = (struct extent){logical, physical, length};
}

uint32_t extents_inode_seed(uint32_t seed, uint32_t number)
{
	const uint32_t parts[2] = {htole32(number), 0};

	return ext2fs_crc32c_le(seed, (const unsigned char *)parts, sizeof(parts));
}

static void put_header(void *to, size_t entries, size_t max, unsigned depth)
{
	const struct header h = {htole16(MAGIC), htole16((uint16_t)entries),
		htole16((uint16_t)max), htole16((uint16_t)depth), 0};

	memcpy(to, &h, sizeof(h));
}

/* Level 0: runs; above: children. The same struct extent carries both. */
static void put_entry(uint8_t *to, const struct extent *x, unsigned depth)
{
	const struct leaf leaf = {htole32(x->logical), htole16((uint16_t)x->length), 0,
		htole32(x->physical)};
	const struct index index = {htole32(x->logical), htole32(x->physical), 0, 0};

	if (depth)
		memcpy(to, &index, sizeof(index));
	else
		memcpy(to, &leaf, sizeof(leaf));
}

static void put_node(uint8_t *to, const struct extent *v, size_t n, size_t max, unsigned depth)
{
	put_header(to, n, max, depth);
	for (size_t i = 0; i < n; i++)
		put_entry(to + 12 + 12 * i, &v[i], depth);
}

static int write_node(struct blocks *b, uint32_t seed, const struct extent *v, size_t n,
	unsigned depth, uint32_t *at, struct err *e)
{
	uint8_t block[BLOCKS_SIZE] = {0};
	uint32_t got, sum;

	if (blocks_take(b, 1, at, &got, e) < 0)
		return -1;
	put_node(block, v, n, IN_BLOCK, depth);
	sum = htole32(ext2fs_crc32c_le(seed, block, SUM_AT));
	memcpy(block + SUM_AT, &sum, sizeof(sum));
	return blocks_write(b, *at, block, 1, e);
}

/* Put a level into blocks; its place takes the level above, which is shorter. */
static int raise_level(struct blocks *b, uint32_t seed, struct extent *v, size_t *n, unsigned depth,
	struct err *e)
{
	size_t above = 0;

	for (size_t i = 0; i < *n; i += IN_BLOCK) {
		const size_t count = *n - i < IN_BLOCK ? *n - i : IN_BLOCK;
		const uint32_t logical = v[i].logical;
		uint32_t at;

		if (write_node(b, seed, v + i, count, depth, &at, e) < 0)
			return -1;
		v[above++] = (struct extent){logical, at, 0};
	}
	*n = above;
	return 0;
}

int extents_store(const struct extents *x, struct blocks *b, uint32_t seed, uint32_t number,
	struct extents_map *out, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const uint32_t inode_seed = extents_inode_seed(seed, number);
	struct extent *v = arena_array(&a, x->n, sizeof(*v));
	unsigned depth = 0;
	size_t n = x->n;

	*out = (struct extents_map){0};
	for (size_t i = 0; i < n; i++) {
		v[i] = x->v[i];
		out->blocks += x->v[i].length;
	}
	while (n > IN_INODE) {
		if (raise_level(b, inode_seed, v, &n, depth++, e) < 0)
			return -1;
		out->blocks += n;
	}
	put_node(out->block, v, n, IN_INODE, depth);
	return 0;
}

void extents_single(uint32_t physical, uint32_t length, struct extents_map *out)
{
	const struct extent one = {0, physical, length};

	*out = (struct extents_map){.blocks = length};
	put_node(out->block, &one, length ? 1 : 0, IN_INODE, 0);
}
