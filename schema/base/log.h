/* log.h - one line of key=value per event on stderr.
 *
 *	log_info("vmm started", "vm=%s pid=%d", name, pid);
 *
 * The level is set once by main; below it nothing is formatted. Logs never go to stdout.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_config {
	enum log_level level;
	bool json;         /* one JSON object a line */
	const char *op_id; /* operation id attached to each line; may be NULL */
};

/* Replace the configuration; the strings must stay valid. */
void log_setup(const struct log_config *c);

/* The operation id of the lines from now on; stays borrowed until it is replaced. NULL: none. */
void log_operation(const char *op_id);

/* One line. fmt, if not NULL, gives further key=value pairs. errno is kept. */
void log_line(enum log_level level, const char *msg, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(msg, ...) log_line(LOG_ERROR, msg, __VA_ARGS__)
#define log_warn(msg, ...) log_line(LOG_WARN, msg, __VA_ARGS__)
#define log_info(msg, ...) log_line(LOG_INFO, msg, __VA_ARGS__)
#define log_debug(msg, ...) log_line(LOG_DEBUG, msg, __VA_ARGS__)
