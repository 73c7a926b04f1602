/* relay.h - the agent's operation "connect": a TCP connection to a port of this guest, carried to the
 * host and back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chan;
struct stream;
struct jsonlite_node;

struct relay {
	int fd;
	uint16_t port;
	bool second;                /* the second of the two own addresses is tried */
	bool up;                    /* connected */
	bool read_done, write_done; /* each direction */
};

/* Begin to connect; replies "connected" when it is, or why not. */
void relay_start(struct chan *ch, const struct jsonlite_node *req);

void relay_input(struct stream *s, const char *data, size_t n, bool eof);
bool relay_pump(struct stream *s);
void relay_abort(struct stream *s);
