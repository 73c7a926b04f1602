/* pty.c - a terminal for a command. */
#include "drivers/guest/inside/pty.h"

#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>

int pty_open(int *master, int *slave, struct why *w)
{
	_cleanup_fd_ int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_fd_ int s = -1;
	int unlock = 0, number = 0;
	char path[32];

	if (m < 0 || ioctl(m, TIOCSPTLCK, &unlock) < 0 || ioctl(m, TIOCGPTN, &number) < 0)
		return why_set(w, errno, "cannot make a terminal");
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	s = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s < 0)
		return why_set(w, errno, "cannot open terminal %s", path);
	*master = sysfile_take(&m);
	*slave = sysfile_take(&s);
	return 0;
}

void pty_resize(int master, int64_t rows, int64_t cols)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

	if (rows > 0 && rows <= UINT16_MAX && cols > 0 && cols <= UINT16_MAX)
		ioctl(master, TIOCSWINSZ, &size);
}
