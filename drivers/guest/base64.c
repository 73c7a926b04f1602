/* base64.c - RFC 4648 base64. */
#include "drivers/guest/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, char *out)
{
	const unsigned char *in = data;

	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i;
		uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
			(left > 2 ? in[i + 2] : 0u);

		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = (char)(left > 1 ? alphabet[bits >> 6 & 63] : '=');
		*out++ = (char)(left > 2 ? alphabet[bits & 63] : '=');
	}
	*out = '\0';
}

/* Value of a character, -1 if it has none. */
static int value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, the last pad of them '=', as 24 bits; -1 if they are not canonical. */
static int32_t group(const char *text, size_t pad)
{
	int32_t bits = 0;

	for (size_t i = 0; i < 4; i++) {
		int v = i < 4 - pad ? value(text[i]) : 0;

		if (v < 0)
			return -1;
		bits = bits << 6 | v;
	}
	/* Bits that the padding leaves over have to be zero. */
	return bits & ((1 << 8 * pad) - 1) ? -1 : bits;
}

ssize_t base64_decode(const char *text, size_t n, void *out, size_t max)
{
	unsigned char *p = out;
	size_t pad = 0, size;

	if (n % 4)
		return -1;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	size = n / 4 * 3 - pad;
	if (size > max)
		return -1;
	for (size_t i = 0; i < n; i += 4) {
		size_t skip = i + 4 == n ? pad : 0;
		int32_t bits = group(text + i, skip);

		if (bits < 0)
			return -1;
		for (size_t k = 0; k < 3 - skip; k++)
			*p++ = (unsigned char)(bits >> (16 - 8 * k));
	}
	return (ssize_t)size;
}
