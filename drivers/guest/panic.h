/* panic.h - notice a guest whose kernel has panicked while somebody waits for it.
 *
 * Usually a kernel that panics ends its VMM a second later, which is seen by itself. One that was told to
 * stay (panic=0) says nothing any more. So the console is looked at several times a second.
 */
#pragma once

#include "schema/base/err.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

struct panic_watch {
	int run_fd, end_fd;                  /* borrowed; ours */
	const volatile sig_atomic_t *outer;  /* may be NULL */
	volatile sig_atomic_t cancel;        /* outer, or a panic */
	bool panicked;                       /* after panic_watch_stop */
	bool started;
	pthread_t thread;
};

/* Look several times a second from now on. Without a thread to be had there is no watch, and a panic is
 * noticed when the wait is over. */
void panic_watch_start(struct panic_watch *w, int run_fd, const volatile sig_atomic_t *cancel);
void panic_watch_stop(struct panic_watch *w);

/* What the wait is to look at: it becomes non-zero when the user cancels, and when the kernel panics. May
 * be NULL. */
const volatile sig_atomic_t *panic_watch_cancel(const struct panic_watch *w);
