/* status.h - the agent's operation "status": figures of this guest. */
#pragma once

struct chan;
struct jsonlite_node;

void status_send(struct chan *ch, const struct jsonlite_node *req);
