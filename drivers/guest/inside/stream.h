/* stream.h - one running operation of the agent: whose it is, what it may send, what waits for it.
 *
 * All channels share one pool, so memory is bounded and never grows. A stream has two windows, one
 * for each direction (proto.h, "flow control"): credit is how many bytes we may still send, owed
 * how many the client may be told that it can send again. A stream without a channel is detached:
 * nobody listens, what it puts out is thrown away.
 */
#pragma once

#include "drivers/guest/inside/exec.h"
#include "drivers/guest/inside/files.h"
#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/relay.h"
#include "drivers/guest/inside/why.h"
#include "drivers/guest/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_POOL 24
#define STREAM_DETACHED_MAX 8

/* Bits, so that a request can name several kinds that it is for. */
enum stream_kind {
	STREAM_FREE = 0,
	STREAM_EXEC = 1,
	STREAM_READ = 2,
	STREAM_WRITE = 4,
	STREAM_RELAY = 8,
};

struct chan;
struct guest;
struct jsonlite_node;

struct stream {
	enum stream_kind kind;
	struct guest *guest;
	struct chan *ch; /* NULL: detached */
	int64_t id;
	int64_t credit;
	uint32_t owed;
	bool in_eof;
	bool again;      /* detached, and stopped for fairness */
	struct source source;
	union {
		struct exec exec;
		struct files files;
		struct relay relay;
	};
	/* Input that what runs has not taken yet. */
	size_t pending_at, pending_n;
	char pending[GUEST_STREAM_WINDOW];
};

/* A slot for the request on this channel; NULL with w when there is none (EBUSY). */
struct stream *stream_new(struct chan *ch, int64_t id, enum stream_kind kind, struct why *w);

/* The channel's stream of that id, NULL if none runs. */
struct stream *stream_find(struct chan *ch, int64_t id);

/* Whether the channel has any stream; whether one has input that waits. */
bool stream_any(const struct chan *ch);
bool stream_input_waits(const struct chan *ch);

/* The slot becomes free; what it had open is closed by its owner before. */
void stream_free(struct stream *s);

/* End it with an answer: success without more, or a failure. */
void stream_fail(struct stream *s, const struct why *w);

/* The client is gone, or did what it may not: stop it and free the slot. */
void stream_abort(struct stream *s);
void stream_abort_all(struct chan *ch);

/* From now on nobody listens to it. false: there are too many such already. */
bool stream_detach(struct stream *s);

/* Move what can be moved, once. Returns whether anything was; the slot may be free after it. */
bool stream_pump(struct stream *s);
bool stream_pump_all(struct chan *ch);

/* Data from the client, n 0 with eof at its end. */
void stream_input(struct stream *s, char *data, size_t n, bool eof);

/* Keep input until it can be passed on. false: it is more than the window allows; aborted. */
bool stream_keep(struct stream *s, const char *data, size_t n);

/* Write what is kept to fd. 1 something was moved, 0 nothing can be now, -1 nobody reads it any
 * more: what was kept is gone. */
int stream_drain(struct stream *s, int fd);

/* That much input has been dealt with. */
void stream_took(struct stream *s, size_t n);

/* How many bytes of data can be sent now, at most GUEST_DATA_MAX; 0 also when it would be too small
 * a piece to be worth a line. */
size_t stream_room(const struct stream *s);

/* Send an event. There is room, because stream_room said so. */
void stream_data(struct stream *s, const char *event, const void *data, size_t n);
