/* fuzz_ref.c - names of images. What is accepted has to mean the same when it is written out and
 * read again. (A reference of nearly the greatest length may be too long with what is added to it.)
 */
#include "drivers/image/ref.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 230 /* a repository has at most 255 bytes, and may get "library/" in front */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const char *a, const char *b)
{
	if (!a != !b || (a && strcmp(a, b) != 0))
		abort();
}

static void reference(struct arena *a, const char *text)
{
	struct ref one, two;

	if (strlen(text) > LENGTH_MAX || ref_parse(a, text, &one, NULL) < 0)
		return;
	if (!one.host || !one.repo || (!one.tag && !one.digest))
		abort();
	if (one.digest && !ref_is_digest(one.digest))
		abort();
	if (ref_parse(a, ref_text(a, &one), &two, NULL) < 0)
		abort();
	same(one.host, two.host);
	same(one.repo, two.repo);
	same(one.digest, two.digest);
	if (!one.digest)
		same(one.tag, two.tag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = ARENA_INIT;
	const char *text = arena_dupn(&a, (const char *)data, size), *path, *tag;
	struct platform one, two;

	reference(&a, text);
	if (ref_platform(&a, text, &one, NULL) == 0) {
		if (ref_platform(&a, ref_platform_text(&a, &one), &two, NULL) < 0)
			abort();
		same(one.arch, two.arch);
		same(one.variant, two.variant);
	}
	if (ref_layout(&a, text, &path, &tag, NULL) == 0 && (!*path || (tag && !ref_is_tag(tag))))
		abort();
	arena_free(&a);
	return 0;
}
