/* base64.h - RFC 4648 base64, padded, without line ends.
 *
 * PURE.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Characters that n bytes become. */
static inline size_t base64_size(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* Encode n bytes into out, base64_size(n) + 1 bytes with the NUL. */
void base64_encode(const void *data, size_t n, char *out);

/* Decode n characters into out, which has room for max bytes. The number of bytes, or -1 when the
 * text is not base64 in its one canonical form or does not fit. */
ssize_t base64_decode(const char *text, size_t n, void *out, size_t max);
