/* hostfiles.h - the host's name: hostname(7), /etc/hostname, /etc/hosts, /etc/resolv.conf. */
#pragma once

#include "drivers/guest/inside/boot.h"

#include <stddef.h>

#define HOSTFILES_TEXT_MAX 2048

/* PURE. What the files are to contain; the length, 0 when there is nothing to say. */
size_t hostfiles_hosts(const struct boot *b, char out[HOSTFILES_TEXT_MAX]);
size_t hostfiles_resolv(const struct boot *b, char out[HOSTFILES_TEXT_MAX]);

/* PURE. Where a symbolic link in /etc with this target leads, if that is below /run; NULL if it
 * leads elsewhere. out holds the path. */
const char *hostfiles_run_target(const char *target, char *out, size_t size);

/* Set the name and write the files, each only when its content differs. A file that is a symbolic
 * link into /run is written there; another link is replaced by a file, as whatever made it does
 * not run here. Failures are said on the console. */
void hostfiles_write(const struct boot *b);
