/* net.h - set up the network that the boot record declares (rtnetlink(7)). */
#pragma once

#include "drivers/guest/inside/boot.h"

/* Loopback up; then each network: the link with that MAC gets its MTU, is brought up and gets its
 * address and the default route. What does not work is said on the console; the guest runs on. */
void net_setup(const struct boot *b);
