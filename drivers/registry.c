/* registry.c - the static list of drivers, one for each kind of object. */
#include "drivers/driver.h"

extern const struct driver driver_image, driver_kernel, driver_network, driver_firewall, driver_disk,
	driver_nic, driver_vm, driver_guest;

static const struct driver *const drivers[KIND_N] = {
	[KIND_IMAGE] = &driver_image,
	[KIND_KERNEL] = &driver_kernel,
	[KIND_NETWORK] = &driver_network,
	[KIND_FIREWALL] = &driver_firewall,
	[KIND_DISK] = &driver_disk,
	[KIND_NIC] = &driver_nic,
	[KIND_VM] = &driver_vm,
	[KIND_GUEST] = &driver_guest,
};

const struct driver *driver_for(enum kind kind)
{
	return drivers[kind];
}
