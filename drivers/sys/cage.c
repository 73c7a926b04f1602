/* cage.c - a process that can only look; see cage.h.
 *
 * The filter sees the number of the call and the values of its arguments, never what they point to.
 * Where that decides (open), the flags are looked at; where they lie behind a pointer
 * (openat2), the call is refused and who uses it has another way. Numbers above the last one known here
 * are answered with ENOSYS: a newer call may write as well.
 */
#include "drivers/sys/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* On any other machine every call is refused, from the first on. */
#if defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

#define LAST_KNOWN 451u /* cachestat; the numbers are the same everywhere from 424 on */
#define PROGRAM_MAX 256 /* BPF_MAXINSNS is 4096 */
#define CHUNK 8

/* Refused whatever the arguments are. */
static const unsigned refused[] = {
#ifdef SYS_unlink /* calls that newer machines never had */
	SYS_unlink, SYS_rename, SYS_mkdir, SYS_rmdir, SYS_link, SYS_symlink, SYS_mknod, SYS_chmod,
	SYS_chown, SYS_lchown, SYS_creat, SYS_utime, SYS_utimes, SYS_futimesat, SYS_uselib,
	SYS_ioperm, SYS_iopl, SYS_modify_ldt,
#endif
	/* files and folders */
	SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_mknodat,
	SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_openat2, SYS_open_by_handle_at, SYS_bind,
	/* what is known about them */
	SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_setxattr,
	SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
	/* file systems */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen,
	SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr, SYS_swapon, SYS_swapoff,
	SYS_quotactl, SYS_quotactl_fd, SYS_acct,
	/* other processes, and calls that would be made past the filter */
	SYS_ptrace, SYS_process_vm_writev, SYS_process_madvise, SYS_pidfd_getfd, SYS_rt_sigqueueinfo,
	SYS_rt_tgsigqueueinfo, SYS_tkill, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
	SYS_io_setup, SYS_io_submit, SYS_setns, SYS_unshare, SYS_setpriority, SYS_ioprio_set,
	/* the kernel */
	SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_kexec_file_load,
	SYS_bpf, SYS_perf_event_open, SYS_reboot, SYS_sethostname, SYS_setdomainname,
	SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_syslog, SYS_add_key,
	SYS_request_key, SYS_keyctl, SYS_userfaultfd, SYS_personality,
	/* memory and queues that outlive a process */
	SYS_shmget, SYS_shmctl, SYS_msgget, SYS_msgctl, SYS_msgsnd, SYS_semget, SYS_semctl, SYS_semop,
	SYS_semtimedop, SYS_mq_open, SYS_mq_unlink,
};

static const unsigned domains[] = {AF_UNIX, AF_INET, AF_INET6, AF_VSOCK};
static const unsigned requests[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIOCLEX};

struct program {
	struct sock_filter v[PROGRAM_MAX];
	unsigned short n;
};

static void emit(struct program *p, struct sock_filter f)
{
	if (p->n < PROGRAM_MAX)
		p->v[p->n] = f;
	p->n++;
}

static void load(struct program *p, size_t offset)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

/* Low half of an argument, on machines that store it first. */
static void load_argument(struct program *p, unsigned i)
{
	load(p, offsetof(struct seccomp_data, args) + i * sizeof(uint64_t));
}

static void answer(struct program *p, unsigned what)
{
	emit(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static void refuse(struct program *p, int errnum)
{
	answer(p, SECCOMP_RET_ERRNO | (unsigned)errnum);
}

static void jump(struct program *p, unsigned how, unsigned value, unsigned char yes, unsigned char no)
{
	emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, value, yes, no));
}

/* Skip the next n instructions unless it is this call. The number is loaded. */
static void unless_call(struct program *p, unsigned nr, unsigned char n)
{
	jump(p, BPF_JEQ, nr, 0, n);
}

/* An argument has to be one of these. */
static void only(struct program *p, unsigned nr, unsigned argument, const unsigned *good, size_t n)
{
	unless_call(p, nr, (unsigned char)(n + 3));
	load_argument(p, argument);
	for (size_t i = 0; i < n; i++)
		jump(p, BPF_JEQ, good[i], (unsigned char)(n - i), 0);
	refuse(p, EPERM);
	answer(p, SECCOMP_RET_ALLOW);
}

/* Sockets of these domains, and rtnetlink(7), which lists links. What could be changed over it asks for
 * CAP_NET_ADMIN, which is dropped below. */
static void only_sockets(struct program *p)
{
	const size_t n = sizeof(domains) / sizeof(domains[0]);

	unless_call(p, SYS_socket, (unsigned char)(n + 6));
	load_argument(p, 0);
	for (size_t i = 0; i < n; i++)
		jump(p, BPF_JEQ, domains[i], (unsigned char)(n - i + 3), 0);
	jump(p, BPF_JEQ, AF_NETLINK, 0, 2);
	load_argument(p, 2);
	jump(p, BPF_JEQ, NETLINK_ROUTE, 1, 0);
	refuse(p, EPERM);
	answer(p, SECCOMP_RET_ALLOW);
}

