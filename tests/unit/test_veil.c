/* test_veil.c - what upper layers hide by name; and the spool that keeps headers meanwhile. */
#include "drivers/image/worker/veil.h"

#include "drivers/image/worker/spool.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void add(struct veil *v, const char *path, enum merge_type type)
{
	const struct merge_entry t = {.path = path, .type = type};

	veil_add(v, &t);
}

static void names(void **state)
{
	static const struct {
		const char *path;
		bool covered;
	} cases[] = {
		{"file", true}, {"./file", true}, {"/file", true}, {"file/below", true},
		{"gone", true}, {"gone/a/b", true}, {"goner", false}, {"gon", false},
		{"dir", true}, {"dir/other", false}, {"a/opaque/x", true}, {"a/opaque", false},
		{"a/opaque/x/y", true}, {"other", false}, {"a//./opaque/./x", true},
		{"a/.wh.b", true}, {".wh.", true}, {"", false},
	};
	struct veil v = {0};

	(void)state;
	add(&v, "./file", MERGE_FILE);
	add(&v, ".wh.gone", MERGE_FILE);
	add(&v, "dir/", MERGE_DIR);
	add(&v, "a/opaque/.wh..wh..opq", MERGE_FILE);
	add(&v, "a/.wh..wh.other", MERGE_FILE); /* means nothing */
	assert_false(veil_covers(&v, "file")); /* still the same layer */
	veil_lower(&v);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (veil_covers(&v, cases[i].path) != cases[i].covered)
			fail_msg("\"%s\"", cases[i].path);
	veil_fini(&v);
}

static void many(void **state)
{
	struct veil v = {0};
	char path[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "d%d/f%d", i % 7, i);
		add(&v, path, MERGE_FILE);
		if (i % 5000 == 0)
			veil_lower(&v);
	}
	veil_lower(&v);
	for (int i = 0; i < 20000; i++) {
		snprintf(path, sizeof(path), "d%d/f%d", i % 7, i);
		assert_true(veil_covers(&v, path));
		snprintf(path, sizeof(path), "d%d/f%d", (i + 1) % 7, i);
		assert_false(veil_covers(&v, path));
	}
	veil_fini(&v);
}

/* ---- the spool -------------------------------------------------------------------------- */

static void put_one(struct spool *s, uint32_t i, struct extents *x)
{
	char path[32], link[32];
	struct merge_entry t = {.path = path, .index = i, .size = i * 3, .type = MERGE_FILE,
		.xattrs = "attr", .xattrs_len = i % 3 ? 4 : 0, .link = i % 2 ? link : NULL};

	snprintf(path, sizeof(path), "path/%u", i);
	snprintf(link, sizeof(link), "link-%u", i);
	extents_reset(x);
	for (uint32_t k = 0; k < i % 9; k++)
		extents_add(x, 10 * k, i + 100 * k, 2);
	assert_int_equal(spool_put(s, &t, i % 4 != 0, x, NULL), 0);
}

static void get_one(struct spool *s, uint32_t i, struct extents *x)
{
	struct merge_entry t;
	char want[32];
	bool written;

	assert_int_equal(spool_get(s, &t, &written, x, NULL), 0);
	snprintf(want, sizeof(want), "path/%u", i);
	assert_string_equal(t.path, want);
	assert_int_equal(t.index, i);
	assert_int_equal(t.size, i * 3);
	assert_int_equal(written, i % 4 != 0);
	assert_int_equal(x->n, written ? i % 9 : 0);
	if (x->n)
		assert_int_equal(x->v[x->n - 1].physical, i + 100 * (i % 9 - 1));
	assert_int_equal(t.xattrs_len, i % 3 ? 4 : 0);
	if (t.xattrs_len)
		assert_memory_equal(t.xattrs, "attr", 4);
	snprintf(want, sizeof(want), "link-%u", i);
	if (i % 2)
		assert_string_equal(t.link, want);
	else
		assert_null(t.link);
}

static void there_and_back(void **state)
{
	char dir[] = "/tmp/test-spool.XXXXXX";
	const uint32_t n = 5000; /* more than the buffer */
	struct extents x = {0};
	uint64_t middle = 0;
	struct spool s;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(spool_open(&s, fd, NULL), 0);
	for (uint32_t i = 0; i < n; i++) {
		if (i == n / 2)
			middle = spool_tell(&s);
		put_one(&s, i, &x);
	}
	assert_int_equal(spool_seek(&s, middle, NULL), 0);
	for (uint32_t i = n / 2; i < n; i++)
		get_one(&s, i, &x);
	assert_int_equal(spool_seek(&s, 0, NULL), 0);
	for (uint32_t i = 0; i < n; i++)
		get_one(&s, i, &x);
	extents_free(&x);
	spool_close(&s);
	close(fd);
	assert_int_equal(rmdir(dir), 0); /* the file never had a name */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(many),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
