/* test_agent.c - the host's side of the agent protocol against a fake agent, mostly a hostile one. */
#include "drivers/guest/agent.h"
#include "drivers/guest/base64.h"
#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 20000

/* ---- the fake agent --------------------------------------------------------------------- */

/* For each request (a line that is JSON with an "op" of the list), texts in which %i stands for its
 * id and %n for its nonce. "stdin", "data" and "signal" are counted and kept. */
struct reply {
	const char *op, *text;
};

struct fake {
	int fd;
	const struct reply *replies;
	int ignore_hellos;  /* that many are not answered */
	int hellos, stdins, datas, signals;
	char kept[4096];    /* decoded stdin or data */
	size_t kept_n;
	char seen[65536];   /* the last request that was answered */
	pthread_t thread;
};

static void fake_say(int fd, const char *text, const char *id, const char *nonce)
{
	for (; *text; text++) {
		const char *more = text[0] == '%' && text[1] == 'i' ? id
			: text[0] == '%' && text[1] == 'n' ? nonce : NULL;

		(void)!send(fd, more ? more : text, more ? strlen(more) : 1, MSG_NOSIGNAL);
		text += more != NULL;
	}
}

static void fake_keep(struct fake *f, const json_t *j)
{
	const char *data = json_str(j, "data", "");
	ssize_t n = base64_decode(data, strlen(data), f->kept + f->kept_n,
		sizeof(f->kept) - f->kept_n);

	if (n > 0)
		f->kept_n += (size_t)n;
}

/* false: hang up. */
static bool fake_answer(struct fake *f, const json_t *j)
{
	const char *op = json_str(j, "op", "");
	char id[32];

	f->stdins += !strcmp(op, "stdin");
	f->datas += !strcmp(op, "data");
	f->signals += !strcmp(op, "signal");
	f->hellos += !strcmp(op, "hello");
	fake_keep(f, j);
	if (!strcmp(op, "hello") && f->hellos <= f->ignore_hellos)
		return true;
	if ((!strcmp(op, "stdin") || !strcmp(op, "data")) && !json_flag(j, "eof", false))
		return true;
	snprintf(id, sizeof(id), "%lld", (long long)json_int(j, "id", json_int(j, "to", -1)));
	for (const struct reply *r = f->replies; r->op; r++) {
		if (strcmp(r->op, op) != 0)
			continue;
		if (!r->text)
			return false;
		fake_say(f->fd, r->text, id, json_str(j, "nonce", ""));
	}
	return true;
}

static void *fake_run(void *arg)
{
	struct fake *f = arg;
	FILE *in = fdopen(dup(f->fd), "r");
	char *line = malloc(GUEST_LINE_MAX + 2);

	while (fgets(line, GUEST_LINE_MAX + 2, in)) {
		_cleanup_json_ json_t *j = NULL;

		if (json_parse(line, strlen(line), "request", &j, NULL) < 0)
			continue;
		snprintf(f->seen, sizeof(f->seen), "%s", line);
		if (!fake_answer(f, j))
			break;
	}
	free(line);
	fclose(in);
	shutdown(f->fd, SHUT_RDWR);
	close(f->fd);
	return NULL;
}

#define HELLO {"hello", "{\"id\":%i,\"ok\":true,\"v\":1,\"nonce\":\"%n\",\"boot_nonce\":" \
	"\"00112233aabbccdd\",\"boot_id\":\"1b4e28ba-2fa1-11d2-883f-0016d3cca427\"," \
	"\"agent\":\"0.1.0\",\"new\":{}}\n"}
#define END {NULL, NULL}

/* Start a fake that answers like this; the host's end of the socket. */
static int fake_start(struct fake *f, const struct reply *replies)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->fd = fds[1];
	f->replies = replies;
	assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
	return fds[0];
}

struct talk {
	struct fake fake;
	struct agent *agent;
	struct err e;
};

static struct talk *talk_start(const struct reply *replies)
{
	struct talk *t = calloc(1, sizeof(*t));
	int fd = fake_start(&t->fake, replies);

	if (agent_attach(fd, LONG_MS, &t->agent, &t->e) < 0)
		fail_msg("hello: %s", t->e.msg);
	return t;
}

