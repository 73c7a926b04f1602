/* arena.c - blocks in a list; a request larger than a block gets a block of its own.
 *
 * Blocks grow with the arena: most need one small one, a spec of 10,000 VMs few large ones, which the
 * kernel may then back with huge pages (madvise(2)): a page fault for each 4 KiB costs more than what
 * is put there.
 */
#include "schema/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK_SIZE (32u * 1024)
#define BLOCK_MAX (4u << 20)
#define HUGE_PAGE ((uintptr_t)2 << 20)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

static _Noreturn void out_of_memory(void)
{
	fputs("reconcile: out of memory\n", stderr);
	abort();
}

void *xmalloc(size_t n)
{
	void *p = malloc(n ? n : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

/* Half of what there is, so that at most a third is empty. */
static size_t block_size(const struct arena *a)
{
	size_t size = a->total / 2;

	return size < BLOCK_SIZE ? BLOCK_SIZE : size > BLOCK_MAX ? BLOCK_MAX : size;
}

/* A wish, and no more: whether it is heard does not matter. */
static void wish_huge_pages(void *p, size_t n)
{
	uintptr_t start = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	uintptr_t end = ((uintptr_t)p + n) & ~(HUGE_PAGE - 1);

	if (start < end)
		madvise((void *)start, end - start, MADV_HUGEPAGE);
}

static struct arena_block *add_block(struct arena *a, size_t need)
{
	size_t least = block_size(a), size;
	bool own = a->head && need > least / 2; /* keep filling the block that has room */
	struct arena_block *b;

	size = own || need > least ? need : least;
	if (size > SIZE_MAX - sizeof(*b))
		out_of_memory();
	b = xmalloc(sizeof(*b) + size);
	if (size == BLOCK_MAX)
		wish_huge_pages(b, sizeof(*b) + size);
	b->used = 0;
	b->size = size;
	if (own) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		b->next = a->head;
		a->head = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b = a->head;
	void *p;

	if (n > SIZE_MAX - align)
		out_of_memory();
	n = (n + align - 1) / align * align;
	if (!b || b->size - b->used < n)
		b = add_block(a, n);
	p = b->data + b->used;
	b->used += n;
	a->total += n;
	return memset(p, 0, n);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	return arena_alloc(a, bytes);
}

char *arena_dupn(struct arena *a, const void *s, size_t n)
{
	char *p = arena_array(a, n + 1, 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *arena_dup(struct arena *a, const char *s)
{
	return s ? arena_dupn(a, s, strlen(s)) : NULL;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[128]; /* nearly all fit: then the text is formatted once */
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	p = arena_alloc(a, (size_t)n + 1);
	if ((size_t)n < sizeof(small))
		memcpy(p, small, (size_t)n + 1);
	else
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

void arena_free(struct arena *a)
{
	struct arena_block *next;

	for (struct arena_block *b = a->head; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena)ARENA_INIT;
}
