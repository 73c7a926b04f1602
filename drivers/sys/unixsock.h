/* unixsock.h - Unix sockets named by folder and name: the folder may be as deep as it likes, the 108
 * bytes of sun_path (unix(7)) hold only the name.
 */
#pragma once

#include "schema/base/err.h"

/* Connect to the stream socket name in the folder dirfd. 0 with a non-blocking descriptor that is
 * the caller's; 1 when nobody listens there (no such socket, or a stale one); -1 with e, ERR_LOCKED
 * when the listener has no room for us. */
int unixsock_connect(int dirfd, const char *name, int *fd, struct err *e);

/* Listen there instead, mode 0600; a stale socket is replaced. */
int unixsock_listen(int dirfd, const char *name, int *fd, struct err *e);
