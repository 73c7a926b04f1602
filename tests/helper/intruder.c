/* intruder.c - a daemon that somebody else has taken over, against the real helper.
 *
 *	intruder HELPER     as root, in a network namespace of its own; prints TAP
 *
 * Starts the helper on a real socket, for two owners, and becomes them: one makes things, the other
 * has the first one's socket, numbers, names and process ids, and tries to reach them, verb by verb. Then
 * both send what no client would send. At the end the helper has to be alive and the things untouched.
 */
#include "drivers/helper/client.h"
#include "drivers/helper/fact.h"
#include "drivers/sys/cgroup.h"
#include "drivers/sys/loop.h"
#include "drivers/sys/rtnl.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWNER 1234567u
#define INTRUDER 1234568u
#define STRANGER 1234569u
#define INSTANCE "0badcafe"
#define GROUP "reconcile-intruder"

static int tests, failures;
static char dir[64], socket_path[96], conf_path[96];
static pid_t helper_pid;

static void check(bool ok, const char *what, const char *why)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++tests, what);
	if (!ok)
		printf("# %s\n", why);
	failures += !ok;
}

/* ---- the helper ---------------------------------------------------------------------------------------- */

static void start_helper(const char *program)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	FILE *conf;

	snprintf(dir, sizeof(dir), "/run/reconcile-intruder-XXXXXX");
	if (!mkdtemp(dir))
		exit(99);
	chmod(dir, 0755);
	snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
	snprintf(conf_path, sizeof(conf_path), "%s/helper.conf", dir);
	conf = fopen(conf_path, "we");
	fprintf(conf, "owner %u taps=100\nowner %u taps=100\n", OWNER, INTRUDER);
	fclose(conf);
	chmod(conf_path, 0644);
	memcpy(at.sun_path, socket_path, strlen(socket_path) + 1);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 64) < 0)
		exit(99);
	/* Whoever comes: what is tested is what the helper does about it, not the mode of a file. */
	chmod(socket_path, 0666);
	helper_pid = fork();
	if (!helper_pid) {
		char pid[16];

		snprintf(pid, sizeof(pid), "%d", getpid());
		setenv("LISTEN_PID", pid, 1);
		setenv("LISTEN_FDS", "1", 1);
		/* dup2 of a descriptor to itself leaves it close-on-exec. */
		dup2(fd, 3);
		fcntl(3, F_SETFD, 0);
		execl(program, "reconcile-helper", "--conf", conf_path, "--cgroup", GROUP, (char *)NULL);
		_exit(127);
	}
	close(fd);
	setenv("RECONCILE_HELPER_SOCKET", socket_path, 1);
}

static bool is_alive(void)
{
	return waitpid(helper_pid, NULL, WNOHANG) == 0;
}

/* ---- being somebody ------------------------------------------------------------------------------------- */

/* Run part as uid in a child, whose tests count here. */
static void as(uint32_t uid, void (*part)(void))
{
	int pipes[2], status, numbers[2] = {0, 1};
	pid_t pid;

	fflush(stdout);
	if (pipe2(pipes, O_CLOEXEC) < 0)
		exit(99);
	pid = fork();
	if (!pid) {
		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(99);
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		part();
		fflush(stdout);
		numbers[0] = tests;
		numbers[1] = failures;
		_exit(write(pipes[1], numbers, sizeof(numbers)) == sizeof(numbers) ? 0 : 99);
	}
	close(pipes[1]);
	if (read(pipes[0], numbers, sizeof(numbers)) == sizeof(numbers)) {
		tests = numbers[0];
		failures = numbers[1];
	} else {
		check(false, "a part ran to its end", "it did not");
	}
	close(pipes[0]);
	waitpid(pid, &status, 0);
}

static union helper_answer answer;
static struct err err;
static int32_t shared_pid; /* of a process in the owner's group */
static uint64_t shared_start;

static int ask(const char *instance, enum helper_verb_id verb, int fd, union helper_request r)
{
	struct helper h;
	int rc;

	err_clear(&err);
	if (helper_open(&h, instance, "/nonexistent", &err)) {
		/* Not to be taken for a refusal by the helper. */
		err.kind = ERR_SYSTEM;
		return -1;
	}
	rc = helper_call(&h, verb, &r, fd, &answer, &err);
	helper_close(&h);
	return rc;
}

