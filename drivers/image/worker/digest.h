/* digest.h - SHA-256 by libcrypto, as "sha256:<hex>". */
#pragma once

#include "drivers/image/ref.h"
#include "drivers/image/worker/range.h"

#include <stddef.h>
#include <stdint.h>

struct digest {
	void *ctx;   /* EVP_MD_CTX; libcrypto's headers stay in digest.c */
	bool failed; /* libcrypto refused; seen at the end */
};

void digest_init(struct digest *d);
void digest_add(struct digest *d, const void *data, size_t n);
void digest_fini(struct digest *d);
#define _cleanup_digest_ _cleanup_(digest_fini)

/* The digest of everything added; d can only be initialised or finished after it. */
int digest_end(struct digest *d, char out[REF_DIGEST_MAX], struct err *e);

/* The digest of n bytes. */
int digest_of(const void *data, size_t n, char out[REF_DIGEST_MAX], struct err *e);

/* 0 if the n bytes have that digest; ERR_CONTENT says which one they have. */
int digest_check(const void *data, size_t n, const char *want, struct err *e);

/* The digest of a range. what names it in errors. */
int digest_range(const struct range *r, const char *what, char out[REF_DIGEST_MAX], struct err *e);

/* 0 if the range has that digest. */
int digest_check_range(const struct range *r, const char *want, struct err *e);
