/* err.h - the error value: one struct on the caller's stack, one rule for the whole tree.
 *
 * int f(..., struct err *e) returns 0 when it is done and -1 when it failed; then, and only then,
 * e is filled. The origin says what was attempted on which object (err_set, err_sys); a layer
 * above may put one prefix before it (err_wrap); one place prints (reconciler/print.c).
 */
#pragma once

#include <stdint.h>

enum err_kind {
	ERR_NONE,
	ERR_FAILED,   /* an operation failed; nothing more is known */
	ERR_USAGE,    /* the command line is wrong */
	ERR_SPEC,     /* the spec is wrong */
	ERR_NOINPUT,  /* a file that the user named cannot be read */
	ERR_SYSTEM,   /* a system call failed; errnum says how */
	ERR_STATE,    /* saved state cannot be read or written */
	ERR_LOCKED,   /* somebody else holds the lock; try again */
	ERR_DENIED,   /* no permission */
	ERR_GUARD,    /* stopped by a guard: protection, confirmation, data loss */
	ERR_CONFLICT, /* something that is not ours is in the way */
	ERR_REMOTE,   /* a registry or another remote side failed */
	ERR_CONTENT,  /* data from outside is not what it claims to be */
	ERR_LIMIT,    /* a bound was hit: size, count, space */
	ERR_TIMEOUT,  /* it took longer than allowed */
	ERR_GUEST,    /* the guest or its agent failed */
	ERR_CANCELLED,/* the user or a signal asked to stop */
	ERR_CONFIG,   /* where the program works is not fit for it: folders, owners, environment */
	ERR_KIND_N
};

struct err {
	enum err_kind kind;
	int errnum;        /* errno of the failed call, 0 if none */
	char file[256];    /* source position in a spec; empty if none */
	uint32_t line, col;
	char msg[1024];
	char hint[256];    /* what to do next; empty if not known */
};

#define ERR_INIT {.kind = ERR_NONE}

/* Fill e with a message. Returns -1, so that "return err_set(...)" reads well.
 * A NULL e is allowed: the caller does not want to know why. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: kind ERR_SYSTEM (ERR_DENIED for EACCES and EPERM),
 * the text of errnum is appended after a colon. */
int err_sys(struct err *e, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the message that is already there. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Say what the user can do next. Replaces an earlier hint. Returns -1. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Name the place in the spec that the error is about. Returns -1. */
int err_at(struct err *e, const char *file, uint32_t line, uint32_t col);

/* Join a second failure to the first: the root cause stays in front. An empty e takes over more. */
void err_join(struct err *e, const struct err *more);

/* Forget the error, as if nothing had happened. */
void err_clear(struct err *e);

/* Stable lower-case name of a kind ("spec", "remote"), used in JSON. */
const char *err_kind_name(enum err_kind kind);

/* Kind of that name; ERR_FAILED for a name that is not known, and for "none": who reports an error
 * has one. */
enum err_kind err_kind_parse(const char *name);

/* Exit code of a kind, after docs/exit-status.md. */
int err_exit_code(enum err_kind kind);
