/* beneath.h - open a path that must stay below a folder of ours (openat2(2)). */
#pragma once

#include <sys/types.h>

/* Like openat(2), O_CLOEXEC added, but ".." above dirfd, absolute paths and links that lead out of
 * dirfd are refused (EXDEV, ELOOP), and so are links to a process's own descriptors. The
 * descriptor, or -1 with errno. */
int beneath_open(int dirfd, const char *path, int flags, mode_t mode);
