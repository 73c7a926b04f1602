/* probe.c - whether a server in this guest answers.
 *
 * A server may listen on every address, on loopback only, or on one address only; so loopback is tried
 * first, then each address that this guest has.
 */
#include "drivers/guest/inside/probe.h"

#include "drivers/guest/inside/sysfile.h"
#include "drivers/guest/proto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 512
#define RELAY_BYTES 32768

static int complain(const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, why);
	return 1;
}

static socklen_t set_port(struct sockaddr_storage *to, uint16_t port)
{
	if (to->ss_family == AF_INET) {
		((struct sockaddr_in *)to)->sin_port = htons(port);
		return sizeof(struct sockaddr_in);
	}
	((struct sockaddr_in6 *)to)->sin6_port = htons(port);
	return sizeof(struct sockaddr_in6);
}

/* A connected socket, or -1 with errno. */
static int try_address(const struct sockaddr *address, socklen_t size, uint16_t port)
{
	struct sockaddr_storage to = {0};
	int fd, errnum;

	memcpy(&to, address, size);
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, set_port(&to, port)) == 0)
		return fd;
	errnum = errno;
	close(fd);
	errno = errnum;
	return -1;
}

static int try_loopback(uint16_t port)
{
	const struct sockaddr_in four = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct sockaddr_in6 six = {.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = try_address((const struct sockaddr *)&four, sizeof(four), port), errnum = errno;

	if (fd >= 0)
		return fd;
	fd = try_address((const struct sockaddr *)&six, sizeof(six), port);
	errno = errnum; /* what IPv4 says is what people look for */
	return fd;
}

static int try_own(uint16_t port)
{
	struct ifaddrs *all = NULL;
	int fd = -1, errnum = errno;

	if (getifaddrs(&all) < 0)
		return -1;
	for (const struct ifaddrs *i = all; i && fd < 0; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			fd = try_address(i->ifa_addr, sizeof(struct sockaddr_in), port);
		else if (i->ifa_addr->sa_family == AF_INET6)
			fd = try_address(i->ifa_addr, sizeof(struct sockaddr_in6), port);
	}
	freeifaddrs(all);
	errno = errnum;
	return fd;
}

static int dial(uint16_t port)
{
	int fd = try_loopback(port);

	return fd >= 0 ? fd : try_own(port);
}

static int probe_tcp(uint16_t port)
{
	_cleanup_fd_ int fd = dial(port);
	char what[32];

	if (fd >= 0)
		return 0;
	snprintf(what, sizeof(what), "port %u", port);
	return complain(what, strerror(errno));
}

/* The first line of the answer without its end; what is there if none ends. */
static void read_line(int fd, char line[ANSWER_MAX])
{
	size_t n = 0;

	while (n < ANSWER_MAX - 1) {
		ssize_t got = read(fd, line + n, ANSWER_MAX - 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
		if (memchr(line, '\n', n))
			break;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
}

static int probe_http(uint16_t port, const char *path)
{
	_cleanup_fd_ int fd = dial(port);
	char line[ANSWER_MAX], what[32];
	int status = 0;

	snprintf(what, sizeof(what), "http on port %u", port);
	if (fd < 0)
		return complain(what, strerror(errno));
	if (dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: reconcile\r\n"
			"Accept: */*\r\nConnection: close\r\n\r\n", path) < 0)
		return complain(what, strerror(errno));
	read_line(fd, line);
	if (sscanf(line, "HTTP/%*3s %3d", &status) != 1)
		return complain(what, *line ? "the answer is no HTTP" : "no answer");
	return status >= 200 && status <= 399 ? 0 : complain(what, line);
}

static int run_probe(const char *const *argv)
{
	unsigned long port = argv[1] && argv[2] ? strtoul(argv[2], NULL, 10) : 0;

	if (port && port <= 65535 && !strcmp(argv[1], "tcp") && !argv[3])
		return probe_tcp((uint16_t)port);
	if (port && port <= 65535 && !strcmp(argv[1], "http") && argv[3] && !argv[4])
		return probe_http((uint16_t)port, argv[3]);
	complain("probe", "tcp PORT or http PORT PATH expected");
	return 2;
}

/* ---- a way to it ---------------------------------------------------------------------------- */

struct way {
	int from, to;
	char buf[RELAY_BYTES];
	size_t at, n;
	bool open;
};

/* Move what can be moved. At the end of one side the other hears of it. */
static void move(struct way *w)
{
	ssize_t got;

	if (!w->n) {
		got = read(w->from, w->buf, sizeof(w->buf));
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			return;
		w->open = got > 0;
		w->at = 0;
		w->n = got > 0 ? (size_t)got : 0;
	}
	got = w->n ? write(w->to, w->buf + w->at, w->n) : 0;
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		w->open = false;
	if (got > 0) {
		w->at += (size_t)got;
		w->n -= (size_t)got;
	}
	if (!w->open)
		shutdown(w->to, SHUT_WR);
}

static int relay(int fd)
{
	static struct way ways[2]; /* to the server, and back */

	ways[0] = (struct way){.from = STDIN_FILENO, .to = fd, .open = true};
	ways[1] = (struct way){.from = fd, .to = STDOUT_FILENO, .open = true};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (ways[1].open) {
		struct pollfd fds[2] = {{.fd = -1}, {.fd = -1}};

		for (int i = 0; i < 2; i++)
			if (ways[i].open)
				fds[i] = (struct pollfd){.fd = ways[i].n ? ways[i].to : ways[i].from,
					.events = ways[i].n ? POLLOUT : POLLIN};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents)
				move(&ways[i]);
	}
	return 0;
}

static int run_dial(const char *const *argv)
{
	unsigned long port = argv[1] && !argv[2] ? strtoul(argv[1], NULL, 10) : 0;
	_cleanup_fd_ int fd = -1;
	char what[32];

	if (!port || port > 65535) {
		complain("dial", "PORT expected");
		return 2;
	}
	fd = dial((uint16_t)port);
	if (fd >= 0)
		return relay(fd);
	snprintf(what, sizeof(what), "port %lu", port);
	return complain(what, strerror(errno));
}

bool probe_is_builtin(const char *program)
{
	return !strcmp(program, GUEST_BUILTIN_PROBE) || !strcmp(program, GUEST_BUILTIN_DIAL);
}

int probe_run(const char *const *argv)
{
	if (!strcmp(argv[0], GUEST_BUILTIN_DIAL))
		return run_dial(argv);
	return run_probe(argv);
}
