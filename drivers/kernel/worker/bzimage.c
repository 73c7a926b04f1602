/* bzimage.c - the ELF kernel inside a bzImage; see bzimage.h. */
#include "drivers/kernel/worker/bzimage.h"

#include "schema/base/fd.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Offsets in the setup header. */
#define SETUP_SECTS 0x1f1
#define MAGIC 0x202
#define VERSION 0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define HEAD 0x250

#define SECTOR 512u
#define SECTS_OF_OLD 4u      /* what 0 means */
#define VERSION_MIN 0x0208   /* knows of the payload */
#define TRAILER 4u
#define UNPACKED_MAX (512u << 20)
#define PIECE (256u << 10)

/* ---- where it is ------------------------------------------------------------------------ */

static const struct packing {
	const char *name, *magic;
	size_t n;
	int (*filter)(struct archive *r); /* NULL: known, and not read */
	bool has_size; /* in itself */
} packings[] = {
	{"gzip", "\x1f\x8b", 2, archive_read_support_filter_gzip, true},
	{"xz", "\xfd" "7zXZ", 6, archive_read_support_filter_xz, false},
	{"zstd", "\x28\xb5\x2f\xfd", 4, archive_read_support_filter_zstd, false},
	{"lz4", "\x02\x21\x4c\x18", 4, archive_read_support_filter_lz4, false},
	{"bzip2", "BZh", 3, archive_read_support_filter_bzip2, false},
	{"lzma", "\x5d\0\0", 3, archive_read_support_filter_lzma, false},
	{"lzo", "\x89LZO", 4, NULL, false},
};

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* 0 if all n bytes are there. */
static int read_at(int fd, void *to, size_t n, uint64_t at, const char *what, struct err *e)
{
	ssize_t got;

	do
		got = pread(fd, to, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(e, errno, "kernel %s: cannot read it", what);
	return got == (ssize_t)n ? 0 : err_set(e, ERR_CONTENT, "kernel %s: it ends too early", what);
}

bool bzimage_is(const void *head, size_t n)
{
	return n >= MAGIC + 4 && !memcmp((const char *)head + MAGIC, "HdrS", 4);
}

static const struct packing *find_packing(const unsigned char *magic)
{
	for (size_t i = 0; i < sizeof(packings) / sizeof(packings[0]); i++)
		if (!memcmp(magic, packings[i].magic, packings[i].n))
			return &packings[i];
	return NULL;
}

static int find_payload(const unsigned char *head, uint64_t file_size, const char *what,
	struct bzimage *out, struct err *e)
{
	const unsigned sects = head[SETUP_SECTS] ? head[SETUP_SECTS] : SECTS_OF_OLD;

	if (!bzimage_is(head, HEAD))
		return err_set(e, ERR_CONTENT, "kernel %s: is not a bzImage", what);
	if ((head[VERSION] | head[VERSION + 1] << 8) < VERSION_MIN)
		return err_set(e, ERR_CONTENT, "kernel %s: is older than Linux 2.6.26 and does not say where "
			"its ELF file is", what);
	out->at = (sects + 1) * SECTOR + (uint64_t)le32(head + PAYLOAD_OFFSET);
	out->n = le32(head + PAYLOAD_LENGTH);
	if (out->n <= 2 * TRAILER || out->at > file_size || out->n > file_size - out->at)
		return err_set(e, ERR_CONTENT, "kernel %s: the ELF file in it is cut off", what);
	return 0;
}

int bzimage_find(int fd, uint64_t file_size, const char *what, struct bzimage *out, struct err *e)
{
	unsigned char head[HEAD], magic[8], size[TRAILER];
	const struct packing *p;

	if (read_at(fd, head, sizeof(head), 0, what, e) < 0 ||
		find_payload(head, file_size, what, out, e) < 0 ||
		read_at(fd, magic, sizeof(magic), out->at, what, e) < 0 ||
		read_at(fd, size, sizeof(size), out->at + out->n - TRAILER, what, e) < 0)
		return -1;
	p = find_packing(magic);
	if (!p || !p->filter)
		return err_set(e, ERR_CONTENT, "kernel %s: the ELF file in it is packed %s%s, which is not "
			"read here", what, p ? "by " : "in an unknown way", p ? p->name : "");
	out->packed_by = p->name;
	out->size = le32(size);
	out->n -= p->has_size ? 0 : TRAILER;
	if (out->size > UNPACKED_MAX)
		return err_set(e, ERR_LIMIT, "kernel %s: the ELF file in it has more than %u MiB", what,
			UNPACKED_MAX >> 20);
	return 0;
}

/* ---- what is in it ---------------------------------------------------------------------- */

struct unpacker {
	int fd;
	uint64_t at, left;
	char *buf;
};

static la_ssize_t next_piece(struct archive *r, void *arg, const void **data)
{
	struct unpacker *u = arg;
	const size_t want = u->left < PIECE ? (size_t)u->left : PIECE;
	ssize_t n;

	do
		n = pread(u->fd, u->buf, want, (off_t)u->at);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		archive_set_error(r, errno, "cannot read the file");
		return -1;
	}
	u->at += (uint64_t)n;
	u->left -= (uint64_t)n;
	*data = u->buf;
	return n;
}

