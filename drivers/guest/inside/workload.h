/* workload.h - the one process that this guest is for. */
#pragma once

#include <sys/types.h>

struct guest;

enum workload_state { WORKLOAD_NONE, WORKLOAD_RUNNING, WORKLOAD_EXITED };

struct workload {
	enum workload_state state;
	pid_t pid;
	int code, signal; /* exited: signal 0: by itself with code */
};

/* Start what the boot record says; its output goes to g->output. When it cannot be started the
 * host is told and the state is exited with code 127 or 126, as if it had ended so. With nothing
 * to run the state stays none. */
void workload_start(struct guest *g);

/* It ended (status as from waitpid(2)): tell the host, after its last output. */
void workload_exited(struct guest *g, int status);
