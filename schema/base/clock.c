/* clock.c - the two clocks. */
#include "schema/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_mono_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t clock_real_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

void clock_text(int64_t real_ms, char out[CLOCK_TEXT_MAX])
{
	int ms = (int)(real_ms % 1000) + (real_ms % 1000 < 0 ? 1000 : 0); /* also before 1970 */
	time_t sec = (time_t)(real_ms / 1000 - (real_ms % 1000 < 0));
	char day[24];
	struct tm tm;

	if (!gmtime_r(&sec, &tm) || !strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm))
		day[0] = '\0';
	snprintf(out, CLOCK_TEXT_MAX, "%s.%03dZ", day, ms);
}

void clock_span(int64_t ms, char out[CLOCK_TEXT_MAX])
{
	int64_t s = ms < 0 ? 0 : ms / 1000;

	if (s < 60)
		snprintf(out, CLOCK_TEXT_MAX, "%ds", (int)s);
	else if (s < 3600)
		snprintf(out, CLOCK_TEXT_MAX, "%dm%02ds", (int)(s / 60), (int)(s % 60));
	else if (s < 86400)
		snprintf(out, CLOCK_TEXT_MAX, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
	else
		snprintf(out, CLOCK_TEXT_MAX, "%lldd%dh", (long long)(s / 86400),
			(int)(s / 3600 % 24));
}
