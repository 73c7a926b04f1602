/* loop.h - the one place where the guest program waits.
 *
 * One epoll descriptor, one event at a time: a handler may close any descriptor or free any slot,
 * and no event that was fetched before can still point to it. Everything is edge-triggered
 * (EPOLLET), so a port whose host side is closed (EPOLLHUP for ever) does not spin, and handlers
 * read and write until EAGAIN or until their buffers are full, and are called again by whoever
 * makes room.
 */
#pragma once

#include <stdint.h>

struct loop {
	int fd;
};

/* What is called when a descriptor has news. It lives as long as the descriptor is registered. */
struct source {
	void (*ready)(void *arg, uint32_t events);
	void *arg;
};

/* 0, or -1 with errno. */
int loop_init(struct loop *l);

/* Register fd for reading and writing; it is gone from the loop when it is closed. 0, or -1 with
 * errno (EPERM for a regular file). */
int loop_add(struct loop *l, int fd, const struct source *s);

/* Wait for one event and handle it; timeout_ms -1: for ever. Returns whether there was one. */
int loop_once(struct loop *l, int timeout_ms);

/* Milliseconds of a clock that never jumps. */
int64_t loop_now_ms(void);
