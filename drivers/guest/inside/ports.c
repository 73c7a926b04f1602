/* ports.c - the virtio-serial ports, found by name. */
#include "drivers/guest/inside/ports.h"

#include "drivers/guest/inside/loop.h"
#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/inside/virtio.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLASS "/sys/class/virtio-ports"
#define STEP_MS 2
#define QUIET_MS 200
#define N_PORTS (GUEST_AGENT_PORTS + 2)

/* Where the descriptor of a port of that name goes; NULL for a name that is not ours. */
static int *place(struct ports *p, const char *name)
{
	size_t n = strlen(GUEST_PORT_AGENT);
	int i = name[0] && !strncmp(name, GUEST_PORT_AGENT, n) && !name[n + 1] ? name[n] - '0' : -1;

	if (i >= 0 && i < GUEST_AGENT_PORTS)
		return &p->agent[i];
	if (!strcmp(name, GUEST_PORT_REPORT))
		return &p->report;
	return strcmp(name, GUEST_PORT_OUTPUT) ? NULL : &p->output;
}

static bool open_port(struct ports *p, const char *dev)
{
	char path[300], name[64];
	int *fd;

	snprintf(path, sizeof(path), CLASS "/%s/name", dev);
	if (!sysfile_line(path, name, sizeof(name)))
		return false;
	fd = place(p, name);
	if (!fd || *fd >= 0)
		return false;
	snprintf(path, sizeof(path), "/dev/%s", dev);
	*fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return *fd >= 0;
}

static int open_new(struct ports *p)
{
	DIR *d = opendir(CLASS);
	int n = 0;

	if (!d)
		return 0;
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.' && open_port(p, entry->d_name))
			n++;
	closedir(d);
	return n;
}

void ports_open(struct ports *p, int timeout_ms)
{
	const struct timespec step = {.tv_nsec = STEP_MS * 1000000};
	int64_t end = loop_now_ms() + timeout_ms, quiet = end;
	int n = 0;

	*p = (struct ports){.report = -1, .output = -1};
	for (int i = 0; i < GUEST_AGENT_PORTS; i++)
		p->agent[i] = -1;
	if (!virtio_present(VIRTIO_CONSOLE))
		return;
	for (;;) {
		int more = open_new(p);

		n += more;
		if (more)
			quiet = loop_now_ms() + QUIET_MS;
		if (n == N_PORTS || loop_now_ms() >= end || loop_now_ms() >= quiet)
			return;
		nanosleep(&step, NULL);
	}
}

void ports_close(struct ports *p)
{
	for (int i = 0; i < GUEST_AGENT_PORTS; i++)
		sysfile_close(&p->agent[i]);
	sysfile_close(&p->report);
	sysfile_close(&p->output);
}
