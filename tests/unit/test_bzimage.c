/* test_bzimage.c - the ELF file inside a bzImage, and files that only look like one. */
#include "drivers/kernel/worker/bzimage.h"
#include "schema/base/arena.h"
#include "schema/base/fd.h"

#include "tests/lib/unit.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETUP_SECTS 3
#define GAP 100 /* the unpacker before the payload */
#define AT ((SETUP_SECTS + 1) * 512 + GAP)
#define ELF_SIZE (3u << 20)

static struct arena a;

static int file_of(const void *data, size_t n)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, n), 0);
	return fd;
}

/* An ELF kernel with something in it that packs, but not to nothing. */
static char *make_elf(size_t n)
{
	Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB}, .e_type = ET_EXEC,
		.e_machine = EM_X86_64, .e_phoff = sizeof(eh), .e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1};
	char *elf = arena_alloc(&a, n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		elf[i] = (char)((x >> 28) + 'a');
	}
	memcpy(elf, &eh, sizeof(eh));
	return elf;
}

static void put32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i);
}

/* A bzImage around a payload; size 0: the payload has it itself. */
static char *wrap(const void *payload, size_t n, uint32_t size, size_t *total)
{
	const size_t length = n + (size ? 4 : 0);
	char *image = arena_alloc(&a, AT + length + 300);

	*total = AT + length + 300;
	memset(image, 0, *total);
	image[0x1f1] = SETUP_SECTS;
	memcpy(image + 0x202, "HdrS", 4);
	image[0x206] = 0x0f;
	image[0x207] = 0x02;
	put32(image + 0x248, GAP);
	put32(image + 0x24c, (uint32_t)length);
	memcpy(image + AT, payload, n);
	if (size)
		put32(image + AT + n, size);
	return image;
}

/* Packed by another library call than the one that unpacks it. */
static size_t pack(int (*filter)(struct archive *), const void *data, size_t n, char *out, size_t max)
{
	struct archive *w = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;

	assert_int_equal(filter(w), ARCHIVE_OK);
	archive_write_set_format_raw(w);
	archive_write_set_bytes_per_block(w, 0);
	assert_int_equal(archive_write_open_memory(w, out, max, &used), ARCHIVE_OK);
	archive_entry_set_pathname(entry, "x");
	archive_entry_set_filetype(entry, S_IFREG);
	assert_int_equal(archive_write_header(w, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(w, data, n), n);
	archive_entry_free(entry);
	assert_int_equal(archive_write_free(w), ARCHIVE_OK);
	return used;
}

static const struct {
	const char *name;
	int (*filter)(struct archive *);
	bool has_size;
} kinds[] = {
	{"gzip", archive_write_add_filter_gzip, true},
	{"xz", archive_write_add_filter_xz, false},
	{"zstd", archive_write_add_filter_zstd, false},
	{"bzip2", archive_write_add_filter_bzip2, false},
	{"lzma", archive_write_add_filter_lzma, false},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char *make(size_t kind, const char *elf, size_t n, size_t *total)
{
	char *packed = arena_alloc(&a, 2 * n + 4096);
	const size_t used = pack(kinds[kind].filter, elf, n, packed, 2 * n + 4096);

	return wrap(packed, used, kinds[kind].has_size ? 0 : (uint32_t)n, total);
}

/* Find and unpack. 0 or -1 with e. *to is the file that came out. */
static int run(const char *image, size_t n, struct bzimage *b, int *to, struct err *e)
{
	_cleanup_fd_ int fd = file_of(image, n);

	*to = memfd_create("out", MFD_CLOEXEC);
	if (bzimage_find(fd, n, "k", b, e) < 0)
		return -1;
	return bzimage_unpack(fd, b, "k", *to, e);
}

static void test_kinds(void **state)
{
	const char *elf = make_elf(ELF_SIZE);

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		_cleanup_fd_ int to = -1;
		struct err e = ERR_INIT;
		struct bzimage b;
		char *back = arena_alloc(&a, ELF_SIZE + 1);
		size_t n;
		char *image = make(i, elf, ELF_SIZE, &n);

		if (run(image, n, &b, &to, &e) < 0)
			fail_msg("%s: %s", kinds[i].name, e.msg);
		assert_string_equal(b.packed_by, kinds[i].name);
		assert_int_equal(b.size, ELF_SIZE);
		assert_int_equal(pread(to, back, ELF_SIZE + 1, 0), ELF_SIZE);
		assert_memory_equal(back, elf, ELF_SIZE);
	}
}

/* Cut anywhere, it is refused and nothing worse. */
static void test_cut(void **state)
{
	const char *elf = make_elf(20000);

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		size_t n;
		char *image = make(i, elf, 20000, &n);

		for (size_t cut = 0; cut < n - 300; cut += cut < 0x300 ? 1 : 37) {
			_cleanup_fd_ int to = -1;
			struct err e = ERR_INIT;
			struct bzimage b;

			assert_int_equal(run(image, cut, &b, &to, &e), -1);
			assert_int_equal(e.kind, ERR_CONTENT);
		}
	}
}