#define R(...) ((union helper_request){__VA_ARGS__})
#define TAP(i) R(.new_link = {.index = (i), .mtu = 1500, .uid = getuid(), .label = "vm/a"})
#define BRIDGE(i) R(.new_link = {.index = (i), .mtu = 1500, .label = "net/a"})

static void done(const char *what, int rc)
{
	check(rc == 0, what, err.msg);
}

static void refused(const char *what, int rc, enum err_kind kind)
{
	check(rc < 0 && err.kind == kind, what, rc < 0 ? err.msg : "it was done");
}

static int own_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%u/%s", dir, getuid(), name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 1 << 20) < 0)
		printf("# cannot make %s: %s\n", path, strerror(errno));
	return fd;
}

/* ---- the owner ------------------------------------------------------------------------------------------- */

/* Facts of a network: a descriptor. Closed by who takes it. */
static int network_facts(uint64_t gateway, uint64_t guest, uint64_t port)
{
	const struct helper_fact facts[] = {
		{FACT_NETWORK, .net = {gateway, 24, 0, 1, 1, 0, 1, 1, 0}},
		{FACT_GUEST, .guest = {1, 0x020000000001, guest}},
		{FACT_FORWARD, .forward = {0, 0, port, guest, 80}},
	};
	uint8_t bytes[512];
	struct err e = ERR_INIT;
	int fd = -1;
	size_t n = 0;

	for (size_t i = 0; i < 3; i++)
		if (fact_put(&facts[i], bytes, sizeof(bytes), &n, &e) < 0)
			exit(99);
	if (helper_seal(bytes, n, &fd, &e) < 0)
		exit(99);
	return fd;
}

static int ask_firewall(enum helper_verb_id verb, uint64_t bridge, int fd)
{
	const int rc = ask(INSTANCE, verb, fd, R(.link = {.index = bridge}));

	close(fd);
	return rc;
}

#define OWNERS_GATEWAY 0x0ac80001

static void owner_makes(void)
{
	const int fd = own_file("disk");

	done("owner: hello", ask(INSTANCE, HELPER_HELLO, -1, R(.list = {0})));
	check(answer.hello.uid == OWNER, "the helper knows who asks", "another uid");
	done("owner: tap_create", ask(INSTANCE, HELPER_TAP_CREATE, -1, TAP(1)));
	done("owner: bridge_create", ask(INSTANCE, HELPER_BRIDGE_CREATE, -1, BRIDGE(1)));
	done("owner: link_set of the bridge", ask(INSTANCE, HELPER_LINK_SET, -1,
		R(.link_set = {HELPER_KIND_BRIDGE, 1, 1, 0, 0})));
	done("owner: link_set of the tap", ask(INSTANCE, HELPER_LINK_SET, -1,
		R(.link_set = {HELPER_KIND_TAP, 1, 1, 1, 1})));
	done("owner: address_add", ask(INSTANCE, HELPER_ADDRESS_ADD, -1,
		R(.address = {1, 0x0ac80001, 24})));
	done("owner: firewall_set", ask_firewall(HELPER_FIREWALL_SET, 1,
		network_facts(OWNERS_GATEWAY, OWNERS_GATEWAY + 1, 8080)));
	done("owner: loop_attach", ask(INSTANCE, HELPER_LOOP_ATTACH, fd, R(.loop = {1, 0})));
	done("owner: cgroup_create", ask(INSTANCE, HELPER_CGROUP_CREATE, -1, R(.cgroup = {.key = 1})));
	close(fd);
}

