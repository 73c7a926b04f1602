/* chan.h - one channel of the agent: bytes to requests, replies to bytes.
 *
 * A channel is a virtio-serial port, which stays when its client leaves, or a connected socket.
 * States: closed -> (hello) -> greeted with a version, which says how data travels and how many
 * operations run at once (proto.h). Before a hello every other request is refused with EPROTO: it
 * may be what a client that died has left behind. A hello in the middle of operations means a new
 * client: they are aborted.
 *
 * Memory is bounded by the struct. Flow control: no request is looked at while there is no room for
 * its reply; with version 1 no input while a child has not taken the last; nothing is read from a
 * child or a file while there is no room, or no credit, to send it. chan_pump is called for every
 * event of any descriptor that belongs to the channel and tries all of them.
 */
#pragma once

#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/why.h"
#include "drivers/guest/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAN_OUT_BYTES (2 * GUEST_LINE_MAX)
#define CHAN_REPLY_MAX 8192 /* longest line that is not data */

enum chan_kind { CHAN_FREE, CHAN_PORT, CHAN_SOCKET };

struct guest;
struct jsonout;

/* Bytes behind a line that announced them. */
struct chan_raw {
	size_t n;       /* 0: none are expected */
	int64_t to;     /* the stream that they are for */
	unsigned kinds; /* and what it has to be */
};

struct chan {
	struct guest *guest;
	enum chan_kind kind;
	int fd;
	int version;   /* of the protocol, agreed by the hello; 0: no hello yet */
	bool skipping; /* the rest of a line that was too long */
	bool again;    /* stopped for fairness; there is more to do */
	struct chan_raw raw;
	struct source source;
	size_t in_at, in_n, out_at, out_n;
	char in[GUEST_LINE_MAX];
	char out[CHAN_OUT_BYTES];
};

/* Use a free slot for a descriptor that does not block; takes it over. 0, or -1 with errno. */
int chan_open(struct chan *ch, struct guest *g, int fd, enum chan_kind kind);

/* Move whatever can be moved. */
void chan_pump(struct chan *ch);

/* The client is gone: abort its operations, forget its bytes; a socket's slot becomes free. */
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
void chan_event_int(struct chan *ch, int64_t id, const char *event, const char *key, int64_t value);
void chan_event_data(struct chan *ch, int64_t id, const char *event, const void *data, size_t n);

/* Begin a line with its id, which the caller goes on with; end it. */
void chan_line(struct chan *ch, struct jsonout *w, int64_t id);
void chan_line_done(struct chan *ch, struct jsonout *w);
