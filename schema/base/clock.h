/* clock.h - the two clocks: monotonic for waiting, real for what people read. */
#pragma once

#include <stdint.h>

/* Milliseconds of CLOCK_BOOTTIME (clock_gettime(2)): goes on during suspend, never jumps. */
int64_t clock_mono_ms(void);

/* Milliseconds since 1970 of CLOCK_REALTIME. Only for people; nothing is decided by it. */
int64_t clock_real_ms(void);

/* RFC 3339 in UTC with milliseconds, "2026-11-24T21:52:59.123Z". */
#define CLOCK_TEXT_MAX 32
void clock_text(int64_t real_ms, char out[CLOCK_TEXT_MAX]);

/* "3s", "4m12s", "2h05m", "3d4h": a span for people. */
void clock_span(int64_t ms, char out[CLOCK_TEXT_MAX]);