static void owner_ends(void)
{
	static const uint64_t counts[] = {1, 1, 1, 1};
	const int rules = ask_firewall(HELPER_FIREWALL_LOOK, 1,
		network_facts(OWNERS_GATEWAY, OWNERS_GATEWAY + 1, 8080));

	check(!rules && !answer.firewall.fault && !answer.firewall.settings,
		"owner: firewall_look finds nothing wrong", rules ? err.msg : "something is");
	done("owner: firewall_drop", ask(INSTANCE, HELPER_FIREWALL_DROP, -1, R(.link = {.index = 1})));

	for (uint64_t kind = HELPER_KIND_TAP; kind <= HELPER_KIND_CGROUP; kind++) {
		const int rc = ask(INSTANCE, HELPER_LIST_OWNED, -1, R(.list = {kind, 0}));

		check(!rc && answer.list.count == counts[kind - 1] && answer.list.items[0].key == 1,
			"owner: list_owned still has it", rc ? err.msg : "it is gone, or there is more");
	}
	done("owner: signal", ask(INSTANCE, HELPER_SIGNAL, -1,
		R(.signal = {1, (uint64_t)shared_pid, shared_start, SIGTERM})));
	done("owner: cgroup_kill", ask(INSTANCE, HELPER_CGROUP_KILL, -1, R(.cgroup = {.key = 1})));
	done("owner: cgroup_remove", ask(INSTANCE, HELPER_CGROUP_REMOVE, -1, R(.cgroup = {.key = 1})));
	done("owner: loop_detach", ask(INSTANCE, HELPER_LOOP_DETACH, -1, R(.loop = {1, 0})));
	done("owner: address_delete", ask(INSTANCE, HELPER_ADDRESS_DELETE, -1,
		R(.address = {1, 0x0ac80001, 24})));
	done("owner: link_set: no port", ask(INSTANCE, HELPER_LINK_SET, -1,
		R(.link_set = {HELPER_KIND_TAP, 1, 0, 0, 0})));
	done("owner: bridge_delete", ask(INSTANCE, HELPER_BRIDGE_DELETE, -1, R(.link = {.index = 1})));
	done("owner: tap_delete", ask(INSTANCE, HELPER_TAP_DELETE, -1, R(.link = {.index = 1})));
	for (uint64_t kind = HELPER_KIND_TAP; kind <= HELPER_KIND_CGROUP; kind++) {
		const int rc = ask(INSTANCE, HELPER_LIST_OWNED, -1, R(.list = {kind, 0}));

		check(!rc && !answer.list.count, "owner: nothing is left", rc ? err.msg : "something is");
	}
}

/* ---- the intruder ------------------------------------------------------------------------------------------ */

static void send_with(const void *bytes, size_t n, const int *fds, size_t n_fds, const char *what,
	bool ends);

static uint64_t owners_bridge(void)
{
	const struct helper_owner o = {.uid = OWNER, .instance = INSTANCE};
	char name[IFNAMSIZ];

	helper_link_name(&o, HELPER_KIND_BRIDGE, 1, name);
	return if_nametoindex(name);
}

/* The owner's rules, its network, its ports, and ports of root's. */
static void intruder_firewall(void)
{
	const unsigned lo = if_nametoindex("lo");

	done("intruder: an address of its own", ask(INSTANCE, HELPER_ADDRESS_ADD, -1,
		R(.address = {2, 0x0aca0001, 24})));
	refused("intruder: rules for the owner's bridge", ask_firewall(HELPER_FIREWALL_SET, 1,
		network_facts(OWNERS_GATEWAY, OWNERS_GATEWAY + 1, 8081)), ERR_FAILED);
	refused("intruder: the owner's network behind its own bridge", ask_firewall(HELPER_FIREWALL_SET, 2,
		network_facts(OWNERS_GATEWAY, OWNERS_GATEWAY + 1, 8081)), ERR_CONFLICT);
	refused("intruder: the ssh port of this host", ask_firewall(HELPER_FIREWALL_SET, 2,
		network_facts(0x0aca0001, 0x0aca0002, 22)), ERR_DENIED);
	refused("intruder: a port that leads to the owner's guest", ask_firewall(HELPER_FIREWALL_SET, 2,
		network_facts(0x0aca0001, OWNERS_GATEWAY + 1, 8081)), ERR_USAGE);
	done("intruder: its own rules", ask_firewall(HELPER_FIREWALL_SET, 2,
		network_facts(0x0aca0001, 0x0aca0002, 8081)));
	ask_firewall(HELPER_FIREWALL_LOOK, 1, network_facts(OWNERS_GATEWAY, OWNERS_GATEWAY + 1, 8080));
	check(answer.firewall.fault != 0, "intruder: firewall_look does not see the owner's", "it does");
	done("intruder: firewall_drop finds nothing", ask(INSTANCE, HELPER_FIREWALL_DROP, -1,
		R(.link = {.index = 1})));
	done("intruder: its own are dropped", ask(INSTANCE, HELPER_FIREWALL_DROP, -1, R(.link = {.index = 2})));
	refused("intruder: routing what comes in by lo", ask(INSTANCE, HELPER_UPLINK_SET, -1,
		R(.uplink = {lo, 1})), ERR_DENIED);
	refused("intruder: routing off at the owner's bridge", ask(INSTANCE, HELPER_UPLINK_SET, -1,
		R(.uplink = {owners_bridge(), 0})), ERR_DENIED);
}

