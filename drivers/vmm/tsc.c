/* tsc.c - the rate of the host's time stamp counter. */
#include "drivers/vmm/tsc.h"

#include "drivers/sys/bootcache.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define CACHE "tsc_khz"
#define MEASURE_NS 50000000
#define KHZ_MIN 100000u   /* slower or faster than this is a broken measurement */
#define KHZ_MAX 20000000u

#if defined(__x86_64__)

struct sample {
	uint64_t ticks;
	int64_t ns;
};

static int64_t raw_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Both clocks at one moment: the closest pair of a few, since we may lose the CPU in between. */
static struct sample sample(void)
{
	struct sample best = {0};
	uint64_t narrowest = UINT64_MAX;

	for (int i = 0; i < 8; i++) {
		uint64_t before = __builtin_ia32_rdtsc();
		int64_t ns = raw_ns();
		uint64_t after = __builtin_ia32_rdtsc();

		if (after - before < narrowest) {
			narrowest = after - before;
			best = (struct sample){before + (after - before) / 2, ns};
		}
	}
	return best;
}

static uint64_t measure(void)
{
	const struct timespec pause = {.tv_nsec = MEASURE_NS};
	struct sample a = sample(), b;

	nanosleep(&pause, NULL); /* ending early only costs precision */
	b = sample();
	return b.ns > a.ns ? (b.ticks - a.ticks) * 1000000 / (uint64_t)(b.ns - a.ns) : 0;
}

#else

static uint64_t measure(void)
{
	return 0;
}

#endif

int tsc_khz(struct arena *a, int run_fd, const char *boot_id, uint64_t *khz, struct err *e)
{
	const char *kept = bootcache_get(a, run_fd, CACHE, boot_id);
	uint64_t found = kept ? strtoull(kept, NULL, 10) : 0;

	if (found < KHZ_MIN || found > KHZ_MAX) {
		found = measure();
		if (found && (found < KHZ_MIN || found > KHZ_MAX))
			return err_set(e, ERR_SYSTEM, "cannot measure the CPU's time stamp counter: "
				"%llu kHz makes no sense", (unsigned long long)found);
		bootcache_put(run_fd, CACHE, boot_id,
			arena_printf(a, "%llu", (unsigned long long)found), NULL);
	}
	*khz = found;
	return 0;
}
