/* cpio.c - write a cpio archive as the kernel unpacks it. */
#include "drivers/kernel/worker/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER 110
#define ALIGN 4
#define END_ALIGN 512

struct member {
	const char *path;
	uint32_t mode, links, major, minor;
	const void *data;
	size_t n;
};

static void reserve(struct cpio *c, size_t n)
{
	size_t want = c->out.n + n, cap = c->out.cap ? c->out.cap : 65536;
	char *bigger;

	if (want <= c->out.cap)
		return;
	while (cap < want)
		cap *= 2;
	bigger = arena_array(c->arena, cap, 1);
	if (c->out.n)
		memcpy(bigger, c->out.v, c->out.n);
	c->out.v = bigger;
	c->out.cap = cap;
}

static void put(struct cpio *c, const void *data, size_t n)
{
	if (!n)
		return;
	reserve(c, n);
	memcpy(c->out.v + c->out.n, data, n);
	c->out.n += n;
}

static void pad(struct cpio *c, size_t align)
{
	static const char zeros[END_ALIGN];

	put(c, zeros, (align - c->out.n % align) % align);
}

static void add(struct cpio *c, const struct member *m)
{
	char head[HEADER + 1];

	/* magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor,
	 * rdevminor, namesize, check */
	snprintf(head, sizeof(head), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		c->ino, m->mode, 0u, 0u, m->links, 0u, (uint32_t)m->n, 0u, 0u, m->major, m->minor,
		(uint32_t)strlen(m->path) + 1, 0u);
	put(c, head, HEADER);
	put(c, m->path, strlen(m->path) + 1);
	pad(c, ALIGN);
	put(c, m->data, m->n);
	pad(c, ALIGN);
	c->ino++;
}

void cpio_dir(struct cpio *c, const char *path, uint32_t mode)
{
	add(c, &(struct member){.path = path, .mode = S_IFDIR | mode, .links = 2});
}

void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t n)
{
	add(c, &(struct member){.path = path, .mode = S_IFREG | mode, .links = 1, .data = data,
		.n = n});
}

void cpio_char_device(struct cpio *c, const char *path, uint32_t mode, uint32_t major,
	uint32_t minor)
{
	add(c, &(struct member){.path = path, .mode = S_IFCHR | mode, .links = 1, .major = major,
		.minor = minor});
}

void cpio_end(struct cpio *c)
{
	c->ino = 0;
	add(c, &(struct member){.path = "TRAILER!!!", .links = 1});
	pad(c, END_ALIGN);
}