/* Every verb, with the owner's instance and numbers. */
static void intruder_reaches(void)
{
	static const char *const files[] = {"/etc/passwd", "/dev/null", "/proc/self/mem"};
	struct helper_call c = {.verb = HELPER_TAP_DELETE, .instance = INSTANCE};
	union helper_request r = R(.link = {.index = 1});
	uint8_t bytes[HELPER_WIRE_MAX];
	size_t n;

	refused("intruder: the owner's uid on its tap", ask(INSTANCE, HELPER_TAP_CREATE, -1,
		R(.new_link = {.index = 1, .mtu = 1500, .uid = OWNER, .label = "vm/a"})), ERR_DENIED);
	refused("intruder: root's tap", ask(INSTANCE, HELPER_TAP_CREATE, -1,
		R(.new_link = {.index = 1, .mtu = 1500, .uid = 0, .label = "vm/a"})), ERR_DENIED);
	done("intruder: tap_delete finds nothing", ask(INSTANCE, HELPER_TAP_DELETE, -1,
		R(.link = {.index = 1})));
	done("intruder: bridge_delete finds nothing", ask(INSTANCE, HELPER_BRIDGE_DELETE, -1,
		R(.link = {.index = 1})));
	refused("intruder: link_set of the owner's tap", ask(INSTANCE, HELPER_LINK_SET, -1,
		R(.link_set = {HELPER_KIND_TAP, 1, 0, 0, 0})), ERR_FAILED);
	done("intruder: a tap of its own", ask(INSTANCE, HELPER_TAP_CREATE, -1, TAP(2)));
	refused("intruder: its tap in the owner's bridge", ask(INSTANCE, HELPER_LINK_SET, -1,
		R(.link_set = {HELPER_KIND_TAP, 2, 1, 1, 1})), ERR_FAILED);
	done("intruder: a bridge of its own", ask(INSTANCE, HELPER_BRIDGE_CREATE, -1, BRIDGE(2)));
	refused("intruder: an address in the owner's network", ask(INSTANCE, HELPER_ADDRESS_ADD, -1,
		R(.address = {2, 0x0ac80002, 24})), ERR_CONFLICT);
	refused("intruder: an address on the owner's bridge", ask(INSTANCE, HELPER_ADDRESS_ADD, -1,
		R(.address = {1, 0x0ac90001, 24})), ERR_FAILED);
	done("intruder: address_delete finds nothing", ask(INSTANCE, HELPER_ADDRESS_DELETE, -1,
		R(.address = {1, 0x0ac80001, 24})));
	intruder_firewall();
	done("intruder: its own are removed", ask(INSTANCE, HELPER_TAP_DELETE, -1,
		R(.link = {.index = 2})) | ask(INSTANCE, HELPER_BRIDGE_DELETE, -1, R(.link = {.index = 2})));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		refused("intruder: a loop device of another's file", ask(INSTANCE, HELPER_LOOP_ATTACH, fd,
			R(.loop = {2, 1})), ERR_DENIED);
		close(fd);
	}
	done("intruder: loop_detach finds nothing", ask(INSTANCE, HELPER_LOOP_DETACH, -1,
		R(.loop = {1, 0})));
	done("intruder: cgroup_kill finds nothing", ask(INSTANCE, HELPER_CGROUP_KILL, -1,
		R(.cgroup = {.key = 1})));
	done("intruder: cgroup_remove finds nothing", ask(INSTANCE, HELPER_CGROUP_REMOVE, -1,
		R(.cgroup = {.key = 1})));
	refused("intruder: a signal to the owner's VMM", ask(INSTANCE, HELPER_SIGNAL, -1,
		R(.signal = {1, (uint64_t)shared_pid, shared_start, SIGKILL})), ERR_DENIED);
	for (uint64_t kind = HELPER_KIND_TAP; kind <= HELPER_KIND_CGROUP; kind++) {
		const int rc = ask(INSTANCE, HELPER_LIST_OWNED, -1, R(.list = {kind, 0}));

		check(!rc && !answer.list.count, "intruder: list_owned shows nothing of the owner's",
			rc ? err.msg : "it does");
	}
	wire_put_request(&c, &r, bytes, &n, &err);
	memcpy(bytes + 28, "../../..", 8);
	send_with(bytes, n, NULL, 0, "intruder: a path for an instance", true);
}

