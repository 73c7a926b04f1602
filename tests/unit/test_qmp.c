/* test_qmp.c - the QMP client against peers that behave, and peers that do not. */
#include "drivers/vmm/qmp.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define LONG_MS 20000

/* A peer that says one text after another: the first at once, each further one when it has been
 * asked something. %s in it is the id that was asked with. After the last it hangs up or, with
 * stay, waits until we do. */
struct peer {
	int fd;
	const char *const *says;
	bool stay;
	pthread_t thread;
};

static void say(int fd, const char *text, const char *id)
{
	const char *at = strstr(text, "%s");

	if (!at) {
		(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
		return;
	}
	(void)!send(fd, text, (size_t)(at - text), MSG_NOSIGNAL);
	(void)!send(fd, id, strlen(id), MSG_NOSIGNAL);
	say(fd, at + 2, id);
}

static void *peer_run(void *arg)
{
	struct peer *p = arg;
	char buf[512];
	ssize_t n;

	say(p->fd, p->says[0], "0");
	for (size_t i = 1; p->says[i]; i++) {
		char *id;

		n = recv(p->fd, buf, sizeof(buf) - 1, 0);
		if (n <= 0)
			break;
		buf[n] = '\0';
		id = strstr(buf, "\"id\": ");
		assert_non_null(id);
		id += 6;
		id[strcspn(id, "}")] = '\0';
		say(p->fd, p->says[i], id);
	}
	if (p->stay)
		while (recv(p->fd, buf, sizeof(buf), 0) > 0)
			;
	close(p->fd);
	return NULL;
}

static int peer_start(struct peer *p, const char *const *says, bool stay)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*p = (struct peer){.fd = fds[1], .says = says, .stay = stay};
	assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
	return fds[0];
}

/* Attach and run one command. */
static int talk(const char *const *says, int64_t ms, bool stay, json_t **result, struct err *e)
{
	struct qmp *q = NULL;
	struct peer p;
	int fd = peer_start(&p, says, stay);
	int r = qmp_attach(fd, clock_mono_ms() + ms, NULL, &q, e);

	if (!r)
		r = qmp_command(q, "query-status", clock_mono_ms() + ms, result, e);
	qmp_close(q);
	pthread_join(p.thread, NULL);
	return r;
}

static void test_well_behaved(void **state)
{
	static const char *const says[] = {GREETING, "{\"return\": {}, \"id\": %s}\r\n",
		"{\"timestamp\": {}, \"event\": \"RESUME\"}\r\n"
		"{\"return\": {\"status\": \"running\"}, \"id\": %s}\r\n", NULL};
	_cleanup_json_ json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(talk(says, LONG_MS, false, &result, &e), 0);
	assert_string_equal(json_str(result, "status", ""), "running");
}

static void test_other_ids_and_noise_are_dropped(void **state)
{
	static const char *const says[] = {"\r\nnoise\n[1]\n{}\n" GREETING,
		"{\"return\": {}, \"id\": 999}\n{\"return\": {}, \"id\": \"%s\"}\n"
		"{\"return\": {}}\n{\"return\": {}, \"id\": %s}\n",
		"{\"QMP\": {}, \"id\": %s}\n{\"id\": %s}\n{\"event\": \"X\", \"id\": %s}\n"
		"{\"return\": {\"status\": \"paused\"}, \"id\": %s}\n", NULL};
	_cleanup_json_ json_t *result = NULL;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(talk(says, LONG_MS, false, &result, &e), 0);
	assert_string_equal(json_str(result, "status", ""), "paused");
}

