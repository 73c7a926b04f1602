/* ports.h - the virtio-serial ports, found by name (/sys/class/virtio-ports). */
#pragma once

#include "drivers/guest/proto.h"

struct ports {
	int agent[GUEST_AGENT_PORTS];
	int report, output; /* -1 where there is none */
};

/* Open every port of ours, non-blocking. The kernel learns of the ports and of their names some
 * time after it found the device: waits until all are there, or until nothing new has come for a
 * while, at most timeout_ms. A port that somebody else still holds is waited for too. Without a
 * virtio-serial device it does not wait. */
void ports_open(struct ports *p, int timeout_ms);

void ports_close(struct ports *p);
