/* button.h - the ACPI power button: the host's last polite word (QMP system_powerdown). */
#pragma once

#include "drivers/guest/inside/loop.h"

struct guest;

#define BUTTON_MAX 2

struct button {
	struct guest *guest;
	int fd;
	struct source source;
};

/* Watch the power buttons; pressing one is power_ask with the boot record's grace. */
void button_watch(struct guest *g);
