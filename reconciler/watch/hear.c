/* hear.c - what watch mode listens to. */
#include "reconciler/watch/hear.h"

#include "drivers/rundir.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <errno.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_MAX 64
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | \
	IN_MOVE_SELF | IN_ONLYDIR)

/* What an event of epoll is about. A VMM is told by nothing but that: which one it was the pass sees. */
enum { OF_INOTIFY, OF_LINKS, OF_VMM, OF_CALLER };

static int listen_to(struct hearing *h, int fd, uint64_t what)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = what};

	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &ev);
}

int hear_open(struct hearing *h, struct err *e)
{
	*h = (struct hearing){.epoll = epoll_create1(EPOLL_CLOEXEC), .links = -1,
		.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
	if (h->epoll < 0 || h->inotify < 0 || listen_to(h, h->inotify, OF_INOTIFY) < 0)
		return err_sys(e, errno, "cannot listen to files");
	return 0;
}

static void drop_vmms(struct hearing *h)
{
	vec_each(v, &h->vmms)
		fd_close(&v->pidfd);
	h->vmms.n = h->vmms.cap = 0;
	h->vmms.v = NULL;
	arena_free(&h->vmm_arena);
	h->vmm_arena = (struct arena)ARENA_INIT;
}

void hear_close(struct hearing *h)
{
	drop_vmms(h);
	arena_free(&h->ended_arena);
	fd_close(&h->links);
	fd_close(&h->inotify);
	fd_close(&h->epoll);
	arena_free(&h->arena);
}

/* ---- files ------------------------------------------------------------------------------------------ */

static void add_folder(struct hearing *h, const char *path)
{
	char *at = arena_dup(&h->arena, *path ? path : ".");
	bool all = false;
	int wd;

	while ((wd = inotify_add_watch(h->inotify, at, FILE_EVENTS)) < 0 && errno != ENOSPC) {
		char *slash = strrchr(at, '/');

		/* It is not there: whoever makes it does so in the folder above. */
		all = true;
		if (!strcmp(at, "/") || !strcmp(at, "."))
			return;
		if (!slash)
			at = arena_dup(&h->arena, ".");
		else
			slash[slash == at] = '\0';
	}
	if (wd < 0) {
		if (!h->told_full)
			log_warn("no more folders can be watched: changes in some are seen late",
				"limit=fs.inotify.max_user_watches");
		h->told_full = true;
		return;
	}
	vec_each(f, &h->folders)
		if (f->wd == wd) {
			f->all |= all;
			return;
		}
	*vec_push(&h->arena, &h->folders) = (struct hear_folder){wd, all};
}

static void add_file(struct hearing *h, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);

	*vec_push(&h->arena, &h->names) = arena_dup(&h->arena, slash ? slash + 1 : path);
	add_folder(h, n ? arena_dupn(&h->arena, path, n) : ".");
}

/* The folder where it is named and, when that is a link, the one where it is. */
static void add_path(struct hearing *h, const char *path)
{
	char real[PATH_MAX];
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		add_folder(h, path);
	add_file(h, path);
	if (realpath(path, real) && strcmp(real, path) != 0)
		add_file(h, real);
}

void hear_files(struct hearing *h, const char *const *paths, size_t n)
{
	struct arena old = h->arena;
	__typeof__(h->folders) was = h->folders;

	h->arena = (struct arena)ARENA_INIT;
	memset(&h->folders, 0, sizeof(h->folders));
	memset(&h->names, 0, sizeof(h->names));
	for (size_t i = 0; i < n; i++)
		add_path(h, paths[i]);
	vec_each(w, &was) {
		bool kept = false;

		vec_each(f, &h->folders)
			kept |= f->wd == w->wd;
		if (!kept)
			inotify_rm_watch(h->inotify, w->wd);
	}
	arena_free(&old);
}

static bool is_spec_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static bool concerns_us(const struct hearing *h, const struct inotify_event *ev)
{
	if (!ev->len)
		return ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF);
	vec_each(f, &h->folders)
		if (f->wd == ev->wd && f->all)
			return true;
	vec_each(name, &h->names)
		if (!strcmp(*name, ev->name))
			return true;
	return is_spec_name(ev->name);
}