static int broken(struct archive *r, const char *what, struct err *e)
{
	return err_set(e, ERR_CONTENT, "kernel %s: the ELF file in it is damaged: %s", what,
		archive_error_string(r) ? archive_error_string(r) : "not in the format that it begins like");
}

static int copy_out(struct archive *r, const struct bzimage *b, const char *what, int to,
	struct err *e)
{
	uint64_t done = 0;
	const void *data;
	la_int64_t at;
	size_t n;
	int rc;

	while ((rc = archive_read_data_block(r, &data, &n, &at)) == ARCHIVE_OK) {
		if (at < 0 || (uint64_t)at != done || n > b->size - done)
			return err_set(e, ERR_CONTENT, "kernel %s: the ELF file in it is larger than the "
				"%llu bytes that it should have", what, (unsigned long long)b->size);
		if (fd_write_all(to, data, n) < 0)
			return err_sys(e, errno, "cannot write the kernel");
		done += n;
	}
	if (rc != ARCHIVE_EOF)
		return broken(r, what, e);
	if (done != b->size)
		return err_set(e, ERR_CONTENT, "kernel %s: the ELF file in it has %llu bytes instead of "
			"%llu", what, (unsigned long long)done, (unsigned long long)b->size);
	return 0;
}

/* What a loader relies on. */
static int check_elf(int fd, uint64_t size, const char *what, struct err *e)
{
	Elf64_Ehdr eh = {0};
	const uint64_t table = sizeof(Elf64_Phdr);

	if (size < sizeof(eh) || read_at(fd, &eh, sizeof(eh), 0, what, e) < 0 ||
		memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
		eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64 || !eh.e_phnum ||
		eh.e_phentsize != table || eh.e_phoff > size || eh.e_phnum * table > size - eh.e_phoff)
		return err_set(e, ERR_CONTENT, "kernel %s: what is in it is no ELF kernel for x86-64", what);
	return 0;
}

static void free_archive(struct archive **r)
{
	if (*r)
		archive_read_free(*r);
}

static int start(struct archive *r, const struct bzimage *b, struct unpacker *u)
{
	const struct packing *p = packings;
	struct archive_entry *entry;

	while (strcmp(p->name, b->packed_by) != 0)
		p++;
	/* A warning means that libarchive would start a program for it. */
	if (p->filter(r) != ARCHIVE_OK || archive_read_support_format_raw(r) != ARCHIVE_OK)
		return -1;
	if (archive_read_open(r, u, NULL, next_piece, NULL) != ARCHIVE_OK)
		return -1;
	return archive_read_next_header(r, &entry) == ARCHIVE_OK ? 0 : -1;
}

int bzimage_unpack(int fd, const struct bzimage *b, const char *what, int to, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_(free_archive) struct archive *r = archive_read_new();
	struct unpacker u = {.fd = fd, .at = b->at, .left = b->n, .buf = arena_alloc(&a, PIECE)};

	if (!r)
		return err_set(e, ERR_SYSTEM, "cannot start libarchive");
	if (start(r, b, &u) < 0)
		return broken(r, what, e);
	if (copy_out(r, b, what, to, e) < 0)
		return -1;
	return check_elf(to, b->size, what, e);
}
