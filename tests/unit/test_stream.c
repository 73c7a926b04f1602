/* test_stream.c - bytes through the ring: all of them, their digest, an early end, errors. */
#include "drivers/image/worker/stream.h"

#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY (9u << 20) /* more than the ring holds, and no multiple of a slot */

static int file_of(size_t n)
{
	unsigned char *p = malloc(n + 1);
	int fd = memfd_create("blob", MFD_CLOEXEC);

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 31 + i / 4096);
	assert_int_equal(fd_write_all(fd, p, n), 0);
	free(p);
	return fd;
}

static int open_stream(int fd, enum compression compression, bool hash, struct stream **out,
	struct err *e)
{
	return stream_open(&(struct range){fd, 0, RANGE_TO_END}, compression, hash, out, e);
}

static void all_of_it(void **state)
{
	_cleanup_fd_ int fd = file_of(MANY + 5);
	struct stream *s = NULL;
	const unsigned char *p;
	const void *data;
	size_t n = 1, total = 0;
	char digest[REF_DIGEST_MAX];

	(void)state;
	assert_int_equal(open_stream(fd, COMPRESSION_NONE, true, &s, NULL), 0);
	for (; n; total += n) {
		assert_int_equal(stream_next(s, &data, &n, NULL), 0);
		p = data;
		for (size_t i = 0; i < n; i += 997)
			assert_int_equal(p[i], (unsigned char)((total + i) * 31 + (total + i) / 4096));
	}
	assert_int_equal(total, MANY + 5);
	assert_int_equal(stream_consumed(s), MANY + 5);
	assert_int_equal(stream_next(s, &data, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(stream_digest(s, digest, NULL), 0);
	assert_true(ref_is_digest(digest));
	stream_close(s);
}

static void digest_is_right(void **state)
{
	_cleanup_fd_ int fd = memfd_create("blob", MFD_CLOEXEC);
	struct stream *s = NULL;
	char digest[REF_DIGEST_MAX];
	const void *data;
	size_t n = 1;

	(void)state;
	assert_int_equal(fd_write_all(fd, "abc", 3), 0);
	assert_int_equal(open_stream(fd, COMPRESSION_NONE, true, &s, NULL), 0);
	while (n)
		assert_int_equal(stream_next(s, &data, &n, NULL), 0);
	assert_int_equal(stream_digest(s, digest, NULL), 0);
	/* FIPS 180-2, appendix B.1 */
	assert_string_equal(digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	stream_close(s);
}

static void left_early(void **state)
{
	_cleanup_fd_ int fd = file_of(MANY);
	struct stream *s = NULL;
	const void *data;
	size_t n;

	(void)state;
	assert_int_equal(open_stream(fd, COMPRESSION_NONE, true, &s, NULL), 0);
	stream_close(s); /* before anything */
	assert_int_equal(open_stream(fd, COMPRESSION_NONE, false, &s, NULL), 0);
	assert_int_equal(stream_next(s, &data, &n, NULL), 0);
	assert_true(n > 0);
	stream_close(s); /* the ring is full */
}

static void errors_come_through(void **state)
{
	_cleanup_fd_ int fd = file_of(1000);
	struct stream *s = NULL;
	struct err e = ERR_INIT;
	const void *data;
	size_t n;

	(void)state;
	assert_int_equal(open_stream(fd, COMPRESSION_GZIP, true, &s, &e), 0);
	assert_int_equal(stream_next(s, &data, &n, &e), -1);
	assert_int_equal(e.kind, ERR_CONTENT);
	assert_non_null(strstr(e.msg, "not valid gzip data"));
	assert_int_equal(stream_next(s, &data, &n, &e), -1);
	stream_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(digest_is_right),
		cmocka_unit_test(left_early),
		cmocka_unit_test(errors_come_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
