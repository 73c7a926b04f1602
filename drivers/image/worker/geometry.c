/* geometry.c - how large the file system is; see geometry.h.
 *
 * One inode for 16 KiB, as mke2fs has it, and always 8192 in a group: a file system that grows gets
 * as many with each new group. More where the image has many small files.
 */
#include "drivers/image/worker/geometry.h"

#include "drivers/image/worker/blocks.h"
#include "drivers/image/worker/limits.h"

#define INODES_PER_BLOCK 16u
#define GROUP_INODES_MIN 8192u
#define GROUP_INODES_MAX 32768u
#define SLACK (16ull << 8)     /* 16 MiB in blocks, on top of a sixteenth */
#define TAIL_MIN 4096u         /* a last group smaller than this is not worth its tables */
#define LATE 64u               /* resize inode, extent blocks of the journal */
#define MIB_BLOCKS 256u

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* As mke2fs: small file systems get small journals. */
static uint32_t journal_blocks(uint64_t blocks)
{
	if (blocks < 2048)
		return 0;
	if (blocks < 32768)
		return 1024;
	return blocks < 262144 ? 4096 : 8192;
}

/* Blocks of bitmaps, tables and heads, without the head of group 0 and what contents skipped. */
static uint64_t overhead(const struct geometry *g, uint64_t used)
{
	uint64_t n = (uint64_t)g->groups * (2 + g->inodes_per_group / INODES_PER_BLOCK);

	for (uint64_t i = used / BLOCKS_GROUP + 1; i < g->groups; i++)
		if (blocks_has_super(i))
			n += BLOCKS_HEAD;
	return n;
}

/* Divide so many blocks. Returns the blocks that are needed. */
static uint64_t divide(const struct geometry_need *need, uint64_t blocks, struct geometry *g)
{
	const uint64_t want = need->inodes + need->inodes / 4 + 1024;
	uint64_t per_group;

	g->blocks = blocks;
	g->groups = (uint32_t)((blocks + BLOCKS_GROUP - 1) / BLOCKS_GROUP);
	g->journal = journal_blocks(blocks);
	per_group = round_up((want + g->groups - 1) / g->groups, INODES_PER_BLOCK);
	if (per_group < GROUP_INODES_MIN)
		per_group = GROUP_INODES_MIN;
	if (per_group > GROUP_INODES_MAX)
		per_group = GROUP_INODES_MAX;
	g->inodes_per_group = (uint32_t)per_group;
	return need->used + overhead(g, need->used) + g->journal + need->extra + LATE;
}

static int fits(const struct geometry_need *need, const struct geometry *g, uint64_t needed)
{
	return needed <= g->blocks &&
		(uint64_t)g->groups * g->inodes_per_group >= need->inodes;
}

/* Grow until everything fits with the room that is asked for. */
static uint64_t smallest(const struct geometry_need *need, uint64_t room, struct geometry *g)
{
	uint64_t blocks = round_up(need->used + room + TAIL_MIN, MIB_BLOCKS);

	for (;;) {
		const uint64_t tail = blocks % BLOCKS_GROUP;
		uint64_t needed;

		if (tail && tail < TAIL_MIN)
			blocks += TAIL_MIN - tail;
		needed = divide(need, blocks, g) + room;
		if (fits(need, g, needed))
			return blocks;
		blocks = needed > blocks ? round_up(needed, MIB_BLOCKS) : blocks + BLOCKS_GROUP / 8;
	}
}

int geometry_choose(const struct geometry_need *need, struct geometry *out, struct err *e)
{
	struct geometry g;
	uint64_t needed;

	if (need->size) {
		needed = divide(need, need->size / BLOCKS_SIZE, &g);
		if (!fits(need, &g, needed))
			return err_set(e, ERR_LIMIT, "the image needs a file system of at least %llu MiB; "
				"size is %llu MiB", (unsigned long long)smallest(need, 0, &g) /
				MIB_BLOCKS, (unsigned long long)need->size >> 20);
	} else {
		smallest(need, SLACK + need->used / 16, &g);
	}
	if (g.blocks > LIMIT_IMAGE_SIZE / BLOCKS_SIZE)
		return err_set(e, ERR_LIMIT, "a file system of %llu GiB; at most %llu are possible",
			(unsigned long long)g.blocks >> 18, LIMIT_IMAGE_SIZE >> 30);
	*out = g;
	return 0;
}
