/* report.c - lines of JSON on standard output. */
#include "drivers/sys/report.h"

#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <string.h>
#include <unistd.h>

#define EVERY_MS 200

/* Takes over the value. */
static int say(const char *key, json_t *value)
{
	_cleanup_json_ json_t *line = json_object();
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *text;

	if (json_object_set_new(line, key, value) < 0)
		return -1;
	text = arena_printf(&a, "%s\n", json_text(&a, line));
	return fd_write_all(STDOUT_FILENO, text, strlen(text));
}

/* json_string refuses what is not UTF-8, and names in archives are any bytes. */
static json_t *text_of(const char *s)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	json_t *j = json_string(s);
	char *copy;

	if (j)
		return j;
	copy = arena_dup(&a, s);
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(copy);
}

void report_progress(const char *what, uint64_t done, uint64_t total)
{
	static char last[64];
	static int64_t last_ms;
	const int64_t now = clock_mono_ms();
	json_t *j;

	if (!strncmp(what, last, sizeof(last) - 1) && now - last_ms < EVERY_MS)
		return;
	last_ms = now;
	snprintf(last, sizeof(last), "%s", what);
	j = json_object();
	json_object_set_new(j, "what", text_of(what));
	json_object_set_new(j, "done", json_integer((json_int_t)done));
	json_object_set_new(j, "total", json_integer((json_int_t)total));
	say("progress", j);
}

int report_result(const json_t *result)
{
	return say("result", json_deep_copy(result));
}

int report_error(const struct err *e)
{
	json_t *j = json_object();

	json_object_set_new(j, "kind", json_string(err_kind_name(e->kind)));
	json_object_set_new(j, "msg", text_of(e->msg));
	if (e->hint[0])
		json_object_set_new(j, "hint", text_of(e->hint));
	return say("error", j);
}
