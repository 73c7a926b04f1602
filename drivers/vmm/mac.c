/* mac.c - the hardware address of a VM. */
#include "drivers/vmm/mac.h"

#include "drivers/vmm/hash.h"

#include <stdio.h>

void mac_of(const char *instance, const char *vm, char out[MAC_TEXT_MAX])
{
	uint64_t h = hash_text(hash_text(HASH_INIT, instance), vm);

	/* The upper bits of FNV change less with the last letters; fold them in. */
	h ^= h >> 24;
	snprintf(out, MAC_TEXT_MAX, "02:%02x:%02x:%02x:%02x:%02x", (unsigned)(h >> 32) & 0xff,
		(unsigned)(h >> 24) & 0xff, (unsigned)(h >> 16) & 0xff, (unsigned)(h >> 8) & 0xff,
		(unsigned)h & 0xff);
}
