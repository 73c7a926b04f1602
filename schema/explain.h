/* explain.h - what a field means, told to people and to programs; and where the values of an object
 * come from.
 *
 * PURE: loops over the field tables.
 */
#pragma once

#include "schema/base/json.h"
#include "schema/field.h"
#include "schema/spec.h"

/* What a path such as "vms", "vms.disk", "vms.memory" or "vm.memory" names. */
struct explain_topic {
	const struct noun *noun;   /* NULL: the whole spec */
	const struct field *field; /* NULL: the noun, or the group of fields below prefix */
	const char *prefix;        /* "disk." of a group, else "" */
};

/* Find it. path NULL or "": the whole spec. A typo gives ERR_USAGE with the nearest name. */
int explain_find(struct arena *a, const char *path, struct explain_topic *out, struct err *e);

/* The topic as lines of text. */
const char *explain_text(struct arena *a, const struct explain_topic *topic);

/* The same as JSON: one object for a field, {"fields": [...]} else. The caller owns it. */
json_t *explain_json(struct arena *a, const struct explain_topic *topic);

/* One value of an object and who says so. */
struct explain_row {
	const char *path;   /* "memory" */
	const char *value;  /* canonical; NULL: nothing */
	const char *origin; /* "field", "default", or what else gave it: "profile small" */
	struct pos pos;     /* where it is written; line 0: nowhere */
};

struct explain_rows {
	struct explain_row *v;
	size_t n, cap;
};

/* The values of an object such as vm/web in table order, as spec_effective knows them; a default of
 * nothing has the words of the table instead of a value (origin "absent"). Fails as it does. */
int explain_effective(struct arena *a, const struct spec *spec, const char *object,
	struct explain_rows *out, struct err *e);
