/* agent.c - one channel to the agent in a guest: open, hello, the short requests. */
#include "drivers/guest/agent_wire.h"

#include "drivers/guest/base64.h"
#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/plain.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/point.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>
#include <time.h>

#define LOCK_RETRY_MS 50
#define DROPPED_MAX 10000   /* messages that are not for us, in one wait */
#define HELLO_FIRST_MS 1000 /* then twice as long each time */
#define ERROR_TEXT_MAX 400
#define NONCE_TEXT_MAX 17
#define AGENT_VERSION 1 /* what this side speaks: one operation at a time on a channel */

/* ---- messages --------------------------------------------------------------------------- */

int64_t agent_next_id(struct agent *a)
{
	return ++a->last_id;
}

int agent_line(struct arena *arena, const json_t *message, const char **line, size_t *n,
	struct err *e)
{
	char *text = arena_printf(arena, "%s\n", json_text(arena, message));

	*n = strlen(text);
	if (*n > GUEST_LINE_MAX)
		return err_set(e, ERR_LIMIT, "a request of %zu bytes; %d are possible", *n,
			GUEST_LINE_MAX);
	*line = text;
	return 0;
}

static int hung_up(struct err *e)
{
	return err_set(e, ERR_GUEST, "the guest hung up");
}

int agent_send(struct agent *a, const json_t *message, int64_t deadline, struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	const char *line = NULL;
	size_t n = 0;
	int r;

	if (agent_line(&arena, message, &line, &n, e) < 0)
		return -1;
	if (point_fails("agent.send"))
		return err_sys(e, errno, "cannot write to the guest");
	r = lines_write(&a->lines, line, n, deadline, e);
	if (r == 0 && point_fails("agent.send done"))
		r = err_sys(e, errno, "cannot read from the guest");
	return r > 0 ? hung_up(e) : r;
}

json_t *agent_sort(const char *line, size_t n, int64_t id)
{
	_cleanup_json_ json_t *j = NULL;

	if (json_parse(line, n, "answer", &j, NULL) < 0 || json_int(j, "id", -1) != id)
		return NULL;
	return json_incref(j);
}

int agent_receive(struct agent *a, int64_t id, int64_t deadline, json_t **message, struct err *e)
{
	for (int i = 0; i < DROPPED_MAX; i++) {
		char *line;
		size_t n;
		int r = lines_read(&a->lines, deadline, &line, &n, e);

		if (r)
			return r > 0 ? hung_up(e) : r;
		*message = agent_sort(line, n, id);
		if (*message)
			return 0;
	}
	return err_set(e, ERR_GUEST, "the guest sends nothing but what was not asked for");
}

int agent_refusal(const json_t *message, const char *what, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *text = json_str(message, "error", "no reason given");
	const char *name = json_str(message, "errno", "");

	if (!json_is_false(json_object_get(message, "ok")))
		return 0;
	return err_set(e, ERR_GUEST, "%s: the guest says: %s%s%s", what,
		plain_text(&a, text, strnlen(text, ERROR_TEXT_MAX)), *name ? ", " : "",
		plain_text(&a, name, strnlen(name, 16)));
}

int agent_data(const json_t *message, void *buf, size_t *n, struct err *e)
{
	const json_t *data = json_object_get(message, "data");
	ssize_t got = -1;

	if (json_is_string(data))
		got = base64_decode(json_string_value(data), json_string_length(data), buf,
			GUEST_DATA_MAX);
	if (got < 0)
		return err_set(e, ERR_CONTENT, "the guest sent data that is not base64 of at most "
			"%d bytes", GUEST_DATA_MAX);
	*n = (size_t)got;
	return 0;
}

/* A request with one answer. Takes over the request, to which the id is added; it is NULL when a
 * text in it is not UTF-8. */
static int request(struct agent *a, json_t *req, const char *what, int64_t timeout_ms,
	json_t **answer, struct err *e)
{
	_cleanup_json_ json_t *owned = req, *got = NULL;
	const int64_t deadline = clock_mono_ms() + timeout_ms, id = agent_next_id(a);

	json_object_set_new(owned, "id", json_integer(id));
	if (agent_send(a, owned, deadline, e) < 0 || agent_receive(a, id, deadline, &got, e) < 0)
		return err_wrap(e, "%s", what);
	if (agent_refusal(got, what, e) < 0)
		return -1;
	if (!json_is_true(json_object_get(got, "ok")))
		return err_set(e, ERR_CONTENT, "%s: the guest's answer makes no sense", what);
	if (answer)
		*answer = json_incref(got);
	return 0;
}

