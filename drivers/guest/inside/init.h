/* init.h - from the kernel's first process to a running guest. */
#pragma once

struct guest;

/* Be PID 1 in our initramfs:
 *
 *	early mounts, modules, disks     what is needed to see the outside
 *	boot record, ports               from here on the host is told ("boot", "error")
 *	root: mount, grow, switch        nothing of the initramfs stays
 *	mounts, names, network
 *	image's init?  yes: hand over to it (sysinit.h)
 *	               no:  agent, workload, "ready", loop
 *	the end        power.h
 *
 * Does not return: what goes wrong is said on the console and to the host, then power off. */
void init_run(struct guest *g);

/* Be the service beside the image's init: agent, "ready", loop. Returns the exit code. */
int init_service(struct guest *g);
