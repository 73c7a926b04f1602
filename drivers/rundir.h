/* rundir.h - a VM's folders: RUN_DIR/vms/NAME with its sockets and logs, STATE_DIR/vms/NAME with
 * its disk and boot record. Names that the VMM and the guest driver share.
 */
#pragma once

#include "drivers/driver.h"
#include "drivers/sys/proc.h"

/* Files in the run folder. */
#define RUN_QMP "qmp.sock"
#define RUN_AGENT "agent%d.sock"
#define RUN_AGENT_LOCK "agent%d.lock"
#define RUN_CONSOLE "console.log"
#define RUN_CONSOLE_SOCKET "console.sock"
#define RUN_CONSOLE_LOCK "console.lock"
#define RUN_OUTPUT "output.log"
#define RUN_REPORT "report.jsonl"
#define RUN_PID "vmm.pid"
#define RUN_LOG "vmm.log"
#define RUN_NOTE "start.json"

/* In the note: the context id of the VM's vsock device, when it was given one. */
#define RUN_NOTE_VSOCK "vsock"

/* Time limits where neither step nor spec names one. */
#define RUN_READY_TIMEOUT_MS 90000
#define RUN_STOP_TIMEOUT_MS 10000

/* Absolute path of the run folder. PURE. */
char *rundir_path(struct arena *a, const struct host *h, const char *vm);

/* Open the folder vms/NAME below root, a state or run directory. *fd is -1 and the result 0 when
 * it is not there. A name that is not a DNS label is refused: it may come from saved state. */
int rundir_open(int root_fd, const char *vm, int *fd, struct err *e);

/* The same, making it with mode 0700 when it is not there. */
int rundir_make(int root_fd, const char *vm, int *fd, struct err *e);

/* Remove vms/NAME and then vms if nothing is left in them. */
void rundir_prune(int root_fd, const char *vm);

/* What START decided, noted before QEMU is started, for whoever has to find the VM again when that
 * is all that a crash left: nonce, accel, cid, want (a hash of all that the VM was started with). */
int rundir_note_write(int run_fd, const struct kvs *note, struct err *e);

/* Empty when there is no note or it cannot be read. */
void rundir_note_read(struct arena *a, int run_fd, struct kvs *note);

/* Identity of the VMM in facts or step arguments; pid 0 when there is none. And back. */
void rundir_id_get(const struct kvs *facts, struct proc_id *id);
void rundir_id_set(struct arena *a, struct kvs *facts, const struct proc_id *id);

/* Whether the VM can still be reached: its QMP socket is in its run folder, and at least one of the
 * agent's. QEMU makes them when it starts and never again; without them nobody can talk to it. */
bool rundir_is_reachable(int run_fd);

/* A time limit: from the step's arguments, else from the spec of the step's VM, else dflt. */
/* How long a VM may take until it is ready: its start period and its timeout. */
uint64_t rundir_ready_limit(const struct vm_spec *vm);
uint64_t rundir_ready_ms(const struct step *step);
uint64_t rundir_stop_ms(const struct step *step);
