/* test_helper_op.c - what the verbs do, with real links, loop devices, cgroups and processes.
 *
 * Each test runs in a network namespace of its own; loop devices and cgroups have a made-up instance, and
 * are removed. As another than root nothing of this can be made, and the tests are skipped.
 */
#include "tests/lib/unit.h"

#include "drivers/helper/server.h"
#include "drivers/sys/cgroup.h"
#include "drivers/sys/loop.h"
#include "drivers/sys/proc.h"
#include "drivers/sys/tuntap.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define GROUP "reconcile-unit"
#define ME 1234567u
#define YOU 1234568u

static struct server server;
static uint32_t seq;
static char instance[HELPER_INSTANCE_LEN + 1];

/* One request of uid, as its client would send it. */
static int ask_as(uint32_t uid, const char *inst, enum helper_verb_id verb,
	const union helper_request *r, int fd, union helper_answer *a, struct err *e)
{
	struct helper_call c = {.verb = verb, .seq = ++seq};
	uint8_t in[HELPER_WIRE_MAX], out[HELPER_WIRE_MAX];
	size_t n_in = 0, n_out = 0;

	snprintf(c.instance, sizeof(c.instance), "%s", inst);
	err_clear(e);
	assert_int_equal(wire_put_request(&c, r, in, &n_in, e), 0);
	server_answer(&server, uid, in, n_in, &fd, fd >= 0, out, &n_out);
	return wire_get_answer(out, n_out, &c, a, e);
}

#define REQUEST(...) (&(union helper_request){__VA_ARGS__})

static union helper_answer answer;
static struct err err;

#define ask(verb, fd, ...) ask_as(ME, instance, (verb), REQUEST(__VA_ARGS__), (fd), &answer, &err)
#define assert_done(call) do { if ((call) < 0) fail_msg("%s", err.msg); } while (0)
#define assert_refused(call, why) do { \
		assert_int_equal((call), -1); \
		if (err.kind != (why)) \
			fail_msg("%s: %s", err_kind_name(err.kind), err.msg); \
	} while (0)

static uint64_t count(enum helper_kind kind)
{
	assert_done(ask(HELPER_LIST_OWNED, -1, .list = {kind, 0}));
	return answer.list.count;
}

static int set_up(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (geteuid())
		return 0;
	memset(&server, 0, sizeof(server));
	server.quiet = true;
	server.conf.n = 2;
	server.conf.owners[0] = conf_default(ME);
	server.conf.owners[0].uid_min = 300000;
	server.conf.owners[0].uid_max = 300009;
	server.conf.owners[1] = conf_default(YOU);
	snprintf(instance, sizeof(instance), "%08x", (unsigned)getpid());
	if (unshare(CLONE_NEWNET) < 0 || op_host_open(&server.host, GROUP, &e) < 0)
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	const char *path;
	struct err e = ERR_INIT;

	(void)state;
	if (geteuid())
		return 0;
	if (server.host.cgroup_fd >= 0 && !cgroup_mount(&path, &e)) {
		const int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		unlinkat(root, GROUP, AT_REMOVEDIR);
		close(root);
	}
	op_host_close(&server.host);
	return 0;
}

#define root_only() do { if (geteuid()) skip_because("not root"); } while (0)

static int look(enum helper_kind kind, uint64_t index, struct rtnl_link *link)
{
	const struct helper_owner o = {.uid = ME};
	struct helper_owner mine = o;
	char name[IFNAMSIZ];

	memcpy(mine.instance, instance, sizeof(mine.instance));
	helper_link_name(&mine, kind, index, name);
	return rtnl_get(&server.host.nl, name, link, &err);
}

/* ---- links ------------------------------------------------------------------------------------------ */

#define TAP(i, owner) .new_link = {.index = (i), .mtu = 1400, .uid = (owner), .label = "vm/web/net.0"}

