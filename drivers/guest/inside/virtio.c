/* virtio.c - which virtio devices this machine has. */
#include "drivers/guest/inside/virtio.h"

#include "drivers/guest/inside/sysfile.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define DEVICES "/sys/bus/virtio/devices"

bool virtio_present(unsigned id)
{
	DIR *d = opendir(DEVICES);
	bool found = false;
	char path[300], text[16];

	if (!d)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(d));) {
		snprintf(path, sizeof(path), DEVICES "/%s/device", entry->d_name);
		found = entry->d_name[0] != '.' && sysfile_line(path, text, sizeof(text)) &&
			strtoul(text, NULL, 16) == id;
	}
	closedir(d);
	return found;
}
