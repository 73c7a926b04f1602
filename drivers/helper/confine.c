/* confine.c - what the helper may do at all. */
#include "drivers/helper/confine.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/landlock.h>
#include <linux/loop.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- capabilities ------------------------------------------------------------------------------------ */

static const int kept_caps[] = {
	CAP_NET_ADMIN, /* taps, bridges, addresses */
	CAP_SYS_ADMIN, /* LOOP_CONFIGURE */
	CAP_KILL,      /* signals to VMMs that run as another uid */
};

static uint64_t kept_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < COUNT(kept_caps); i++)
		mask |= 1ull << kept_caps[i];
	return mask;
}

static int drop_caps(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	uint64_t mask = kept_mask();

	/* What nobody has any more in its bounding set cannot come back (capabilities(7)). */
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(mask >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_sys(e, errno, "cannot drop capability %d", cap);
	/* A unit may have taken some away already; what is kept is never more than there was. */
	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, errno, "cannot read capabilities");
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= (uint32_t)(mask >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data) < 0)
		return err_sys(e, errno, "cannot drop capabilities");
	return 0;
}

/* ---- files --------------------------------------------------------------------------------------------- */

#define MAKES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define HANDLED (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | MAKES)

static int allow_below(int ruleset, int folder, uint64_t access, struct err *e)
{
	const struct landlock_path_beneath_attr rule = {.allowed_access = access,
		.parent_fd = folder};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(e, errno, "cannot add a Landlock rule");
	return 0;
}

static int restrict_files(int cgroup_fd, bool *landlock, struct err *e)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs = HANDLED};
	_cleanup_fd_ int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	_cleanup_fd_ int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

	*landlock = ruleset >= 0;
	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 :
			err_sys(e, errno, "cannot make a Landlock ruleset");
	if (dev < 0)
		return err_sys(e, errno, "cannot open /dev");
	/* Loop devices come into being while we run, so it is the folder; which device may be opened
	 * at all is the unit's DeviceAllow. */
	if (allow_below(ruleset, dev, LANDLOCK_ACCESS_FS_WRITE_FILE, e) < 0)
		return -1;
	if (cgroup_fd >= 0 && allow_below(ruleset, cgroup_fd, LANDLOCK_ACCESS_FS_WRITE_FILE |
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR, e) < 0)
		return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, errno, "cannot enforce Landlock");
	return 0;
}

/* ---- system calls ---------------------------------------------------------------------------------------- */

/* No socket, no execve, no clone, no chmod or chown, no mount, no ptrace: none of the verbs needs one. */
static const int allowed_calls[] = {
	/* requests and answers, netlink */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(accept4), SCMP_SYS(recvmsg), SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(getsockopt),
	/* looking at files, /proc, /sys and cgroups */
	SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(write),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(fstatfs), SCMP_SYS(fcntl), SCMP_SYS(lseek),
	SCMP_SYS(getdents64),
	/* cgroups */
	SCMP_SYS(mkdirat), SCMP_SYS(unlinkat), SCMP_SYS(rmdir),
	/* signals to VMMs */
	SCMP_SYS(pidfd_open), SCMP_SYS(pidfd_send_signal), SCMP_SYS(getpid),
	/* the C library */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(futex), SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

static const unsigned long allowed_ioctls[] = {TUNSETIFF, TUNSETOWNER, TUNSETPERSIST,
	LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LOOP_CLR_FD, LOOP_GET_STATUS64};

static int fill_filter(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < COUNT(allowed_calls); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed_calls[i], 0);
	/* The kernel looks at the low 32 bits of a request only, so the filter has to as well. */
	for (size_t i = 0; !rc && i < COUNT(allowed_ioctls); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, allowed_ioctls[i]));
	if (!rc)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc ? rc : seccomp_load(ctx);
}

static int filter_calls(struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (!ctx)
		return err_set(e, ERR_FAILED, "cannot make a seccomp filter");
	rc = fill_filter(ctx);
	seccomp_release(ctx);
	return rc ? err_sys(e, -rc, "cannot load the seccomp filter") : 0;
}

/* ---- all ------------------------------------------------------------------------------------------------- */

/* The sanitizers need calls of their own; they run only where nobody is served. */
#if defined(__SANITIZE_ADDRESS__)
static const bool sanitized = true;
#else
static const bool sanitized = false;
#endif

int confine_process(int cgroup_fd, bool *landlock, struct err *e)
{
	const struct rlimit no_core = {0, 0}, files = {256, 256};

	*landlock = false;
	clearenv();
	umask(077);
	if (chdir("/") < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
		setrlimit(RLIMIT_NOFILE, &files) < 0)
		return err_sys(e, errno, "cannot set limits");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot give up new privileges");
	if (drop_caps(e) < 0 || restrict_files(cgroup_fd, landlock, e) < 0)
		return -1;
	return sanitized ? 0 : filter_calls(e);
}
