/* loop.c - the one place where the guest program waits. */
#include "drivers/guest/inside/loop.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>

int loop_init(struct loop *l)
{
	l->fd = epoll_create1(EPOLL_CLOEXEC);
	return l->fd < 0 ? -1 : 0;
}

int loop_add(struct loop *l, int fd, const struct source *s)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = (void *)(uintptr_t)s,
	};

	return epoll_ctl(l->fd, EPOLL_CTL_ADD, fd, &ev);
}

int loop_once(struct loop *l, int timeout_ms)
{
	struct epoll_event ev;
	int n = epoll_wait(l->fd, &ev, 1, timeout_ms);

	if (n == 1) {
		const struct source *s = ev.data.ptr;

		s->ready(s->arg, ev.events);
	}
	return n == 1;
}

int64_t loop_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
