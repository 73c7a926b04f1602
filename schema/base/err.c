/* err.c - the error value; see err.h for the rule. */
#include "schema/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The one table of exit codes; docs/exit-status.md shows it and tests/unit/test_err.c compares. */
static const struct {
	const char *name;
	int exit_code;
} kinds[ERR_KIND_N] = {
	[ERR_NONE] = {"none", 0},
	[ERR_FAILED] = {"failed", 1},
	[ERR_USAGE] = {"usage", 64},
	[ERR_SPEC] = {"spec", 65},
	[ERR_NOINPUT] = {"no-input", 66},
	[ERR_SYSTEM] = {"system", 1},
	[ERR_STATE] = {"state", 1},
	[ERR_LOCKED] = {"locked", 75},
	[ERR_DENIED] = {"denied", 77},
	[ERR_GUARD] = {"guard", 4},
	[ERR_CONFLICT] = {"conflict", 1},
	[ERR_REMOTE] = {"remote", 1},
	[ERR_CONTENT] = {"content", 65},
	[ERR_LIMIT] = {"limit", 1},
	[ERR_TIMEOUT] = {"timeout", 5},
	[ERR_GUEST] = {"guest", 1},
	[ERR_CANCELLED] = {"cancelled", 1},
	[ERR_CONFIG] = {"config", 78},
};

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	*e = (struct err){.kind = kind};
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	char what[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	*e = (struct err){.kind = ERR_SYSTEM, .errnum = errnum};
	if (errnum == EACCES || errnum == EPERM)
		e->kind = ERR_DENIED;
	snprintf(e->msg, sizeof(e->msg), "%.800s: %s", what, strerror(errnum));
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char what[sizeof(e->msg)], old[sizeof(e->msg)];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	memcpy(old, e->msg, sizeof(old));
	snprintf(e->msg, sizeof(e->msg), "%.300s: %.700s", what, old);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *e, const char *file, uint32_t line, uint32_t col)
{
	if (!e)
		return -1;
	snprintf(e->file, sizeof(e->file), "%s", file ? file : "");
	e->line = line;
	e->col = col;
	return -1;
}

void err_join(struct err *e, const struct err *more)
{
	size_t used;

	if (!e || !more || more->kind == ERR_NONE)
		return;
	if (e->kind == ERR_NONE) {
		*e = *more;
		return;
	}
	used = strlen(e->msg);
	snprintf(e->msg + used, sizeof(e->msg) - used, "; then: %s", more->msg);
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err)ERR_INIT;
}

const char *err_kind_name(enum err_kind kind)
{
	return kind < ERR_KIND_N ? kinds[kind].name : "failed";
}

enum err_kind err_kind_parse(const char *name)
{
	for (int k = ERR_FAILED; name && k < ERR_KIND_N; k++)
		if (!strcmp(kinds[k].name, name))
			return (enum err_kind)k;
	return ERR_FAILED;
}

int err_exit_code(enum err_kind kind)
{
	return kind < ERR_KIND_N ? kinds[kind].exit_code : 1;
}
