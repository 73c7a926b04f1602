/* request.c - one request of the agent protocol. */
#include "drivers/guest/inside/request.h"

#include "drivers/guest/inside/base64.h"
#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/jsonout.h"
#include "drivers/guest/inside/power.h"
#include "drivers/guest/inside/status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NONCE_MAX 64
#define GRACE_MAX_MS (24 * 3600 * 1000)

/* ---- handlers --------------------------------------------------------------------------- */

static void do_hello(struct chan *ch, const struct jsonlite_node *req)
{
	int64_t id = jsonlite_int(req, "id", 0), v = jsonlite_int(req, "v", 0);
	const char *nonce = jsonlite_str(req, "nonce", "");
	struct why why;
	struct jsonout w;

	if (v < 1 || !*nonce || strlen(nonce) > NONCE_MAX) {
		why_set(&why, EPROTO, "a hello has \"v\" of at least 1 and a \"nonce\" of 1 to 64 bytes");
		chan_fail(ch, id, &why);
		return;
	}
	ch->version = v < GUEST_PROTO_VERSION ? (int)v : GUEST_PROTO_VERSION;
	chan_line(ch, &w, id);
	jsonout_flag(&w, "ok", true);
	jsonout_int(&w, "v", ch->version);
	jsonout_str(&w, "nonce", nonce);
	jsonout_str(&w, "boot_nonce", ch->guest->boot.nonce);
	jsonout_str(&w, "boot_id", ch->guest->boot_id);
	jsonout_str(&w, "agent", RC_VERSION);
	chan_line_done(ch, &w);
}

static void do_ping(struct chan *ch, const struct jsonlite_node *req)
{
	chan_ok(ch, jsonlite_int(req, "id", 0));
}

static void do_sync(struct chan *ch, const struct jsonlite_node *req)
{
	sync();
	chan_ok(ch, jsonlite_int(req, "id", 0));
}

static void do_poweroff(struct chan *ch, const struct jsonlite_node *req)
{
	int64_t grace = jsonlite_int(req, "grace_ms", ch->guest->boot.stop_grace_ms);
	struct why w;

	if (grace < 0 || grace > GRACE_MAX_MS) {
		why_set(&w, EINVAL, "\"grace_ms\" is out of range");
		chan_fail(ch, jsonlite_int(req, "id", 0), &w);
		return;
	}
	chan_ok(ch, jsonlite_int(req, "id", 0));
	power_ask(ch->guest, grace);
}

/* More output may be sent. What the client may have under way is bounded, so that a sum that grows
 * without end is not. */
static void do_credit(struct stream *s, const struct jsonlite_node *req)
{
	int64_t n = jsonlite_int(req, "n", 0);

	if (n > 0 && n <= GUEST_CREDIT_MAX && s->credit <= GUEST_CREDIT_MAX)
		s->credit += n;
}

/* ---- the table -------------------------------------------------------------------------- */

/* A request opens something of its own; a message is for the stream whose id is in "to". */
static const struct {
	const char *op;
	void (*ask)(struct chan *ch, const struct jsonlite_node *req);
	void (*tell)(struct stream *s, const struct jsonlite_node *req);
	unsigned kinds; /* of stream that the message is for */
	bool is_data;   /* it brings data */
} requests[] = {
	{"ping", do_ping, NULL, 0, false},
	{"status", status_send, NULL, 0, false},
	{"exec", exec_start, NULL, 0, false},
	{"read_file", files_read, NULL, 0, false},
	{"write_file", files_write, NULL, 0, false},
	{"connect", relay_start, NULL, 0, false},
	{"sync", do_sync, NULL, 0, false},
	{"poweroff", do_poweroff, NULL, 0, false},
	{"stdin", NULL, NULL, STREAM_EXEC, true},
	{"data", NULL, NULL, STREAM_WRITE | STREAM_RELAY, true},
	{"signal", NULL, exec_signal, STREAM_EXEC, false},
	{"resize", NULL, exec_resize, STREAM_EXEC, false},
	{"detach", NULL, exec_detach, STREAM_EXEC, false},
	{"credit", NULL, do_credit, STREAM_EXEC | STREAM_READ | STREAM_RELAY, false},
};

