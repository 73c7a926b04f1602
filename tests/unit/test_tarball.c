/* test_tarball.c - members of an image archive: names, sizes, links, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/image/worker/tarball.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct world {
	struct arena a;
	int fd;
	char path[64];
	struct tarball *t;
	struct err e;
};

static int setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	*w = (struct world){.fd = memfd_create("archive", MFD_CLOEXEC)};
	snprintf(w->path, sizeof(w->path), "/proc/self/fd/%d", w->fd);
	*state = w;
	return w->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	tarball_close(w->t);
	fd_close(&w->fd);
	arena_free(&w->a);
	free(w);
	return 0;
}

static void seal(unsigned char *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

/* size may be more than there is of data. */
static void put(struct world *w, char type, const char *name, const char *link, const char *data,
	unsigned size)
{
	unsigned char h[512] = {0};
	static const char zeros[512];

	memcpy(h, name, (unsigned)strlen(name));
	memcpy(h + 157, link, strlen(link));
	snprintf((char *)h + 124, 12, "%011o", size);
	h[156] = (unsigned char)type;
	memcpy(h + 257, "ustar\0", 6);
	seal(h);
	assert_int_equal(fd_write_all(w->fd, h, sizeof(h)), 0);
	assert_int_equal(fd_write_all(w->fd, data, strlen(data)), 0);
	if (strlen(data) % 512)
		assert_int_equal(fd_write_all(w->fd, zeros, 512 - strlen(data) % 512), 0);
}

static void put_file(struct world *w, const char *name, const char *data)
{
	put(w, '0', name, "", data, (unsigned)strlen(data));
}

static void put_end(struct world *w)
{
	static const char zeros[1024];

	assert_int_equal(fd_write_all(w->fd, zeros, sizeof(zeros)), 0);
}

static void open_it(struct world *w)
{
	if (tarball_open(&w->a, w->path, &w->t, &w->e) < 0)
		fail_msg("%s", w->e.msg);
}

static void refused(struct world *w, enum err_kind kind, const char *why)
{
	assert_int_equal(tarball_open(&w->a, w->path, &w->t, &w->e), -1);
	assert_int_equal(w->e.kind, kind);
	if (!strstr(w->e.msg, why))
		fail_msg("not \"%s\": %s", why, w->e.msg);
	assert_non_null(strstr(w->e.msg, w->path));
}

static void has(struct world *w, const char *name, const char *want)
{
	char *buf;
	size_t n;

	if (tarball_read(w->t, &w->a, name, 4096, &buf, &n, &w->e) < 0)
		fail_msg("%s", w->e.msg);
	assert_string_equal(buf, want);
	assert_int_equal(n, strlen(want));
}

