/* qmp.h - a client of QEMU's machine protocol (docs/interop/qmp-spec in QEMU).
 *
 *	greeting -> qmp_capabilities -> commands
 *
 * A command is answered by the message that repeats its id; events may come in between. QEMU serves
 * one client at a time: a second one gets no greeting until the first has gone. A guest may have
 * taken over its QEMU, so lines are bounded and nothing that is not expected is believed.
 */
#pragma once

#include "schema/base/json.h"

#include <signal.h>
#include <stdint.h>

struct qmp;

/* What one message is; see qmp_parse. */
enum qmp_message { QMP_GREETING, QMP_EVENT, QMP_REPLY, QMP_ERROR, QMP_OTHER };

/* Connect to the socket name in the folder dirfd and negotiate; deadline is a clock_mono_ms.
 * 0; 1 when nobody listens there; -1: ERR_TIMEOUT, ERR_CONTENT, ERR_CANCELLED, ERR_SYSTEM, and
 * ERR_FAILED when QEMU hung up. cancel may be NULL. */
int qmp_open(int dirfd, const char *name, int64_t deadline, const volatile sig_atomic_t *cancel,
	struct qmp **out, struct err *e);

/* The same over a connected socket, which it takes over. */
int qmp_attach(int fd, int64_t deadline, const volatile sig_atomic_t *cancel, struct qmp **out,
	struct err *e);

void qmp_close(struct qmp *q);
static inline void qmp_drop(struct qmp **q)
{
	qmp_close(*q);
	*q = NULL;
}
#define _cleanup_qmp_ _cleanup_(qmp_drop)

/* Run a command without arguments. result may be NULL; otherwise it is the "return" member and the
 * caller's. A refusal is ERR_FAILED with QEMU's text. */
int qmp_command(struct qmp *q, const char *command, int64_t deadline, json_t **result,
	struct err *e);

/* PURE. Sort one line: *id is its id, or -1; *message the parsed line and the caller's, NULL for
 * QMP_OTHER, which is what does not parse or has no known shape. */
enum qmp_message qmp_parse(const char *line, size_t n, int64_t *id, json_t **message);