static void taps(void **state)
{
	struct rtnl_link link;
	uint64_t ifindex;

	(void)state;
	root_only();
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(7, ME)));
	ifindex = answer.link.ifindex;
	assert_int_equal(look(HELPER_KIND_TAP, 7, &link), 0);
	assert_int_equal(link.index, ifindex);
	assert_int_equal(link.mtu, 1400);
	assert_int_equal(link.owner, ME);
	assert_false(link.carrier);
	assert_string_equal(link.kind, "tun");
	assert_non_null(strstr(link.alias, ":vm/web/net.0"));
	/* Again: the same one. */
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(7, ME)));
	assert_int_equal(answer.link.ifindex, ifindex);
	assert_refused(ask(HELPER_TAP_CREATE, -1, TAP(7, 300005)), ERR_CONFLICT);
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(8, 300005)));
	assert_int_equal(count(HELPER_KIND_TAP), 2);
	assert_int_equal(answer.list.items[0].key, 7);
	assert_int_equal(answer.list.items[0].number, ifindex);
	assert_done(ask(HELPER_TAP_DELETE, -1, .link = {.index = 7}));
	assert_int_equal(look(HELPER_KIND_TAP, 7, &link), 1);
	assert_done(ask(HELPER_TAP_DELETE, -1, .link = {.index = 7}));
	assert_done(ask(HELPER_TAP_DELETE, -1, .link = {.index = 8}));
	assert_int_equal(count(HELPER_KIND_TAP), 0);
}

static void taps_for_others(void **state)
{
	static const uint32_t uids[] = {0, YOU, 1000, 299999, 300010, 65534};

	(void)state;
	root_only();
	for (size_t i = 0; i < sizeof(uids) / sizeof(uids[0]); i++)
		assert_refused(ask(HELPER_TAP_CREATE, -1, TAP(1, uids[i])), ERR_DENIED);
	assert_int_equal(count(HELPER_KIND_TAP), 0);
}

static void a_tap_in_use_is_kept(void **state)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	struct rtnl_link link;
	int tun;

	(void)state;
	root_only();
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(1, ME)));
	assert_int_equal(look(HELPER_KIND_TAP, 1, &link), 0);
	tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	memcpy(ifr.ifr_name, link.name, IFNAMSIZ);
	assert_int_equal(ioctl(tun, TUNSETIFF, &ifr), 0);
	assert_refused(ask(HELPER_TAP_DELETE, -1, .link = {.index = 1}), ERR_CONFLICT);
	close(tun);
	assert_done(ask(HELPER_TAP_DELETE, -1, .link = {.index = 1}));
}

/* Something of that very name and kind, without our mark or with another's. */
static void foreign_links(void **state)
{
	const struct helper_owner mine = {.uid = ME};
	struct helper_owner o = mine;
	struct rtnl_link link;
	char name[IFNAMSIZ];
	int tun;

	(void)state;
	root_only();
	memcpy(o.instance, instance, sizeof(o.instance));
	helper_link_name(&o, HELPER_KIND_TAP, 1, name);
	assert_int_equal(tuntap_create(name, &tun, &err), 0);
	for (int marked = 0; marked < 3; marked++) {
		assert_int_equal(look(HELPER_KIND_TAP, 1, &link), 0);
		if (marked)
			assert_int_equal(rtnl_set_alias(&server.host.nl, link.index, marked == 1 ?
				"reconcile:1:00000000:vm/a" : "reconcile", &err), 0);
		assert_refused(ask(HELPER_TAP_CREATE, -1, TAP(1, ME)), ERR_CONFLICT);
		assert_refused(ask(HELPER_TAP_DELETE, -1, .link = {.index = 1}), ERR_CONFLICT);
		assert_refused(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_TAP, 1, 1, 0, 0}),
			ERR_CONFLICT);
		assert_int_equal(count(HELPER_KIND_TAP), 0);
		assert_int_equal(look(HELPER_KIND_TAP, 1, &link), 0);
		assert_false(link.up);
	}
	close(tun);
}

#define BRIDGE(i) .new_link = {.index = (i), .mtu = 1500, .label = "net/default"}

static void bridges(void **state)
{
	struct rtnl_link bridge, tap;

	(void)state;
	root_only();
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(0)));
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(0)));
	assert_int_equal(look(HELPER_KIND_BRIDGE, 0, &bridge), 0);
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(0, ME)));
	assert_done(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_BRIDGE, 0, 1, 0, 0}));
	assert_done(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_TAP, 0, 1, 1, 0}));
	assert_int_equal(look(HELPER_KIND_TAP, 0, &tap), 0);
	assert_true(tap.up);
	assert_int_equal(tap.master, bridge.index);
	assert_refused(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_TAP, 0, 1, 1, 9}), ERR_FAILED);
	assert_refused(ask(HELPER_BRIDGE_DELETE, -1, .link = {.index = 0}), ERR_CONFLICT);
	assert_done(ask(HELPER_LINK_SET, -1, .link_set = {HELPER_KIND_TAP, 0, 0, 0, 0}));
	assert_int_equal(look(HELPER_KIND_TAP, 0, &tap), 0);
	assert_false(tap.up);
	assert_int_equal(tap.master, 0);
	assert_int_equal(count(HELPER_KIND_BRIDGE), 1);
	assert_done(ask(HELPER_BRIDGE_DELETE, -1, .link = {.index = 0}));
	assert_done(ask(HELPER_BRIDGE_DELETE, -1, .link = {.index = 0}));
	assert_int_equal(count(HELPER_KIND_BRIDGE), 0);
}

