/* serve.h - all channels of the agent: ports, listening sockets, children that have to go. */
#pragma once

#include "drivers/guest/inside/chan.h"
#include "drivers/guest/inside/jsonlite.h"
#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/ports.h"
#include "drivers/guest/inside/stream.h"
#include "drivers/guest/inside/why.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVE_SOCKETS 8
#define SERVE_CHANS (GUEST_AGENT_PORTS + SERVE_SOCKETS)
#define SERVE_DOOMED 64
#define SERVE_HUP_MS 2000
#define SERVE_NODES_MAX 16384

struct guest;

/* A child whose client is gone: it got SIGHUP, at the deadline it gets SIGKILL. */
struct doomed {
	pid_t pid; /* 0: free */
	int64_t deadline;
	bool killed;
};

struct serve {
	struct guest *guest;
	struct chan chans[SERVE_CHANS];
	struct stream streams[STREAM_POOL];
	int listener;         /* -1: none */
	bool vsock;           /* what the listener is */
	bool waiting;         /* a client waits because every slot was taken */
	struct source source;
	struct doomed doomed[SERVE_DOOMED];
	struct jsonlite_node nodes[SERVE_NODES_MAX]; /* of the request at hand */
};

void serve_init(struct serve *s, struct guest *g);

/* Serve the agent ports that are open; takes them over. */
void serve_ports(struct serve *s, struct ports *p);

/* Serve vsock port 1024 where the kernel has it: only the host may connect. */
void serve_vsock(struct serve *s);

/* Serve a Unix socket at path, which is replaced. */
int serve_uds(struct serve *s, const char *path, struct why *w);

/* SIGHUP to the child's group now, SIGKILL after SERVE_HUP_MS if it still lives. */
void serve_doom(struct serve *s, pid_t pid);

/* A child ended: first while it is a zombie, then when it is reaped. */
void serve_bury(struct serve *s, pid_t pid);
void serve_exited(struct serve *s, pid_t pid, int status);

/* A socket's slot became free. */
void serve_slot_free(struct serve *s);

/* Do what time or fairness has put off; when that is next (0: never); whether it is at once. */
void serve_tick(struct serve *s);
int64_t serve_deadline(const struct serve *s);
bool serve_again(const struct serve *s);

/* Abort all operations: half-written temporary files go. */
void serve_close(struct serve *s);
