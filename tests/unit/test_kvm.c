/* test_kvm.c - the KVM probe, the time stamp counter and what is kept about a host until it boots
 * again; text and tails of files that a guest writes. */
#include "drivers/sys/bootcache.h"
#include "drivers/sys/kvm.h"
#include "drivers/sys/plain.h"
#include "drivers/sys/tail.h"
#include "drivers/vmm/tsc.h"
#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena arena;
static char dir[] = "/tmp/test_kvm.XXXXXX";
static int dir_fd;

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(dir_fd);
	tree_remove(AT_FDCWD, dir, NULL);
	arena_free(&arena);
	return 0;
}

static void put(const char *name, const char *text, size_t n)
{
	assert_int_equal(file_replace(dir_fd, name, text, n, 0600, NULL), 0);
}

/* Whatever this host is, the answer has a reason exactly when it is no, and stays the same. */
static void test_probe(void **state)
{
	const char *reason, *again;
	bool usable = kvm_is_usable(&arena, dir_fd, "boot-1", &reason);

	(void)state;
	assert_true(usable == !reason);
	assert_true(kvm_is_usable(&arena, dir_fd, "boot-1", &again) == usable);
	if (!usable)
		assert_string_equal(reason, again);
	print_message("KVM: %s\n", usable ? "usable" : reason);
}

/* The kept answer is believed in the same boot only, and never when /dev/kvm does not open. */
static void test_kept_answer(void **state)
{
	static const char words[] = "boot-2 the test says no\n";
	const char *reason;

	(void)state;
	put("kvm", words, strlen(words));
	assert_false(kvm_is_usable(&arena, dir_fd, "boot-2", &reason));
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		assert_string_equal(reason, "the test says no");
	else
		assert_non_null(strstr(reason, "/dev/kvm"));
	kvm_is_usable(&arena, dir_fd, "boot-3", &reason);
	assert_true(!reason || strcmp(reason, "the test says no") != 0);
}

static void test_run_test_on_no_kvm(void **state)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)state;
	assert_non_null(kvm_run_test(&arena, fd));
}

static void test_tsc(void **state)
{
	uint64_t khz = 0, again = 0;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(tsc_khz(&arena, dir_fd, "boot-1", &khz, &e), 0);
	assert_int_equal(tsc_khz(&arena, dir_fd, "boot-1", &again, &e), 0);
	assert_int_equal(khz, again);
	assert_true(!khz || (khz >= 100000 && khz <= 20000000));
	/* A kept value that makes no sense is measured anew. */
	put("tsc_khz", "boot-1 7\n", 9);
	assert_int_equal(tsc_khz(&arena, dir_fd, "boot-1", &again, &e), 0);
	assert_int_not_equal(again, 7);
}

static void test_bootcache(void **state)
{
	struct err e = ERR_INIT;
	char *big = arena_alloc(&arena, 600);

	(void)state;
	assert_null(bootcache_get(&arena, dir_fd, "x", "b1"));
	assert_int_equal(bootcache_put(dir_fd, "x", "b1", "one two", &e), 0);
	assert_string_equal(bootcache_get(&arena, dir_fd, "x", "b1"), "one two");
	assert_null(bootcache_get(&arena, dir_fd, "x", "b"));
	assert_null(bootcache_get(&arena, dir_fd, "x", "b11"));
	put("x", "b1 cut o", 8);
	assert_null(bootcache_get(&arena, dir_fd, "x", "b1"));
	put("x", "", 0);
	assert_null(bootcache_get(&arena, dir_fd, "x", "b1"));
	memset(big, 'x', 599);
	assert_int_equal(bootcache_put(dir_fd, "x", "b1", big, &e), -1);
}

static void test_plain(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *plain;
	} cases[] = {
		{"", 0, ""},
		{"\r\n\n", 3, ""},
		{"a\r\nb\n\nc\n", 8, "a | b | c"},
		{"\ta b", 4, " a b"},
		{"\x1b[2J\a", 5, "\\x1b[2J\\x07"},
		{"a\0b", 3, "a\\x00b"},
		{"\xe2\x80\xae", 3, "\\xe2\\x80\\xae"},
		{"a\nb", 2, "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(plain_text(&arena, cases[i].text, cases[i].n),
			cases[i].plain);
}

/* A log that another process goes on writing to: what is kept begins with a whole line, and what comes
 * next stands right behind it. */
static void test_tail_keep(void **state)
{
	struct err e = ERR_INIT;
	int writer;

	(void)state;
	writer = openat(dir_fd, "grows", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(writer >= 0);
	for (int i = 0; i < 1000; i++)
		dprintf(writer, "line %04d\n", i);
	assert_int_equal(tail_keep(dir_fd, "grows", 10000, 100, &e), 0);
	assert_int_equal(lseek(writer, 0, SEEK_END), 10000); /* not larger than that: left alone */
	assert_int_equal(tail_keep(dir_fd, "grows", 9999, 95, &e), 0);
	dprintf(writer, "behind\n");
	assert_string_equal(tail_read(&arena, dir_fd, "grows", 8192, &(size_t){0}),
		"line 0991\nline 0992\nline 0993\nline 0994\nline 0995\nline 0996\n"
		"line 0997\nline 0998\nline 0999\nbehind\n");
	assert_int_equal(tail_keep(dir_fd, "is-not-there", 1, 1, &e), 0);
	assert_int_equal(symlinkat("grows", dir_fd, "grows-link"), 0);
	assert_int_equal(tail_keep(dir_fd, "grows-link", 1, 1, &e), 0);
	assert_int_equal(lseek(writer, 0, SEEK_END), 97);
	close(writer);
}

static void test_tail(void **state)
{
	size_t n;

	(void)state;
	put("log", "one\ntwo\nthree\n", 14);
	assert_string_equal(tail_read(&arena, dir_fd, "log", 14, &n), "one\ntwo\nthree\n");
	assert_string_equal(tail_read(&arena, dir_fd, "log", 13, &n), "two\nthree\n");
	assert_int_equal(n, 10);
	assert_string_equal(tail_read(&arena, dir_fd, "log", 3, &n), "");
	assert_string_equal(tail_lines(&arena, dir_fd, "log", 1), "three");
	assert_string_equal(tail_lines(&arena, dir_fd, "log", 2), "two | three");
	assert_string_equal(tail_lines(&arena, dir_fd, "log", 9), "one | two | three");
	put("log", "\n\n\n", 3);
	assert_null(tail_lines(&arena, dir_fd, "log", 2));
	assert_null(tail_lines(&arena, dir_fd, "none", 2));
}

/* Not there, or not a file: an empty text, at once. */
static void test_tail_of_no_file(void **state)
{
	size_t n = 7;

	(void)state;
	assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir_fd, "link"), 0);
	assert_string_equal(tail_read(&arena, dir_fd, "fifo", 99, &n), "");
	assert_string_equal(tail_read(&arena, dir_fd, "link", 99, &n), "");
	assert_string_equal(tail_read(&arena, dir_fd, "none", 99, &n), "");
	assert_string_equal(tail_read(&arena, dir_fd, ".", 99, &n), "");
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_kept_answer),
		cmocka_unit_test(test_run_test_on_no_kvm),
		cmocka_unit_test(test_tsc),
		cmocka_unit_test(test_bootcache),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_tail_keep),
		cmocka_unit_test(test_tail_of_no_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