/* One that was made and not yet marked, and a stranger of the same name without our address. */
static void half_made_bridges(void **state)
{
	const struct helper_owner mine = {.uid = ME};
	static const uint8_t strange[6] = {2, 1, 1, 1, 1, 1};
	struct helper_owner o = mine;
	struct rtnl_link link;
	char name[IFNAMSIZ];
	uint8_t mac[6];

	(void)state;
	root_only();
	memcpy(o.instance, instance, sizeof(o.instance));
	helper_link_name(&o, HELPER_KIND_BRIDGE, 3, name);
	helper_link_mac(&o, HELPER_KIND_BRIDGE, 3, mac);
	assert_int_equal(rtnl_bridge_add(&server.host.nl, name, 1500, mac, &err), 0);
	assert_int_equal(count(HELPER_KIND_BRIDGE), 1);
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(3)));
	assert_int_equal(look(HELPER_KIND_BRIDGE, 3, &link), 0);
	assert_non_null(strstr(link.alias, ":net/default"));
	assert_done(ask(HELPER_BRIDGE_DELETE, -1, .link = {.index = 3}));
	assert_int_equal(rtnl_bridge_add(&server.host.nl, name, 1500, strange, &err), 0);
	assert_refused(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(3)), ERR_CONFLICT);
	assert_refused(ask(HELPER_BRIDGE_DELETE, -1, .link = {.index = 3}), ERR_CONFLICT);
	assert_int_equal(count(HELPER_KIND_BRIDGE), 0);
}

static void addresses(void **state)
{
	(void)state;
	root_only();
	assert_refused(ask(HELPER_ADDRESS_ADD, -1, .address = {0, 0x0a010001, 24}), ERR_FAILED);
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(0)));
	assert_done(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(1)));
	assert_done(ask(HELPER_ADDRESS_ADD, -1, .address = {0, 0x0a010001, 24}));
	assert_done(ask(HELPER_ADDRESS_ADD, -1, .address = {0, 0x0a010001, 24}));
	assert_refused(ask(HELPER_ADDRESS_ADD, -1, .address = {1, 0x0a010002, 24}), ERR_CONFLICT);
	assert_refused(ask(HELPER_ADDRESS_ADD, -1, .address = {1, 0x0a010201, 16}), ERR_CONFLICT);
	assert_refused(ask(HELPER_ADDRESS_ADD, -1, .address = {1, 0x0a010005, 30}), ERR_CONFLICT);
	assert_done(ask(HELPER_ADDRESS_DELETE, -1, .address = {0, 0x0a010001, 24}));
	assert_done(ask(HELPER_ADDRESS_DELETE, -1, .address = {0, 0x0a010001, 24}));
	assert_done(ask(HELPER_ADDRESS_ADD, -1, .address = {1, 0x0a010002, 24}));
}

static void limits(void **state)
{
	(void)state;
	root_only();
	server.conf.owners[0].taps = 2;
	server.conf.owners[0].bridges = 0;
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(0, ME)));
	/* Another instance of the same uid has the same limit. */
	assert_done(ask_as(ME, "00000001", HELPER_TAP_CREATE, REQUEST(TAP(1, ME)), -1, &answer, &err));
	assert_refused(ask(HELPER_TAP_CREATE, -1, TAP(1, ME)), ERR_LIMIT);
	assert_refused(ask(HELPER_BRIDGE_CREATE, -1, BRIDGE(0)), ERR_LIMIT);
	/* One that is there is not one more; another uid has room of its own. */
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(0, ME)));
	assert_done(ask_as(YOU, instance, HELPER_TAP_CREATE, REQUEST(TAP(0, YOU)), -1, &answer, &err));
}

