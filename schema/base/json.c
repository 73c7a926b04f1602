/* json.c - a thin, bounded layer over jansson. */
#include "schema/base/json.h"

#include "schema/base/utf8.h"

#include <stdlib.h>
#include <string.h>

int json_parse(const char *buf, size_t n, const char *what, json_t **out, struct err *e)
{
	json_error_t why;
	json_t *j = json_loadb(buf, n, JSON_REJECT_DUPLICATES, &why);

	if (!j)
		return err_set(e, ERR_CONTENT, "%s: not valid JSON at line %d, column %d: %s", what,
			why.line, why.column, why.text);
	*out = j;
	return 0;
}

const char *json_str(const json_t *obj, const char *key, const char *def)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : def;
}

int64_t json_int(const json_t *obj, const char *key, int64_t def)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_integer(v) ? json_integer_value(v) : def;
}

bool json_flag(const json_t *obj, const char *key, bool def)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_boolean(v) ? json_is_true(v) : def;
}

json_t *json_lossy(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	json_t *j = text ? json_string(text) : json_null();

	return j ? j : json_string(utf8_escape(&a, text));
}

char *json_text(struct arena *a, const json_t *j)
{
	const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
	size_t n = json_dumpb(j, NULL, 0, flags);
	char *text = arena_alloc(a, n + 1);

	json_dumpb(j, text, n, flags);
	return text;
}

/* ---- lists of strings ----------------------------------------------------------------------- */

/* File names are bytes, JSON is UTF-8. A byte that is not part of UTF-8 text becomes one of these
 * private characters, and so does each byte of such a character that really stands there: each
 * string has one form, and no string has another's. */
#define BYTE_0 0x10ff00u
#define is_byte(cp) ((cp) >= BYTE_0 + 0x80 && (cp) <= BYTE_0 + 0xff)

static json_t *from_bytes(struct arena *a, const char *s)
{
	size_t n = strlen(s);
	char *text = arena_array(a, n + 1, 4), *out = text;

	while (n) {
		uint32_t cp = 0;
		size_t len = utf8_decode(s, n, &cp);

		if (!len || is_byte(cp)) {
			unsigned char b = (unsigned char)*s;

			memcpy(out, (char[]){(char)0xf4, (char)0x8f, (char)(0xbc | b >> 6),
				(char)(0x80 | (b & 0x3f))}, 4);
			out += 4;
			len = 1;
		} else {
			memcpy(out, s, len);
			out += len;
		}
		s += len;
		n -= len;
	}
	return json_stringn(text, (size_t)(out - text));
}

static const char *to_bytes(struct arena *a, const char *text)
{
	size_t n = strlen(text), used = 0;
	char *out = arena_dupn(a, text, n);

	for (size_t at = 0, len; at < n; at += len) {
		uint32_t cp = 0;

		len = utf8_decode(text + at, n - at, &cp);
		if (len && is_byte(cp)) {
			out[used++] = (char)(cp - BYTE_0);
			continue;
		}
		len = len ? len : 1;
		memcpy(out + used, text + at, len);
		used += len;
	}
	out[used] = '\0';
	return out;
}

char *json_from_kvs(struct arena *a, const struct kvs *l)
{
	_cleanup_json_ json_t *obj = json_object();

	kvs_each(p, l)
		json_object_set_new(obj, p->key, from_bytes(a, p->value));
	return json_text(a, obj);
}

int json_to_kvs(struct arena *a, const char *text, const char *what, struct kvs *out,
	struct err *e)
{
	_cleanup_json_ json_t *obj = NULL;

	*out = (struct kvs){0};
	if (json_parse(text, strlen(text), what, &obj, e) < 0)
		return -1;
	return json_kvs(a, obj, what, out, e);
}

int json_kvs(struct arena *a, json_t *obj, const char *what, struct kvs *out, struct err *e)
{
	const char *key;
	json_t *value;

	*out = (struct kvs){0};
	if (!json_is_object(obj))
		return err_set(e, ERR_CONTENT, "%s: not a JSON object", what);
	json_object_foreach(obj, key, value) {
		if (!json_is_string(value))
			return err_set(e, ERR_CONTENT, "%s: \"%s\" is not a string", what, key);
		kvs_set(a, out, key, to_bytes(a, json_string_value(value)));
	}
	return 0;
}
