/* qemu_argv.h - the command line of QEMU's microvm machine.
 *
 * PURE. Names of sockets and logs are relative: QEMU is started inside the VM's run folder, so that
 * no path length limit of sockets is met wherever that folder is.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/model.h"

struct qemu_nic {
	const char *tap; /* name of an interface that this user may open */
	const char *mac;
};

struct qemu_config {
	const char *qemu;          /* absolute path of the program */
	const char *mark;          /* qemu_mark */
	bool kvm;                  /* otherwise TCG */
	uint64_t tsc_khz;          /* TCG: rate of the host's time stamp counter; 0: not known */
	uint32_t vcpus;
	uint64_t memory;           /* bytes */
	const char *kernel, *initrd; /* absolute */
	const char *kernel_args;   /* added at the end; may be NULL */
	const char *disk, *boot;   /* absolute: /dev/vda and /dev/vdb */
	uint32_t cid;              /* vsock; 0: no device */
	const char *mac;           /* of the user network; NULL: none */
	const struct qemu_nic *nics; /* taps, in the order of the guest's interfaces */
	size_t n_nics;
};

/* The mark that makes a process ours: "reconcile:<instance>:<vm>", the argument after -name. */
const char *qemu_mark(struct arena *a, const char *instance, const char *vm);

/* Whether an argument is a mark of this instance; *vm is the rest of it, the VM's name. */
bool qemu_is_mark(const char *arg, const char *instance, const char **vm);

/* Build the argv. Fails with ERR_LIMIT when the kernel's command line gets too long, and with
 * ERR_SPEC when it contains control characters. */
int qemu_argv(struct arena *a, const struct qemu_config *c, struct strv *out, struct err *e);