/* ---- hello ------------------------------------------------------------------------------ */

static void copy_id(const json_t *hello, const char *key, char out[AGENT_TEXT_MAX])
{
	const char *text = json_str(hello, key, "");
	size_t n = strspn(text, "0123456789abcdefABCDEF-");

	snprintf(out, AGENT_TEXT_MAX, "%s", text[n] ? "" : text);
}

/* 0 it is the answer to our hello; 1 it is something else; -1 it is a refusal. */
static int hello_answer(struct agent *a, const json_t *message, const char *nonce, struct err *e)
{
	if (agent_refusal(message, "hello", e) < 0)
		return -1;
	if (!json_is_true(json_object_get(message, "ok")) ||
		strcmp(json_str(message, "nonce", ""), nonce) != 0)
		return 1;
	if (json_int(message, "v", 0) != AGENT_VERSION)
		return err_set(e, ERR_GUEST, "the guest's agent speaks another version of the "
			"protocol, not %d", AGENT_VERSION);
	copy_id(message, "boot_id", a->boot_id);
	copy_id(message, "boot_nonce", a->boot_nonce);
	return 0;
}

static int send_hello(struct agent *a, int64_t id, const char *nonce, int64_t deadline,
	struct err *e)
{
	_cleanup_json_ json_t *hello = json_pack("{s:i, s:I, s:s, s:s}", "v", AGENT_VERSION,
		"id", (json_int_t)id, "op", "hello", "nonce", nonce);
	/* Ends half a line that an earlier client left. */
	int r = lines_write(&a->lines, "\n", 1, deadline, e);

	return r > 0 ? hung_up(e) : r < 0 ? r : agent_send(a, hello, deadline, e);
}

/* Answers until ours comes: 0; 1 when none came until then. */
static int await_hello(struct agent *a, int64_t id, const char *nonce, int64_t until, struct err *e)
{
	struct err why = ERR_INIT;

	for (;;) {
		_cleanup_json_ json_t *message = NULL;
		int r;

		if (agent_receive(a, id, until, &message, &why) < 0) {
			if (why.kind == ERR_TIMEOUT)
				return 1;
			err_join(e, &why);
			return -1;
		}
		r = hello_answer(a, message, nonce, e);
		if (r <= 0)
			return r;
	}
}

/* The guest may still be booting, or may throw away what comes while another client's end is being
 * noticed; so the hello is said again from time to time. Each has the same nonce: any answer will
 * do, and further ones carry an id that nobody waits for. */
static int say_hello(struct agent *a, int64_t deadline, struct err *e)
{
	const int64_t id = agent_next_id(a);
	int64_t pause = HELLO_FIRST_MS;
	char nonce[NONCE_TEXT_MAX];
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_sys(e, errno, "cannot get a random number");
	snprintf(nonce, sizeof(nonce), "%016llx", (unsigned long long)random);
	while (clock_mono_ms() < deadline) {
		int64_t until = clock_mono_ms() + pause;
		int r;

		if (send_hello(a, id, nonce, deadline, e) < 0)
			return -1;
		r = await_hello(a, id, nonce, until < deadline ? until : deadline, e);
		if (r <= 0)
			return r;
		pause *= 2;
	}
	return err_set(e, ERR_TIMEOUT, "the guest's agent did not answer in time");
}

/* ---- open ------------------------------------------------------------------------------- */

static struct agent *agent_new(int fd, int lock_fd, const volatile sig_atomic_t *cancel)
{
	struct agent *a = xmalloc(sizeof(*a));
	uint32_t random = 0;

	*a = (struct agent){.lock_fd = lock_fd};
	lines_init(&a->lines, fd, GUEST_LINE_MAX);
	a->lines.cancel = cancel;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint32_t)clock_mono_ms();
	a->last_id = random >> 2;
	return a;
}

static int attach(int fd, int lock_fd, int64_t deadline, const volatile sig_atomic_t *cancel,
	struct agent **out, struct err *e)
{
	_cleanup_agent_ struct agent *a = agent_new(fd, lock_fd, cancel);

	if (say_hello(a, deadline, e) < 0)
		return -1;
	*out = a;
	a = NULL;
	return 0;
}

int agent_attach(int fd, int64_t timeout_ms, struct agent **out, struct err *e)
{
	return attach(fd, -1, clock_mono_ms() + timeout_ms, NULL, out, e);
}

