/* marks.c - the lines in a workload's output that only say the time. */
#include "reconciler/marks.h"

#include "drivers/guest/proto.h"

#define DIGITS_FROM 2

bool marks_parse(const char *line, size_t n, int64_t *ms)
{
	int64_t s = 0;

	if (n != GUEST_MARK_BYTES || line[0] != '\036' || line[1] != '@' || line[n - 1] != '\n')
		return false;
	for (size_t i = DIGITS_FROM; i < n - 1; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		s = s * 10 + (line[i] - '0');
	}
	*ms = s * 1000;
	return true;
}
