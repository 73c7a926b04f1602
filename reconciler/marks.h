/* marks.h - the lines in a workload's output that only say the time (drivers/guest/proto.h). PURE. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether these n bytes are such a line; *ms: its time. */
bool marks_parse(const char *line, size_t n, int64_t *ms);
