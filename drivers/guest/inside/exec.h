/* exec.h - the agent's operation "exec": a child whose output goes to the client. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct chan;
struct stream;
struct jsonlite_node;

struct exec {
	pid_t pid;
	int in, out, err;       /* our ends of its pipes; with a terminal in and out are that; -1: closed */
	bool tty, exited;
	int status;             /* as from waitpid(2) */
	int left_out, left_err; /* after its end: bytes that were in the pipes then */
	int64_t linger_at;      /* after its end: until when its terminal may have more; 0: no limit */
};

/* Start what the request asks for; replies "started" or the reason why not. */
void exec_start(struct chan *ch, const struct jsonlite_node *req);

/* "stdin", "signal", "resize" and "detach" for the running operation. */
void exec_input(struct stream *s, const char *data, size_t n, bool eof);
void exec_signal(struct stream *s, const struct jsonlite_node *req);
void exec_resize(struct stream *s, const struct jsonlite_node *req);
void exec_detach(struct stream *s, const struct jsonlite_node *req);

/* Move what can be moved; ends the operation when the child is gone and its output is sent.
 * Output that background processes write after the child's own end is not waited for. Returns
 * whether anything was moved. */
bool exec_pump(struct stream *s);

/* The child ended; it is not reaped yet or just now. */
void exec_exited(struct stream *s, int status);

/* The client is gone: SIGHUP now, SIGKILL later (serve.h). */
void exec_abort(struct stream *s);