#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* Why a request may not run now. 0: it may. */
static int refuse(struct chan *ch, const struct jsonlite_node *req, struct why *w)
{
	int64_t id = jsonlite_int(req, "id", 0);

	if (!ch->version)
		return why_set(w, EPROTO, "the first request is a hello");
	if (ch->version < 2 && stream_any(ch))
		return why_set(w, EBUSY, "a request still runs on this channel");
	if (id <= 0)
		return why_set(w, EINVAL, "\"id\" is not a positive number");
	if (stream_find(ch, id))
		return why_set(w, EEXIST, "request %lld still runs", (long long)id);
	return 0;
}

static void ask(struct chan *ch, size_t i, const struct jsonlite_node *req)
{
	struct why w;

	if (refuse(ch, req, &w) < 0)
		chan_fail(ch, jsonlite_int(req, "id", 0), &w);
	else
		requests[i].ask(ch, req);
}

/* The bytes in the line itself, as base64. */
static void take_data(struct stream *s, const struct jsonlite_node *req)
{
	const struct jsonlite_node *data = jsonlite_get(req, "data");
	struct why w;
	size_t n = 0;

	if (data && (data->type != JSONLITE_STR || data->len > BASE64_LEN(GUEST_DATA_MAX) ||
			base64_decode((char *)(uintptr_t)data->str, data->len, &n) < 0)) {
		why_set(&w, EINVAL, "\"data\" is not base64 of at most 32768 bytes");
		stream_fail(s, &w);
		return;
	}
	stream_input(s, data ? (char *)(uintptr_t)data->str : NULL, n,
		jsonlite_flag(req, "eof", false));
}

/* A line that announces bytes is obeyed whatever they are for: they must not be taken for lines. */
static bool announces_raw(struct chan *ch, size_t i, const struct jsonlite_node *req)
{
	int64_t n = ch->version >= 2 && requests[i].is_data ? jsonlite_int(req, "raw", 0) : 0;

	if (n < 1 || n > GUEST_DATA_MAX)
		return false;
	ch->raw = (struct chan_raw){.n = (size_t)n, .to = jsonlite_int(req, "to", 0),
		.kinds = requests[i].kinds};
	return true;
}

/* A message for an operation that is over crossed its end: nothing is wrong, nobody waits. */
static void tell(struct chan *ch, size_t i, const struct jsonlite_node *req)
{
	struct stream *s = stream_find(ch, jsonlite_int(req, "to", 0));

	if (announces_raw(ch, i, req) || !s || !(s->kind & requests[i].kinds))
		return;
	if (requests[i].is_data)
		take_data(s, req);
	else
		requests[i].tell(s, req);
}

void request_raw(struct chan *ch, const struct chan_raw *raw, char *data)
{
	struct stream *s = stream_find(ch, raw->to);

	if (s && s->kind & raw->kinds)
		stream_input(s, data, raw->n, false);
}

static void run(struct chan *ch, const struct jsonlite_node *req)
{
	const char *op = jsonlite_str(req, "op", "");
	struct why w;

	if (!strcmp(op, "hello")) {
		chan_new_client(ch);
		do_hello(ch, req);
		return;
	}
	for (size_t i = 0; i < N_REQUESTS; i++) {
		if (strcmp(requests[i].op, op) != 0)
			continue;
		if (requests[i].ask)
			ask(ch, i, req);
		else
			tell(ch, i, req);
		return;
	}
	why_set(&w, EOPNOTSUPP, "no such operation: \"%.40s\"", op);
	chan_fail(ch, jsonlite_int(req, "id", 0), &w);
}

void request_line(struct chan *ch, char *line, size_t n)
{
	struct jsonlite_node *nodes = ch->guest->serve.nodes;
	struct why w;

	if (!n)
		return;
	if (!jsonlite_parse(line, n, nodes, SERVE_NODES_MAX) || nodes->type != JSONLITE_MAP) {
		why_set(&w, EPROTO, "a line is not a JSON object");
		chan_fail(ch, 0, &w);
		return;
	}
	run(ch, nodes);
}
