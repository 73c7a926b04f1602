/* server.h - the loop of the root helper: connections, who is at their other end, answers.
 *
 * One thread, one request of one connection at a time, in turn. A connection is worth what the kernel
 * says of its other end (SO_PEERCRED, unix(7)); when that cannot be read, nothing. Bytes that are no
 * request of this protocol, descriptors that do not belong to it, and an answer that is not taken end the
 * connection. Nothing is allocated.
 *
 * An answer to a request that changed something is kept for a while, under its owner, operation id, verb
 * and sequence: who lost it asks again, with the same bytes, and nothing is done twice.
 */
#pragma once

#include "drivers/helper/op.h"
#include "drivers/helper/wire.h"

#include <signal.h>

#define SERVER_CONNECTIONS_MAX 64
#define SERVER_PER_UID_MAX 8
#define SERVER_KEPT 64
#define SERVER_REQUEST_MAX 256

struct server_kept {
	bool used;
	struct helper_owner owner;
	uint32_t verb, seq;
	uint8_t op[HELPER_OP_LEN];
	uint8_t request[SERVER_REQUEST_MAX], answer[HELPER_WIRE_MAX];
	size_t n_request, n_answer;
};

struct server {
	struct op_host host;
	struct helper_conf conf;
	int listen_fd;                       /* -1: none; the loop ends with the last connection */
	int door_fd;                         /* brings connections, one a message; 0: there is none */
	uint32_t door_uid;                   /* whose they are */
	const volatile sig_atomic_t *stop;
	struct server_connection {
		int fd;
		uint32_t uid;
	} connections[SERVER_CONNECTIONS_MAX];
	size_t n;
	struct server_kept kept[SERVER_KEPT];
	size_t next_kept;
	bool only_reads;                     /* verbs that change something are refused */
	bool quiet;                          /* no line per request on stderr */
};

/* Add a connection that root made itself and gives to uid. */
int server_adopt(struct server *s, int fd, uint32_t uid, struct err *e);

/* Until stop is set, or nobody is there any more. */
int server_run(struct server *s, struct err *e);

/* One message, as it came, to the bytes of its answer; fds are the n_fds descriptors that came with it
 * and stay the caller's. False: the connection is to be ended after the answer. For tests and fuzzers
 * too. */
bool server_answer(struct server *s, uint32_t uid, const uint8_t *in, size_t n, const int *fds,
	size_t n_fds, uint8_t out[HELPER_WIRE_MAX], size_t *n_out);
