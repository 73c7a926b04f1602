/* request.c - one request of the agent protocol. */
#include "drivers/guest/inside/request.h"

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
	const char *nonce = jsonlite_str(req, "nonce", "");
	struct why why;
	struct jsonout w;
	size_t room;
	char *line;

	if (jsonlite_int(req, "v", 0) < 1 || !*nonce || strlen(nonce) > NONCE_MAX) {
		why_set(&why, EPROTO, "a hello has \"v\" of at least 1 and a \"nonce\" of 1 to 64 bytes");
		chan_fail(ch, jsonlite_int(req, "id", 0), &why);
		return;
	}
	ch->greeted = true;
	line = chan_line(ch, &room);
	jsonout_open(&w, line, room);
	jsonout_int(&w, "id", jsonlite_int(req, "id", 0));
	jsonout_flag(&w, "ok", true);
	jsonout_int(&w, "v", GUEST_PROTO_VERSION);
	jsonout_str(&w, "nonce", nonce);
	jsonout_str(&w, "boot_nonce", ch->guest->boot.nonce);
	jsonout_str(&w, "boot_id", ch->guest->boot_id);
	jsonout_str(&w, "agent", RC_VERSION);
	chan_line_done(ch, jsonout_close(&w));
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

/* ---- the table -------------------------------------------------------------------------- */

enum when {
	WHEN_ALWAYS, /* also before a hello; ends what runs */
	WHEN_IDLE,   /* refused with EBUSY while an operation runs */
	WHEN_EXEC,   /* for the running operation: its id is in "to" */
	WHEN_WRITE,
};

static const struct {
	const char *op;
	enum when when;
	void (*run)(struct chan *ch, const struct jsonlite_node *req);
} requests[] = {
	{"hello", WHEN_ALWAYS, do_hello},
	{"ping", WHEN_IDLE, do_ping},
	{"status", WHEN_IDLE, status_send},
	{"exec", WHEN_IDLE, exec_start},
	{"read_file", WHEN_IDLE, files_read},
	{"write_file", WHEN_IDLE, files_write},
	{"sync", WHEN_IDLE, do_sync},
	{"poweroff", WHEN_IDLE, do_poweroff},
	{"stdin", WHEN_EXEC, exec_stdin},
	{"signal", WHEN_EXEC, exec_signal},
	{"data", WHEN_WRITE, files_data},
};

#define N_REQUESTS (sizeof(requests) / sizeof(requests[0]))

/* Why a request that needs an idle channel may not run now. 0: it may. */
static int refuse(const struct chan *ch, const struct jsonlite_node *req, struct why *w)
{
	if (!ch->greeted)
		return why_set(w, EPROTO, "the first request is a hello");
	if (ch->op != CHAN_IDLE)
		return why_set(w, EBUSY, "request %lld still runs on this channel",
			(long long)ch->op_id);
	if (jsonlite_int(req, "id", 0) <= 0)
		return why_set(w, EINVAL, "\"id\" is not a positive number");
	return 0;
}

/* A message for an operation that is over crossed its end: nothing is wrong, nobody waits. */
static bool is_for_running(const struct chan *ch, enum chan_op op, const struct jsonlite_node *req)
{
	return ch->op == op && jsonlite_int(req, "to", 0) == ch->op_id;
}

static void run(struct chan *ch, size_t i, const struct jsonlite_node *req)
{
	struct why w;

	switch (requests[i].when) {
	case WHEN_ALWAYS:
		chan_new_client(ch);
		requests[i].run(ch, req);
		break;
	case WHEN_IDLE:
		if (refuse(ch, req, &w) < 0)
			chan_fail(ch, jsonlite_int(req, "id", 0), &w);
		else
			requests[i].run(ch, req);
		break;
	case WHEN_EXEC:
		if (is_for_running(ch, CHAN_EXEC, req))
			requests[i].run(ch, req);
		break;
	case WHEN_WRITE:
		if (is_for_running(ch, CHAN_WRITE, req))
			requests[i].run(ch, req);
		break;
	}
}

void request_line(struct chan *ch, char *line, size_t n)
{
	struct jsonlite_node *nodes = ch->guest->serve.nodes;
	const char *op;
	struct why w;

	if (!n)
		return;
	if (!jsonlite_parse(line, n, nodes, SERVE_NODES_MAX) || nodes->type != JSONLITE_MAP) {
		why_set(&w, EPROTO, "a line is not a JSON object");
		chan_fail(ch, 0, &w);
		return;
	}
	op = jsonlite_str(nodes, "op", "");
	for (size_t i = 0; i < N_REQUESTS; i++) {
		if (!strcmp(requests[i].op, op)) {
			run(ch, i, nodes);
			return;
		}
	}
	why_set(&w, EOPNOTSUPP, "no such operation: \"%.40s\"", op);
	chan_fail(ch, jsonlite_int(nodes, "id", 0), &w);
}
