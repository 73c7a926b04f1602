/* chan.h - one channel of the agent: bytes to requests, one operation at a time, replies to bytes.
 *
 * A channel is a virtio-serial port, which stays when its client leaves, or a connected socket.
 * States: closed -> (hello) -> greeted, idle <-> one operation. Before a hello every other request
 * is refused with EPROTO: it may be what a client that died has left behind. A hello in the middle
 * of an operation means a new client: the operation is aborted.
 *
 * Memory is bounded by the struct. Flow control: no request is looked at while there is no room for
 * its reply, no stdin while the child has not taken the last, nothing is read from a child or a
 * file while there is no room to send it. chan_pump is called for every event of any descriptor
 * that belongs to the channel and tries all of them.
 */
#pragma once

#include "drivers/guest/inside/exec.h"
#include "drivers/guest/inside/files.h"
#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/why.h"
#include "drivers/guest/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_OUT_BYTES (2 * GUEST_LINE_MAX)
#define CHAN_REPLY_MAX 4096 /* longest line that is not data */
#define CHAN_DATA_MIN 1024  /* less room than for this many bytes is not used for data */

enum chan_kind { CHAN_FREE, CHAN_PORT, CHAN_SOCKET };
enum chan_op { CHAN_IDLE, CHAN_EXEC, CHAN_READ, CHAN_WRITE };

struct guest;

struct chan {
	struct guest *guest;
	enum chan_kind kind;
	int fd;
	bool greeted;
	bool skipping; /* the rest of a line that was too long */
	bool again;    /* stopped for fairness; there is more to do */
	enum chan_op op;
	int64_t op_id;
	struct exec exec;
	struct files files;
	struct source source, pipes;
	size_t in_at, in_n, out_at, out_n;
	char in[GUEST_LINE_MAX];
	char out[CHAN_OUT_BYTES];
};

/* Use a free slot for a descriptor that does not block; takes it over. 0, or -1 with errno. */
int chan_open(struct chan *ch, struct guest *g, int fd, enum chan_kind kind);

/* Move whatever can be moved. */
void chan_pump(struct chan *ch);

/* The client is gone: abort its operation, forget its bytes; a socket's slot becomes free. */
void chan_hangup(struct chan *ch);

/* A hello came: abort what an earlier client left running. What is queued for it still goes out;
 * the new one throws it away. */
void chan_new_client(struct chan *ch);

/* Whether a line of CHAN_REPLY_MAX bytes fits. */
bool chan_has_room(const struct chan *ch);

/* How many bytes a data event can carry now, at most GUEST_DATA_MAX. */
size_t chan_data_room(const struct chan *ch);

/* Replies and events. They fit, because the caller looked. */
void chan_ok(struct chan *ch, int64_t id);
void chan_fail(struct chan *ch, int64_t id, const struct why *w);
void chan_event_int(struct chan *ch, const char *event, const char *key, int64_t value);
void chan_event_data(struct chan *ch, const char *event, const void *data, size_t n);

/* Room at the end of the output for a line that the caller writes; then how long it became. */
char *chan_line(struct chan *ch, size_t *room);
void chan_line_done(struct chan *ch, size_t n);
