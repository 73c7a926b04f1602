/* backoff.c - how long to wait before what failed is tried again. */
#include "reconciler/engine/backoff.h"

#define FIRST_MS 1000
#define MAX_MS 300000

int64_t backoff_ms(const char *name, uint32_t attempts)
{
	int64_t wait = FIRST_MS;
	uint32_t spread = attempts;

	for (uint32_t i = 1; i < attempts && wait < MAX_MS; i++)
		wait *= 2;
	if (wait > MAX_MS)
		wait = MAX_MS;
	for (; *name; name++)
		spread = spread * 31 + (unsigned char)*name;
	return wait * 4 / 5 + wait * (int64_t)(spread % 401) / 1000;
}