static void intruder_signals_root(void)
{
	/* Itself, init, the helper: right start times, in no group of the intruder's. */
	static const char *const whose[] = {"init", "the helper"};
	const int32_t pids[] = {1, helper_pid};

	done("intruder: a group of its own", ask(INSTANCE, HELPER_CGROUP_CREATE, -1,
		R(.cgroup = {.key = 7})));
	for (size_t i = 0; i < 2; i++) {
		char path[64], text[1024], what[64], *at;
		FILE *f;
		uint64_t start = 0;

		snprintf(path, sizeof(path), "/proc/%d/stat", pids[i]);
		f = fopen(path, "re");
		at = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
		for (int field = 2; at && field < 22; field++)
			at = strchr(at + 1, ' ');
		if (at)
			start = strtoull(at, NULL, 10);
		if (f)
			fclose(f);
		snprintf(what, sizeof(what), "intruder: a signal to %s", whose[i]);
		refused(what, ask(INSTANCE, HELPER_SIGNAL, -1, R(.signal = {7, (uint64_t)pids[i],
			start ? start : 1, SIGKILL})), pids[i] == 1 ? ERR_USAGE : ERR_DENIED);
	}
	done("intruder: its group is removed", ask(INSTANCE, HELPER_CGROUP_REMOVE, -1,
		R(.cgroup = {.key = 7})));
}

/* ---- bytes that no client sends ------------------------------------------------------------------------------ */

static int connect_raw(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, socket_path, strlen(socket_path) + 1);
	return connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -1 : fd;
}

/* Whether the helper hangs up, after an answer or without. */
static bool hangs_up(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char buf[HELPER_WIRE_MAX];
	ssize_t n = 1;

	while (n > 0 && poll(&p, 1, 2000) > 0)
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void send_with(const void *bytes, size_t n, const int *fds, size_t n_fds, const char *what,
	bool ends)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(64 * sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fd = connect_raw();

	if (n_fds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(n_fds * sizeof(int))};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, n_fds * sizeof(int));
	}
	check(fd >= 0 && sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)n && (!ends || hangs_up(fd)), what,
		"the connection goes on");
	close(fd);
}

static void bytes_of_all_kinds(void)
{
	const struct helper_call hello = {.verb = HELPER_HELLO, .instance = INSTANCE};
	const struct helper_call loop = {.verb = HELPER_LOOP_ATTACH, .instance = INSTANCE};
	union helper_request r = {0};
	uint8_t bytes[HELPER_WIRE_MAX], garbage[4096];
	int fds[64];
	size_t n;

	memset(garbage, 'A', sizeof(garbage));
	for (size_t i = 0; i < 64; i++)
		fds[i] = 0;
	send_with(garbage, 1, NULL, 0, "one byte ends the connection", true);
	send_with(garbage, 100, NULL, 0, "garbage ends the connection", true);
	send_with(garbage, sizeof(garbage), NULL, 0, "a message that is too long ends it", true);
	wire_put_request(&hello, &r, bytes, &n, &err);
	send_with(bytes, n - 1, NULL, 0, "a message cut short ends it", true);
	send_with(bytes, n, fds, 1, "a descriptor that does not belong there ends it", true);
	send_with(bytes, n, fds, 64, "more descriptors than there is room for end it", true);
	bytes[4]++;
	send_with(bytes, n, NULL, 0, "another version ends it", true);
	r.loop = (struct helper_loop){1, 0};
	wire_put_request(&loop, &r, bytes, &n, &err);
	send_with(bytes, n, NULL, 0, "a missing descriptor ends it", true);
	send_with(bytes, n, fds, 2, "a second descriptor ends it", true);
}

