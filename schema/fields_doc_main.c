/* fields_doc_main.c - print docs/fields.md: make docs. */
#include "schema/fields_doc.h"

#include <stdio.h>

int main(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	return fputs(fields_doc(&a), stdout) < 0 || fflush(stdout) ? 1 : 0;
}
