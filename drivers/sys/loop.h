/* loop.h - loop devices (loop(4)): attached in one call with a mark, found again by it. */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOOP_MARK_MAX 64

struct loop_device {
	int number;               /* N of /dev/loopN */
	bool read_only;
	dev_t dev;                /* of the backing file */
	ino_t ino;
	char mark[LOOP_MARK_MAX]; /* lo_file_name; who attached it chose it */
};

/* A free device for the open file, marked in the same call. Another process may take a free device
 * first: then the next one is tried. The file was checked by the caller. */
int loop_attach(int file, const char *mark, bool read_only, int *number, struct err *e);

/* What is attached to device number. 0; 1 nothing is; -1 with e. */
int loop_look(int number, struct loop_device *out, struct err *e);

/* Each attached device, lowest number first, until each returns non-zero. */
int loop_each(int (*each)(const struct loop_device *info, void *arg), void *arg, struct err *e);

/* Detach device number if it still carries exactly that mark; gone already is success. A device that
 * is in use is detached by the kernel when it no longer is. */
int loop_detach(int number, const char *mark, struct err *e);
