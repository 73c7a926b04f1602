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
#include <unistd.h>

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

static int compare(struct digest *d, const char *want, struct err *e)
{
	char have[REF_DIGEST_MAX];

	if (digest_end(d, have, e) < 0)
		return -1;
	if (strcmp(have, want) != 0)
		return err_set(e, ERR_CONTENT, "wrong digest: expected %s, got %s", want, have);
	return 0;
}

int digest_check(const void *data, size_t n, const char *want, struct err *e)
{
	_cleanup_digest_ struct digest d;

	digest_init(&d);
	digest_add(&d, data, n);
	return compare(&d, want, e);
}

int digest_check_fd(int fd, const char *want, uint64_t *size, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_digest_ struct digest d;
	char *buf = arena_alloc(&a, BUFFER);

	digest_init(&d);
	*size = 0;
	for (;;) {
		ssize_t n = pread(fd, buf, BUFFER, (off_t)*size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "cannot read blob %s", want);
		if (!n)
			return compare(&d, want, e);
		digest_add(&d, buf, (size_t)n);
		*size += (uint64_t)n;
	}
}
