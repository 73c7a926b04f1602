/* spec_time.c - what reading a spec costs, and what a bare loop over the events of libyaml costs for
 * the same bytes: the measure of tests/bench/spec.
 *
 *	spec-time bare FILE     milliseconds of CPU time
 *	spec-time load FILE     the same for spec_load, and the largest resident size in KiB
 */
#include "schema/base/fd.h"
#include "schema/spec.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <yaml.h>

static double cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* Every event, and nothing done with it. */
static int bare(const char *path)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	yaml_parser_t parser;
	bool more = true;
	char *text;
	size_t n;

	if (file_read(&a, AT_FDCWD, path, SPEC_BYTES_MAX, &text, &n, NULL) < 0 ||
		!yaml_parser_initialize(&parser))
		return -1;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
	while (more) {
		yaml_event_t event;

		if (!yaml_parser_parse(&parser, &event))
			return -1;
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return 0;
}

/* A spec with mistakes is read as well: they are shown as they would be, but nowhere. */
static int load(const char *path)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	if (spec_load(&a, &path, 1, &spec, &diags, &e) < 0 && e.kind != ERR_SPEC)
		return -1;
	vec_each(d, &diags)
		if (!*diag_text(&a, d))
			return -1;
	fprintf(stderr, "%zu diagnostics\n", diags.n);
	return 0;
}

int main(int argc, char **argv)
{
	bool is_bare = argc == 3 && !strcmp(argv[1], "bare");
	struct rusage u;
	double start = cpu_ms();

	if (argc != 3 || (is_bare ? bare(argv[2]) : load(argv[2])) < 0) {
		fputs("usage: spec-time bare|load FILE\n", stderr);
		return 1;
	}
	start = cpu_ms() - start;
	getrusage(RUSAGE_SELF, &u);
	printf("%.3f %ld\n", start, u.ru_maxrss);
	return 0;
}
