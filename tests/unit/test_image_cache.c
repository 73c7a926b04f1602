/* test_image_cache.c - fetched blobs: what is listed, what goes first, what is never touched. */
#include "drivers/image/cache.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct world {
	struct arena a;
	char dir[40];
	const char *blobs;
	int fd;
};

static int setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	*w = (struct world){.dir = "/tmp/test_image_cache.XXXXXX", .fd = -1};
	if (!mkdtemp(w->dir))
		return -1;
	w->blobs = arena_printf(&w->a, "%s/oci/blobs/sha256", w->dir);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fd_close(&w->fd);
	tree_remove(AT_FDCWD, w->dir, NULL);
	arena_free(&w->a);
	free(w);
	return 0;
}

static void put(struct world *w, const char *name, size_t n, int64_t used_at)
{
	const struct timespec times[2] = {{.tv_sec = used_at}, {.tv_sec = 1}};
	char data[100] = "";

	assert_int_equal(file_replace(w->fd, name, data, n, 0600, NULL), 0);
	assert_int_equal(utimensat(w->fd, name, times, 0), 0);
}

static void open_it(struct world *w)
{
	assert_int_equal(dir_make(AT_FDCWD, w->blobs, 0700, NULL), 0);
	assert_int_equal(cache_open(w->dir, &w->fd, NULL), 0);
}

static void no_cache(void **state)
{
	struct world *w = *state;

	assert_int_equal(cache_open(w->dir, &w->fd, NULL), 1);
}

static void listed(void **state)
{
	struct world *w = *state;
	struct cached *v;
	size_t n;

	open_it(w);
	put(w, A, 10, 300);
	put(w, B, 20, 100);
	put(w, C, 30, 200);
	put(w, "." A ".tmp", 5, 900);
	put(w, "." B ".pruned", 6, 900);
	put(w, "foreign", 1, 1);
	put(w, A "a", 1, 1);
	put(w, "." A, 1, 1);
	assert_int_equal(mkdirat(w->fd, "dddddddddddddddddddddddddddddddd"
		"dddddddddddddddddddddddddddddddd", 0700), 0);
	assert_int_equal(cache_list(&w->a, w->fd, &v, &n, NULL), 0);
	assert_int_equal(n, 5);
	assert_string_equal(v[0].name, "." A ".tmp");
	assert_string_equal(v[1].name, "." B ".pruned");
	assert_string_equal(v[2].name, B);
	assert_string_equal(v[3].name, C);
	assert_string_equal(v[4].name, A);
	assert_int_equal(v[3].size, 30);
}

static void surplus(void **state)
{
	static const struct cached v[] = {{"r", false, 5, 9}, {"b", true, 20, 1}, {"c", true, 30, 2},
		{"a", true, 10, 3}};
	static const struct {
		uint64_t max;
		size_t gone;
	} cases[] = {{0, 4}, {9, 4}, {10, 3}, {39, 3}, {40, 2}, {59, 2}, {60, 1}, {UINT64_MAX, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(cache_surplus(v, 4, cases[i].max), cases[i].gone);
	assert_int_equal(cache_surplus(NULL, 0, 0), 0);
}

static void removed(void **state)
{
	struct world *w = *state;
	const struct cached one = {.name = A, .whole = true}, rest = {.name = "." B ".tmp"};

	open_it(w);
	put(w, A, 10, 1);
	put(w, rest.name, 10, 1);
	assert_int_equal(cache_remove(w->fd, &one, NULL), 0);
	assert_int_equal(cache_remove(w->fd, &rest, NULL), 0);
	assert_int_equal(cache_remove(w->fd, &one, NULL), 0); /* gone already */
	assert_int_equal(unlinkat(w->fd, A, 0), -1);
	assert_int_equal(unlinkat(w->fd, "." A ".pruned", 0), -1);
	assert_int_equal(unlinkat(w->fd, rest.name, 0), -1);
}

static void not_beside_a_pull(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	int pull;

	open_it(w);
	pull = open(w->blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(pull, LOCK_SH), 0);
	assert_int_equal(cache_lock(w->fd, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	close(pull);
	assert_int_equal(cache_lock(w->fd, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(listed, setup, teardown),
		cmocka_unit_test(surplus),
		cmocka_unit_test_setup_teardown(removed, setup, teardown),
		cmocka_unit_test_setup_teardown(not_beside_a_pull, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
