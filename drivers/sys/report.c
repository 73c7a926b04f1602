/* report.c - lines of JSON on standard output. */
#include "drivers/sys/report.h"

#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVERY_MS 200
#define WHATS 32 /* things under way at once */

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

/* Whether it is time to say something about what again. */
static bool is_due(const char *what, bool all)
{
	static struct said {
		char what[256];
		int64_t ms;
		bool all; /* that all of it is done */
	} last[WHATS];
	const int64_t now = clock_mono_ms();
	struct said *oldest = &last[0];

	for (size_t i = 0; i < WHATS; i++) {
		struct said *s = &last[i];

		if (!strncmp(what, s->what, sizeof(s->what) - 1)) {
			if (all ? s->all : now - s->ms < EVERY_MS)
				return false;
			s->ms = now;
			s->all = all;
			return true;
		}
		if (s->ms < oldest->ms)
			oldest = s;
	}
	oldest->ms = now;
	oldest->all = all;
	snprintf(oldest->what, sizeof(oldest->what), "%s", what);
	return true;
}

void report_progress(const char *what, uint64_t done, uint64_t total)
{
	report_progress_of(NULL, what, done, total);
}

void report_progress_of(const char *of, const char *what, uint64_t done, uint64_t total)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *key = of ? arena_printf(&a, "%s %s", what, of) : what;
	json_t *j;

	pthread_mutex_lock(&lock);
	if (is_due(key, total && done >= total)) {
		j = json_object();
		if (of)
			json_object_set_new(j, "of", text_of(of));
		json_object_set_new(j, "what", text_of(what));
		json_object_set_new(j, "done", json_integer((json_int_t)done));
		json_object_set_new(j, "total", json_integer((json_int_t)total));
		say("progress", j);
	}
	pthread_mutex_unlock(&lock);
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