/* The same numbers, asked for by another uid and another instance: other things. */
static void owners_do_not_meet(void **state)
{
	struct rtnl_link link;

	(void)state;
	root_only();
	assert_done(ask(HELPER_TAP_CREATE, -1, TAP(0, ME)));
	for (int i = 0; i < 2; i++) {
		const uint32_t uid = i ? ME : YOU;
		const char *inst = i ? "00000001" : instance;

		assert_done(ask_as(uid, inst, HELPER_TAP_DELETE, REQUEST(.link = {.index = 0}), -1,
			&answer, &err));
		assert_refused(ask_as(uid, inst, HELPER_LINK_SET, REQUEST(.link_set =
			{HELPER_KIND_TAP, 0, 1, 0, 0}), -1, &answer, &err), ERR_FAILED);
		assert_done(ask_as(uid, inst, HELPER_LIST_OWNED, REQUEST(.list =
			{HELPER_KIND_TAP, 0}), -1, &answer, &err));
		assert_int_equal(answer.list.count, 0);
	}
	assert_int_equal(look(HELPER_KIND_TAP, 0, &link), 0);
	assert_refused(ask_as(5, instance, HELPER_HELLO, REQUEST(.list = {0}), -1, &answer, &err),
		ERR_DENIED);
}

/* ---- loop devices ------------------------------------------------------------------------------------ */

static int make_file(const char *dir, const char *name, uint32_t uid, off_t size)
{
	char path[SCRATCH_MAX + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size) | fchown(fd, uid, uid), 0);
	return fd;
}

static void loops(void **state)
{
	char dir[SCRATCH_MAX], byte = 'x', path[32];
	uint64_t number;
	int fd, other, dev;

	(void)state;
	root_only();
	scratch_make(dir);
	fd = make_file(dir, "disk", ME, 1 << 20);
	other = make_file(dir, "other", ME, 1 << 20);
	assert_done(ask(HELPER_LOOP_ATTACH, fd, .loop = {77, 0}));
	number = answer.loop.number;
	assert_done(ask(HELPER_LOOP_ATTACH, fd, .loop = {77, 0}));
	assert_int_equal(answer.loop.number, number);
	assert_refused(ask(HELPER_LOOP_ATTACH, other, .loop = {77, 0}), ERR_CONFLICT);
	assert_refused(ask(HELPER_LOOP_ATTACH, fd, .loop = {77, 1}), ERR_CONFLICT);
	assert_refused(ask(HELPER_LOOP_ATTACH, fd, .loop = {78, 0}), ERR_CONFLICT);
	assert_refused(ask(HELPER_LOOP_ATTACH, fd, .loop = {78, 1}), ERR_CONFLICT);
	assert_int_equal(count(HELPER_KIND_LOOP), 1);
	assert_int_equal(answer.list.items[0].key, 77);
	assert_int_equal(answer.list.items[0].number, number);
	/* It really is that file. */
	snprintf(path, sizeof(path), "/dev/loop%u", (unsigned)number);
	assert_int_equal(pwrite(fd, "hello", 5, 4096), 5);
	dev = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(dev, &byte, 1, 4096), 1);
	assert_int_equal(byte, 'h');
	close(dev);
	/* Others do not reach it by its key. */
	assert_done(ask_as(YOU, instance, HELPER_LOOP_DETACH, REQUEST(.loop = {77, 0}), -1, &answer,
		&err));
	assert_int_equal(count(HELPER_KIND_LOOP), 1);
	assert_done(ask(HELPER_LOOP_DETACH, -1, .loop = {77, 0}));
	assert_done(ask(HELPER_LOOP_DETACH, -1, .loop = {77, 0}));
	assert_int_equal(count(HELPER_KIND_LOOP), 0);
	close(fd);
	close(other);
	scratch_remove(dir);
}

