/* unsupported.c - the words of the spec language that no driver does yet.
 *
 * They are refused as "not supported yet", so that nobody looks for a spelling mistake. What they hold
 * is judged where later.c has rows for them; a word leaves this table, and its rows leave that one,
 * when its field gets a row in a field table.
 */
#include "schema/later.h"

#include <string.h>

static const char *const top[] = {"networks", "volumes", NULL};
static const char *const image[] = {"auth_file", "labels", NULL};
static const char *const kernel[] = {"initrd", "labels", "oci", NULL};
static const char *const vm[] = {NULL};

static const char *const *words_of(const struct noun *noun)
{
	if (!noun)
		return top;
	if (noun == &noun_image)
		return image;
	return noun == &noun_kernel ? kernel : vm;
}

bool unsupported_has(const struct noun *noun, const char *prefix, const char *key)
{
	size_t n = strlen(prefix);

	for (const char *const *w = words_of(noun); *w; w++)
		if (!strncmp(*w, prefix, n) && !strcmp(*w + n, key))
			return true;
	return later_has(noun, prefix, key);
}
