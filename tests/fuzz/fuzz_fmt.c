/* fuzz_fmt.c - any bytes through fmt: what it accepts it formats once and for all. That the meaning
 * stays is checked by fmt_text itself. */
#include "schema/fmt.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	const char *once, *twice, *text = arena_dupn(&a, data, size);

	if (fmt_text(&a, text, size, &once, &e) < 0)
		return 0;
	if (fmt_text(&a, once, strlen(once), &twice, &e) < 0 || strcmp(once, twice) != 0)
		abort();
	return 0;
}
