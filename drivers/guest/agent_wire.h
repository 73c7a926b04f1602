/* agent_wire.h - one agent channel as the files of this room see it: messages out and in.
 *
 *	agent.c       open, hello, the short requests
 *	agent_exec.c  exec: streams both ways at once
 *	agent_file.c  read_file, write_file
 */
#pragma once

#include "drivers/guest/agent.h"
#include "drivers/sys/lines.h"
#include "schema/base/json.h"

#define AGENT_TEXT_MAX 64

struct agent {
	struct lines lines;
	int lock_fd;     /* agentN.lock, held while the channel is ours; -1 */
	int64_t last_id;
	char boot_id[AGENT_TEXT_MAX], boot_nonce[AGENT_TEXT_MAX];
};

/* A new id for the next request. Ids start at a random number, so that an answer to an earlier
 * client is not taken for one to us. */
int64_t agent_next_id(struct agent *a);

/* One message as a line in memory from arena; ERR_LIMIT when it is longer than the protocol
 * allows. */
int agent_line(struct arena *arena, const json_t *message, const char **line, size_t *n,
	struct err *e);

/* Send one message. A guest that hung up is ERR_GUEST. */
int agent_send(struct agent *a, const json_t *message, int64_t deadline, struct err *e);

/* The next message with this id; what has another one or is no JSON object is dropped, up to a
 * bound. The caller owns *message. */
int agent_receive(struct agent *a, int64_t id, int64_t deadline, json_t **message, struct err *e);

/* The same out of one line: NULL when it is to be dropped. */
json_t *agent_sort(const char *line, size_t n, int64_t id);

/* When the message says {"ok": false}: ERR_GUEST with the guest's text made plain. 0 otherwise. */
int agent_refusal(const json_t *message, const char *what, struct err *e);

/* Bytes of the member "data"; ERR_CONTENT when it is not base64 of at most GUEST_DATA_MAX bytes.
 * buf has that much room. */
int agent_data(const json_t *message, void *buf, size_t *n, struct err *e);
