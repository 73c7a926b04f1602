/* tsc_khz.c - print the rate of this CPU's time stamp counter in kHz; for the tests.
 *
 * An emulated guest sees the host's counter and cannot measure it well when the host is busy, so
 * the kernel is told (tsc_early_khz=).
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#if defined(__x86_64__)
static uint64_t ticks(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static uint64_t ticks(void)
{
	return 0;
}
#endif

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(void)
{
	uint64_t at = now_ns(), begin = ticks(), ns = 0;

	while (ns < 100000000)
		ns = now_ns() - at;
	printf("%llu\n", (unsigned long long)((ticks() - begin) * 1000000 / ns));
	return 0;
}