static void flood(void)
{
	int fds[40], refused_n = 0;

	for (size_t i = 0; i < 40; i++)
		fds[i] = connect_raw();
	/* Those above the limit are told so and hung up on. */
	for (size_t i = 0; i < 40; i++) {
		struct pollfd p = {.fd = fds[i], .events = POLLIN};

		refused_n += poll(&p, 1, i < 8 ? 0 : 500) > 0;
	}
	check(refused_n == 32, "a uid has at most 8 connections", "another number was refused");
	check(ask(INSTANCE, HELPER_HELLO, -1, R(.list = {0})) < 0 && err.kind == ERR_LOCKED,
		"and the next is told to try again", err.msg);
	fflush(stdout);
	/* Keep them while others ask. */
	poll(NULL, 0, 300);
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
}

static void stranger_asks(void)
{
	refused("a uid that is not in the configuration", ask(INSTANCE, HELPER_HELLO, -1,
		R(.list = {0})), ERR_DENIED);
}

static void other_asks(void)
{
	done("others are still served", ask(INSTANCE, HELPER_HELLO, -1, R(.list = {0})));
}

/* ---- the process itself ---------------------------------------------------------------------------------------- */

static void status_line(const char *key, const char *want)
{
	char path[64], line[256], what[128];
	FILE *f;
	bool ok = false;

	snprintf(path, sizeof(path), "/proc/%d/status", helper_pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			ok = strstr(line, want) != NULL;
	if (f)
		fclose(f);
	snprintf(what, sizeof(what), "the helper's %s %s", key, want);
	check(ok, what, "not so");
}

/* Capabilities 5 (KILL), 12 (NET_ADMIN) and 21 (SYS_ADMIN). */
static void what_is_left(void)
{
	status_line("CapPrm:", "0000000000201020");
	status_line("CapEff:", "0000000000201020");
	status_line("CapBnd:", "0000000000201020");
	status_line("CapInh:", "0000000000000000");
	status_line("NoNewPrivs:", "1");
	status_line("Seccomp:", "2");
}

static pid_t process_in_group(void)
{
	char path[160], text[1024], *at;
	const char *mount;
	pid_t pid = fork();
	FILE *f;

	if (!pid) {
		pause();
		_exit(0);
	}
	if (cgroup_mount(&mount, &err) < 0)
		return pid;
	snprintf(path, sizeof(path), "%s/%s/%u-%s/vm-%016x/cgroup.procs", mount, GROUP, OWNER, INSTANCE, 1);
	f = fopen(path, "we");
	if (f) {
		fprintf(f, "%d", pid);
		fclose(f);
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	at = f && fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	shared_start = at ? strtoull(at, NULL, 10) : 0;
	shared_pid = pid;
	if (f)
		fclose(f);
	return pid;
}

static void make_folders(void)
{
	static const uint32_t uids[] = {OWNER, INTRUDER};
	char path[96];

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%u", dir, uids[i]);
		if (mkdir(path, 0700) < 0 || chown(path, uids[i], uids[i]) < 0)
			exit(99);
	}
}

static void clean_up(void)
{
	const char *mount;
	char path[160];

	tree_remove(AT_FDCWD, dir, &err);
	if (!cgroup_mount(&mount, &err)) {
		snprintf(path, sizeof(path), "%s/%s", mount, GROUP);
		rmdir(path);
	}
}

int main(int argc, char **argv)
{
	int status = 0;
	pid_t vmm;

	if (argc != 2 || geteuid())
		return 99;
	alarm(60);
	start_helper(argv[1]);
	make_folders();
	as(OWNER, owner_makes);
	what_is_left();
	vmm = process_in_group();
	as(STRANGER, stranger_asks);
	as(INTRUDER, intruder_reaches);
	as(INTRUDER, intruder_signals_root);
	as(INTRUDER, bytes_of_all_kinds);
	as(INTRUDER, flood);
	as(OWNER, other_asks);
	check(waitpid(vmm, &status, WNOHANG) == 0, "the owner's process is alive", "it is not");
	check(is_alive(), "the helper is alive", "it is not");
	as(OWNER, owner_ends);
	check(waitpid(vmm, &status, 0) == vmm && WIFSIGNALED(status), "it ended by the owner's signal",
		"it did not");
	kill(helper_pid, SIGTERM);
	check(waitpid(helper_pid, &status, 0) == helper_pid && WIFEXITED(status) && !WEXITSTATUS(status),
		"the helper ends when it is told to", "it does not");
	clean_up();
	printf("1..%d\n", tests);
	return failures ? 1 : 0;
}