/* 0 with the lock of this channel; 1 when somebody has it. */
static int lock_channel(int dir, int i, int *lock, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char name[32];

	snprintf(name, sizeof(name), RUN_AGENT_LOCK, i);
	/* It is there from the first talk on; status, which can make no file, needs no more. */
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot open %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : err_sys(e, errno, "cannot lock %s", name);
	*lock = fd_take(&fd);
	return 0;
}

/* 0 with a connected channel; 1 when it is in use. */
static int take_channel(int dir, int i, int *fd, int *lock, struct err *e)
{
	_cleanup_fd_ int held = -1;
	struct err why = ERR_INIT;
	char name[32];
	int r = lock_channel(dir, i, &held, e);

	if (r)
		return r;
	snprintf(name, sizeof(name), RUN_AGENT, i);
	r = unixsock_connect(dir, name, fd, &why);
	if (r > 0)
		return err_set(e, ERR_GUEST, "the VM does not run: nobody listens on its %s", name);
	if (r < 0 && why.kind == ERR_LOCKED)
		return 1;
	if (r < 0) {
		err_join(e, &why);
		return -1;
	}
	*lock = fd_take(&held);
	return 0;
}

int agent_open(const char *run, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
	struct agent **out, struct err *e)
{
	const struct timespec nap = {.tv_nsec = LOCK_RETRY_MS * 1000000L};
	const int64_t deadline = clock_mono_ms() + timeout_ms;
	_cleanup_fd_ int dir = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = -1, lock = -1;

	if (dir < 0 && errno == ENOENT)
		return err_set(e, ERR_GUEST, "the VM does not run: no folder %s", run);
	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", run);
	for (;;) {
		for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
			int r = take_channel(dir, i, &fd, &lock, e);

			if (r < 0)
				return -1;
			if (!r)
				return attach(fd, lock, deadline, cancel, out, e);
		}
		if (clock_mono_ms() >= deadline || (cancel && *cancel))
			break;
		nanosleep(&nap, NULL); /* whoever has a channel may be done in a moment */
	}
	return err_set(e, ERR_LOCKED, "all %d channels to the guest are in use", GUEST_AGENT_PORTS);
}

void agent_close(struct agent *a)
{
	if (!a)
		return;
	lines_fini(&a->lines);
	fd_close(&a->lock_fd); /* after the socket, so that the next user finds it free */
	free(a);
}

const char *agent_boot_id(const struct agent *a)
{
	return a->boot_id;
}

const char *agent_boot_nonce(const struct agent *a)
{
	return a->boot_nonce;
}

/* ---- short requests --------------------------------------------------------------------- */

int agent_ping(struct agent *a, int64_t timeout_ms, struct err *e)
{
	return request(a, json_pack("{s:s}", "op", "ping"), "ping", timeout_ms, NULL, e);
}

int agent_sync(struct agent *a, int64_t timeout_ms, struct err *e)
{
	return request(a, json_pack("{s:s}", "op", "sync"), "sync", timeout_ms, NULL, e);
}

int agent_poweroff(struct agent *a, int64_t grace_ms, int64_t timeout_ms, struct err *e)
{
	return request(a, json_pack("{s:s, s:I}", "op", "poweroff", "grace_ms",
		(json_int_t)grace_ms), "poweroff", timeout_ms, NULL, e);
}

/* What may be in a status, and in which characters. A figure that is not so is left out. */
static const struct {
	const char *key, *alphabet;
} figures[] = {
	{"uptime_ms", NULL}, {"load1", "0123456789."}, {"mem_total", NULL},
	{"mem_available", NULL}, {"root_size", NULL}, {"root_free", NULL},
	{"workload", "abcdefghijklmnopqrstuvwxyz"}, {"pid", NULL}, {"code", NULL},
	{"signal", NULL},
};

int agent_status(struct agent *a, struct arena *arena, int64_t timeout_ms, struct kvs *out,
	struct err *e)
{
	_cleanup_json_ json_t *answer = NULL;

	if (request(a, json_pack("{s:s}", "op", "status"), "status", timeout_ms, &answer, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const char *key = figures[i].key, *text = json_str(answer, key, NULL);
		int64_t number = json_int(answer, key, -1);

		if (!figures[i].alphabet && number >= 0)
			kvs_setf(arena, out, key, "%lld", (long long)number);
		else if (figures[i].alphabet && text && strlen(text) <= 16 &&
			!text[strspn(text, figures[i].alphabet)])
			kvs_set(arena, out, key, text);
	}
	return 0;
}