static void members(void **state)
{
	struct world *w = *state;
	struct range r;

	put(w, '5', "blobs/", "", "", 0);
	put_file(w, "./blobs/one", "1");
	put_file(w, "two", "22");
	put_file(w, "empty", "");
	put_file(w, "two", "later");
	put_end(w);
	put_file(w, "behind", "x");
	open_it(w);
	has(w, "blobs/one", "1");
	has(w, "two", "later");
	has(w, "empty", "");
	assert_null(tarball_find(w->t, "behind"));
	assert_null(tarball_find(w->t, "blobs"));
	assert_int_equal(tarball_range(w->t, "nothing", &r, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_CONTENT);
	assert_int_equal(tarball_read(w->t, &w->a, "two", 4, NULL, NULL, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_LIMIT);
}

static void no_zeros_at_the_end(void **state)
{
	struct world *w = *state;

	put_file(w, "a", "1");
	open_it(w);
	has(w, "a", "1");
}

static void links(void **state)
{
	struct world *w = *state;

	put_file(w, "one/layer.tar", "layer");
	put(w, '2', "two/layer.tar", "../one/layer.tar", "", 0);
	put(w, '2', "three/x", "/two/layer.tar", "", 0);
	put(w, '1', "hard", "one/layer.tar", "", 7); /* the size says nothing */
	put(w, '2', "out", "../../../one/layer.tar", "", 0);
	put(w, '2', "loop", "./loop", "", 0);
	put(w, '2', "dead", "nowhere", "", 0);
	put_end(w);
	open_it(w);
	has(w, "two/layer.tar", "layer");
	has(w, "three/x", "layer");
	has(w, "hard", "layer");
	has(w, "out", "layer"); /* ".." ends at the archive's top */
	assert_null(tarball_find(w->t, "loop"));
	assert_null(tarball_find(w->t, "dead"));
}

static void long_names(void **state)
{
	struct world *w = *state;
	char name[200], pax[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	put(w, 'L', "././@LongLink", "", name, (unsigned)strlen(name));
	put_file(w, "nnn", "gnu");
	snprintf(pax, sizeof(pax), "18 path=pax/other\n11 mtime=1\n9 size=3\n");
	put(w, 'x', "PaxHeader", "", pax, (unsigned)strlen(pax));
	put(w, '0', "short", "", "abc", 99999); /* pax says 3 */
	put(w, 'g', "global", "", "12 comment=\n", 12);
	put_file(w, "after", "a");
	put_end(w);
	open_it(w);
	has(w, name, "gnu");
	has(w, "pax/other", "abc");
	has(w, "after", "a");
	assert_null(tarball_find(w->t, "short"));
}

static void refuses(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *bytes, *why;
		size_t n;
	} packed[] = {{"\x1f\x8b\x08 and so on", "compressed", 13}, {"\x28\xb5\x2f\xfd 12345", "compressed", 10},
		{"short", "ends in a header", 5}, {"", "ends in a header", 0}};

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		assert_int_equal(ftruncate(w->fd, 0), 0);
		assert_int_equal(lseek(w->fd, 0, SEEK_SET), 0);
		assert_int_equal(fd_write_all(w->fd, packed[i].bytes, packed[i].n), 0);
		err_clear(&w->e);
		refused(w, ERR_CONTENT, packed[i].why);
	}
	assert_int_equal(tarball_open(&w->a, "/nothing/here", &w->t, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_NOINPUT);
	assert_int_equal(tarball_open(&w->a, "/dev/null", &w->t, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_NOINPUT);
}

static void refuses_broken_header(void **state)
{
	struct world *w = *state;

	put_file(w, "a", "1");
	assert_int_equal(pwrite(w->fd, "b", 1, 0), 1);
	refused(w, ERR_CONTENT, "a broken header at byte 0");
}

static void refuses_cut_member(void **state)
{
	struct world *w = *state;

	put(w, '0', "a", "", "1", 5000);
	refused(w, ERR_CONTENT, "cut off");
}

static void refuses_broken_pax(void **state)
{
	struct world *w = *state;
	static const char *const broken[] = {"99 path=x\n", "x path=x\n", "10 path=xyz", "0 path=x\n",
		"10 size=-\n", "11 size=1x\n", "3 =\n"};

	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_int_equal(ftruncate(w->fd, 0), 0);
		assert_int_equal(lseek(w->fd, 0, SEEK_SET), 0);
		put(w, 'x', "h", "", broken[i], (unsigned)strlen(broken[i]));
		put_file(w, "a", "1");
		put_end(w);
		err_clear(&w->e);
		refused(w, ERR_CONTENT, "broken");
	}
}

static void sizes(void **state)
{
	struct world *w = *state;
	unsigned char h[512];

	/* A size in binary, as large files have it, and a negative one. */
	put_file(w, "a", "abc");
	assert_int_equal(pread(w->fd, h, sizeof(h), 0), sizeof(h));
	memset(h + 124, 0, 12);
	h[124] = 0x80;
	h[135] = 3;
	seal(h);
	assert_int_equal(pwrite(w->fd, h, sizeof(h), 0), sizeof(h));
	open_it(w);
	has(w, "a", "abc");
	tarball_close(w->t);
	memset(h + 124, 0xff, 12);
	seal(h);
	assert_int_equal(pwrite(w->fd, h, sizeof(h), 0), sizeof(h));
	refused(w, ERR_CONTENT, "cut off");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(members), TEST(no_zeros_at_the_end), TEST(links), TEST(long_names), TEST(refuses),
		TEST(refuses_broken_header), TEST(refuses_cut_member), TEST(refuses_broken_pax),
		TEST(sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
