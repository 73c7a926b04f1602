/* backoff.h - how long to wait before what failed is tried again. PURE. */
#pragma once

#include <stdint.h>

/* Exponential, from one second to five minutes, with a spread of a fifth that depends on the name, so
 * that many that fail together do not come back together. attempts: failures in a row, at least 1. */
int64_t backoff_ms(const char *name, uint32_t attempts);
