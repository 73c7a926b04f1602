/* grow.h - make an ext4 file system as large as the device under it. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdint.h>

#define GROW_SUPER_BYTES 1024

/* PURE. From an ext4 superblock (1024 bytes): size of a block and number of blocks. -1 if it is
 * not one. */
int grow_super(const unsigned char super[GROW_SUPER_BYTES], uint32_t *block, uint64_t *blocks);

/* Grow the file system of dev, mounted on dir, by EXT4_IOC_RESIZE_FS. Nothing happens when it is as
 * large already. */
int grow_ext4(const char *dev, const char *dir, struct why *w);
