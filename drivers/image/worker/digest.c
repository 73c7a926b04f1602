/* digest.c - SHA-256 by libcrypto.
 *
 * <openssl/types.h> has a type called ERR_STATE, which is also one of our error kinds; nothing here
 * needs that type, so it is given another name while the header is read.
 */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#undef ERR_STATE

#include "drivers/image/worker/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BUFFER (256u << 10)

void digest_init(struct digest *d)
{
	d->ctx = EVP_MD_CTX_new();
	d->failed = !d->ctx || EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1;
}

void digest_add(struct digest *d, const void *data, size_t n)
{
	if (!d->failed && EVP_DigestUpdate(d->ctx, data, n) != 1)
		d->failed = true;
}

void digest_fini(struct digest *d)
{
	EVP_MD_CTX_free(d->ctx);
	d->ctx = NULL;
}

int digest_end(struct digest *d, char out[REF_DIGEST_MAX], struct err *e)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (d->failed || EVP_DigestFinal_ex(d->ctx, raw, &n) != 1 || n != REF_HEX / 2)
		return err_set(e, ERR_FAILED, "libcrypto cannot compute SHA-256");
	memcpy(out, "sha256:", 8);
	for (size_t i = 0; i < n; i++)
		snprintf(out + 7 + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

static int compare(const char *have, const char *want, struct err *e)
{
	if (strcmp(have, want) != 0)
		return err_set(e, ERR_CONTENT, "wrong digest: expected %s, got %s", want, have);
	return 0;
}

int digest_of(const void *data, size_t n, char out[REF_DIGEST_MAX], struct err *e)
{
	_cleanup_digest_ struct digest d;

	digest_init(&d);
	digest_add(&d, data, n);
	return digest_end(&d, out, e);
}

int digest_check(const void *data, size_t n, const char *want, struct err *e)
{
	char have[REF_DIGEST_MAX];

	return digest_of(data, n, have, e) < 0 ? -1 : compare(have, want, e);
}

int digest_range(const struct range *r, const char *what, char out[REF_DIGEST_MAX], struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_digest_ struct digest d;
	char *buf = arena_alloc(&a, BUFFER);
	uint64_t at = 0;
	ssize_t n;

	digest_init(&d);
	while ((n = range_read(r, buf, BUFFER, at)) > 0) {
		digest_add(&d, buf, (size_t)n);
		at += (uint64_t)n;
	}
	if (n < 0)
		return err_sys(e, errno, "cannot read %s", what);
	if (r->n != RANGE_TO_END && at != r->n)
		return err_set(e, ERR_CONTENT, "%s became shorter while it was read", what);
	return digest_end(&d, out, e);
}

int digest_check_range(const struct range *r, const char *want, struct err *e)
{
	char have[REF_DIGEST_MAX];

	return digest_range(r, want, have, e) < 0 ? -1 : compare(have, want, e);
}
