/* request.h - one request of the agent protocol: parsed, checked, handed to its handler. */
#pragma once

#include <stddef.h>

struct chan;
struct chan_raw;

/* Handle one line of n bytes without its newline; it is changed. Replies on the channel, which has
 * room for it. */
void request_line(struct chan *ch, char *line, size_t n);

/* The bytes that an earlier line announced. */
void request_raw(struct chan *ch, const struct chan_raw *raw, char *data);