/* Any byte of the payload turned over: refused, or by chance the very same. */
static void test_flipped(void **state)
{
	const char *elf = make_elf(20000);

	(void)state;
	for (size_t i = 0; i < N_KINDS; i++) {
		size_t n;
		char *image = make(i, elf, 20000, &n);

		for (size_t at = AT; at < n - 300; at += 101) {
			_cleanup_fd_ int to = -1;
			struct err e = ERR_INIT;
			struct bzimage b;

			image[at] = (char)~image[at];
			if (run(image, n, &b, &to, &e) < 0)
				assert_true(e.kind == ERR_CONTENT || e.kind == ERR_LIMIT);
			image[at] = (char)~image[at];
		}
	}
}

static const char *refused(const char *image, size_t n)
{
	_cleanup_fd_ int to = -1;
	struct err e = ERR_INIT;
	struct bzimage b;

	assert_int_equal(run(image, n, &b, &to, &e), -1);
	return arena_dup(&a, e.msg);
}

static const char *refused_elf(const char *elf, size_t size)
{
	size_t n;
	char *image = make(0, elf, size, &n);

	return refused(image, n);
}

#define SAYS(got, want) assert_non_null(strstr((got), (want)))

static void test_refused(void **state)
{
	const char *elf = make_elf(20000);
	size_t n;
	char *image = make(1, elf, 20000, &n);
	char *payload_size = image + n - 300 - 4;

	(void)state;
	put32(payload_size, 19999);
	SAYS(refused(image, n), "is larger than the 19999 bytes");
	put32(payload_size, 20001);
	SAYS(refused(image, n), "has 20000 bytes instead of 20001");
	put32(payload_size, 0xffffffff);
	SAYS(refused(image, n), "has more than 512 MiB");
	put32(payload_size, 20000);
	image[0x206] = 7;
	SAYS(refused(image, n), "is older than Linux 2.6.26");
	image[0x206] = 0x0f;
	put32(image + 0x248, 0xfffffff0);
	SAYS(refused(image, n), "is cut off");
	put32(image + 0x248, GAP);
	put32(image + 0x24c, 0);
	SAYS(refused(image, n), "is cut off");
	image = wrap("\x89LZO and more", 13, 5, &n);
	SAYS(refused(image, n), "packed by lzo, which is not read here");
	image = wrap("nothing known", 13, 5, &n);
	SAYS(refused(image, n), "packed in an unknown way");
	memcpy(image + 0x202, "none", 4);
	SAYS(refused(image, n), "is not a bzImage");
}

static void test_not_elf(void **state)
{
	char *elf = make_elf(20000);

	(void)state;
	elf[4] = ELFCLASS32;
	SAYS(refused_elf(elf, 20000), "no ELF kernel for x86-64");
	elf = make_elf(20000);
	((Elf64_Ehdr *)(void *)elf)->e_machine = EM_AARCH64;
	SAYS(refused_elf(elf, 20000), "no ELF kernel for x86-64");
	elf = make_elf(20000);
	((Elf64_Ehdr *)(void *)elf)->e_phoff = 20000;
	SAYS(refused_elf(elf, 20000), "no ELF kernel for x86-64");
	SAYS(refused_elf("tiny", 4), "no ELF kernel for x86-64");
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_not_elf),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
