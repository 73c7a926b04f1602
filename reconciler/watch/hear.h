/* hear.h - what watch mode listens to: folders of the spec, VMMs, links of the host.
 *
 * Everything is a descriptor in one epoll(7). What it says is only a hint that something changed; what it is
 * a pass finds out.
 */
#pragma once

#include "drivers/sys/proc.h"
#include "reconciler/engine/store.h"
#include "reconciler/watch/when.h"

struct hear_folder {
	int wd;              /* inotify(7) */
	bool all;            /* any name counts: it stands in for one below it that is not there */
};

struct hear_vmm {
	int pidfd;
};

struct hearing {
	struct arena arena;  /* names and lists; thrown away by hear_files */
	int epoll, inotify, links;
	VEC(struct hear_folder) folders;
	VEC(const char *) names;     /* base names of files that the spec was read from */
	struct arena vmm_arena;
	VEC(struct hear_vmm) vmms;
	struct arena ended_arena;
	VEC(struct proc_id) ended;   /* VMMs in the records that were gone when we wanted to listen */
	bool told_full;      /* that the kernel gives us no more watches */
};

/* 0 or -1 with e. hear_close must follow. */
int hear_open(struct hearing *h, struct err *e);
void hear_close(struct hearing *h);

/* Listen to the folders of these files and folders, instead of those before. What cannot be listened to
 * is seen by the look that comes now and then. */
void hear_files(struct hearing *h, const char *const *paths, size_t n);

/* Listen to the ends of the VMMs that these records name. True: one of them ended before we could, and that
 * was not said before; of one that is to stay so the record says no more. */
bool hear_vmms(struct hearing *h, const struct records *records);

/* Listen to links, addresses and routes, or not. */
void hear_links(struct hearing *h, bool on);

/* Wait for something, at most timeout_ms (-1: for ever), or until fd, which is not ours, can be read. *heard is
 * bits of enum hear. */
int hear_wait(struct hearing *h, const int *fds, size_t n, int64_t timeout_ms, unsigned *heard, struct err *e);
