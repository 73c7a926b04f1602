/* value.h - values of one type each: text to value and back. The rows of types[] in field.c.
 *
 * PURE. at is the member of the *_spec. A message needs no field name: field_parse puts it before.
 */
#pragma once

#include "schema/field.h"

int value_parse_string(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_path(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_digest(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_bool(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_u32(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_enum(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_size(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_duration(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);
int value_parse_list(struct arena *a, const struct field *f, const char *text, void *at,
	struct err *e);

const char *value_print_string(struct arena *a, const struct field *f, const void *at);
const char *value_print_bool(struct arena *a, const struct field *f, const void *at);
const char *value_print_u32(struct arena *a, const struct field *f, const void *at);
const char *value_print_enum(struct arena *a, const struct field *f, const void *at);
const char *value_print_size(struct arena *a, const struct field *f, const void *at);
const char *value_print_duration(struct arena *a, const struct field *f, const void *at);
const char *value_print_list(struct arena *a, const struct field *f, const void *at);

/* Append to a list; its elements are checked. */
int value_append(struct arena *a, const struct field *f, struct strv *list, const char *text,
	struct err *e);
/* Whether key may name a variable. value_append_env asks it too. */
int value_check_env_name(const char *key, struct err *e);

int value_append_env(struct arena *a, struct strv *list, const char *key, const char *text,
	struct err *e);
