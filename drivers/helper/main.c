/* main.c - reconcile-helper: the only program of ours that runs as root, and all that it can do.
 *
 *	reconcile-helper                   on the listening socket that systemd passes (sd_listen_fds(3));
 *	                                   who may ask stands in /etc/reconcile/helper.conf
 *	reconcile-helper --owner UID       on the connected socket that is descriptor 3, for that uid; ends
 *	                                   with the connection. Root's reconcile starts it like this.
 *	reconcile-helper --look UID        the same, and only for verbs that change nothing
 *	reconcile-helper --door UID        the same, but descriptor 3 brings connections, one a message, for
 *	                                   that uid; ends with the last of them and the door
 *	    --conf FILE                    another configuration
 *	    --cgroup NAME                  another folder in the cgroup tree
 *
 * Order: look at the arguments, read the configuration, open what the verbs need, give everything else
 * up, then read the first byte that somebody else wrote.
 */
#include "drivers/helper/confine.h"
#include "drivers/helper/server.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_FD 3

static volatile sig_atomic_t stop;
static struct server server; /* a good 100 KiB: not for the stack */

struct arguments {
	const char *conf, *cgroup;
	bool has_owner, door, looks;
	uint32_t owner;
};

static void on_signal(int sig)
{
	stop = sig;
}

static int take_owner(const char *key, const char *text, struct arguments *a, struct err *e)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || v >= UINT32_MAX)
		return err_set(e, ERR_USAGE, "%s: %.40s is no uid", key, text);
	a->owner = (uint32_t)v;
	a->has_owner = true;
	a->door = !strcmp(key, "--door");
	a->looks = !strcmp(key, "--look");
	return 0;
}

static int take_arguments(int argc, char **argv, struct arguments *a, struct err *e)
{
	*a = (struct arguments){.conf = HELPER_CONF, .cgroup = "reconcile"};
	for (int i = 1; i < argc; i += 2) {
		const bool owner = !strcmp(argv[i], "--owner") || !strcmp(argv[i], "--door") ||
			!strcmp(argv[i], "--look");

		if (i + 1 == argc)
			return err_set(e, ERR_USAGE, "%.40s: needs a value, or is not known", argv[i]);
		if (owner && take_owner(argv[i], argv[i + 1], a, e) < 0)
			return -1;
		else if (!strcmp(argv[i], "--conf"))
			a->conf = argv[i + 1];
		else if (!strcmp(argv[i], "--cgroup"))
			a->cgroup = argv[i + 1];
		else if (!owner)
			return err_set(e, ERR_USAGE, "%.40s: is not known", argv[i]);
	}
	if (strchr(a->cgroup, '/') || a->cgroup[0] == '.' || !a->cgroup[0] || strlen(a->cgroup) > 60)
		return err_set(e, ERR_USAGE, "--cgroup: is no plain name");
	return 0;
}

/* With --owner the file is not needed: root itself says who asks. It still sets the limits. */
static int read_conf(const struct arguments *a, struct err *e)
{
	struct helper_limits own = conf_default(a->owner);
	int rc = conf_read(a->conf, &server.conf, e);

	if (rc < 0 && (!a->has_owner || e->kind != ERR_NOINPUT))
		return -1;
	err_clear(e);
	if (a->has_owner) {
		const struct helper_limits *known = rc < 0 ? NULL : conf_find(&server.conf, a->owner);

		server.conf.owners[0] = known ? *known : own;
		server.conf.n = 1;
	}
	return 0;
}

static int check_socket(int fd, bool listening, struct err *e)
{
	int type = 0, domain = 0, accepts = 0;
	socklen_t n = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &n) < 0)
		return err_sys(e, errno, "descriptor %d is no socket", fd);
	if (domain != AF_UNIX || type != SOCK_SEQPACKET || (accepts != 0) != listening)
		return err_set(e, ERR_USAGE, "descriptor %d is no %s Unix socket of type SEQPACKET", fd,
			listening ? "listening" : "connected");
	return 0;
}

/* What systemd says it passes: exactly one descriptor, and to us. */
static int take_listener(struct err *e)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (!pid || !fds || atoi(pid) != getpid() || strcmp(fds, "1")) {
		err_set(e, ERR_USAGE, "no socket was passed");
		return err_hint(e, "this program is started by systemd or by reconcile");
	}
	return check_socket(FIRST_FD, true, e);
}

static int set_up(const struct arguments *a, struct err *e)
{
	bool landlock;

	if (geteuid())
		return err_set(e, ERR_DENIED, "this program has to be started by root");
	if (a->has_owner ? check_socket(FIRST_FD, false, e) < 0 : take_listener(e) < 0)
		return -1;
	/* Nothing else that was open where we were started comes along. */
	close_range(FIRST_FD + 1, ~0u, 0);
	fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC);
	fcntl(FIRST_FD, F_SETFL, O_NONBLOCK);
	if (read_conf(a, e) < 0 || op_host_open(&server.host, a->cgroup, e) < 0)
		return -1;
	server.stop = &stop;
	server.only_reads = a->looks;
	server.quiet = a->has_owner; /* its log would stand among what reconcile prints */
	server.listen_fd = a->has_owner ? -1 : FIRST_FD;
	server.door_fd = a->door ? FIRST_FD : 0;
	server.door_uid = a->owner;
	if (a->has_owner && !a->door && server_adopt(&server, FIRST_FD, a->owner, e) < 0)
		return -1;
	return confine_process(server.host.cgroup_fd, &landlock, e);
}

static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct err e = ERR_INIT;
	struct arguments a;

	catch_signals();
	if (take_arguments(argc, argv, &a, &e) < 0 || set_up(&a, &e) < 0 || server_run(&server, &e) < 0) {
		dprintf(STDERR_FILENO, "reconcile-helper: %s\n", e.msg);
		if (e.hint[0])
			dprintf(STDERR_FILENO, "  %s\n", e.hint);
		return err_exit_code(e.kind);
	}
	op_host_close(&server.host);
	return 0;
}
