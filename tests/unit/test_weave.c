/* test_weave.c - output and errors that go to one file do not mix within a line. */
#include "drivers/guest/weave.h"

#include "schema/base/clock.h"
#include "tests/lib/unit.h"

#include <errno.h>
#include <signal.h>

enum { OUT, ERR };

static int pipes[2][2];
static struct weave w;

static int set_up(void **state)
{
	(void)state;
	return pipe2(pipes[0], O_CLOEXEC | O_NONBLOCK) || pipe2(pipes[1], O_CLOEXEC | O_NONBLOCK);
}

static int tear_down(void **state)
{
	(void)state;
	weave_fini(&w);
	for (size_t i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
	return 0;
}

static void put(size_t stream, const char *text)
{
	struct err err = ERR_INIT;

	assert_int_equal(weave_put(&w, stream, text, strlen(text), &err), 0);
}

static void flush(bool all, int64_t now_ms)
{
	struct err err = ERR_INIT;

	assert_int_equal(weave_flush(&w, all, now_ms, &err), 0);
}

/* What has been written to a pipe since the last time. */
static void assert_written(int pipe, const char *want)
{
	char text[256];
	ssize_t n = read(pipes[pipe][0], text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, want);
}

static void lines_stay_whole(void **state)
{
	(void)state;
	weave_init(&w, pipes[0][1], pipes[0][1]);
	put(OUT, "one\ntw");
	put(ERR, "err one\nerr");
	put(OUT, "o\nthree\n");
	put(ERR, " two\n");
	assert_written(0, "one\nerr one\ntwo\nthree\nerr two\n");
	assert_int_equal(weave_due_ms(&w, clock_mono_ms()), -1);
}

/* The same through two descriptors of one file. */
static void one_file_two_descriptors(void **state)
{
	int again = fcntl(pipes[0][1], F_DUPFD_CLOEXEC, 0);

	(void)state;
	assert_true(again >= 0);
	weave_init(&w, pipes[0][1], again);
	put(OUT, "half");
	put(ERR, "whole\n");
	flush(true, 0);
	assert_written(0, "whole\nhalf");
	close(again);
}

static void apart_is_written_at_once(void **state)
{
	(void)state;
	weave_init(&w, pipes[0][1], pipes[1][1]);
	put(OUT, "ha");
	put(ERR, "e");
	assert_written(0, "ha");
	assert_written(1, "e");
	assert_int_equal(weave_due_ms(&w, clock_mono_ms()), -1);
}

/* Half a line may be a prompt: it is shown once it has waited, by the clock that is given. */
static void a_prompt_is_shown(void **state)
{
	int64_t now;

	(void)state;
	weave_init(&w, pipes[0][1], pipes[0][1]);
	put(OUT, "name: ");
	now = w.streams[OUT].since_ms;
	assert_int_equal(weave_due_ms(&w, now), WEAVE_HOLD_MS);
	assert_int_equal(weave_due_ms(&w, now + 2 * WEAVE_HOLD_MS), 0);
	flush(false, now + WEAVE_HOLD_MS - 1);
	assert_written(0, "");
	flush(false, now + WEAVE_HOLD_MS);
	assert_written(0, "name: ");
	assert_int_equal(weave_due_ms(&w, now), -1);
}

/* A line without an end is not kept for ever. */
static void a_line_has_a_bound(void **state)
{
	static char piece[WEAVE_HOLD_MAX], back[2 * WEAVE_HOLD_MAX];
	struct err err = ERR_INIT;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	weave_init(&w, pipes[0][1], pipes[0][1]);
	assert_int_equal(weave_put(&w, OUT, piece, 1000, &err), 0);
	assert_written(0, "");
	assert_true(fcntl(pipes[0][1], F_SETPIPE_SZ, 4 * WEAVE_HOLD_MAX) > 0);
	assert_int_equal(weave_put(&w, OUT, piece, sizeof(piece), &err), 0);
	assert_int_equal(read(pipes[0][0], back, sizeof(back)), WEAVE_HOLD_MAX + 1000);
}

static void a_reader_that_went_away(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	weave_init(&w, pipes[0][1], pipes[0][1]);
	close(pipes[0][0]);
	assert_int_equal(weave_put(&w, OUT, "x\n", 2, &err), -1);
	assert_int_equal(err.errnum, EPIPE);
	close(pipes[0][1]);
	assert_int_equal(pipe2(pipes[0], O_CLOEXEC), 0); /* for tear_down */
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(lines_stay_whole),
		T(one_file_two_descriptors),
		T(apart_is_written_at_once),
		T(a_prompt_is_shown),
		T(a_line_has_a_bound),
		T(a_reader_that_went_away),
	};

	return cmocka_run_group_tests_name("weave", tests, NULL, NULL);
}
