/* json.h - a thin, bounded layer over jansson for JSON that comes from outside or from state.
 *
 * Duplicate keys, trailing garbage, invalid UTF-8 and NUL in strings are refused. jansson itself
 * stops at a nesting of 2048; callers bound the size before they parse.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/base/kv.h"

#include <jansson.h>

static inline void json_drop(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}
#define _cleanup_json_ _cleanup_(json_drop)

/* Parse n bytes; what names them in errors. The caller owns *out (json_decref).
 * Fails with ERR_CONTENT. */
int json_parse(const char *buf, size_t n, const char *what, json_t **out, struct err *e);

/* Member of an object as a string or number; def when absent or of another type. Borrowed. */
const char *json_str(const json_t *obj, const char *key, const char *def);
int64_t json_int(const json_t *obj, const char *key, int64_t def);
bool json_flag(const json_t *obj, const char *key, bool def);

/* A string for people, also when the text is not UTF-8: then what is not is written as \xNN. NULL gives
 * null. The caller owns it. */
json_t *json_lossy(const char *text);

/* Compact text with keys in insertion order, copied into the arena. */
char *json_text(struct arena *a, const json_t *j);

/* A list of key = value strings as an object of strings, and back. Values may be any bytes but NUL
 * (file names are): they come back as they were. Keys are UTF-8. Entries of another type are refused
 * with ERR_CONTENT. */
char *json_from_kvs(struct arena *a, const struct kvs *l);
int json_to_kvs(struct arena *a, const char *text, const char *what, struct kvs *out,
	struct err *e);

/* The same of an object that is parsed already. */
int json_kvs(struct arena *a, json_t *obj, const char *what, struct kvs *out, struct err *e);
