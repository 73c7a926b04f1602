/* blocks.h - the blocks of the file system being made: handed out once, upwards, and written.
 *
 * What is written needs no geometry: only the start of some block groups is taken, for copies of
 * the superblock and the descriptors. So contents stream in before the size is known, and are never
 * moved.
 */
#pragma once

#include "schema/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define BLOCKS_SIZE 4096u
#define BLOCKS_GROUP 32768u /* blocks of a group: the bits of one bitmap block */
#define BLOCKS_GDT 144u     /* descriptors now and reserved: groups of 1.1 TiB, 64 of 64 bytes each */
#define BLOCKS_HEAD (1u + BLOCKS_GDT)

struct blocks {
	int fd;
	uint64_t next;    /* the first block that was never handed out */
	uint64_t end;     /* no block from here on */
	uint64_t written; /* bytes */
	uint64_t started; /* everything before this byte was told to go to the disk */
	uint8_t *buf;     /* writes that follow each other go out as one */
	size_t fill;
	uint64_t at;      /* byte in the file where buf belongs */
};

/* end_bytes: what the file system may have at most. fd is borrowed. */
void blocks_init(struct blocks *b, int fd, uint64_t end_bytes);
void blocks_fini(struct blocks *b);

/* A run of at least 1 and at most want blocks. *n is how many. ERR_LIMIT when there are none. */
int blocks_take(struct blocks *b, uint32_t want, uint32_t *start, uint32_t *n, struct err *e);

/* A run of exactly n blocks (fewer than a group has). */
int blocks_take_run(struct blocks *b, uint32_t n, uint32_t *start, struct err *e);

/* n blocks from data to block. */
int blocks_write(struct blocks *b, uint32_t block, const void *data, uint32_t n, struct err *e);

/* Make a hole of n blocks that were written and flushed. */
int blocks_forget(struct blocks *b, uint32_t block, uint32_t n, struct err *e);

int blocks_flush(struct blocks *b, struct err *e);

/* Whether the group starts with a copy of the superblock (sparse_super). PURE. */
int blocks_has_super(uint64_t group);
