/* virtio.h - which virtio devices this machine has (/sys/bus/virtio). */
#pragma once

#include <stdbool.h>

/* Device ids: virtio 1.1, chapter 5. */
#define VIRTIO_CONSOLE 3

bool virtio_present(unsigned id);
