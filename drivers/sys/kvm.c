/* kvm.c - whether this host can really run a guest under KVM. */
#include "drivers/sys/kvm.h"

#include "drivers/sys/bootcache.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CACHE "kvm"
#define USABLE "usable"
#define PAGE 4096
#define PORT 0x10
#define TOKEN 0x1234
#define DEADLINE_MS 1000
#define CPUINFO_MAX 65536

#if defined(__x86_64__)

static const unsigned char code[] = {
	0xb8, TOKEN & 0xff, TOKEN >> 8, /* mov ax, TOKEN */
	0xe7, PORT,                     /* out PORT, ax */
	0xf4,                           /* hlt */
};

struct guest {
	int vm, cpu;
	void *memory;
	struct kvm_run *run;
	size_t run_size;
};

static void guest_fini(struct guest *g)
{
	if (g->run != MAP_FAILED)
		munmap(g->run, g->run_size);
	fd_close(&g->cpu);
	fd_close(&g->vm);
	if (g->memory != MAP_FAILED)
		munmap(g->memory, PAGE);
}

/* Real mode, one page of memory at address 0, the code at its start. Returns the name of what
 * failed, with errno. */
static const char *guest_init(struct guest *g, int kvm_fd)
{
	struct kvm_userspace_memory_region region = {.memory_size = PAGE};
	struct kvm_regs regs = {.rflags = 2};
	struct kvm_sregs sregs;
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof(struct kvm_run))
		return "KVM_GET_VCPU_MMAP_SIZE";
	g->run_size = (size_t)size;
	g->vm = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (g->vm < 0)
		return "KVM_CREATE_VM";
	g->memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (g->memory == MAP_FAILED)
		return "mmap";
	memcpy(g->memory, code, sizeof(code));
	region.userspace_addr = (uintptr_t)g->memory;
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return "KVM_SET_USER_MEMORY_REGION";
	g->cpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->cpu < 0)
		return "KVM_CREATE_VCPU";
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->cpu, 0);
	if (g->run == MAP_FAILED)
		return "mmap";
	if (ioctl(g->cpu, KVM_GET_SREGS, &sregs) < 0)
		return "KVM_GET_SREGS";
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(g->cpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(g->cpu, KVM_SET_REGS, &regs) < 0)
		return "KVM_SET_REGS";
	return NULL;
}

static void on_deadline(int sig)
{
	(void)sig; /* its only use is to end KVM_RUN with EINTR */
}

/* A timer whose signal goes to this very thread, again and again in case it comes before KVM_RUN. */
static int deadline_start(timer_t *timer, struct sigaction *old)
{
	const struct sigaction sa = {.sa_handler = on_deadline};
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	const struct itimerspec when = {
		.it_value = {.tv_sec = DEADLINE_MS / 1000},
		.it_interval = {.tv_nsec = 10000000},
	};

	ev._sigev_un._tid = gettid();
	if (sigaction(SIGRTMIN, &sa, old) < 0)
		return -1;
	if (timer_create(CLOCK_MONOTONIC, &ev, timer) < 0) {
		sigaction(SIGRTMIN, old, NULL);
		return -1;
	}
	timer_settime(*timer, 0, &when, NULL);
	return 0;
}

static void deadline_stop(timer_t timer, const struct sigaction *old)
{
	timer_delete(timer);
	sigaction(SIGRTMIN, old, NULL);
}

static bool wrote_token(const struct kvm_run *run)
{
	uint16_t word;

	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
		run->io.port != PORT || run->io.size != sizeof(word))
		return false;
	memcpy(&word, (const char *)run + run->io.data_offset, sizeof(word));
	return word == TOKEN;
}

const char *kvm_run_test(struct arena *a, int kvm_fd)
{
	_cleanup_(guest_fini) struct guest g = {.vm = -1, .cpu = -1, .memory = MAP_FAILED,
		.run = MAP_FAILED};
	const char *failed = guest_init(&g, kvm_fd);
	struct sigaction old;
	timer_t timer;
	int r, errnum;

	if (failed)
		return arena_printf(a, "%s failed: %s", failed, strerror(errno));
	if (deadline_start(&timer, &old) < 0)
		return arena_printf(a, "no timer for the test: %s", strerror(errno));
	r = ioctl(g.cpu, KVM_RUN, 0);
	errnum = errno;
	deadline_stop(timer, &old);
	if (r < 0 && errnum == EINTR)
		return "a virtual CPU did not come back from its test program";
	if (r < 0)
		return arena_printf(a, "KVM_RUN failed: %s", strerror(errnum));
	if (!wrote_token(g.run))
		return arena_printf(a, "a virtual CPU did not run its test program (exit reason %u)",
			g.run->exit_reason);
	return NULL;
}

/* The first CPU's flags line has the word. */
static bool cpu_has(const char *cpuinfo, const char *flag)
{
	const char *line = strstr(cpuinfo, "\nflags");
	size_t n = strlen(flag), line_n = line ? strcspn(line + 1, "\n") + 1 : 0;
	const char *p = line;

	while (p && (p = strstr(p, flag)) && p < line + line_n) {
		if (p[-1] == ' ' && (p[n] == ' ' || p[n] == '\n'))
			return true;
		p += n;
	}
	return false;
}

/* What the host says about itself that rules KVM out; NULL if nothing does. */
static const char *host_objection(struct arena *a)
{
	_cleanup_fd_ int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	char *cpuinfo = arena_alloc(a, CPUINFO_MAX);
	ssize_t got;
	size_t n = 0;

	if (access("/sys/module/kvm_pvm", F_OK) == 0)
		return "the host's KVM is kvm_pvm, which runs no ordinary guest";
	if (fd < 0)
		return "cannot read /proc/cpuinfo";
	while (n < CPUINFO_MAX - 1 && (got = read(fd, cpuinfo + n, CPUINFO_MAX - 1 - n)) > 0)
		n += (size_t)got;
	if (!cpu_has(cpuinfo, "vmx") && !cpu_has(cpuinfo, "svm"))
		return "the CPU shows neither vmx nor svm";
	return NULL;
}

#else

const char *kvm_run_test(struct arena *a, int kvm_fd)
{
	(void)a;
	(void)kvm_fd;
	return "not tested on this CPU architecture";
}

static const char *host_objection(struct arena *a)
{
	(void)a;
	return "not supported on this CPU architecture";
}

#endif

static const char *find_objection(struct arena *a, int kvm_fd)
{
	const char *objection = host_objection(a);
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);

	if (objection)
		return objection;
	if (version != KVM_API_VERSION)
		return arena_printf(a, "/dev/kvm has API version %d, not %d", version,
			KVM_API_VERSION);
	return kvm_run_test(a, kvm_fd);
}

bool kvm_is_usable(struct arena *a, int run_fd, const char *boot_id, const char **reason)
{
	_cleanup_fd_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	const char *kept;

	*reason = NULL;
	if (fd < 0) {
		*reason = arena_printf(a, "cannot open /dev/kvm: %s", strerror(errno));
		return false;
	}
	kept = bootcache_get(a, run_fd, CACHE, boot_id);
	if (!kept) {
		*reason = find_objection(a, fd);
		bootcache_put(run_fd, CACHE, boot_id, *reason ? *reason : USABLE, NULL);
	} else if (strcmp(kept, USABLE) != 0) {
		*reason = kept;
	}
	return !*reason;
}
