/* kmod.c - load the kernel modules that the initrd carries. */
#include "drivers/guest/inside/kmod.h"

#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/inside/virtio.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIST_MAX 65536

static void load(const char *dir, const char *name)
{
	char path[PATH_MAX];
	_cleanup_fd_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) == 0)
		return;
	if (errno != EEXIST)
		say("module %s: %s", name, strerror(errno));
}

/* "FILE" or "FILE ID"; the line is changed. */
static void load_line(const char *dir, char *line)
{
	char *id = strchr(line, ' ');

	if (id)
		*id++ = '\0';
	if (*line && (!id || virtio_present((unsigned)strtoul(id, NULL, 10))))
		load(dir, line);
}

void kmod_load(const char *list, const char *dir)
{
	char *text, *line, *rest;
	struct why w;
	size_t n;

	/* No list: everything is built into the kernel. */
	text = sysfile_read(list, LIST_MAX, &n, &w);
	rest = text;
	while ((line = strsep(&rest, "\n")))
		load_line(dir, line);
	free(text);
}
