/* test_agent_reach.c - vsock or a port: which way is taken, and who is believed on it.
 *
 * vsock_connect is a twin here: what it hands out is one end of a socket pair, with a small agent at
 * the other.
 */
#include "drivers/guest/agent.h"

#include "drivers/rundir.h"
#include "drivers/sys/unixsock.h"
#include "drivers/sys/vsock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"
#include "tests/lib/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define OURS "0123456789abcdef"
#define SHORT_MS 50

static char dir[SCRATCH_MAX];
static int port_listener; /* of agent0.sock: accepts and says nothing */

/* The agent at the far end of vsock. */
static struct {
	const char *boot_nonce; /* NULL: nobody listens */
	uint32_t cid;           /* that was asked for; 0: nobody asked */
	int fd;
	pthread_t thread;
	bool started;
} far;

static void *answer(void *arg)
{
	char buf[512], reply[512];
	ssize_t n;

	(void)arg;
	while ((n = read(far.fd, buf, sizeof(buf) - 1)) > 0) {
		_cleanup_json_ json_t *hello = NULL;
		char *line = buf;

		buf[n] = '\0';
		line += strspn(line, "\n");
		if (!*line)
			continue;
		/* No assertion in a thread: without an answer the test fails by its timeout. */
		if (json_parse(line, strlen(line), "hello", &hello, NULL) < 0)
			break;
		n = snprintf(reply, sizeof(reply),
			"{\"id\":%lld,\"ok\":true,\"v\":1,\"nonce\":\"%s\",\"boot_nonce\":\"%s\"}\n",
			(long long)json_int(hello, "id", 0), json_str(hello, "nonce", ""),
			far.boot_nonce);
		if (write(far.fd, reply, (size_t)n) != n)
			break;
	}
	return NULL;
}

int vsock_connect(uint32_t cid, uint32_t port, int timeout_ms, int *fd, struct err *e)
{
	int pair[2];

	(void)port;
	(void)timeout_ms;
	(void)e;
	far.cid = cid;
	if (!far.boot_nonce)
		return 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	far.fd = pair[1];
	far.started = true;
	assert_int_equal(pthread_create(&far.thread, NULL, answer, NULL), 0);
	*fd = pair[0];
	return 0;
}

static void note(const char *nonce, const char *cid)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = ERR_INIT;
	struct kvs kvs = {0};

	if (nonce)
		kvs_set(&a, &kvs, "nonce", nonce);
	if (cid)
		kvs_set(&a, &kvs, RUN_NOTE_VSOCK, cid);
	assert_int_equal(rundir_note_write(fd, &kvs, &e), 0);
}

static int set_up(void **state)
{
	_cleanup_fd_ int fd = -1;
	struct err e = ERR_INIT;

	(void)state;
	memset(&far, 0, sizeof(far));
	scratch_make(dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return unixsock_listen(fd, "agent0.sock", &port_listener, &e);
}

static int tear_down(void **state)
{
	(void)state;
	if (far.started) {
		pthread_join(far.thread, NULL);
		close(far.fd);
	}
	close(port_listener);
	scratch_remove(dir);
	return 0;
}

/* The port's silence shows that it was asked. */
static void assert_goes_to_the_port(void)
{
	struct err e = ERR_INIT;
	struct agent *a = NULL;

	assert_int_equal(agent_reach(dir, SHORT_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_null(a);
}

static void over_vsock(void **state)
{
	_cleanup_agent_ struct agent *a = NULL;
	struct err e = ERR_INIT;

	(void)state;
	note(OURS, "4294967290");
	far.boot_nonce = OURS;
	assert_int_equal(agent_reach(dir, SHORT_MS, NULL, &a, &e), 0);
	assert_string_equal(agent_boot_nonce(a), OURS);
	assert_true(far.cid == 4294967290u);
}

static void another_guest_has_the_cid(void **state)
{
	(void)state;
	note(OURS, "7");
	far.boot_nonce = "fedcba9876543210";
	assert_goes_to_the_port();
	assert_int_equal(far.cid, 7);
}

static void nobody_listens(void **state)
{
	(void)state;
	note(OURS, "7");
	assert_goes_to_the_port();
	assert_int_equal(far.cid, 7);
}

/* Nothing proves who would answer, so it is not even tried. */
static void no_device_or_no_nonce(void **state)
{
	(void)state;
	far.boot_nonce = OURS;
	assert_goes_to_the_port();
	note(OURS, NULL);
	assert_goes_to_the_port();
	note(NULL, "7");
	assert_goes_to_the_port();
	note(OURS, "seven");
	assert_goes_to_the_port();
	assert_int_equal(far.cid, 0);
}

static void no_folder(void **state)
{
	struct err e = ERR_INIT;
	struct agent *a;

	(void)state;
	assert_int_equal(agent_reach("/nonexistent", SHORT_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_GUEST);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(over_vsock),
		T(another_guest_has_the_cid),
		T(nobody_listens),
		T(no_device_or_no_nonce),
		T(no_folder),
	};

	return cmocka_run_group_tests_name("agent_reach", tests, NULL, NULL);
}
