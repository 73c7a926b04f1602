/* pty.h - a terminal for a command. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdint.h>

/* Both ends, O_CLOEXEC; ours does not block. */
int pty_open(int *master, int *slave, struct why *w);

/* Set its size; what is no size (0, or more than 65535) is ignored. */
void pty_resize(int master, int64_t rows, int64_t cols);
