/* vsock.h - stream connections to a guest of this host by its context id (vsock(7)). */
#pragma once

#include "schema/base/err.h"

#include <stdint.h>

/* Connect to a port of the guest with that context id. 0 with a non-blocking descriptor that is the
 * caller's; 1 when it cannot be reached within timeout_ms: nobody listens, there is no such guest,
 * or this host has no vsock; -1 with e for anything else. Who answers is not proved by that: context
 * ids are given to others again. */
int vsock_connect(uint32_t cid, uint32_t port, int timeout_ms, int *fd, struct err *e);