/* After this the fake's counters can be read; the caller frees t. */
static void talk_join(struct talk *t)
{
	agent_close(t->agent);
	t->agent = NULL;
	pthread_join(t->fake.thread, NULL);
}

static void talk_end(struct talk *t)
{
	talk_join(t);
	free(t);
}

/* ---- hello ------------------------------------------------------------------------------ */

static void test_hello(void **state)
{
	static const struct reply replies[] = {HELLO, {"ping", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_string_equal(agent_boot_nonce(t->agent), "00112233aabbccdd");
	assert_string_equal(agent_boot_id(t->agent), "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	talk_end(t);
}

/* What an earlier client left in the channel comes first. */
static void test_garbage_before_hello(void **state)
{
	static const struct reply replies[] = {
		{"hello", "DATA\"}\n\n{\"id\":7,\"ev\":\"exit\",\"code\":0}\nnull\n[[[[\n"
			"{\"id\":1,\"ok\":true,\"v\":1,\"nonce\":\"%n\"}\n"
			"{\"id\":%i,\"ok\":true,\"v\":1,\"nonce\":\"ffffffffffffffff\"}\n\xff\xfe\n"},
		HELLO, {"ping", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	talk_end(t);
}

static void test_hello_is_said_again(void **state)
{
	static const struct reply replies[] = {HELLO, HELLO,
		{"ping", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = calloc(1, sizeof(*t));
	int fd;

	(void)state;
	t->fake.ignore_hellos = 1;
	fd = fake_start(&t->fake, replies);
	assert_int_equal(agent_attach(fd, LONG_MS, &t->agent, &t->e), 0);
	/* The second answer to it is still in the channel. */
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	talk_join(t);
	assert_int_equal(t->fake.hellos, 2);
	free(t);
}

static void no_hello(const struct reply *replies, int64_t ms, enum err_kind kind, const char *text)
{
	struct talk *t = calloc(1, sizeof(*t));
	int fd = fake_start(&t->fake, replies);

	assert_int_equal(agent_attach(fd, ms, &t->agent, &t->e), -1);
	assert_int_equal(t->e.kind, kind);
	if (!strstr(t->e.msg, text))
		fail_msg("\"%s\" is not in \"%s\"", text, t->e.msg);
	talk_end(t);
}

static void test_no_hello(void **state)
{
	static const struct reply silent[] = {END};
	static const struct reply gone[] = {{"hello", NULL}, END};
	static const struct reply version[] = {{"hello",
		"{\"id\":%i,\"ok\":true,\"v\":2,\"nonce\":\"%n\"}\n"}, END};
	static const struct reply refusal[] = {{"hello",
		"{\"id\":%i,\"ok\":false,\"errno\":\"EPROTO\",\"error\":\"old \\u001b[2J\"}\n"}, END};
	static const struct reply types[] = {{"hello",
		"{\"id\":\"%i\",\"ok\":true,\"v\":1,\"nonce\":\"%n\"}\n"
		"{\"id\":%i,\"ok\":1,\"v\":1,\"nonce\":\"%n\"}\n"
		"{\"id\":%i,\"ok\":true,\"v\":1,\"nonce\":[]}\n"
		"{\"id\":%i,\"id\":%i,\"ok\":true,\"v\":1,\"nonce\":\"%n\"}\n"}, END};

	(void)state;
	no_hello(silent, 50, ERR_TIMEOUT, "did not answer in time");
	no_hello(gone, LONG_MS, ERR_GUEST, "hung up");
	no_hello(version, LONG_MS, ERR_GUEST, "another version");
	no_hello(refusal, LONG_MS, ERR_GUEST, "old \\x1b[2J, EPROTO");
	no_hello(types, 50, ERR_TIMEOUT, "did not answer in time");
}

/* Ids that could do harm when shown or compared are taken as none. */
static void test_hostile_ids(void **state)
{
	static const struct reply replies[] = {{"hello", "{\"id\":%i,\"ok\":true,\"v\":1,"
		"\"nonce\":\"%n\",\"boot_nonce\":\"a\\u0007b\",\"boot_id\":17}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_string_equal(agent_boot_nonce(t->agent), "");
	assert_string_equal(agent_boot_id(t->agent), "");
	talk_end(t);
}

/* ---- requests --------------------------------------------------------------------------- */

static char *repeat(const char *text, size_t n)
{
	size_t one = strlen(text);
	char *all = malloc(n * one + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(all + i * one, text, one + 1);
	return all;
}

static void ping_fails(const char *answer, int64_t ms, enum err_kind kind)
{
	const struct reply replies[] = {HELLO, {"ping", answer}, END};
	struct talk *t = talk_start(replies);

	assert_int_equal(agent_ping(t->agent, ms, &t->e), -1);
	assert_int_equal(t->e.kind, kind);
	talk_end(t);
}

static void test_hostile_answers(void **state)
{
	char *endless = repeat("x", GUEST_LINE_MAX + 1);
	char *flood = repeat("{\"id\":1}\n", 10001);

	(void)state;
	ping_fails("{\"id\":1,\"ok\":true}\n", 50, ERR_TIMEOUT); /* of another request */
	ping_fails("{\"id\":%i,\"ok\":tr", 50, ERR_TIMEOUT);
	ping_fails("{\"id\":%i}\n", LONG_MS, ERR_CONTENT);
	ping_fails("{\"id\":%i,\"ok\":\"true\"}\n", LONG_MS, ERR_CONTENT);
	ping_fails("{\"id\":%i,\"ok\":false}\n", LONG_MS, ERR_GUEST);
	ping_fails("{\"id\":%i,\"ok\":false,\"error\":{},\"errno\":[]}\n", LONG_MS, ERR_GUEST);
	ping_fails(NULL, LONG_MS, ERR_GUEST);
	ping_fails(endless, LONG_MS, ERR_LIMIT);
	ping_fails(flood, LONG_MS, ERR_GUEST);
	free(endless);
	free(flood);
}

/* BI-105: a guest that sends one byte and then another does not stretch the wait for its answer. */
static void *drip(void *arg)
{
	const int fd = *(const int *)arg;
	const struct timespec nap = {.tv_nsec = 2000000};

	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
		nanosleep(&nap, NULL);
	return NULL;
}

static void test_dripping_guest(void **state)
{
	struct err e = ERR_INIT;
	struct agent *a = NULL;
	pthread_t thread;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, drip, &fds[1]), 0);
	assert_int_equal(agent_attach(fds[0], 100, &a, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);
	pthread_join(thread, NULL); /* the channel was closed, so it ends */
	close(fds[1]);
}

static void test_noise_around_an_answer(void **state)
{
	static const struct reply replies[] = {HELLO, {"sync",
		"\n\nnull\n{\"ev\":\"stdout\"}\n{\"id\":-1,\"ok\":false}\n{\"id\":%i,\"ok\":true}\n"
		"{\"id\":%i,\"ok\":false}\n"},
		{"ping", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_int_equal(agent_sync(t->agent, LONG_MS, &t->e), 0);
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	talk_end(t);
}

static void test_status(void **state)
{
	static const struct reply replies[] = {HELLO, {"status", "{\"id\":%i,\"ok\":true,"
		"\"uptime_ms\":12,\"load1\":\"0.12\",\"mem_total\":-5,\"mem_available\":\"x\","
		"\"root_size\":1e99,\"workload\":\"run\\u001bning\",\"pid\":77,\"evil\":1}\n"}, END};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct talk *t = talk_start(replies);
	struct kvs out = {0};

	(void)state;
	assert_int_equal(agent_status(t->agent, &a, LONG_MS, &out, &t->e), 0);
	assert_string_equal(kvs_get(&out, "uptime_ms"), "12");
	assert_string_equal(kvs_get(&out, "load1"), "0.12");
	assert_string_equal(kvs_get(&out, "pid"), "77");
	assert_int_equal(out.n, 3);
	talk_end(t);
}

static void test_poweroff(void **state)
{
	static const struct reply replies[] = {HELLO,
		{"poweroff", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_int_equal(agent_poweroff(t->agent, 8000, LONG_MS, &t->e), 0);
	talk_join(t);
	assert_non_null(strstr(t->fake.seen, "\"grace_ms\":8000"));
	free(t);
}

/* ---- exec ------------------------------------------------------------------------------- */

static const char *const true_argv[] = {"true", NULL};

/* Run a command with output into files; what came is in text. */
static int run(struct talk *t, struct agent_exec x, int *code, char out[256], char err[256])
{
	FILE *o = tmpfile(), *e = tmpfile();
	int r;

	x.argv = true_argv;
	x.stdout_fd = fileno(o);
	x.stderr_fd = fileno(e);
	r = agent_exec(t->agent, &x, code, &t->e);
	rewind(o);
	rewind(e);
	out[fread(out, 1, 255, o)] = '\0';
	err[fread(err, 1, 255, e)] = '\0';
	fclose(o);
	fclose(e);
	return r;
}

static void test_exec(void **state)
{
	static const struct reply replies[] = {HELLO, {"exec",
		"{\"id\":%i,\"ev\":\"started\",\"pid\":7}\n"
		"{\"id\":%i,\"ev\":\"stdout\",\"data\":\"aGVsbG8K\"}\n"
		"{\"id\":1,\"ev\":\"stdout\",\"data\":\"aGVsbG8K\"}\n"
		"{\"id\":%i,\"ev\":\"unheard-of\"}\n"
		"{\"id\":%i,\"ev\":\"stderr\",\"data\":\"\"}\n"
		"{\"id\":%i,\"ev\":\"stderr\",\"data\":\"b29wcw==\"}\n"
		"{\"id\":%i,\"ev\":\"exit\",\"code\":3}\n"},
		{"ping", "{\"id\":%i,\"ok\":true}\n"}, END};
	struct talk *t = talk_start(replies);
	char out[256], err[256];
	int code = -1;

	(void)state;
	assert_int_equal(run(t, (struct agent_exec){.stdin_fd = -1, .user = "u"}, &code, out, err),
		0);
	assert_int_equal(code, 3);
	assert_string_equal(out, "hello\n");
	assert_string_equal(err, "oops");
	assert_int_equal(agent_ping(t->agent, LONG_MS, &t->e), 0);
	talk_end(t);
}

static void test_exec_stdin(void **state)
{
	static const struct reply replies[] = {HELLO,
		{"stdin", "{\"id\":%i,\"ev\":\"exit\",\"signal\":9}\n"}, END};
	struct talk *t = talk_start(replies);
	char out[256], err[256];
	int code = -1, in[2];

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "to the guest", 12), 12);
	close(in[1]);
	assert_int_equal(run(t, (struct agent_exec){.stdin_fd = in[0]}, &code, out, err), 0);
	assert_int_equal(code, 128 + 9);
	close(in[0]);
	talk_join(t);
	assert_int_equal(t->fake.stdins, 2);
	assert_int_equal(t->fake.kept_n, 12);
	assert_memory_equal(t->fake.kept, "to the guest", 12);
	free(t);
}

static void test_exec_interrupt(void **state)
{
	static const struct reply replies[] = {HELLO,
		{"signal", "{\"id\":%i,\"ev\":\"exit\",\"signal\":2}\n"}, END};
	volatile sig_atomic_t interrupt = SIGINT;
	struct talk *t = talk_start(replies);
	char out[256], err[256];
	int code = -1;

	(void)state;
	assert_int_equal(run(t, (struct agent_exec){.stdin_fd = -1, .interrupt = &interrupt},
		&code, out, err), 0);
	assert_int_equal(code, 130);
	assert_int_equal(interrupt, 0);
	talk_join(t);
	assert_non_null(strstr(t->fake.seen, "\"signal\":\"INT\""));
	free(t);
}

static void exec_fails(const char *answer, int64_t ms, enum err_kind kind)
{
	const struct reply replies[] = {HELLO, {"exec", answer}, END};
	struct talk *t = talk_start(replies);
	char out[256], err[256];
	int code = -1;

	assert_int_equal(run(t, (struct agent_exec){.stdin_fd = -1, .timeout_ms = ms}, &code, out,
		err), -1);
	assert_int_equal(t->e.kind, kind);
	assert_int_equal(code, -1);
	talk_end(t);
}

static void test_hostile_exec(void **state)
{
	char *big = repeat("AAAA", (GUEST_DATA_MAX + 3) / 3 + 1);
	char *line = malloc(GUEST_LINE_MAX);
	char *endless = repeat("x", GUEST_LINE_MAX + 1);

	(void)state;
	exec_fails("{\"id\":%i,\"ok\":false,\"errno\":\"ENOENT\",\"error\":\"no\"}\n", LONG_MS,
		ERR_GUEST);
	exec_fails("{\"id\":%i,\"ev\":\"exit\",\"code\":999}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"exit\",\"code\":-1}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"exit\",\"code\":\"0\"}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"exit\",\"signal\":65}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"exit\"}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"stdout\",\"data\":\"%%%\"}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"stdout\",\"data\":\"QQ=\"}\n", LONG_MS, ERR_CONTENT);
	exec_fails("{\"id\":%i,\"ev\":\"stdout\"}\n", LONG_MS, ERR_CONTENT);
	snprintf(line, GUEST_LINE_MAX, "{\"id\":%%i,\"ev\":\"stdout\",\"data\":\"%s\"}\n", big);
	exec_fails(line, LONG_MS, ERR_CONTENT);
	exec_fails(endless, LONG_MS, ERR_LIMIT);
	exec_fails("{\"id\":%i,\"ev\":\"started\"}\n", 50, ERR_TIMEOUT);
	exec_fails(NULL, LONG_MS, ERR_GUEST);
	free(big);
	free(line);
	free(endless);
}

static void test_exec_request_bounds(void **state)
{
	static const struct reply replies[] = {HELLO, END};
	struct talk *t = talk_start(replies);
	char *big = repeat("x", GUEST_LINE_MAX);
	const char *const huge[] = {big, NULL}, *const latin1[] = {"\xe9", NULL};
	struct agent_exec x = {.argv = huge, .stdin_fd = -1};
	int code;

	(void)state;
	assert_int_equal(agent_exec(t->agent, &x, &code, &t->e), -1);
	assert_int_equal(t->e.kind, ERR_LIMIT);
	x.argv = latin1;
	assert_int_equal(agent_exec(t->agent, &x, &code, &t->e), -1);
	assert_int_equal(t->e.kind, ERR_USAGE);
	talk_end(t);
	free(big);
}

/* ---- files ------------------------------------------------------------------------------ */

static void test_read_file(void **state)
{
	static const struct reply replies[] = {HELLO, {"read_file",
		"{\"id\":%i,\"ev\":\"data\",\"data\":\"aGVs\"}\n"
		"{\"id\":%i,\"ev\":\"data\",\"data\":\"bG8A\"}\n"
		"{\"id\":%i,\"ok\":true,\"size\":6,\"mode\":420}\n"}, END};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct talk *t = talk_start(replies);
	char *data;
	size_t n;

	(void)state;
	assert_int_equal(agent_read_file(t->agent, &a, "/etc/motd", 6, &data, &n, &t->e), 0);
	assert_int_equal(n, 6);
	assert_memory_equal(data, "hello\0", 7);
	assert_int_equal(agent_read_file(t->agent, &a, "/etc/motd", 5, &data, &n, &t->e), -1);
	assert_int_equal(t->e.kind, ERR_LIMIT);
	talk_end(t);
}

static void read_fails(const char *answer, enum err_kind kind)
{
	const struct reply replies[] = {HELLO, {"read_file", answer}, END};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct talk *t = talk_start(replies);
	char *data;
	size_t n;

	assert_int_equal(agent_read_file(t->agent, &a, "/x", 1000, &data, &n, &t->e), -1);
	assert_int_equal(t->e.kind, kind);
	talk_end(t);
}

static void test_hostile_read(void **state)
{
	(void)state;
	read_fails("{\"id\":%i,\"ok\":false,\"errno\":\"EISDIR\",\"error\":\"x\"}\n", ERR_GUEST);
	read_fails("{\"id\":%i,\"ok\":true,\"size\":1}\n", ERR_CONTENT);
	read_fails("{\"id\":%i,\"ok\":true,\"size\":-1}\n", ERR_CONTENT);
	read_fails("{\"id\":%i,\"ok\":true}\n", ERR_CONTENT);
	read_fails("{\"id\":%i,\"ev\":\"data\",\"data\":7}\n", ERR_CONTENT);
	read_fails("{\"id\":%i,\"ev\":\"data\",\"data\":\"aGVs\"}\n"
		"{\"id\":%i,\"ok\":true,\"size\":2}\n", ERR_CONTENT);
	read_fails(NULL, ERR_GUEST);
}

static void test_write_file(void **state)
{
	static const struct reply replies[] = {HELLO,
		{"data", "{\"id\":%i,\"ok\":true,\"size\":5}\n"}, END};
	struct talk *t = talk_start(replies);

	(void)state;
	assert_int_equal(agent_write_file(t->agent, "/x", 0644, "hello", 5, &t->e), 0);
	assert_int_equal(agent_write_file(t->agent, "/x", 0644, "hell", 4, &t->e), -1);
	assert_int_equal(t->e.kind, ERR_CONTENT);
	talk_join(t);
	assert_int_equal(t->fake.kept_n, 9);
	assert_memory_equal(t->fake.kept, "hellohell", 9);
	assert_int_equal(t->fake.datas, 4);
	free(t);
}

/* ---- channels --------------------------------------------------------------------------- */

static void test_open(void **state)
{
	char dir[] = "/tmp/test_agent.XXXXXX";
	struct err e = ERR_INIT;
	struct agent *a;
	int fd, locks[GUEST_AGENT_PORTS], listener;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(agent_open(dir, LONG_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_GUEST);

	/* Somebody listens and says nothing. */
	assert_int_equal(unixsock_listen(fd, "agent0.sock", &listener, &e), 0);
	assert_int_equal(agent_open(dir, 50, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_TIMEOUT);

	for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), RUN_AGENT_LOCK, i);
		locks[i] = openat(fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(flock(locks[i], LOCK_EX | LOCK_NB), 0);
	}
	assert_int_equal(agent_open(dir, LONG_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_LOCKED);
	close(locks[3]);
	assert_int_equal(agent_open(dir, LONG_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_GUEST);
	for (int i = 0; i < 3; i++)
		close(locks[i]);
	close(listener);
	close(fd);
	tree_remove(AT_FDCWD, dir, NULL);
	assert_int_equal(agent_open(dir, LONG_MS, NULL, &a, &e), -1);
	assert_int_equal(e.kind, ERR_GUEST);
}

static void test_base64(void **state)
{
	static const char *const bad[] = {"A", "AA", "AAA", "A===", "====", "AA=A", "=AAA", "AB==",
		"AAB=", "AA==AAAA", "AAA\n", "AA A", "AA-_", "AAA\xff"};
	unsigned char in[64], out[64];
	char text[128];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)(i * 37 + 200);
	for (size_t n = 0; n <= sizeof(in); n++) {
		base64_encode(in, n, text);
		assert_int_equal(strlen(text), base64_size(n));
		assert_int_equal(base64_decode(text, strlen(text), out, n), n);
		assert_memory_equal(in, out, n);
		if (n)
			assert_int_equal(base64_decode(text, strlen(text), out, n - 1), -1);
	}
	base64_encode("any carnal pleas", 16, text);
	assert_string_equal(text, "YW55IGNhcm5hbCBwbGVhcw==");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_garbage_before_hello),
		cmocka_unit_test(test_hello_is_said_again),
		cmocka_unit_test(test_no_hello),
		cmocka_unit_test(test_hostile_ids),
		cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_dripping_guest),
		cmocka_unit_test(test_noise_around_an_answer),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_poweroff),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exec_stdin),
		cmocka_unit_test(test_exec_interrupt),
		cmocka_unit_test(test_hostile_exec),
		cmocka_unit_test(test_exec_request_bounds),
		cmocka_unit_test(test_read_file),
		cmocka_unit_test(test_hostile_read),
		cmocka_unit_test(test_write_file),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
