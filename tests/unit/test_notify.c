/* test_notify.c - words to the service manager, on a socket of our own. */
#include "drivers/sys/notify.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

struct manager {
	char folder[SCRATCH_MAX];
	int fd;
	struct notify n;
};

static int bind_to(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const size_t len = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, len + 1);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] != '@'))), 0);
	return fd;
}

static int set_up(void **state)
{
	static struct manager m;
	char path[SCRATCH_MAX + 8];

	scratch_make(m.folder);
	snprintf(path, sizeof(path), "%s/notify", m.folder);
	m.fd = bind_to(path);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	setenv("NOTIFY_SOCKET", path, 1);
	*state = &m;
	return notify_open(&m.n, NULL);
}

static int tear_down(void **state)
{
	struct manager *m = *state;

	fd_close(&m->fd);
	scratch_remove(m->folder);
	return 0;
}

/* The one datagram that has come; there is no second one. */
static const char *heard(int fd)
{
	static char text[2048];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(recv(fd, &(char){0}, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
	return text;
}

static void each_word(void **state)
{
	struct manager *m = *state;
	unsigned long long us;
	char rest;

	assert_int_equal(notify_ready(&m->n, NULL), 0);
	assert_string_equal(heard(m->fd), "READY=1");
	assert_int_equal(notify_stopping(&m->n, NULL), 0);
	assert_string_equal(heard(m->fd), "STOPPING=1");
	assert_int_equal(notify_watchdog(&m->n, NULL), 0);
	assert_string_equal(heard(m->fd), "WATCHDOG=1");
	assert_int_equal(notify_reloading(&m->n, NULL), 0);
	assert_int_equal(sscanf(heard(m->fd), "RELOADING=1\nMONOTONIC_USEC=%llu%c", &us, &rest), 1);
	assert_true(us > 0);
}

static void a_status_is_one_line(void **state)
{
	struct manager *m = *state;
	char longest[2000], want[NOTIFY_TEXT_MAX + 8] = "STATUS=";

	assert_int_equal(notify_status(&m->n, "web\nREADY=1\rx", NULL), 0);
	assert_string_equal(heard(m->fd), "STATUS=web READY=1 x");
	assert_int_equal(notify_status(&m->n, "", NULL), 0);
	assert_string_equal(heard(m->fd), "STATUS=");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memset(want + 7, 'x', NOTIFY_TEXT_MAX);
	want[7 + NOTIFY_TEXT_MAX] = '\0';
	assert_int_equal(notify_status(&m->n, longest, NULL), 0);
	assert_string_equal(heard(m->fd), want);
}

static void an_abstract_name(void **state)
{
	char name[64];
	struct notify n;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@reconcile-test-%d", (int)getpid());
	fd = bind_to(name);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(notify_open(&n, NULL), 0);
	assert_int_equal(notify_ready(&n, NULL), 0);
	assert_string_equal(heard(fd), "READY=1");
	fd_close(&fd);
}

static void nobody_wants_to_know(void **state)
{
	struct manager *m = *state;
	struct notify n;

	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "nonsense", 1);
	assert_int_equal(notify_open(&n, NULL), 0);
	assert_int_equal(n.watchdog_us, 0);
	assert_int_equal(notify_ready(&n, NULL), 0);
	assert_int_equal(notify_status(&n, "x", NULL), 0);
	assert_int_equal(recv(m->fd, &(char){0}, 1, 0), -1);
}

static void nobody_listens(void **state)
{
	struct manager *m = *state;
	struct err err = ERR_INIT;

	fd_close(&m->fd);
	assert_int_equal(notify_ready(&m->n, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
}

/* A manager that does not read fills its queue: we say so and go on. */
static void a_manager_that_sleeps(void **state)
{
	struct manager *m = *state;
	struct err err = ERR_INIT;
	int rc = 0;

	for (int i = 0; i < 100000 && !rc; i++)
		rc = notify_watchdog(&m->n, &err);
	assert_int_equal(rc, -1);
	assert_int_equal(err.errnum, EAGAIN);
}

static void names_that_are_none(void **state)
{
	static const char *const bad[] = {"/", "@", "run/notify", "unix:/run/notify", "vsock:2:1"};
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct err err;
	struct notify n;

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	setenv("NOTIFY_SOCKET", longest, 1);
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		assert_int_equal(notify_open(&n, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_int_equal(n.to_len, 0);
		if (i < sizeof(bad) / sizeof(bad[0]))
			setenv("NOTIFY_SOCKET", bad[i], 1);
	}
}

static void watchdogs(void **state)
{
	static const char *const bad[] = {"", "0", "-1", "5s", "99999999999999999999999"};
	struct err err = ERR_INIT;
	struct notify n;
	char pid[16];

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_open(&n, NULL), 0);
	assert_int_equal(n.watchdog_us, 30000000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_open(&n, NULL), 0);
	assert_int_equal(n.watchdog_us, 30000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_open(&n, NULL), 0);
	assert_int_equal(n.watchdog_us, 0);
	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("WATCHDOG_USEC", bad[i], 1);
		err_clear(&err);
		assert_int_equal(notify_open(&n, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_word),
		TEST(a_status_is_one_line),
		TEST(an_abstract_name),
		TEST(nobody_wants_to_know),
		TEST(nobody_listens),
		TEST(a_manager_that_sleeps),
		TEST(names_that_are_none),
		TEST(watchdogs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
