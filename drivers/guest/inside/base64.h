/* base64.h - RFC 4648 base64, padded. PURE. */
#pragma once

#include <stddef.h>

/* Characters that n bytes become, without a NUL. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Encode n bytes to BASE64_LEN(n) characters; no NUL is written. */
void base64_encode(const void *data, size_t n, char *out);

/* Decode n characters in place. Returns 0 with the bytes in text and how many in *len; -1 when it
 * is not base64: a wrong length, character or padding, or bits that would be lost. */
int base64_decode(char *text, size_t n, size_t *len);
