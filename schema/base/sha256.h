/* sha256.h - SHA-256 of a short text, after FIPS 180-4.
 *
 * PURE. Digests of images are the worker's work, with libcrypto; the main program, which starts in a
 * millisecond, only has to tell whether a secret changed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32

void sha256(const void *data, size_t n, uint8_t out[SHA256_BYTES]);