static void files_that_become_no_loop(void **state)
{
	char dir[SCRATCH_MAX], path[SCRATCH_MAX + 32], link[SCRATCH_MAX + 32];
	int pair[2];

	(void)state;
	root_only();
	scratch_make(dir);
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(link, sizeof(link), "%s/b", dir);
	close(make_file(dir, "a", ME, 4096));
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	{
		const int fds[] = {
			open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			open("/dev/null", O_RDWR | O_CLOEXEC),
			open("/dev/loop0", O_RDONLY | O_CLOEXEC),
			open("/proc/self/status", O_RDONLY | O_CLOEXEC),
			open(path, O_PATH | O_CLOEXEC),
			open(path, O_WRONLY | O_CLOEXEC),
			open(path, O_RDONLY | O_CLOEXEC), /* to be written */
			memfd_create("x", MFD_CLOEXEC),
			make_file(dir, "root", 0, 4096),
			make_file(dir, "you", YOU, 4096),
			make_file(dir, "odd", ME, 4097),
			make_file(dir, "empty", ME, 0),
			pair[0], pair[1],
			socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			open("/etc/passwd", O_RDONLY | O_CLOEXEC),
		};

		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
			assert_true(fds[i] >= 0);
			assert_refused(ask(HELPER_LOOP_ATTACH, fds[i], .loop = {5, 0}), ERR_DENIED);
			close(fds[i]);
		}
	}
	{
		const int fd = make_file(dir, "a", ME, 4096);

		assert_int_equal(linkat(AT_FDCWD, path, AT_FDCWD, link, 0), 0);
		assert_refused(ask(HELPER_LOOP_ATTACH, fd, .loop = {5, 0}), ERR_DENIED);
		unlink(path);
		unlink(link);
		assert_refused(ask(HELPER_LOOP_ATTACH, fd, .loop = {5, 0}), ERR_DENIED);
		close(fd);
	}
	assert_int_equal(count(HELPER_KIND_LOOP), 0);
	scratch_remove(dir);
}

/* ---- cgroups and signals ------------------------------------------------------------------------------- */

#define need_cgroups()                                                                       \
	do {                                                                                 \
		root_only();                                                                 \
		if (server.host.cgroup_fd < 0)                                               \
			skip_because("there are no cgroups of version 2");                   \
	} while (0)

/* A child that waits, in the group of that key when it has one. */
static pid_t child_in(uint64_t key, struct proc_id *id)
{
	char path[256], mine[HELPER_GROUP_MAX], name[HELPER_GROUP_MAX], pid_text[16];
	struct helper_owner o = {.uid = ME};
	pid_t pid = fork();
	const char *mount;

	if (!pid) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(proc_identify(pid, id, &err), 0);
	if (!key)
		return pid;
	memcpy(o.instance, instance, sizeof(o.instance));
	helper_group_name(&o, mine);
	helper_group_key(key, name);
	assert_int_equal(cgroup_mount(&mount, &err), 0);
	snprintf(path, sizeof(path), "%s/%s/%s/%s", mount, GROUP, mine, name);
	snprintf(pid_text, sizeof(pid_text), "%d", pid);
	{
		const int group = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_int_equal(cgroup_write(group, "cgroup.procs", pid_text, &err), 0);
		close(group);
	}
	return pid;
}

static int end_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void groups(void **state)
{
	struct proc_id id;
	pid_t pid;

	(void)state;
	need_cgroups();
	assert_done(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 9}));
	assert_done(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 9}));
	assert_int_equal(count(HELPER_KIND_CGROUP), 1);
	assert_int_equal(answer.list.items[0].number, 0);
	pid = child_in(9, &id);
	assert_int_equal(count(HELPER_KIND_CGROUP), 1);
	assert_int_equal(answer.list.items[0].number, 1);
	assert_refused(ask(HELPER_CGROUP_REMOVE, -1, .cgroup = {.key = 9}), ERR_CONFLICT);
	/* Another owner's key 9 is another group. */
	assert_done(ask_as(YOU, instance, HELPER_CGROUP_KILL, REQUEST(.cgroup = {.key = 9}), -1,
		&answer, &err));
	assert_true(proc_is_alive(&id));
	assert_done(ask(HELPER_CGROUP_KILL, -1, .cgroup = {.key = 9}));
	assert_int_equal(end_of(pid), SIGKILL);
	assert_done(ask(HELPER_CGROUP_REMOVE, -1, .cgroup = {.key = 9}));
	assert_done(ask(HELPER_CGROUP_REMOVE, -1, .cgroup = {.key = 9}));
	assert_done(ask(HELPER_CGROUP_KILL, -1, .cgroup = {.key = 9}));
	assert_int_equal(count(HELPER_KIND_CGROUP), 0);
}

