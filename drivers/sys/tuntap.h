/* tuntap.h - tap interfaces by /dev/net/tun (kernel documentation, networking/tuntap).
 *
 * A tap that is made here goes away with its descriptor until it is made to stay. So who dies between
 * making it and marking it leaves nothing behind.
 */
#pragma once

#include "schema/base/err.h"

#include <stdint.h>

/* A new tap of that name. ERR_CONFLICT when the name is taken. *fd is the caller's. */
int tuntap_create(const char *name, int *fd, struct err *e);

/* Who may open it from now on, and that it stays when fd is closed. */
int tuntap_keep(int fd, uint32_t uid, struct err *e);
