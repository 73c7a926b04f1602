/* test_sha256.c - the digests of FIPS 180-4's examples and of each length around a block. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/sha256.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

static void expect(const char *text, const char *want)
{
	char hex[2 * SHA256_BYTES + 1];
	uint8_t out[SHA256_BYTES];

	sha256(text, strlen(text), out);
	for (int i = 0; i < SHA256_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", out[i]);
	assert_string_equal(hex, want);
}

static void test_known(void **state)
{
	(void)state;
	expect("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Another implementation agrees, for each place where the padding changes. */
static void test_lengths(void **state)
{
	uint8_t data[300], ours[SHA256_BYTES], theirs[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof(data); n++) {
		sha256(data, n, ours);
		SHA256(data, n, theirs);
		assert_memory_equal(ours, theirs, SHA256_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known),
		cmocka_unit_test(test_lengths)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
