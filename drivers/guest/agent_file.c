/* agent_file.c - whole files to and from a guest. */
#include "drivers/guest/agent_wire.h"

#include "drivers/guest/base64.h"
#include "drivers/guest/proto.h"
#include "schema/base/clock.h"

#include <string.h>

/* Longest wait for the next piece. */
#define PIECE_MS INT64_C(30000)

struct pieces {
	char *v;
	size_t n, cap;
};

static void reserve(struct arena *arena, struct pieces *p, size_t more)
{
	size_t cap = p->cap ? p->cap : GUEST_DATA_MAX + 1;
	char *bigger;

	while (cap < p->n + more + 1)
		cap *= 2;
	if (cap == p->cap)
		return;
	bigger = arena_alloc(arena, cap);
	if (p->n)
		memcpy(bigger, p->v, p->n);
	p->v = bigger;
	p->cap = cap;
}

/* The last message of a read: it says how long the file was. */
static int check_end(const json_t *message, const struct pieces *p, const char *what, struct err *e)
{
	if (agent_refusal(message, what, e) < 0)
		return -1;
	if (!json_is_true(json_object_get(message, "ok")))
		return err_set(e, ERR_CONTENT, "%s: the guest's answer makes no sense", what);
	if (json_int(message, "size", -1) != (int64_t)p->n)
		return err_set(e, ERR_CONTENT, "%s: the guest sent %zu bytes and says otherwise",
			what, p->n);
	return 0;
}

/* 0 the file is complete; 1 there is more to come. */
static int read_piece(struct agent *a, struct arena *arena, int64_t id, const char *what,
	size_t max, struct pieces *p, struct err *e)
{
	_cleanup_json_ json_t *message = NULL;
	size_t n;

	if (agent_receive(a, id, clock_mono_ms() + PIECE_MS, &message, e) < 0)
		return err_wrap(e, "%s", what);
	if (strcmp(json_str(message, "ev", ""), "data") != 0)
		return check_end(message, p, what, e);
	reserve(arena, p, GUEST_DATA_MAX);
	if (agent_data(message, p->v + p->n, &n, e) < 0)
		return err_wrap(e, "%s", what);
	p->n += n;
	if (p->n > max)
		return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", what, max);
	return 1;
}

int agent_read_file(struct agent *a, struct arena *arena, const char *path, size_t max, char **data,
	size_t *n, struct err *e)
{
	const int64_t id = agent_next_id(a);
	_cleanup_json_ json_t *req = json_pack("{s:I, s:s, s:s}", "id", (json_int_t)id, "op",
		"read_file", "path", path);
	const char *what = arena_printf(arena, "read %s", path);
	struct pieces p = {0};
	int r;

	if (!req)
		return err_set(e, ERR_USAGE, "the path is not UTF-8");
	reserve(arena, &p, 0);
	if (agent_send(a, req, clock_mono_ms() + PIECE_MS, e) < 0)
		return err_wrap(e, "%s", what);
	while ((r = read_piece(a, arena, id, what, max, &p, e)) > 0)
		;
	if (r < 0)
		return -1;
	p.v[p.n] = '\0';
	*data = p.v;
	*n = p.n;
	return 0;
}

static int send_piece(struct agent *a, int64_t id, const char *data, size_t n, struct err *e)
{
	char text[(GUEST_DATA_MAX + 2) / 3 * 4 + 1];
	_cleanup_json_ json_t *message = NULL;

	base64_encode(data, n, text);
	message = json_pack("{s:s, s:I, s:s}", "op", "data", "to", (json_int_t)id, "data", text);
	return agent_send(a, message, clock_mono_ms() + PIECE_MS, e);
}

static int send_all(struct agent *a, int64_t id, const char *data, size_t n, struct err *e)
{
	_cleanup_json_ json_t *end = json_pack("{s:s, s:I, s:b}", "op", "data", "to",
		(json_int_t)id, "eof", 1);

	for (size_t at = 0, part; at < n; at += part) {
		part = n - at > GUEST_DATA_MAX ? GUEST_DATA_MAX : n - at;
		if (send_piece(a, id, data + at, part, e) < 0)
			return -1;
	}
	return agent_send(a, end, clock_mono_ms() + PIECE_MS, e);
}

int agent_write_file(struct agent *a, const char *path, uint32_t mode, const void *data, size_t n,
	struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	const int64_t id = agent_next_id(a);
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_json_ json_t *req = json_pack("{s:I, s:s, s:s, s:I}", "id", (json_int_t)id, "op",
		"write_file", "path", path, "mode", (json_int_t)mode);
	const char *what = arena_printf(&arena, "write %s", path);
	const struct pieces sent = {.n = n};

	if (!req)
		return err_set(e, ERR_USAGE, "the path is not UTF-8");
	if (agent_send(a, req, clock_mono_ms() + PIECE_MS, e) < 0 ||
		send_all(a, id, data, n, e) < 0 ||
		agent_receive(a, id, clock_mono_ms() + PIECE_MS, &answer, e) < 0)
		return err_wrap(e, "%s", what);
	return check_end(answer, &sent, what, e);
}
