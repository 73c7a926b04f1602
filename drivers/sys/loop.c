/* loop.c - loop devices (loop(4)). */
#include "drivers/sys/loop.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define TRIES_MAX 50
#define NUMBER_MAX (1 << 20)
#define LOOP_MAJOR_NUMBER 7

/* The device node, checked to be one: /dev is root's, yet a wrong node would be a wrong disk. */
static int open_device(int number, int flags, struct err *e)
{
	char path[32];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/dev/loop%d", number);
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? -2 : err_sys(e, errno, "cannot open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || major(st.st_rdev) != LOOP_MAJOR_NUMBER) {
		fd_close(&fd);
		return err_set(e, ERR_CONFLICT, "%s is no loop device", path);
	}
	return fd;
}

static int attach_to(int number, int file, const char *mark, bool read_only, struct err *e)
{
	_cleanup_fd_ int dev = open_device(number, read_only ? O_RDONLY : O_RDWR, e);
	struct loop_config config = {.fd = (uint32_t)file,
		.info = {.lo_flags = read_only ? LO_FLAGS_READ_ONLY : 0}};

	if (dev < 0)
		return dev == -2 ? 1 : -1;
	snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", mark);
	if (!ioctl(dev, LOOP_CONFIGURE, &config))
		return 0;
	return errno == EBUSY ? 1 : err_sys(e, errno, "cannot attach a file to loop device %d", number);
}

int loop_attach(int file, const char *mark, bool read_only, int *number, struct err *e)
{
	_cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return err_sys(e, errno, "cannot open /dev/loop-control");
	for (int i = 0; i < TRIES_MAX; i++) {
		const int n = ioctl(control, LOOP_CTL_GET_FREE);
		int rc;

		if (n < 0)
			return err_sys(e, errno, "there is no free loop device");
		rc = attach_to(n, file, mark, read_only, e);
		if (rc < 0)
			return -1;
		if (!rc) {
			*number = n;
			return 0;
		}
	}
	return err_set(e, ERR_LOCKED, "others took every free loop device, %d times", TRIES_MAX);
}

static int look(int dev, int number, struct loop_device *out, struct err *e)
{
	struct loop_info64 info;

	if (ioctl(dev, LOOP_GET_STATUS64, &info) < 0)
		return errno == ENXIO ? 1 : err_sys(e, errno, "cannot look at loop device %d", number);
	*out = (struct loop_device){.number = number, .dev = (dev_t)info.lo_device, .ino = info.lo_inode,
		.read_only = (info.lo_flags & LO_FLAGS_READ_ONLY) != 0};
	info.lo_file_name[LO_NAME_SIZE - 1] = '\0';
	snprintf(out->mark, sizeof(out->mark), "%s", (const char *)info.lo_file_name);
	return 0;
}

int loop_look(int number, struct loop_device *out, struct err *e)
{
	_cleanup_fd_ int dev = open_device(number, O_RDONLY, e);

	if (dev < 0)
		return dev == -2 ? 1 : -1;
	return look(dev, number, out, e);
}

/* The smallest number above after that names a loop device in /sys/block; NUMBER_MAX: none. */
static int next_number(DIR *dir, int after)
{
	struct dirent *d;
	int best = NUMBER_MAX;

	rewinddir(dir);
	while ((d = readdir(dir))) {
		const char *digits = d->d_name + 4;
		int n;

		if (strncmp(d->d_name, "loop", 4) || !*digits || strspn(digits, "0123456789") !=
			strlen(digits) || strlen(digits) > 7)
			continue;
		n = atoi(digits);
		if (n > after && n < best)
			best = n;
	}
	return best;
}

int loop_each(int (*each)(const struct loop_device *info, void *arg), void *arg, struct err *e)
{
	DIR *dir = opendir("/sys/block");
	struct loop_device info;
	int rc = 0;

	if (!dir)
		return err_sys(e, errno, "cannot list /sys/block");
	for (int n = next_number(dir, -1); rc >= 0 && n < NUMBER_MAX; n = next_number(dir, n)) {
		rc = loop_look(n, &info, e);
		if (!rc && each(&info, arg))
			break;
	}
	closedir(dir);
	return rc < 0 ? -1 : 0;
}

int loop_detach(int number, const char *mark, struct err *e)
{
	_cleanup_fd_ int dev = open_device(number, O_RDONLY, e);
	struct loop_device info;
	int rc;

	if (dev < 0)
		return dev == -2 ? 0 : -1;
	/* The descriptor holds this attachment: nobody can give the number to another file between
	 * the look and the detaching but by detaching it first, which leaves ours for last. */
	rc = look(dev, number, &info, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (strcmp(info.mark, mark))
		return err_set(e, ERR_CONFLICT, "loop device %d is not ours", number);
	if (ioctl(dev, LOOP_CLR_FD) < 0 && errno != ENXIO)
		return err_sys(e, errno, "cannot detach loop device %d", number);
	return 0;
}
