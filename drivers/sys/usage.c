/* usage.c - what a process has used so far. */
#include "drivers/sys/usage.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 4096

/* One file of /proc/PID, NUL-terminated; empty when it cannot be read. */
static void read_text(int dir, const char *name, char text[TEXT_MAX])
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, TEXT_MAX - 1);

	text[got > 0 ? got : 0] = '\0';
}

/* Field number n of stat, counted from 1; the name in field 2 may hold anything but is in parentheses. */
static uint64_t stat_field(const char *text, int n)
{
	const char *p = strrchr(text, ')');

	for (int i = 2; p && i < n; i++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

static uint64_t labelled(const char *text, const char *label)
{
	const char *p = strstr(text, label);

	return p ? strtoull(p + strlen(label), NULL, 10) : 0;
}

int usage_read(const struct proc_id *id, struct usage *out, struct err *e)
{
	const uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
	char path[32], text[TEXT_MAX];
	_cleanup_fd_ int dir = -1;
	const char *resident;

	*out = (struct usage){0};
	snprintf(path, sizeof(path), "/proc/%d", (int)id->pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot open %s", path);
	/* The folder was opened first: if the process lives now, the folder is its. */
	if (dir < 0 || proc_look(id) == PROC_GONE)
		return 1;
	read_text(dir, "stat", text);
	out->cpu_ms = (stat_field(text, 14) + stat_field(text, 15)) * 1000 / ticks;
	read_text(dir, "statm", text);
	resident = strchr(text, ' ');
	out->memory = resident ? strtoull(resident, NULL, 10) * page : 0;
	read_text(dir, "io", text);
	out->read_bytes = labelled(text, "\nread_bytes: ");
	out->written_bytes = labelled(text, "\nwrite_bytes: ");
	return 0;
}
