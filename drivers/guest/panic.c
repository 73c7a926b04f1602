/* panic.c - notice a guest whose kernel has panicked and hangs. */
#include "drivers/guest/panic.h"

#include "drivers/ending.h"
#include "schema/base/fd.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_MS 200

static void *watch(void *arg)
{
	struct panic_watch *w = arg;
	struct pollfd end = {.fd = w->end_fd, .events = POLLIN};

	while (poll(&end, 1, LOOK_MS) <= 0) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *text;

		if (w->outer && *w->outer)
			w->cancel = *w->outer;
		if (!w->panicked && ending_is_panicked(&a, w->run_fd, &text)) {
			w->panicked = true;
			w->cancel = SIGABRT;
		}
	}
	return NULL;
}

void panic_watch_start(struct panic_watch *w, int run_fd, const volatile sig_atomic_t *cancel)
{
	*w = (struct panic_watch){.run_fd = run_fd, .outer = cancel,
		.end_fd = eventfd(0, EFD_CLOEXEC)};
	if (w->end_fd >= 0 && run_fd >= 0)
		w->started = pthread_create(&w->thread, NULL, watch, w) == 0;
}

void panic_watch_stop(struct panic_watch *w)
{
	if (w->started) {
		eventfd_write(w->end_fd, 1);
		pthread_join(w->thread, NULL);
	}
	fd_close(&w->end_fd);
}

const volatile sig_atomic_t *panic_watch_cancel(const struct panic_watch *w)
{
	return w->started ? &w->cancel : w->outer;
}
