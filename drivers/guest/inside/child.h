/* child.h - start a process in the guest: the workload and what the agent is asked to run. */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	const char *const *argv;     /* NULL-terminated; argv[0] is looked up in the new PATH */
	const char *const *env;      /* NAME=value, NULL-terminated; may be NULL */
	const char *const *more_env; /* goes over env; may be NULL */
	const char *hostname;        /* for HOSTNAME when neither sets it; "" : none */
	const char *cwd;
	bool make_cwd;               /* create it, owned by root, when it is missing */
	const char *user;            /* passwd.h; "": as we are */
	int in, out, err;            /* borrowed; -1: /dev/null */
	bool tty;                    /* they are a terminal, which becomes its own */
};

/* Start it as leader of a session and process group of its own, with default signals, umask 022
 * and no other descriptor. Returns its pid when the program itself runs; -1 with w when any step
 * up to execve failed (w->errnum: ENOENT no such program, folder or user ...), nothing is left
 * then. */
pid_t child_start(const struct child *c, struct why *w);

/* Exit code of a program that could not be started, as shells have it: 127 or 126. */
int child_exit_code(const struct why *w);

/* PURE. Merge defaults (PATH, HOME, TERM, HOSTNAME), env and more_env into out, which has room
 * for max entries with the closing NULL; later ones win. Entries without "=" are left out. room
 * holds the text of HOME and HOSTNAME. Returns how many there are. */
#define CHILD_ENV_DEFAULTS 4
#define CHILD_ENV_ROOM 512
size_t child_env(const struct child *c, const char *home, char room[CHILD_ENV_ROOM],
	const char **out, size_t max);