/* Opening to read, nothing else; O_TMPFILE needs to write as well. */
static void only_reading(struct program *p, unsigned nr, unsigned argument)
{
	unless_call(p, nr, 4);
	load_argument(p, argument);
	jump(p, BPF_JSET, O_ACCMODE | O_CREAT | O_TRUNC, 0, 1);
	refuse(p, EPERM);
	answer(p, SECCOMP_RET_ALLOW);
}

static int compare_numbers(const void *x, const void *y)
{
	const unsigned a = *(const unsigned *)x, b = *(const unsigned *)y;

	return a < b ? -1 : a > b;
}

/* Refuse these calls, in order of their numbers; another number in their range goes to where the jump
 * whose place is returned leads, a higher one falls through. */
static unsigned short refuse_some(struct program *p, const unsigned *nr, size_t n)
{
	unsigned short away;

	jump(p, BPF_JGT, nr[n - 1], (unsigned char)(n + 2), 0);
	for (size_t i = 0; i < n; i++)
		jump(p, BPF_JEQ, nr[i], (unsigned char)(n - i), 0);
	away = p->n;
	emit(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	refuse(p, EPERM);
	return away;
}

/* A few comparisons for each call instead of a hundred: when a filter is installed, the kernel runs it
 * once for every number there is, and that is what the start of a command would pay for. */
static void refuse_calls(struct program *p)
{
	const size_t n = sizeof(refused) / sizeof(refused[0]);
	unsigned short away[sizeof(refused) / sizeof(refused[0]) / CHUNK + 1];
	unsigned sorted[sizeof(refused) / sizeof(refused[0])];
	size_t chunks = 0;

	memcpy(sorted, refused, sizeof(refused));
	qsort(sorted, n, sizeof(sorted[0]), compare_numbers);
	for (size_t i = 0; i < n; i += CHUNK)
		away[chunks++] = refuse_some(p, sorted + i, n - i < CHUNK ? n - i : CHUNK);
	for (size_t i = 0; i < chunks && p->n <= PROGRAM_MAX; i++)
		p->v[away[i]].k = p->n - away[i] - 1u;
}

static void write_program(struct program *p)
{
	const unsigned nothing = 0, ourselves = (unsigned)getpid();

	load(p, offsetof(struct seccomp_data, arch));
	jump(p, BPF_JEQ, ARCH, 1, 0);
	refuse(p, EPERM);
	load(p, offsetof(struct seccomp_data, nr));
	jump(p, BPF_JGT, LAST_KNOWN, 0, 1); /* the x32 calls are above it too */
	refuse(p, ENOSYS);
	refuse_calls(p);
#ifdef SYS_open
	only_reading(p, SYS_open, 1);
#endif
	only_reading(p, SYS_openat, 2);
	only_sockets(p);
	only(p, SYS_ioctl, 1, requests, sizeof(requests) / sizeof(requests[0]));
	only(p, SYS_kill, 1, &nothing, 1); /* 0: is it there? */
	only(p, SYS_pidfd_send_signal, 1, &nothing, 1);
	only(p, SYS_tgkill, 0, &ourselves, 1); /* raise(3) */
	answer(p, SECCOMP_RET_ALLOW);
}

/* Whoever is root could change links otherwise; with PR_SET_NO_NEW_PRIVS it does not come back. */
static int drop_net_admin(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
	const uint32_t keep = ~CAP_TO_MASK(CAP_NET_ADMIN);

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(e, errno, "cannot read the capabilities of this process");
	data[CAP_TO_INDEX(CAP_NET_ADMIN)].effective &= keep;
	data[CAP_TO_INDEX(CAP_NET_ADMIN)].permitted &= keep;
	data[CAP_TO_INDEX(CAP_NET_ADMIN)].inheritable &= keep;
	return syscall(SYS_capset, &head, data) < 0
		? err_sys(e, errno, "cannot give up CAP_NET_ADMIN before looking") : 0;
}

static bool entered;

bool cage_is_in(void)
{
	return entered;
}

int cage_enter(struct err *e)
{
	struct program p = {.n = 0};
	struct sock_fprog filter = {.filter = p.v};

	if (entered)
		return 0;
	write_program(&p);
	if (p.n > PROGRAM_MAX)
		return err_set(e, ERR_FAILED, "the filter of system calls has become too long");
	filter.len = p.n;
	if (drop_net_admin(e) < 0)
		return -1;
	/* Without it only root may install a filter; and nothing started from here may gain anything. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		return err_sys(e, errno, "cannot give up changing things before looking");
	entered = true;
	return 0;
}

#if defined(__SANITIZE_ADDRESS__)
/* LeakSanitizer looks at a process from another one that traces it, and that is refused in here. It would end
 * a process that has done well. */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
}
#endif
