/* hash.h - a 64-bit FNV-1a hash: names things, protects nothing.
 *
 * PURE. http://www.isthe.com/chongo/tech/comp/fnv/
 */
#pragma once

#include <stdint.h>

#define HASH_INIT 0xcbf29ce484222325u

/* Go on from h with the text and its NUL, so that "a","bc" and "ab","c" differ. */
static inline uint64_t hash_text(uint64_t h, const char *text)
{
	do {
		h ^= (unsigned char)*text;
		h *= 0x100000001b3u;
	} while (*text++);
	return h;
}
