/* proc.h - processes: the only module that starts one, and the only one that signals one.
 *
 * A pid alone proves nothing: it may belong to somebody else by now. A process is meant by
 * (boot_id, pid, start time), checked through a pidfd that is opened before the check and used for
 * the signal, so that no other process can be hit (pidfd_open(2), proc_pid_stat(5)).
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_BOOT_ID_MAX 40

struct proc_id {
	pid_t pid;                      /* 0: none */
	uint64_t start;                 /* field 22 of /proc/PID/stat, clock ticks since boot */
	char boot_id[PROC_BOOT_ID_MAX]; /* of the boot that it ran in */
};

struct proc_spec {
	const char *path;           /* absolute; started by execve, never through PATH or a shell */
	const char *const *argv;    /* NULL-terminated */
	const char *const *envp;    /* NULL-terminated; NULL: empty environment */
	int cwd_fd;                 /* folder to run in; -1: "/" */
	int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null; borrowed */
	int keep_fd;                /* above 2: the child has this too, as descriptor 3 */
	bool dies_with_us;          /* the kernel kills it when the thread that started it ends */
	bool looks;                 /* it changes nothing: may be started from the cage (cage.h) */
	bool detach;                /* own session: it outlives us and gets none of our signals */
	uint64_t file_size_max;     /* RLIMIT_FSIZE with SIGXFSZ ignored; 0: as inherited */
};

/* Start a process. umask 077, all other descriptors closed by O_CLOEXEC, signal mask empty and
 * dispositions default. A failing execve is reported here, not by a child that exits.
 * *pidfd (may be NULL) is the caller's to close. The child has to be reaped by proc_reap, or by
 * init when we are gone. */
int proc_spawn(const struct proc_spec *spec, struct proc_id *id, int *pidfd, struct err *e);

/* Go on in two: the child runs work(arg, fd), whose result is its exit status, and what it writes to fd
 * is read from *out. It is a group of processes of its own and is killed when we end. *pidfd and *out
 * are the caller's to close; the child has to be reaped by proc_reap. */
int proc_branch(int (*work)(void *arg, int fd), void *arg, struct proc_id *id, int *pidfd, int *out,
	struct err *e);

/* Wait for a child of ours. 0 with the wait status in *status; 1 when timeout_ms passed (-1: wait
 * for ever); -1 with e. */
int proc_reap(pid_t pid, int pidfd, int timeout_ms, int *status, struct err *e);

/* "exited with code 3", "was killed by signal 9 (Killed)"; status as from waitpid(2). */
const char *proc_status_text(struct arena *a, int status);

/* boot_id of this host. */
int proc_boot_id(char out[PROC_BOOT_ID_MAX], struct err *e);

/* Identity of a live process; 1 if there is no such process (or only a zombie), -1 with e if it
 * cannot be told. */
int proc_identify(pid_t pid, struct proc_id *id, struct err *e);

/* PROC_STOPPED: somebody has stopped it (SIGSTOP; a debugger that looks at it has not): it does
 * nothing until it gets SIGCONT, however long one waits. */
enum proc_life { PROC_GONE, PROC_ALIVE, PROC_STOPPED };

/* How the very process is; a zombie is gone. When it cannot be told (no descriptor is left) it counts
 * as alive: who takes a running VMM for dead starts a second one on its disk. */
enum proc_life proc_look(const struct proc_id *id);

/* Whether it is not gone. */
bool proc_is_alive(const struct proc_id *id);

/* Let the very process run on if it was stopped. 0 also when it was not, or is gone. */
int proc_continue(const struct proc_id *id, struct err *e);

/* Send a signal to the very process. 0 also when it is gone already. Refuses pids 0 and 1 and
 * ourselves. Signals: TERM, KILL, INT, HUP, QUIT, USR1, USR2, ABRT. */
int proc_signal(const struct proc_id *id, int sig, struct err *e);

/* Wait until the very process is gone. 0 gone; 1 when timeout_ms passed; -1 with e. Not only for
 * children; a zombie child is reaped on the way. */
int proc_wait_gone(const struct proc_id *id, int timeout_ms, struct err *e);

/* Whether the very process runs a program file of that base name (proc(5), /proc/PID/exe): unlike
 * its arguments, a process cannot make that up without being that program. */
bool proc_runs(const struct proc_id *id, const char *program);

/* The arguments of a process, each with its NUL, in at most size - 1 bytes of buf; pid is a name in the
 * folder proc_fd, which is /proc (proc(5)). Of one that is in the middle of execve wait for what it will
 * be, for a fifth of a second at most. *n is 0 for a thread of the kernel and for what is dead. -1: there
 * is no such process. */
int proc_cmdline(int proc_fd, const char *pid, char *buf, size_t size, size_t *n);

/* Call found for each live process of our uid that has an argument (not argv[0]) for which
 * match(argument) is true, until found returns non-zero. */
int proc_scan(bool (*match)(const char *arg, void *ctx), int (*found)(const struct proc_id *id,
	const char *arg, void *ctx), void *ctx, struct err *e);
