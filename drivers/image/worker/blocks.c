/* blocks.c - hand out and write blocks; see blocks.h. */
#include "drivers/image/worker/blocks.h"

#include "schema/base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (1024u << 10)
#define WRITE_AHEAD (8u << 20)

void blocks_init(struct blocks *b, int fd, uint64_t end_bytes)
{
	*b = (struct blocks){.fd = fd, .next = BLOCKS_HEAD, .end = end_bytes / BLOCKS_SIZE};
	b->buf = xmalloc(BUFFER);
}

void blocks_fini(struct blocks *b)
{
	free(b->buf);
	b->buf = NULL;
}

static int is_power(uint64_t n, uint64_t base)
{
	while (n > 1 && n % base == 0)
		n /= base;
	return n == 1;
}

int blocks_has_super(uint64_t group)
{
	return group <= 1 || is_power(group, 3) || is_power(group, 5) || is_power(group, 7);
}

/* Blocks from at on that are free in a row, after moving at over the head of its group. */
static uint64_t free_run(uint64_t *at)
{
	uint64_t group = *at / BLOCKS_GROUP;

	if (blocks_has_super(group) && *at % BLOCKS_GROUP < BLOCKS_HEAD)
		*at = group * BLOCKS_GROUP + BLOCKS_HEAD;
	do
		group++;
	while (!blocks_has_super(group) && group * BLOCKS_GROUP - *at < BLOCKS_GROUP);
	return group * BLOCKS_GROUP - *at;
}

int blocks_take(struct blocks *b, uint32_t want, uint32_t *start, uint32_t *n, struct err *e)
{
	uint64_t run = free_run(&b->next);

	if (run > want)
		run = want;
	if (b->next + run > b->end)
		return err_set(e, ERR_LIMIT, "the image does not fit in a file system of %llu bytes",
			(unsigned long long)b->end * BLOCKS_SIZE);
	*start = (uint32_t)b->next;
	*n = (uint32_t)run;
	b->next += run;
	return 0;
}

int blocks_take_run(struct blocks *b, uint32_t n, uint32_t *start, struct err *e)
{
	uint32_t got;

	while (free_run(&b->next) < n)
		b->next += free_run(&b->next);
	return blocks_take(b, n, start, &got, e);
}

static int write_at(struct blocks *b, const uint8_t *p, size_t n, uint64_t at, struct err *e)
{
	b->written += n;
	while (n) {
		ssize_t done = pwrite(b->fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(e, errno, "cannot write the file system");
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* Let the disk work while we do: less is left for the fsync at the end. Only advice. */
static void start_writing(struct blocks *b, uint64_t to)
{
	if (to < b->started + WRITE_AHEAD)
		return;
	sync_file_range(b->fd, (off_t)b->started, (off_t)(to - b->started), SYNC_FILE_RANGE_WRITE);
	b->started = to;
}

int blocks_forget(struct blocks *b, uint32_t block, uint32_t n, struct err *e)
{
	if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)block * BLOCKS_SIZE,
		(off_t)n * BLOCKS_SIZE) < 0 && errno != EOPNOTSUPP)
		return err_sys(e, errno, "cannot free blocks of the file system");
	return 0;
}

int blocks_flush(struct blocks *b, struct err *e)
{
	size_t n = b->fill;

	b->fill = 0;
	if (write_at(b, b->buf, n, b->at, e) < 0)
		return -1;
	start_writing(b, b->at + n);
	return 0;
}

int blocks_write(struct blocks *b, uint32_t block, const void *data, uint32_t n, struct err *e)
{
	const uint64_t at = (uint64_t)block * BLOCKS_SIZE;
	const size_t bytes = (size_t)n * BLOCKS_SIZE;

	if (b->fill && (at != b->at + b->fill || bytes > BUFFER - b->fill) &&
		blocks_flush(b, e) < 0)
		return -1;
	if (bytes > BUFFER)
		return write_at(b, data, bytes, at, e);
	if (!b->fill)
		b->at = at;
	memcpy(b->buf + b->fill, data, bytes);
	b->fill += bytes;
	return 0;
}