static void group_limits(void **state)
{
	(void)state;
	need_cgroups();
	server.conf.owners[0].cgroups = 1;
	assert_done(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 1}));
	assert_refused(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 2}), ERR_LIMIT);
	server.conf.owners[0].memory = 1 << 20;
	assert_refused(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 1}), ERR_LIMIT);
	assert_refused(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 1, .memory_max = 2 << 20}),
		ERR_LIMIT);
	assert_done(ask(HELPER_CGROUP_REMOVE, -1, .cgroup = {.key = 1}));
}

static void signals_to_our_own(void **state)
{
	struct proc_id id, stranger;
	pid_t pid, other;

	(void)state;
	need_cgroups();
	assert_done(ask(HELPER_CGROUP_CREATE, -1, .cgroup = {.key = 4}));
	pid = child_in(4, &id);
	other = child_in(0, &stranger);
	assert_refused(ask(HELPER_SIGNAL, -1, .signal = {4, stranger.pid, stranger.start, SIGKILL}),
		ERR_DENIED);
	assert_refused(ask(HELPER_SIGNAL, -1, .signal = {5, id.pid, id.start, SIGKILL}), ERR_DENIED);
	assert_refused(ask_as(YOU, instance, HELPER_SIGNAL, REQUEST(.signal = {4, id.pid, id.start,
		SIGKILL}), -1, &answer, &err), ERR_DENIED);
	assert_refused(ask_as(ME, "00000001", HELPER_SIGNAL, REQUEST(.signal = {4, id.pid, id.start,
		SIGKILL}), -1, &answer, &err), ERR_DENIED);
	/* Another start time is another process, which is gone. */
	assert_done(ask(HELPER_SIGNAL, -1, .signal = {4, id.pid, id.start + 1, SIGKILL}));
	assert_true(proc_is_alive(&id));
	assert_true(proc_is_alive(&stranger));
	assert_done(ask(HELPER_SIGNAL, -1, .signal = {4, id.pid, id.start, SIGTERM}));
	assert_int_equal(end_of(pid), SIGTERM);
	assert_done(ask(HELPER_SIGNAL, -1, .signal = {4, id.pid, id.start, SIGTERM}));
	kill(other, SIGKILL);
	end_of(other);
	assert_done(ask(HELPER_CGROUP_REMOVE, -1, .cgroup = {.key = 4}));
}

/* ---- answers that are asked for again --------------------------------------------------------------------- */

static void lost_answers(void **state)
{
	struct helper_call c = {.verb = HELPER_TAP_CREATE, .seq = 1, .op = {9}};
	union helper_request r = {.new_link = {.index = 1, .mtu = 1500, .uid = ME, .label = "vm/a"}};
	uint8_t in[HELPER_WIRE_MAX], out[HELPER_WIRE_MAX], again[HELPER_WIRE_MAX];
	size_t n, n_out, n_again;

	(void)state;
	root_only();
	memcpy(c.instance, instance, sizeof(c.instance));
	assert_int_equal(wire_put_request(&c, &r, in, &n, &err), 0);
	assert_true(server_answer(&server, ME, in, n, NULL, 0, out, &n_out));
	assert_done(ask(HELPER_TAP_DELETE, -1, .link = {.index = 1}));
	/* Answered, not done again. */
	assert_true(server_answer(&server, ME, in, n, NULL, 0, again, &n_again));
	assert_int_equal(n_again, n_out);
	assert_memory_equal(again, out, n_out);
	assert_int_equal(count(HELPER_KIND_TAP), 0);
	/* The same number for something else, and the same bytes of another. */
	r.new_link.index = 2;
	assert_int_equal(wire_put_request(&c, &r, in, &n, &err), 0);
	server_answer(&server, ME, in, n, NULL, 0, again, &n_again);
	assert_int_equal(wire_get_answer(again, n_again, &c, &answer, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	server_answer(&server, YOU, in, n, NULL, 0, again, &n_again);
	assert_int_equal(wire_get_answer(again, n_again, &c, &answer, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED); /* the uid in it is not YOU */
}

#define WORLD(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(taps),
		WORLD(taps_for_others),
		WORLD(a_tap_in_use_is_kept),
		WORLD(foreign_links),
		WORLD(bridges),
		WORLD(half_made_bridges),
		WORLD(addresses),
		WORLD(limits),
		WORLD(owners_do_not_meet),
		WORLD(loops),
		WORLD(files_that_become_no_loop),
		WORLD(groups),
		WORLD(group_limits),
		WORLD(signals_to_our_own),
		WORLD(lost_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
