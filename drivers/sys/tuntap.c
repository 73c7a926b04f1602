/* tuntap.c - tap interfaces by /dev/net/tun. */
#include "drivers/sys/tuntap.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>

int tuntap_create(const char *name, int *fd, struct err *e)
{
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL)};
	_cleanup_fd_ int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (tun < 0)
		return err_sys(e, errno, "cannot open /dev/net/tun");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(tun, TUNSETIFF, &ifr) < 0) {
		if (errno == EBUSY || errno == EEXIST)
			return err_set(e, ERR_CONFLICT, "a link %s is there already", name);
		return err_sys(e, errno, "cannot make tap %s", name);
	}
	*fd = fd_take(&tun);
	return 0;
}

int tuntap_keep(int fd, uint32_t uid, struct err *e)
{
	if (ioctl(fd, TUNSETOWNER, (unsigned long)uid) < 0)
		return err_sys(e, errno, "cannot give a tap to uid %u", uid);
	if (ioctl(fd, TUNSETPERSIST, 1ul) < 0)
		return err_sys(e, errno, "cannot make a tap stay");
	return 0;
}
