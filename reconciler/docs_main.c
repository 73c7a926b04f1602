/* docs_main.c - print one generated document: make docs. */
#include "reconciler/man.h"
#include "schema/fields_doc.h"
#include "schema/fields_man.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *(*make)(struct arena *a);
} documents[] = {{"fields.md", fields_doc}, {"reconcile.1", man_page},
	{"reconcile.yaml.5", fields_man}};

int main(int argc, char **argv)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	for (size_t i = 0; argc == 2 && i < sizeof(documents) / sizeof(documents[0]); i++)
		if (!strcmp(documents[i].name, argv[1]))
			return fputs(documents[i].make(&a), stdout) < 0 || fflush(stdout) ? 1 : 0;
	fputs("usage: docs DOCUMENT\n", stderr);
	return 64;
}
