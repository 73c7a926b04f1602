/* base64.c - RFC 4648 base64, padded. */
#include "drivers/guest/inside/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t n, char *out)
{
	const unsigned char *in = data;

	for (; n >= 3; n -= 3, in += 3) {
		uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = digits[v >> 6 & 63];
		*out++ = digits[v & 63];
	}
	if (n) {
		uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*out = '=';
	}
}

/* Value of a digit, 64 for anything else. */
static uint32_t value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0') + 52;
	return c == '+' ? 62 : c == '/' ? 63 : 64;
}

int base64_decode(char *text, size_t n, size_t *len)
{
	unsigned char *out = (unsigned char *)text;
	size_t pad = 0;

	if (n % 4)
		return -1;
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < n; i += 4) {
		size_t lost = i + 4 == n ? pad : 0;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			uint32_t digit = k < 4 - lost ? value(text[i + k]) : 0;

			if (digit > 63)
				return -1;
			v = v << 6 | digit;
		}
		if (v & ((1u << (8 * lost)) - 1))
			return -1;
		*out++ = (unsigned char)(v >> 16);
		*out++ = (unsigned char)(v >> 8);
		*out++ = (unsigned char)v;
	}
	*len = n / 4 * 3 - pad;
	return 0;
}