static unsigned read_inotify(struct hearing *h)
{
	_Alignas(struct inotify_event) char buf[16384];
	unsigned heard = 0;
	ssize_t n;

	while ((n = read(h->inotify, buf, sizeof(buf))) > 0)
		for (char *at = buf; at < buf + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)(const void *)at;

			at += sizeof(*ev) + ev->len;
			if (ev->mask & IN_Q_OVERFLOW)
				heard |= 1u << HEAR_LOST;
			else if (concerns_us(h, ev))
				heard |= 1u << HEAR_FILE;
		}
	return heard;
}

/* ---- processes -------------------------------------------------------------------------------------- */

/* The descriptor first: then the identity that is checked is that of what it means. False: it is gone. */
static bool listen_to_vmm(struct hearing *h, const struct proc_id *id)
{
	struct hear_vmm v = {.pidfd = pidfd_open(id->pid, 0)};

	if (v.pidfd < 0 || proc_look(id) == PROC_GONE) {
		fd_close(&v.pidfd);
		return false;
	}
	if (listen_to(h, v.pidfd, OF_VMM) < 0)
		fd_close(&v.pidfd);
	else
		*vec_push(&h->vmm_arena, &h->vmms) = v;
	return true;
}

static bool was_ended(const struct hearing *h, const struct proc_id *id)
{
	vec_each(i, &h->ended)
		if (i->pid == id->pid && i->start == id->start)
			return true;
	return false;
}

bool hear_vmms(struct hearing *h, const struct records *records)
{
	struct arena arena = ARENA_INIT;
	__typeof__(h->ended) ended = {0};
	bool news = false;

	drop_vmms(h);
	vec_each(r, records) {
		struct proc_id id;

		rundir_id_get(&r->facts, &id);
		if (r->kind != KIND_VM || id.pid <= 1 || listen_to_vmm(h, &id))
			continue;
		news |= !was_ended(h, &id);
		*vec_push(&arena, &ended) = id;
	}
	arena_free(&h->ended_arena);
	h->ended_arena = arena;
	h->ended = ended;
	return news;
}

/* ---- the host's network ----------------------------------------------------------------------------- */

void hear_links(struct hearing *h, bool on)
{
	const struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE};

	if (!on)
		fd_close(&h->links);
	if (!on || h->links >= 0)
		return;
	h->links = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (h->links < 0 || bind(h->links, (const struct sockaddr *)&groups, sizeof(groups)) < 0 ||
		listen_to(h, h->links, OF_LINKS) < 0) {
		log_warn("cannot listen to the host's network: changes of it are seen late", "errno=%d", errno);
		fd_close(&h->links);
	}
}

static unsigned read_links(struct hearing *h)
{
	char buf[8192];
	ssize_t n;

	while ((n = recv(h->links, buf, sizeof(buf), 0)) > 0 || (n < 0 && errno == EINTR))
		;
	return n < 0 && errno == ENOBUFS ? 1u << HEAR_LOST : 1u << HEAR_KERNEL;
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static unsigned heard_of(struct hearing *h, const struct epoll_event *ev)
{
	switch (ev->data.u64) {
	case OF_INOTIFY:
		return read_inotify(h);
	case OF_LINKS:
		return read_links(h);
	case OF_VMM:
		return 1u << HEAR_PROCESS;
	default:
		return 0;
	}
}

int hear_wait(struct hearing *h, const int *fds, size_t n, int64_t timeout_ms, unsigned *heard, struct err *e)
{
	struct epoll_event events[EVENTS_MAX];
	int got;

	*heard = 0;
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && listen_to(h, fds[i], OF_CALLER) < 0 && errno != EEXIST)
			return err_sys(e, errno, "cannot wait");
	got = epoll_wait(h->epoll, events, EVENTS_MAX, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
	if (got < 0 && errno != EINTR)
		return err_sys(e, errno, "cannot wait");
	for (int i = 0; i < got; i++)
		*heard |= heard_of(h, &events[i]);
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			epoll_ctl(h->epoll, EPOLL_CTL_DEL, fds[i], NULL);
	/* A VMM that has ended would be heard again and again; the pass finds the new one. */
	if (*heard & 1u << HEAR_PROCESS)
		drop_vmms(h);
	return 0;
}
