/* exec.h - the agent's operation "exec": a child whose output goes to the client. */
#pragma once

#include "drivers/guest/proto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct chan;
struct jsonlite_node;

struct exec {
	pid_t pid;
	int in, out, err;             /* our ends of its pipes; -1: closed */
	bool exited;
	int status;                   /* as from waitpid(2) */
	int left_out, left_err;       /* after its end: bytes that were in the pipes then */
	char pending[GUEST_DATA_MAX]; /* stdin that it has not taken yet */
	size_t pending_at, pending_n;
	bool in_eof;
};

/* Start what the request asks for; replies "started" or the reason why not. */
void exec_start(struct chan *ch, const struct jsonlite_node *req);

/* "stdin" and "signal" for the running operation. */
void exec_stdin(struct chan *ch, const struct jsonlite_node *req);
void exec_signal(struct chan *ch, const struct jsonlite_node *req);

/* Whether more stdin can be taken; until then the channel reads nothing. */
bool exec_wants_input(const struct chan *ch);

/* Move what can be moved; ends the operation when the child is gone and its output is sent.
 * Output that background processes write after the child's own end is not waited for. Returns
 * whether anything was moved. */
bool exec_pump(struct chan *ch);

/* The child ended; it is not reaped yet or just now. */
void exec_exited(struct chan *ch, int status);

/* The client is gone: SIGHUP now, SIGKILL later (serve.h). */
void exec_abort(struct chan *ch);
