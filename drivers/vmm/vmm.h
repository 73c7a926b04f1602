/* vmm.h - what the files of this room share: finding a VM's process, and the slots.
 *
 *	vmm.c          the driver: names, dispatch, scan
 *	vmm_host.c     what the host has for VMs
 *	vmm_find.c     a VM's process, by identity or by its mark
 *	vmm_observe.c  what is there and how it ended
 *	vmm_logs.c     logs are kept small
 *	vmm_start.c    START and its undo
 *	vmm_stop.c     STOP, DELETE
 *
 * A VM's process is found again in two ways that need no trust in each other: by the recorded
 * (pid, start, boot_id), and by the mark in its command line. Whoever is about to start a VM or to
 * remove its files looks for both.
 */
#pragma once

#include "drivers/driver.h"
#include "drivers/sys/proc.h"

/* A live process with a mark of our instance. */
struct vmm_found {
	const char *vm;
	struct proc_id id;
};

struct vmm_list {
	struct vmm_found *v;
	size_t n, cap;
};

/* All of them; one walk over /proc. */
int vmm_find_all(struct host *h, struct vmm_list *out, struct err *e);

/* The live process of one VM: the one that facts name, else the one with the mark. 0; 1 when there
 * is none; -1 with e. */
int vmm_find(struct host *h, const char *vm, const struct kvs *facts, struct proc_id *id,
	struct err *e);

/* Facts that a live VM has: its identity, its run folder and what START noted there. */
void vmm_live_facts(struct host *h, const char *vm, const struct proc_id *id, struct kvs *out);

/* Kill the very process and see it gone; a process that stays is ERR_TIMEOUT. */
int vmm_kill(const struct proc_id *id, struct err *e);

/* The QEMU of this host; ERR_FAILED with what to install when there is none. */
int vmm_find_qemu(const char **path, struct err *e);

/* Whether a VM that is to run can do so here at all; it has no facts of its own. Logs when it has
 * more processors than the host. */
int vmm_resolve(struct host *h, const struct object *object, const struct record *record,
	struct kvs *facts, struct err *e);

/* Log when the VMs that are to run have more memory together than the host has. Silent when all of
 * them run already. */
void vmm_warn(struct host *h, const struct view *views, size_t n);

/* Shorten what VMs that run have printed; before a start: that of one VM, whose console begins anew. */
void vmm_tidy(struct host *h, const struct view *views, size_t n);
void vmm_logs_begin(int run_fd);

int vmm_observe(struct host *h, struct view *views, size_t n, struct err *e);
int vmm_start(struct host *h, const struct step *step, struct kvs *facts, struct err *e);
int vmm_start_undo(struct host *h, const struct step *step, struct err *e);
int vmm_stop(struct host *h, const struct step *step, struct kvs *facts, struct err *e);
int vmm_delete(struct host *h, const struct step *step, struct err *e);
