/* moment.h - moments in time as people write them. PURE. */
#pragma once

#include "schema/base/err.h"

#include <stdint.h>

/* Milliseconds since 1970 of "2026-12-01", "2026-12-01T08:30Z", "2026-12-01 08:30:00.5+02:00": RFC
 * 3339, where the time, its seconds and its zone may be left out (midnight, 0, UTC) and a blank may
 * stand for the T. Fails with ERR_SPEC and a hint. */
int moment_parse(const char *text, int64_t *ms, struct err *e);

/* A moment, or a span before now such as "90s", "24h" or "7d". Fails with ERR_USAGE. */
int moment_parse_ago(const char *text, int64_t now_ms, int64_t *ms, struct err *e);
