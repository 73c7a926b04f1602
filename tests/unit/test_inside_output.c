/* test_inside_output.c - the workload's output and a port that stalls; the report queue. */
#include "drivers/guest/inside/output.h"
#include "drivers/guest/inside/report.h"
#include "drivers/guest/proto.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct output o;
static int workload; /* its end of the pipe */
static int host;     /* the host's end of the port */

static void pipe_nonblock(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
}

static int setup(void **state)
{
	int port[2], out[2];

	(void)state;
	pipe_nonblock(port);
	pipe_nonblock(out);
	output_init(&o, port[1]);
	output_attach(&o, out[0]);
	workload = out[1];
	host = port[0];
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(workload);
	close(host);
	close(o.port);
	if (o.pipe >= 0)
		close(o.pipe);
	return 0;
}

/* Write until the pipe is full. */
static size_t fill_pipe(char c)
{
	char buf[4096];
	size_t n = 0;
	ssize_t done;

	memset(buf, c, sizeof(buf));
	while ((done = write(workload, buf, sizeof(buf))) > 0)
		n += (size_t)done;
	return n;
}

/* Everything that the host can read now. */
static size_t drain(char *into, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size && (got = read(host, into + n, size - n)) > 0)
		n += (size_t)got;
	return n;
}

static void test_copies(void **state)
{
	char buf[64];

	(void)state;
	assert_int_equal(write(workload, "hello", 5), 5);
	output_pump(&o);
	assert_int_equal(drain(buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(output_deadline(&o), 0);
	close(workload);
	output_pump(&o);
	assert_int_equal(o.pipe, -1);
	workload = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A slow host loses nothing: the workload waits. */
static void test_slow_host(void **state)
{
	static char buf[1 << 20];
	size_t written = 0, got = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		written += fill_pipe('s');
		output_pump(&o);
		got += drain(buf, 10000);
	}
	for (int i = 0; i < 400 && got < written; i++) {
		output_pump(&o);
		got += drain(buf, sizeof(buf));
	}
	assert_int_equal(got, written);
	assert_false(o.dropping);
}

/* A host that never reads: after the time is over the workload goes on, and when the host comes
 * back it is told how much is missing. Nothing here waits: the time is set back. */
static void test_dead_host(void **state)
{
	static char buf[1 << 20];
	size_t written = 0, got;
	char *notice, *end;

	(void)state;
	for (int i = 0; i < 8; i++) {
		written += fill_pipe('d');
		output_pump(&o);
	}
	assert_false(o.dropping);
	assert_true(output_deadline(&o) > 0);
	assert_int_equal(fill_pipe('d'), 0);
	o.stalled_at -= OUTPUT_STALL_MS;
	for (int i = 0; i < 8; i++) {
		output_pump(&o);
		written += fill_pipe('d');
	}
	assert_true(o.dropping);
	assert_int_equal(output_deadline(&o), 0);
	while (o.again)
		output_pump(&o);
	output_pump(&o);
	got = 0;
	for (int i = 0; i < 64; i++) {
		got += drain(buf + got, sizeof(buf) - got);
		output_pump(&o);
	}
	assert_false(o.dropping);
	buf[got] = '\0';
	notice = strstr(buf, "\n[reconcile: ");
	assert_non_null(notice);
	end = strstr(notice, " bytes of output were dropped]\n");
	assert_non_null(end);
	assert_int_equal(strtoull(notice + strlen("\n[reconcile: "), NULL, 10) + (size_t)(notice - buf), written);
	assert_int_equal(write(workload, "again", 5), 5);
	output_pump(&o);
	assert_int_equal(drain(buf, sizeof(buf)), 5);
}

static void test_finish(void **state)
{
	static char buf[1 << 20];
	size_t written = fill_pipe('f'), got;

	(void)state;
	output_pump(&o);
	written += fill_pipe('f');
	output_finish(&o, 0); /* the host does not read: gives up */
	got = drain(buf, sizeof(buf));
	assert_true(got < written);
	assert_int_equal(write(workload, "last", 4), 4);
	assert_true(fcntl(o.port, F_SETPIPE_SZ, sizeof(buf)) > 0);
	output_finish(&o, 1000);
	got += drain(buf + got, sizeof(buf) - got);
	assert_int_equal(got, written + 4);
	assert_memory_equal(buf + got - 4, "last", 4);
}

/* Without a port there is nobody to wait for. */
static void test_no_port(void **state)
{
	(void)state;
	close(o.port);
	o.port = -1;
	for (int i = 0; i < 20; i++) {
		fill_pipe('n');
		output_pump(&o);
	}
	while (o.again)
		output_pump(&o);
	assert_int_equal(o.n, 0);
	assert_true(fill_pipe('n') > 0);
	o.port = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void test_report(void **state)
{
	struct report r;
	char buf[8192];
	size_t n;

	(void)state;
	report_init(&r, o.port, "abc");
	report_event(&r, "ready", NULL, NULL, 0);
	report_event(&r, "exit", "code", NULL, 3);
	report_event(&r, "error", "msg", "no \"x\"", 0);
	n = drain(buf, sizeof(buf) - 1);
	buf[n] = '\0';
	assert_string_equal(buf, "{\"v\":1,\"nonce\":\"abc\",\"ev\":\"ready\"}\n"
		"{\"v\":1,\"nonce\":\"abc\",\"ev\":\"exit\",\"code\":3}\n"
		"{\"v\":1,\"nonce\":\"abc\",\"ev\":\"error\",\"msg\":\"no \\\"x\\\"\"}\n");
	/* Nobody reads: the queue fills, whole events are lost, nothing waits. */
	for (int i = 0; i < 10000; i++)
		report_event(&r, "exit", "code", NULL, i);
	report_flush(&r, 0);
	assert_true(r.n > 0 && r.n <= REPORT_BYTES);
	assert_memory_equal(r.buf + r.n - 2, "}\n", 2);
	report_init(&r, -1, "abc");
	report_event(&r, "ready", NULL, NULL, 0);
	report_flush(&r, 1000);
}

/* The time stands in front of a line, not in one, and not twice in a second. */
static void test_marks(void **state)
{
	char got[4096], *second = got + GUEST_MARK_BYTES + 9;
	ssize_t n;

	(void)state;
	o.marks = true;
	dprintf(workload, "one ");
	output_pump(&o);
	o.marked_s = 0; /* a second later */
	dprintf(workload, "line\n");
	output_pump(&o);
	o.marked_s = 0;
	dprintf(workload, "two\n");
	output_pump(&o);
	n = read(host, got, sizeof(got) - 1);
	assert_true(n > 0);
	got[n] = '\0';
	assert_int_equal(n, 2 * GUEST_MARK_BYTES + 13);
	assert_int_equal(second[0], '\036');
	assert_int_equal(second[GUEST_MARK_BYTES - 1], '\n');
	assert_memory_equal(got + GUEST_MARK_BYTES, "one line\n", 9);
	assert_string_equal(got + 2 * GUEST_MARK_BYTES + 9, "two\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_copies), T(test_slow_host), T(test_dead_host), T(test_finish), T(test_no_port),
		T(test_marks), T(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
