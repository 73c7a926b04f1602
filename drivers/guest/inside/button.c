/* button.c - the ACPI power button. */
#include "drivers/guest/inside/button.h"

#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/sysfile.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void ready(void *arg, uint32_t events)
{
	struct button *b = arg;
	struct input_event ev;

	(void)events;
	while (read(b->fd, &ev, sizeof(ev)) == sizeof(ev))
		if (ev.type == EV_KEY && ev.code == KEY_POWER && ev.value == 1)
			power_ask(b->guest, b->guest->boot.stop_grace_ms);
}

static int open_button(const char *name)
{
	char path[300], label[64] = "";
	_cleanup_fd_ int fd = -1;

	snprintf(path, sizeof(path), "/dev/input/%s", name);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, EVIOCGNAME(sizeof(label) - 1), label) < 0 ||
		strcmp(label, "Power Button") != 0)
		return -1;
	return sysfile_take(&fd);
}

void button_watch(struct guest *g)
{
	DIR *d = opendir("/dev/input");
	int n = 0;

	if (!d)
		return;
	for (struct dirent *entry; n < BUTTON_MAX && (entry = readdir(d));) {
		struct button *b = &g->buttons[n];
		int fd = strncmp(entry->d_name, "event", 5) ? -1 : open_button(entry->d_name);

		if (fd < 0)
			continue;
		*b = (struct button){.guest = g, .fd = fd, .source = {.ready = ready, .arg = b}};
		if (loop_add(&g->loop, fd, &b->source) < 0)
			close(fd);
		else
			n++;
	}
	closedir(d);
}
