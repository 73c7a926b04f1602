/* kernel_make.c - run the worker's kernel task on a request given as argument; for the tests. */
#include "drivers/kernel/worker/make.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	_cleanup_json_ json_t *request = NULL, *result = NULL;
	struct err e = ERR_INIT;

	if (argc != 2)
		return 64;
	if (json_parse(argv[1], strlen(argv[1]), "request", &request, &e) < 0 ||
		kernel_make_run(request, &result, &e) < 0) {
		fprintf(stderr, "%s: %s (%s)\n", err_kind_name(e.kind), e.msg, e.hint);
		return 1;
	}
	json_dumpf(result, stdout, JSON_COMPACT);
	putchar('\n');
	return 0;
}
