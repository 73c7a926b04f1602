/* log.c - one line of key=value per event on stderr. */
#include "schema/base/log.h"

#include "schema/base/clock.h"
#include "schema/base/json.h"
#include "schema/base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct log_config config = {.level = LOG_WARN};

static const char *const names[] = {"error", "warn", "info", "debug"};

void log_setup(const struct log_config *c)
{
	config = *c;
}

void log_operation(const char *op_id)
{
	config.op_id = op_id;
}

static void write_json(enum log_level level, const char *msg, const char *rest)
{
	char now[CLOCK_TEXT_MAX];
	_cleanup_json_ json_t *obj = json_object();
	_cleanup_arena_ struct arena a = ARENA_INIT;

	clock_text(clock_real_ms(), now);
	json_object_set_new(obj, "ts", json_string(now));
	json_object_set_new(obj, "level", json_string(names[level]));
	json_object_set_new(obj, "msg", json_lossy(msg));
	if (config.op_id)
		json_object_set_new(obj, "op", json_string(config.op_id));
	if (rest[0])
		json_object_set_new(obj, "detail", json_lossy(rest));
	dprintf(STDERR_FILENO, "%s\n", json_text(&a, obj));
}

/* What guests and registries say stands in it: on a terminal it is shown, not obeyed. */
static void write_text(enum log_level level, const char *msg, const char *rest)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *op = config.op_id && level == LOG_DEBUG ? config.op_id : NULL;

	dprintf(STDERR_FILENO, "%s: %s%s%s%s%s\n", names[level], msg, rest[0] ? " " : "",
		utf8_escape(&a, rest), op ? " op=" : "", op ? op : "");
}

void log_line(enum log_level level, const char *msg, const char *fmt, ...)
{
	char rest[768] = "";
	int saved = errno;
	va_list ap;

	if (level > config.level)
		return;
	if (fmt) {
		va_start(ap, fmt);
		vsnprintf(rest, sizeof(rest), fmt, ap);
		va_end(ap);
	}
	if (config.json)
		write_json(level, msg, rest);
	else
		write_text(level, msg, rest);
	errno = saved;
}
