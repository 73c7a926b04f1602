/* agent.h - the host's side of the agent protocol (proto.h). The guest is hostile: lengths, types
 * and ids are checked, a reply to another request is dropped, nothing is believed for safety.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/base/kv.h"
#include "schema/model.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent;

/* Open a channel to the agent of a VM whose sockets are in the folder run: the first of agent0.sock
 * to agent3.sock that nobody uses (a lock on agentN.lock), then hello. Waits until the guest
 * answers, at most timeout_ms: the guest may still be booting.
 * Fails: ERR_GUEST no such socket or the guest hung up; ERR_TIMEOUT; ERR_LOCKED all channels are
 * in use; ERR_CANCELLED when *cancel became non-zero (cancel may be NULL). */
int agent_open(const char *run, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
	struct agent **out, struct err *e);

/* The same for a VM that is up: over vsock where it was given a device, else by agent_open. Waiting for
 * a guest that boots is for agent_open, which hears of its first word. */
int agent_reach(const char *run, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
	struct agent **out, struct err *e);

/* The same over a connected stream socket, which it takes over (tests, vsock). */
int agent_attach(int fd, int64_t timeout_ms, struct agent **out, struct err *e);

void agent_close(struct agent *a);
static inline void agent_drop(struct agent **a)
{
	agent_close(*a);
	*a = NULL;
}
#define _cleanup_agent_ _cleanup_(agent_drop)

/* What the hello said: boot id of the guest's kernel, nonce of its boot record. Borrowed. */
const char *agent_boot_id(const struct agent *a);
const char *agent_boot_nonce(const struct agent *a);

int agent_ping(struct agent *a, int64_t timeout_ms, struct err *e);
int agent_sync(struct agent *a, int64_t timeout_ms, struct err *e);

/* Ask the guest to stop its workload and power off. Returns when it has agreed. */
int agent_poweroff(struct agent *a, int64_t grace_ms, int64_t timeout_ms, struct err *e);

/* Figures of proto.h's status as strings under the same names. */
int agent_status(struct agent *a, struct arena *arena, int64_t timeout_ms, struct kvs *out,
	struct err *e);

struct agent_exec {
	const char *const *argv;       /* NULL-terminated */
	const char *const *env;        /* NAME=value, NULL-terminated; may be NULL */
	const char *cwd, *user;        /* NULL: the workload's */
	int stdin_fd;                  /* read from here until end of file; -1: no stdin */
	int stdout_fd, stderr_fd;      /* written to */
	/* Takes the output instead, stream 0, and the errors, 1; or NULL. */
	void (*output)(void *arg, size_t stream, const char *data, size_t n);
	void *output_arg;
	int64_t timeout_ms;            /* 0: no limit */
	/* Signal number to pass on, reset by us; or NULL. When it could not be passed on the result is
	 * ERR_CANCELLED, and it stands here again. */
	const volatile sig_atomic_t *interrupt;
};

/* Run a command in the guest. *code is what a shell would say: the exit code, or 128 + signal. */
int agent_exec(struct agent *a, const struct agent_exec *x, int *code, struct err *e);

/* Whole files. max bounds what is read (ERR_LIMIT). */
int agent_read_file(struct agent *a, struct arena *arena, const char *path, size_t max, char **data,
	size_t *n, struct err *e);
int agent_write_file(struct agent *a, const char *path, uint32_t mode, const void *data, size_t n,
	struct err *e);