static void test_refusal(void **state)
{
	static const char *const says[] = {GREETING, "{\"return\": {}, \"id\": %s}\n",
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no \\u001b[31m\"},"
		" \"id\": %s}\n", NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(talk(says, LONG_MS, false, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
	assert_string_equal(e.msg, "QEMU refused query-status: no \\x1b[31m");
}

static void test_hang_up(void **state)
{
	static const char *const at_once[] = {"", NULL};
	static const char *const half[] = {"{\"QMP\": {", NULL};
	static const char *const later[] = {GREETING, "{\"return\": {}, \"id\": %s}\n", "", NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(talk(at_once, LONG_MS, false, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
	assert_int_equal(talk(half, LONG_MS, false, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
	assert_int_equal(talk(later, LONG_MS, false, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
}

static void test_silence(void **state)
{
	static const char *const silent[] = {"", NULL};
	static const char *const later[] = {GREETING, "{\"event\": \"X\"}\n", NULL};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(talk(silent, 50, true, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	assert_int_equal(talk(later, 50, true, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
}

static void test_endless_line(void **state)
{
	const char *says[] = {NULL, NULL};
	char *line = malloc(300 * 1024 + 1);
	struct err e = ERR_INIT;

	(void)state;
	memset(line, 'x', 300 * 1024);
	line[300 * 1024] = '\0';
	says[0] = line;
	assert_int_equal(talk(says, LONG_MS, true, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_LIMIT);
	free(line);
}

static void test_flood_of_events(void **state)
{
	static const char event[] = "{\"event\":\"X\"}\n";
	const size_t n = 10001, one = sizeof(event) - 1;
	const char *says[] = {NULL, NULL};
	char *text = malloc(n * one + 1);
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < n; i++)
		memcpy(text + i * one, event, one + 1);
	says[0] = text;
	assert_int_equal(talk(says, LONG_MS, true, NULL, &e), -1);
	assert_int_equal(e.kind, ERR_CONTENT);
	free(text);
}

static void test_cancel(void **state)
{
	static const char *const silent[] = {"", NULL};
	static const volatile sig_atomic_t cancel = 1;
	struct err e = ERR_INIT;
	struct qmp *q = NULL;
	struct peer p;
	int fd = peer_start(&p, silent, true);

	(void)state;
	assert_int_equal(qmp_attach(fd, clock_mono_ms() + LONG_MS, &cancel, &q, &e), -1);
	assert_int_equal(e.kind, ERR_CANCELLED);
	pthread_join(p.thread, NULL);
}

static void test_parse(void **state)
{
	static const struct {
		const char *line;
		enum qmp_message kind;
		int64_t id;
	} cases[] = {
		{"", QMP_OTHER, -1},
		{"{", QMP_OTHER, -1},
		{"null", QMP_OTHER, -1},
		{"{\"QMP\":1}", QMP_OTHER, -1},
		{"{\"QMP\":{}}", QMP_GREETING, -1},
		{"{\"event\":{}}", QMP_OTHER, -1},
		{"{\"event\":\"STOP\",\"id\":4}", QMP_EVENT, 4},
		{"{\"error\":\"x\",\"id\":1}", QMP_OTHER, 1},
		{"{\"error\":{},\"return\":{},\"id\":1}", QMP_ERROR, 1},
		{"{\"return\":[],\"id\":9223372036854775807}", QMP_REPLY, INT64_MAX},
		{"{\"return\":[],\"id\":1.5}", QMP_REPLY, -1},
		{"{\"return\":[],\"id\":1,\"id\":2}", QMP_OTHER, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_json_ json_t *message = NULL;
		int64_t id;

		assert_int_equal(qmp_parse(cases[i].line, strlen(cases[i].line), &id, &message),
			cases[i].kind);
		assert_int_equal(id, cases[i].id);
		assert_true(!message == (cases[i].kind == QMP_OTHER));
	}
}

static void test_nobody_listens(void **state)
{
	char dir[] = "/tmp/test_qmp.XXXXXX";
	struct err e = ERR_INIT;
	struct qmp *q;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(qmp_open(fd, "qmp.sock", clock_mono_ms() + LONG_MS, NULL, &q, &e), 1);
	close(fd);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well_behaved),
		cmocka_unit_test(test_other_ids_and_noise_are_dropped),
		cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_flood_of_events),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
